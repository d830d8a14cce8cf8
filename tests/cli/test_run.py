"""`weighbridge run` in this process: what is printed, what is kept, what is refused."""

import asyncio
import io
import json
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.command_line import Cli
from weighbridge.cli.options import read_settings
from weighbridge.cli.session import open_session
from weighbridge.core.run import RunState
from weighbridge.dialects.native import translate
from weighbridge.errors import OutOfSpace
from weighbridge.jobs import foreground, recorder
from weighbridge.jobs.loading import LoadedRun
from weighbridge.providers.base import ChatRequest, Reply
from weighbridge.providers.scripted import ScriptedProvider
from weighbridge.store.engine import Store


def runs_of(cli: Cli) -> list[dict[str, object]]:
    return [json.loads(line) for line in cli("runs", "--json").out.splitlines()]


def with_changes(folder: Path, **changes: str) -> None:
    """Change fields of the evaluation file; an empty text leaves one out."""
    path = folder / "qa.yaml"
    lines = [line for line in path.read_text().splitlines() if line.split(":")[0] not in changes]
    lines += [f"{name}: {value}" for name, value in changes.items() if value]
    path.write_text("\n".join(lines) + "\n")


def test_a_run_prints_its_report_on_stdout_and_its_progress_on_stderr(cli: Cli) -> None:
    said = cli("run", "qa.yaml")
    assert said.code == 0
    assert "capitals" in said.out
    assert "0.667   [0.208, 0.939]" in said.out
    assert "3 of 3 done, 0 failed, 0 ungraded" in said.out
    assert "I do not know" in said.out  # the case that scored low
    assert said.err.splitlines()[0] == "parrot: 3 cases"
    assert said.err.splitlines()[1].startswith("parrot: 3/3 done, 26 tokens, $0.00")
    assert "export with: weighbridge export run_" in said.err


def test_the_json_is_what_the_services_say_of_the_run(cli: Cli) -> None:
    said = cli("run", "qa.yaml", "--json")
    (line,) = said.out.splitlines()
    run = json.loads(line)

    async def shown() -> str:
        async with open_session(read_settings({})) as session:
            view = await session.services.runs.view(session.caller, run["id"])
            return translate.from_run(view).model_dump_json()

    assert line == asyncio.run(shown())
    assert run["status"] == "succeeded"
    assert run["progress"] == {"done": 3, "total": 3, "failed": 0, "ungraded": 0}
    assert run["metrics"][0]["n_scored"] == 3
    assert run["evaluation"]["name"] == "capitals"


def test_quiet_leaves_the_result_only(cli: Cli) -> None:
    said = cli("run", "qa.yaml", "--quiet", "--json")
    assert said.err == ""
    assert len(said.out.splitlines()) == 1


def test_several_models_stand_side_by_side(cli: Cli, folder: Path) -> None:
    said = cli("run", "qa.yaml", "--model", "parrot", "--model", "cat")
    assert said.code == 0
    heading = next(line for line in said.out.splitlines() if "parrot" in line)
    assert "cat" in heading
    assert "0.667 [0.208, 0.939] n=3" in said.out
    assert "0.000 [0.000, 0.561] n=3" in said.out


def test_several_models_are_a_line_of_json_each(cli: Cli) -> None:
    said = cli("run", "qa.yaml", "--model", "parrot", "--model", "cat", "--json", "--limit", "2")
    first, second = (json.loads(line) for line in said.out.splitlines())
    assert (first["model"], second["model"]) == ("parrot", "cat")
    assert first["evaluation"]["id"] == second["evaluation"]["id"]
    assert first["progress"]["total"] == 2


def test_several_models_are_asked_by_turns(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three shards each, sixteen calls in flight, of which each of the cat's takes no time."""
    asked: list[ScriptedProvider] = []
    in_flight = most = 0
    chat = ScriptedProvider.chat

    async def noted(self: ScriptedProvider, request: ChatRequest) -> Reply:
        nonlocal in_flight, most
        asked.append(self)
        in_flight += 1
        most = max(most, in_flight)
        reply = await chat(self, request)
        in_flight -= 1
        return reply

    monkeypatch.setattr(ScriptedProvider, "chat", noted)
    models = folder / "models.toml"
    models.write_text(models.read_text().replace("latency_ms = 100", "latency_ms = 2"))
    rows = "".join(f"c{n},slow,X\n" for n in range(600))
    (folder / "questions.csv").write_text("id,country,capital\n" + rows)
    with_changes(folder, concurrency="16")
    said = cli("run", "qa.yaml", "--model", "parrot", "--model", "cat", "--json")
    assert [json.loads(line)["progress"]["done"] for line in said.out.splitlines()] == [600, 600]
    assert len(asked) == 1200
    assert most <= 16  # of both together
    parrot = asked[0]
    ahead = list(accumulate(1 if one is parrot else -1 for one in asked))
    level = ahead.index(0)  # the parrot began a moment earlier
    assert level < 600
    # Where the machine is busy, one gets ahead for a moment, yet never by a shard.
    assert max(map(abs, ahead[level:])) < 200


def test_a_run_that_cannot_go_on_leaves_the_other_alone(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = foreground.deliver

    async def full(store: Store, loaded: LoadedRun) -> RunState:
        if loaded.run.model == "parrot":
            raise OutOfSpace("no room left in the database")
        return await deliver(store, loaded)

    with monkeypatch.context() as patch:
        patch.setattr(foreground, "deliver", full)
        said = cli("run", "qa.yaml", "--model", "parrot", "--model", "cat")
    assert said.code == 1
    assert "no room left" in said.err
    assert {run["model"]: run["status"] for run in runs_of(cli)}["cat"] == "succeeded"


def test_standard_input_is_read(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (folder / "qa.yaml").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text)))
    assert cli("run", "-", "--quiet").code == 0


