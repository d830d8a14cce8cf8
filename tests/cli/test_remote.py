"""`--server`: the same command, with the work done over HTTP."""

import json
import signal
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli.command_line import KEY, Cli, start
from weighbridge.sdk.connection import server_sent_events


@pytest.fixture
def at_server(cli: Cli, url: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line, working through that server."""
    monkeypatch.setenv("WEIGHBRIDGE_API_KEY", KEY)
    return lambda *arguments: cli(*arguments, "--server", url)


async def test_events_are_told_apart_however_the_stream_is_cut() -> None:
    stream = (
        b": ping\n\nevent: progress\ndata: {}\n\nevent: done\r\ndata: 1\ndata: 2\n\ndata: x\n\n"
    )

    async def in_pieces(size: int) -> AsyncIterator[bytes]:
        for begin in range(0, len(stream), size):
            yield stream[begin : begin + size]

    for size in (1, 2, 7, 1000):
        events = [event async for event in server_sent_events(in_pieces(size))]
        assert events == [("progress", b"{}"), ("done", b"1\n2"), ("message", b"x")]


def test_the_report_is_the_one_of_a_run_without_a_server(at_server: Cli, cli: Cli) -> None:
    said = at_server("run", "qa.yaml")
    assert said.code == 0
    assert said.err.splitlines()[0] == "parrot: 3 cases"
    here = cli("run", "qa.yaml")
    changing = ("capitals", "time")
    assert [line for line in said.out.splitlines() if not line.startswith(changing)] == [
        line for line in here.out.splitlines() if not line.startswith(changing)
    ]


def test_the_json_is_what_the_api_answers(at_server: Cli, url: str) -> None:
    said = at_server("run", "qa.yaml", "--json", "--model", "parrot", "--model", "cat")
    lines = said.out.splitlines()
    assert [json.loads(line)["model"] for line in lines] == ["parrot", "cat"]
    for line in lines:
        address = f"{url}/api/v1/runs/{json.loads(line)['id']}"
        request = urllib.request.Request(address, headers={"x-api-key": KEY})
        with urllib.request.urlopen(request) as answer:
            assert answer.read().decode() == line


def test_a_server_scores_answers_again(at_server: Cli) -> None:
    first = json.loads(at_server("run", "qa.yaml", "--json").out)
    said = at_server("rescore", "latest", "--json")
    assert said.code == 0, said.err
    run = json.loads(said.out)
    assert run["evaluation"]["spec"]["answers"] == {"run": first["id"]}
    assert (run["usage"]["calls"], run["metrics"]) == (0, first["metrics"])
    assert at_server("rescore", "latest", "--judge", "cat").code == 2


def test_people_review_what_a_server_keeps(at_server: Cli) -> None:
    at_server("run", "qa.yaml")
    es = ("override", "latest", "es", "exact")
    said = at_server(*es, "1", "--reason", "fine", "--author", "Ann")
    assert (said.code, said.err.strip()) == (0, "exact of es: 1")
    kept = json.loads(at_server("overrides", "latest", "--json").out)
    assert (kept["author"], bool(kept["key_id"])) == ("Ann", True)
    drawn = at_server("review-sample", "latest", "--unreviewed", "--json").out.splitlines()
    assert {json.loads(line)["case_id"] for line in drawn} == {"fr", "it"}
    told = at_server(*es, "7", "--reason", "x")
    assert (told.code, "value: the scores of `exact` are 0 or 1" in told.err) == (2, True)
    assert at_server(*es, "--withdraw", "--reason", "a slip").code == 0
    assert at_server(*es, "--withdraw", "--reason", "again").code == 1
    unknown = ("override", "latest", "x", "exact")
    assert at_server(*unknown, "--withdraw", "--reason", "x").code == 1


def test_an_export_comes_over_http_too(at_server: Cli) -> None:
    at_server("run", "qa.yaml")
    lines = at_server("export", "latest").out.splitlines()
    assert [json.loads(line)["case_id"] for line in lines] == ["fr", "it", "es"]


def test_what_the_server_refuses_is_told_with_file_and_line(at_server: Cli) -> None:
    said = at_server("run", "qa.yaml", "--model", "parot")
    assert said.code == 2
    assert "qa.yaml:4: model" in said.err
    assert "parot" in said.err


def test_a_column_that_is_absent_is_refused_by_the_server(at_server: Cli, folder: Path) -> None:
    text = (folder / "qa.yaml").read_text()
    (folder / "qa.yaml").write_text(text.replace("{country}", "{contry}"))
    said = at_server("run", "qa.yaml")
    assert said.code == 2
    assert "did you mean `country`" in said.err


def test_a_wrong_key_is_an_error(at_server: Cli) -> None:
    said = at_server("run", "qa.yaml", "--api-key", "wb_nonsense")
    assert (said.code, said.err) == (1, "error: this API key is not known here\n")


def test_a_missing_key_is_an_error(cli: Cli, url: str) -> None:
    said = cli("run", "qa.yaml", "--server", url)
    assert said.code == 1
    assert "API key" in said.err


def test_a_run_that_the_server_does_not_have_is_an_error(at_server: Cli) -> None:
    said = at_server("run", "--resume", "run_../keys")
    assert said.code == 1
    assert said.err.startswith("error: there is no")


def test_a_server_that_is_not_there_is_an_error(cli: Cli) -> None:
    said = cli("run", "qa.yaml", "--server", "http://127.0.0.1:9")
    assert said.code == 1
    assert "the server http://127.0.0.1:9 cannot be reached" in said.err


def test_ctrl_c_cancels_the_run_at_the_server_and_it_can_be_resumed(
    at_server: Cli, url: str, folder: Path
) -> None:
    rows = "".join(f"c{n},slow,X\n" for n in range(20))
    (folder / "questions.csv").write_text("id,country,capital\n" + rows)
    with (folder / "qa.yaml").open("a") as file:
        file.write("concurrency: 2\n")
    with start(folder, "run", "qa.yaml", "--json", "--server", url, api_key=KEY) as process:
        assert process.stderr is not None
        assert "20 cases" in process.stderr.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    run = json.loads(out)
    assert run["status"] == "cancelled"
    assert f"resume with: weighbridge run --resume {run['id']} --server {url}" in err
    said = at_server("run", "--resume", run["id"], "--json")
    assert said.code == 0
    assert json.loads(said.out)["progress"]["done"] == 20


def test_runs_are_compared_and_held_against_a_policy_by_the_server(
    at_server: Cli, folder: Path
) -> None:
    runs = []
    for model in ("parrot", "cat"):
        said = at_server("run", "qa.yaml", "--json", "--model", model)
        runs.append(json.loads(said.out)["id"])
    shown = json.loads(at_server("compare", *runs, "--json", "--flips", "2").out)
    assert shown["differences"][0]["down"] == 2
    assert [flip["case_id"] for flip in shown["flips"]] == ["fr", "it"]
    (folder / "gate.yaml").write_text("rules:\n  - metric: exact\n    max_drop: 0.1\n")
    gate = ("gate", "latest", "--policy", "gate.yaml")
    assert at_server(*gate, "--baseline", runs[0]).code in {3, 4}
    refused = at_server(*gate)
    assert refused.code == 2
    assert "gate.yaml:3: rules.0.max_drop: needs a baseline" in refused.err
