"""`weighbridge cache`, and the option that uses it."""

import json

from cli.command_line import Cli


def usage(cli: Cli, *arguments: str) -> dict[str, int]:
    run = json.loads(cli("run", "qa.yaml", "--json", "--quiet", *arguments).out)
    found: dict[str, int] = run["usage"]
    return found


def test_a_second_run_with_the_cache_calls_nobody(cli: Cli) -> None:
    assert usage(cli, "--cache")["calls"] == 3
    again = usage(cli, "--cache")
    assert (again["calls"], again["cached"], again["input_tokens"]) == (0, 3, 0)
    assert usage(cli)["calls"] == 3
    assert usage(cli, "--no-cache")["calls"] == 3
    assert "3 replies from the cache" in cli("run", "qa.yaml", "--cache").out
    assert "from the cache" in cli("show", "latest", "latest").out


def test_the_cache_is_looked_at_and_emptied(cli: Cli) -> None:
    assert cli("cache", "stats").out == "0 replies, 0.0 MiB\n"
    usage(cli, "--cache")
    stats = json.loads(cli("cache", "stats", "--json").out)
    assert stats["replies"] == 3
    assert stats["size_bytes"] > 100
    assert "the oldest was kept" in cli("cache", "stats").out
    assert cli("cache", "clear", "--older-than", "1h").err == "forgot 0 replies\n"
    assert cli("cache", "clear").err == "forgot 3 replies\n"
    assert usage(cli, "--cache")["calls"] == 3


def test_a_time_that_is_none_is_refused(cli: Cli) -> None:
    said = cli("cache", "clear", "--older-than", "yesterday")
    assert said.code == 2
    assert "'yesterday' is not a time like 30d" in said.err