def test_a_dry_run_counts_the_calls_and_keeps_nothing(cli: Cli, folder: Path) -> None:
    with_changes(folder, epochs="4")
    said = cli("run", "qa.yaml", "--dry-run", "--model", "parrot", "--model", "cat", "--limit", "2")
    assert said.code == 0
    first, second = said.out.splitlines()
    assert first == "qa.yaml is in order: 2 cases, 2 models, 16 answers to ask for"
    assert second.startswith("about 16 calls, ")
    assert second.endswith("with the limits that are declared")
    assert runs_of(cli) == []
    assert list((folder / "data" / "blobs").rglob("*.jsonl")) == []


def test_failed_cases_are_told_and_can_be_asked_again(cli: Cli, folder: Path) -> None:
    (folder / "questions.csv").write_text("id,country,capital\nfr,France,Paris\nxx,broken,X\n")
    said = cli("run", "qa.yaml")
    assert said.code == 0
    assert "1 of 2 cases failed: no answer, no score" in said.err
    assert "bad_request" in said.out
    (run,) = runs_of(cli)
    command = f"weighbridge run --resume {run['id']} --retry-failed"
    assert f"ask them again with: {command}" in said.err

    models = folder / "models.toml"
    models.write_text(models.read_text().replace('"broken", error', '"no longer", error'))
    again = cli(*command.split()[1:], "--json", "--quiet")
    assert again.code == 0
    run = json.loads(again.out)
    assert run["progress"] == {"done": 2, "total": 2, "failed": 0, "ungraded": 0}
    assert run["usage"]["calls"] == 3  # the failed try counts; what was answered is not asked again


def test_retry_failed_is_a_command_too(cli: Cli, folder: Path) -> None:
    (folder / "questions.csv").write_text("id,country,capital\nfr,France,Paris\nxx,broken,X\n")
    cli("run", "qa.yaml")
    assert cli("retry-failed", "latest", "latest", "--json").code == 0
    (run,) = runs_of(cli)
    assert run["progress"] == {"done": 2, "total": 2, "failed": 1, "ungraded": 0}


def test_a_run_without_failed_cases_has_none_to_ask_again(cli: Cli) -> None:
    cli("run", "qa.yaml")
    said = cli("retry-failed", "latest")
    assert said.code == 1
    assert "no case of the run" in said.err


def test_a_run_without_one_answer_is_an_error(cli: Cli, folder: Path) -> None:
    with_changes(folder, prompt="'broken {country}'")
    (folder / "models.toml").write_text(
        '[[models]]\nname = "parrot"\nprotocol = "scripted"\n'
        'replies = [{ error = { status = 400, message = "no" } }]\n'
    )
    said = cli("run", "qa.yaml", "--quiet")
    assert said.code == 1
    assert "error: the run run_" in said.err
    assert "no case was answered" in said.err


def test_a_budget_stops_the_run_and_a_larger_one_goes_on(cli: Cli, folder: Path) -> None:
    rows = "".join(f"c{n},France,Paris\n" for n in range(300))
    (folder / "questions.csv").write_text("id,country,capital\n" + rows)
    said = cli("run", "qa.yaml", "--budget-tokens", "100", "--concurrency", "1", "--json")
    assert said.code == 1
    stopped = json.loads(said.out)
    assert (stopped["status"], stopped["reason"]) == ("cancelled", "budget")
    assert 0 < stopped["progress"]["done"] < 300
    assert f"resume with: weighbridge run --resume {stopped['id']} --budget-tokens 200" in said.err

    said = cli("run", "--resume", stopped["id"], "--budget-tokens", "1000000", "--json")
    assert said.code == 0
    assert json.loads(said.out)["progress"]["done"] == 300
    assert json.loads(said.out)["usage"]["calls"] == 300


