"""`weighbridge gate`: exit codes for CI, JUnit and Markdown for people."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from cli.command_line import Cli

# What the schema of Jenkins' xUnit plugin (junit-10.xsd) allows of what we write.
ALLOWED = {
    "testsuites": (set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time"},
        {"properties", "testcase"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "classname", "time"}, {"skipped", "failure", "system-out"}),
    "skipped": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}


@pytest.fixture
def run_id(cli: Cli) -> str:
    """A run in which 2 of 3 cases are right."""
    return str(json.loads(cli("run", "qa.yaml", "--json").out)["id"])


def policy(folder: Path, *rules: str) -> str:
    (folder / "gate.yaml").write_text(
        "name: release\nrules:\n" + "".join(f"  - {r}\n" for r in rules)
    )
    return "gate.yaml"


@pytest.mark.parametrize(
    ("rule", "code", "verdict"),
    [
        ("{metric: exact, min: 0.1}", 0, "PASS"),
        ("{metric: exact, min: 0.99}", 3, "FAIL"),
        ("{metric: exact, min: 0.5}", 4, "INCONCLUSIVE"),
        ("{metric: exact, min: 0.99, tier: advisory}", 0, "PASS"),
    ],
)
def test_the_exit_code_says_the_verdict(
    cli: Cli, folder: Path, run_id: str, rule: str, code: int, verdict: str
) -> None:
    said = cli("gate", run_id, "--policy", policy(folder, rule))
    assert (said.code, said.out.split()[0]) == (code, verdict), said.err
    assert run_id in said.out
    shown = cli("gate", "--policy", "gate.yaml", "--json")
    assert (shown.code, json.loads(shown.out)["verdict"]) == (code, verdict)


def test_an_open_question_says_how_many_more_cases_it_takes(
    cli: Cli, folder: Path, run_id: str
) -> None:
    said = cli("gate", "--policy", policy(folder, "{metric: exact, min: 0.5}"))
    assert "more cases would decide it" in said.out


def test_junit_and_markdown_are_written(cli: Cli, folder: Path, run_id: str) -> None:
    baseline = json.loads(cli("run", "qa.yaml", "--json", "--model", "cat").out)["id"]
    rules = (
        "{metric: exact, min: 0.99}",
        "{metric: exact, min: 0.5}",
        "{metric: exact, max_drop: 0.9}",
        "{max_failed_share: 0}",
        "{metric: exact, min: 0.99, tier: advisory}",
    )
    files = ("--junit", "gate.xml", "--markdown", "gate.md")
    said = cli("gate", run_id, "--policy", policy(folder, *rules), "--baseline", baseline, *files)
    assert said.code == 3
    root = ET.parse(folder / "gate.xml").getroot()
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.keys()) <= attributes
        assert {child.tag for child in element} <= children
    [suite] = root
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6", "failures": "1", "errors": "0", "skipped": "2",
    }  # fmt: skip
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "run came to its end",
        "exact at least 0.99",
        "exact at least 0.5",
        "exact falls by at most 0.9",
        "run failed share at most 0",
        "exact at least 0.99",
    ]
    text = (folder / "gate.md").read_text()
    assert text.startswith("## ❌ FAIL: release\n")
    assert f"`{run_id}`" in text
    assert f"`{baseline}`" in text
    assert "| exact | 0.000 → 0.667 | +0.667 [" in text


def test_names_of_others_stay_text_in_markdown_and_xml(cli: Cli, folder: Path) -> None:
    qa = (folder / "qa.yaml").read_text()
    name = "</testsuite>|<img src=x>|[a](http://x)|\\u0007|@all"
    (folder / "qa.yaml").write_text(qa.replace("name: capitals", f'name: "{name}"'))
    assert cli("run", "qa.yaml").code == 0
    (folder / "gate.yaml").write_text(
        f'name: "{name}"\nrules: [{{max_failed_share: 1, metric: exact}}]'
    )
    files = ("--junit", "gate.xml", "--markdown", "gate.md")
    assert cli("gate", "--policy", "gate.yaml", *files).code == 0
    ET.parse(folder / "gate.xml")
    text = (folder / "gate.md").read_text()
    for hostile in (r"(?<!\\)[<>|]img", r"(?<!\\)\]\(", r"\x07", "@all", "http://"):
        assert re.search(hostile, text) is None


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("rules: [{metric: exatc, min: 1}]", "gate.yaml:1: rules.0.metric: run_"),
        ("rules:\n  - metric: exact\n    max_drop: 1", "gate.yaml:3: rules.0.max_drop: needs a"),
        (
            "rules:\n  - metric: exact\n    mim: 1",
            "gate.yaml:3: rules.0.mim: there is no such",
        ),
        ("rules: [", "not YAML"),
    ],
)
def test_what_is_wrong_with_a_policy_has_file_and_line(
    cli: Cli, folder: Path, run_id: str, rules: str, said: str
) -> None:
    (folder / "gate.yaml").write_text(rules)
    refused = cli("gate", "--policy", "gate.yaml")
    assert refused.code == 2
    assert said in refused.err
    assert refused.out == ""


def test_without_a_policy_a_run_or_a_place_to_write_nothing_is_said(cli: Cli, folder: Path) -> None:
    assert cli("gate").code == 2
    assert cli("gate", "--policy", "nope.yaml").code == 2
    file = policy(folder, "{max_cost_usd: 1}")
    assert "there is no run yet" in cli("gate", "--policy", file).err
    assert cli("run", "qa.yaml").code == 0
    assert cli("gate", "--policy", file, "--junit", "no/such/folder.xml").code == 1
    (folder / "gate.yaml").write_bytes(b"name: \xff")
    assert "not UTF-8 text" in cli("gate", "--policy", file).err
