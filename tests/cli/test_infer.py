"""`weighbridge infer`: a model's answers as a column of a file, here and through a server."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from cli.command_line import KEY, Cli

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
CSV = "country,capital\nFrance,Paris\nbroken,none\nItaly,Roma\n"
ASKED = (
    *("ns/r@main:data/q.csv", "--model", "parrot", "--column", "said"),
    *("--prompt", "The capital of {country}?"),
)


def fill(cli: Cli, folder: Path) -> None:
    (folder / "q.csv").write_text(CSV)
    assert cli("repos", "create", "ns/r").code == 0
    assert cli("repos", "put", "ns/r:data/", "q.csv").code == 0


@pytest.fixture
def here(cli: Cli, folder: Path) -> Cli:
    """The command line over a repository `ns/r` with a file of three rows."""
    fill(cli, folder)
    return cli


@pytest.fixture(params=["here", "server"])
def anywhere(
    request: pytest.FixtureRequest, cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Cli:
    """As `here`, working here and through a server."""
    call: Cli = cli
    if request.param == "server":
        url = request.getfixturevalue("url")
        monkeypatch.setenv("WEIGHBRIDGE_API_KEY", KEY)

        def call(*arguments: str) -> Any:
            return cli(*arguments, "--server", url)

        call("repos", "delete", "ns/r", "--yes")
    fill(call, folder)
    return call


def read(cli: Cli, place: str = "ns/r:data/q.csv") -> list[str]:
    said = cli("repos", "cat", place)
    assert said.code == 0, said.err
    return said.out.splitlines()


def log(cli: Cli, place: str = "ns/r") -> list[str]:
    found = cli("repos", "log", place, "--json").out.splitlines()
    return [json.loads(line)["message"] for line in found]


def test_answers_are_committed_and_graded_and_a_row_that_failed_has_none(anywhere: Cli) -> None:
    said = anywhere(
        "infer", *ASKED, "--target", "capital", "--scorer", "exact", "--message", "said so"
    )
    assert said.code == 0, said.err
    assert "parrot: 3 cases" in said.err
    assert read(anywhere) == [
        "country,capital,said", "France,Paris,Paris", "broken,none,", "Italy,Roma,Rome",
    ]  # fmt: skip
    commit = json.loads(anywhere("repos", "log", "ns/r", "--json").out.splitlines()[0])
    assert commit["message"] == "said so"
    told = f"said of ns/r@main:data/q.csv, commit {commit['id']}, 3 rows, 1 without an answer"
    assert f"column  {told}" in said.out
    assert "exact" in said.out
    assert "0.500" in said.out
    assert "1 of 3 cases failed" in said.err


def test_the_json_holds_the_run_and_where_its_answers_went(anywhere: Cli) -> None:
    said = anywhere(
        *("infer", *ASKED, "--branch", "exp/said", "--path", "out/said.jsonl", "--json"),
        *("--sample", "1", "--param", "temperature=0", "--concurrency", "2"),
    )
    assert said.code == 0, said.err
    found = json.loads(said.out)
    delivery, spec = found["delivery"], found["run"]["evaluation"]["spec"]
    assert (delivery["state"], delivery["branch"]) == ("committed", "exp/said")
    assert (delivery["rows"], delivery["rows_failed"]) == (1, 0)
    assert (spec["params"], spec["limit"], spec["concurrency"]) == ({"temperature": 0}, 1, 2)
    assert read(anywhere, "ns/r@exp/said:out/said.jsonl") == [
        '{"country":"France","capital":"Paris","said":"Paris"}'
    ]
    assert read(anywhere)[0] == "country,capital"
    assert log(anywhere, "ns/r@exp/said")[0] == "infer by parrot: said of out/said.jsonl"


def test_a_result_is_held_until_it_is_committed(anywhere: Cli) -> None:
    said = anywhere("infer", *ASKED, "--no-commit")
    assert said.code == 0, said.err
    assert "held, not committed yet" in said.out
    [hint] = [line for line in said.err.splitlines() if line.startswith("commit it with: ")]
    assert hint.startswith("commit it with: weighbridge repos commit-result run_")
    assert log(anywhere) == ["Add data/q.csv"]
    run_id = hint.split()[6]
    done = anywhere("repos", "commit-result", run_id, "--message", "looked at")
    assert (done.code, "said of ns/r@main:data/q.csv" in done.out) == (0, True), done.err
    assert log(anywhere) == ["looked at", "Add data/q.csv"]
    again = json.loads(anywhere("repos", "commit-result", run_id, "--json").out)
    assert (again["state"], len(log(anywhere))) == ("committed", 2)


def test_a_conflict_is_committed_to_another_branch(here: Cli, folder: Path) -> None:
    assert here("infer", *ASKED, "--no-commit").code == 0
    (folder / "q.csv").write_text(CSV + "Spain,Madrid\n")
    assert here("repos", "put", "ns/r:data/", "q.csv").code == 0
    said = here("repos", "commit-result", "latest")
    assert (said.code, "has changed since" in said.err) == (1, True)
    said = here("repos", "commit-result", "latest", "--branch", "review")
    assert said.code == 0, said.err
    assert read(here, "ns/r@review:data/q.csv")[1] == "France,Paris,Paris"
    assert read(here)[-1] == "Spain,Madrid"


def test_a_run_that_delivers_nothing_has_no_result_to_commit(here: Cli) -> None:
    assert here("run", "qa.yaml", "--quiet").code == 0
    said = here("repos", "commit-result", "latest")
    assert (said.code, "repository" in said.err) == (1, True)


def test_failed_rows_are_asked_again_and_committed_once_more(here: Cli, folder: Path) -> None:
    assert here("infer", *ASKED).code == 0
    models = folder / "models.toml"
    mended = '    { contains = "broken", reply = "whole" },'
    broken = next(line for line in models.read_text().splitlines() if "broken" in line)
    models.write_text(models.read_text().replace(broken, mended))
    said = here("run", "--resume", "latest", "--retry-failed")
    assert said.code == 0, said.err
    assert "column  said of ns/r@main:data/q.csv, commit" in said.out
    assert read(here)[2] == "broken,none,whole"
    assert len(log(here)) == 3


def test_a_model_that_answers_no_row_commits_nothing(here: Cli) -> None:
    said = here("infer", *ASKED, "--prompt", "broken")
    assert (said.code, "no case was answered" in said.err) == (1, True)
    assert log(here) == ["Add data/q.csv"]


def test_a_file_with_deliver_does_the_same(anywhere: Cli, folder: Path) -> None:
    (folder / "column.yaml").write_text(
        "data: ns/r@main:data/q.csv\n"
        "model: parrot\n"
        "prompt: The capital of {country}?\n"
        "target: capital\n"
        "scorers: [exact]\n"
        "deliver: {column: said}\n"
    )
    said = anywhere("run", "column.yaml")
    assert said.code == 0, said.err
    assert "column  said of ns/r@main:data/q.csv, commit" in said.out
    assert read(anywhere)[3] == "Italy,Roma,Rome"


def test_embeddings_become_lists_of_numbers(here: Cli) -> None:
    said = here("infer", *ASKED, "--output", "embeddings", "--path", "e.jsonl")
    assert said.code == 0, said.err
    first = json.loads(read(here, "ns/r:e.jsonl")[0])
    assert first["country"] == "France"
    assert {type(number) for number in first["said"]} == {float}


def test_images_are_committed_beside_the_file_that_names_them(here: Cli, folder: Path) -> None:
    painter = '[[models]]\nname = "painter"\nprotocol = "scripted"\n'
    with (folder / "models.toml").open("a") as file:
        file.write(painter + 'replies = [{reply = "here", image = "dot"}]\n')
    said = here("infer", *ASKED, "--model", "painter", "--output", "image")
    assert said.code == 0, said.err
    path = read(here)[1].split(",")[2]
    assert path.startswith("data/q_said/0.")
    assert here("repos", "get", f"ns/r:{path}", "dot").code == 0
    assert (folder / "dot").read_bytes().startswith(b"\x89PNG")
    assert len(log(here)) == 2


def test_images_of_the_repository_are_shown_and_one_that_is_missing_fails_its_row(
    here: Cli, folder: Path
) -> None:
    (folder / "photos.csv").write_text("photo\nimg/a.png\nimg/none.png\n")
    (folder / "a.png").write_bytes(PNG)
    assert here("repos", "put", "ns/r:img/", "a.png").code == 0
    assert here("repos", "put", "ns/r", "photos.csv").code == 0
    said = here(
        *("infer", "ns/r:photos.csv", "--model", "cat", "--column", "seen"),
        *("--prompt", "What is it?", "--image-column", "photo"),
    )
    assert said.code == 0, said.err
    assert "there is no file 'img/none.png'" in said.out
    assert read(here, "ns/r:photos.csv") == ["photo,seen", "img/a.png,miaow", "img/none.png,"]


def test_a_dry_run_asks_nothing_and_keeps_nothing(here: Cli) -> None:
    said = here("infer", *ASKED, "--dry-run")
    first, second = said.out.splitlines()
    assert (said.code, first) == (0, "all in order: 3 rows, 3 answers to ask for")
    assert second.startswith("about 3 calls, ")
    assert here("runs", "--json").out == ""
    assert log(here) == ["Add data/q.csv"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("--model", "parot"), "--model: "),
        (("--column", "_oxen_x"), "--column: "),
        (("--column", " "), "--column: "),
        (("--branch", "a b"), "--branch: "),
        (("--path", "x.txt"), "--path: "),
        (("--path", "../x.csv"), "--path: "),
        (("--prompt", "{"), "--prompt: "),
        (("--prompt", "{none}"), "columns: `country`, `capital`"),
        (("--prompt", "{none}", "--image-column", "country"), "columns: `country`, `capital`"),
        (("--image-column", "none"), "columns: `country`, `capital`"),
        (("--scorer", "exakt"), "--scorer: "),
        (("--scorer", "{exact: {no: 1}}"), "--scorer exact"),
        (("--scorer", "{"), "--scorer: "),
        (("--scorer", "exact", "--target", "none"), "columns: `country`, `capital`"),
        (("--param", "temperature"), "--param: "),
        (("--param", "stream=true"), "--param stream: "),
        (("--param", "x={"), "--param: "),
        (("--sample", "0"), "--sample"),
        (("--output", "sound"), "--output"),
        (("--output", "video", "--model", "locked"), "--model: "),
    ],
)
def test_what_is_wrong_is_told_by_its_option_before_anything_is_asked(
    here: Cli, changes: tuple[str, ...], told: str
) -> None:
    said = here("infer", *ASKED, *changes)
    assert (said.code, told in said.err) == (2, True), said.err
    assert here("runs", "--json").out == ""


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("ns/r@main", "names no file"),
        ("q.csv", "NAMESPACE/REPOSITORY"),
        ("ns/none@main:data/q.csv", "PLACE: there is no repository"),
        ("ns/r@no:data/q.csv", "PLACE: "),
        ("ns/r:none.csv", "PLACE: there is no file"),
        ("ns/r:data", "PLACE: "),
        ("ns/r:notes.txt", "PLACE: 'notes.txt' is no file of rows"),
    ],
)
def test_data_that_are_not_there_are_told(here: Cli, folder: Path, place: str, told: str) -> None:
    (folder / "notes.txt").write_text("words")
    assert here("repos", "put", "ns/r", "notes.txt").code == 0
    said = here("infer", place, *ASKED[1:])
    assert (said.code, told in said.err) == (2, True), said.err


def test_data_at_a_commit_need_a_branch(here: Cli) -> None:
    commit = json.loads(here("repos", "log", "ns/r", "--json").out)["id"]
    said = here("infer", f"ns/r@{commit}:data/q.csv", *ASKED[1:])
    assert (said.code, "--branch: " in said.err) == (2, True), said.err
    assert here("infer", f"ns/r@{commit}:data/q.csv", *ASKED[1:], "--branch", "at").code == 0
    assert read(here, "ns/r@at:data/q.csv")[0].endswith(",said")


def test_what_a_server_refuses_is_told_by_its_option(here: Cli, url: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_API_KEY", KEY)
    said = here("infer", "ns/none@main:q.csv", *ASKED[1:], "--server", url)
    assert (said.code, "PLACE: there is no repository" in said.err) == (2, True), said.err
    said = here("infer", *ASKED, "--dry-run", "--server", url)
    assert (said.code, "--server" in said.err) == (2, True)


def test_a_budget_that_cannot_be_kept_is_refused(here: Cli, monkeypatch: Any) -> None:
    monkeypatch.setenv("NOBODY_SETS_THIS_KEY", "a key")
    said = here("infer", *ASKED, "--model", "locked", "--budget-usd", "1")
    assert (said.code, "--budget-usd: the price of locked" in said.err) == (2, True), said.err


def test_options_come_to_what_a_file_would_say(here: Cli, folder: Path) -> None:
    options = (
        *("--branch", "b", "--path", "o.csv", "--message", "m", "--no-commit", "--sample", "2"),
        *("--target", "capital", "--scorer", "{exact: {ignore_case: true}}", "--param", "seed=1"),
        *("--concurrency", "3", "--budget-usd", "0.5", "--json"),
    )
    inferred = json.loads(here("infer", *ASKED, *options).out)["run"]
    (folder / "column.yaml").write_text(
        "name: infer by parrot\n"
        "data: ns/r@main:data/q.csv\n"
        "model: parrot\n"
        "prompt: The capital of {country}?\n"
        "target: capital\n"
        "scorers: [{exact: {ignore_case: true}}]\n"
        "params: {seed: 1}\n"
        "limit: 2\n"
        "concurrency: 3\n"
        "budget: {usd: 0.5}\n"
        "deliver: {column: said, branch: b, path: o.csv, message: m, commit: false}\n"
    )
    ran = json.loads(here("run", "column.yaml", "--json").out)
    assert inferred["evaluation"]["spec"] == ran["evaluation"]["spec"]
    assert inferred["pin"] == ran["pin"]