def test_a_budget_in_usd_needs_a_price(cli: Cli, folder: Path) -> None:
    models = folder / "models.toml"
    models.write_text(
        models.read_text()
        + '[[models]]\nname = "house"\nprotocol = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
    )
    said = cli("run", "qa.yaml", "--model", "house", "--budget-usd", "1")
    assert said.code == 2
    assert "budget.usd: the price of house is not known" in said.err
    assert runs_of(cli) == []


def test_a_disk_without_room_stops_the_run_and_it_goes_on_later(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_arguments: object) -> None:
        raise OutOfSpace("no room left in the database")

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "record_group", full)
        said = cli("run", "qa.yaml")
    assert said.code == 1
    assert "failed: no room left in the database" in said.err
    command = next(line for line in said.err.splitlines() if line.startswith("resume with: "))
    again = cli(*command.removeprefix("resume with: weighbridge ").split(), "--json")
    assert again.code == 0
    assert json.loads(again.out)["progress"]["done"] == 3


REFUSED = {
    "an unknown model": ({"model": "parot"}, {}, "qa.yaml:7: model: no model is called 'parot'"),
    "a model without its key": ({"model": "locked"}, {}, "NOBODY_SETS_THIS_KEY"),
    "an absent column": ({"prompt": "'{contry}'"}, {}, "did you mean `country`"),
    "an absent target": ({"target": "answer"}, {}, "`target` names the column `answer`"),
    "an absent file": ({"data": "none.csv"}, {}, "data: there is no file"),
    "an unknown scorer": ({"scorers": "[exakt]"}, {}, "qa.yaml:7: scorers.0: there is no scorer"),
    "a regex that RE2 refuses": (
        {"scorers": "[{regex: {pattern: '(?=x)'}}]"},
        {},
        "qa.yaml:7: scorers.0.regex",
    ),
    "an unknown field": ({"tagret": "capital"}, {}, "qa.yaml:8: tagret: there is no such field"),
    "broken YAML": ({"scorers": "[exact"}, {}, "qa.yaml:7: not YAML"),
    "duplicate ids": (
        {},
        {"questions.csv": "id,country,capital\na,b,c\na,b,c\n"},
        "rows 1 and 2 have the same id `a`",
    ),
    "an empty file": ({}, {"questions.csv": ""}, "questions.csv"),
    "a file with no rows": ({}, {"questions.csv": "id,country,capital\n"}, "no rows"),
    "malformed JSONL": (
        {"data": "q.jsonl"},
        {"q.jsonl": '{"id": "a", "country": "b", "capital": "c"}\n{"id": \n'},
        "line 2",
    ),
    "corrupt parquet": ({"data": "q.parquet"}, {"q.parquet": "PAR1 not really PAR1"}, "q.parquet"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_before_anything_is_started(name: str, cli: Cli, folder: Path) -> None:
    changes, files, message = REFUSED[name]
    with_changes(folder, **changes)
    for file, text in files.items():
        (folder / file).write_text(text)
    said = cli("run", "qa.yaml")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert message in said.err
    assert "Traceback" not in said.err
    assert runs_of(cli) == []
    checked = cli("run", "qa.yaml", "--dry-run")
    assert checked.code == 2
    assert message in checked.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("qa.yaml", "--resume", "run_1"),
        ("qa.yaml", "--retry-failed"),
        ("--resume", "run_1", "--limit", "3"),
        ("--resume", "run_1", "--model", "cat"),
        ("--resume", "run_1", "--dry-run"),
        ("qa.yaml", "--dry-run", "--server", "http://127.0.0.1:9"),
        ("--resume", "run_1", "--server", "http://127.0.0.1:9", "--concurrency", "3"),
        ("qa.yaml", "--server", "127.0.0.1:9"),
        ("qa.yaml", "--limit", "0"),
        ("qa.yaml", "--budget-usd", "0"),
        ("none.yaml",),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(arguments: tuple[str, ...], cli: Cli) -> None:
    assert cli("run", *arguments).code == 2


def test_a_run_that_is_not_there_is_an_error(cli: Cli) -> None:
    said = cli("run", "--resume", "run_1")
    assert (said.code, said.err) == (1, "error: there is no run run_1\n")


def test_a_run_that_has_succeeded_is_not_resumed(cli: Cli) -> None:
    cli("run", "qa.yaml")
    said = cli("run", "--resume", "latest")
    assert said.code == 1
    assert "has succeeded; nothing is missing" in said.err


def test_what_a_model_says_cannot_command_the_terminal(cli: Cli, folder: Path) -> None:
    (folder / "models.toml").write_text(
        '[[models]]\nname = "parrot"\nprotocol = "scripted"\nreplies = ["\\u001b[2Jgone [bold]"]\n'
    )
    said = cli("run", "qa.yaml")
    assert "\x1b" not in said.out
    assert "[2Jgone [bold]" in said.out
