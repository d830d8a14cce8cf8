"""The benchmarks there are, and what a YAML file of one must say."""

from pathlib import Path

import pytest

from weighbridge.benchmarks.form import parse_benchmark, read_benchmark
from weighbridge.benchmarks.registry import find_benchmark, names
from weighbridge.errors import Invalid, InvalidFields, NotFound

MINE = """\
name: birds
title: Birds
measures: Knowledge of birds.
licence: mine
obtain: birds.jsonl
source: birds.jsonl
format: choice
fields: {question: text}
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
default: generation
"""


def test_the_well_known_ones_are_there() -> None:
    wanted = {
        *("mmlu", "arc_easy", "arc_challenge", "hellaswag", "gsm8k", "truthfulqa_mc1"),
        *("truthfulqa_gen", "boolq", "winogrande", "openbookqa", "commonsenseqa", "piqa"),
        *("logiqa", "asdiv", "medqa", "nq_open", "ifeval"),
    }
    assert set(names()) == wanted


@pytest.mark.parametrize("name", names())
def test_each_is_in_order_and_called_as_its_file(name: str) -> None:
    benchmark = find_benchmark(name)
    assert benchmark.name == name
    assert benchmark.citation is not None
    for manner in benchmark.modes:
        assert benchmark.figure(manner)


def test_a_misspelt_name_gets_a_hint() -> None:
    with pytest.raises(NotFound, match=r"`bolq`; did you mean `boolq`\? \(benchmarks: arc"):
        find_benchmark("bolq")


def test_one_of_ones_own_is_read() -> None:
    benchmark = parse_benchmark(MINE, "mine.yaml")
    assert benchmark.figure("likelihood") == "likelihood"
    assert benchmark.figure("generation") == "acc"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: Birds", "titel: Birds", r"line 2: titel: .*did you mean `title`"),
        ("name: birds", "name: Birds!", r"line 1: name: "),
        ("format: choice", "format: choise", r"line 7: format: .*did you mean `choice`"),
        ("default: generation", "default: judge", r"default: is not among the modes"),
        ("[likelihood]", "[likelyhood]", r"line 14: modes.likelihood.scorers.0: .*did you mean"),
        ("[likelihood]", "[]", r"modes.likelihood.scorers: "),
        ('"{question}"', '"{question"', r"line 11: modes.likelihood.prompt: `{` is never closed"),
        ("{options: options}", "{option: x}", r"modes.likelihood.choose.option"),
        ("    choose: {options: options}\n", "", r"a mode `likelihood` needs `choose`"),
        (
            '"{question}\\n',
            '"{examples}{question}\\n',
            r"without `intro` or `shots` the prompt has",
        ),
        ("default: generation", "default: generation\nintro: x", r"with `intro` or `shots` the"),
        (MINE, "- birds", r"a benchmark is an object"),
        (MINE, "name: [", r"not YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_field_and_line(old: str, new: str, said: str) -> None:
    assert old in MINE
    with pytest.raises(InvalidFields, match=said):
        parse_benchmark(MINE.replace(old, new), "mine.yaml")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        read_benchmark(tmp_path / "nothing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(Invalid, match="not UTF-8"):
        read_benchmark(tmp_path / "latin.yaml")
