"""`weighbridge safety`: prompts, answers, verdicts and a report in one command."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from cli.command_line import Cli, start

HELPS = "Sure, I will help you with that."
DECLINES = "I'm sorry, but I can't help with that."
MODELS = f"""
[[models]]
name = "helpful"
protocol = "scripted"
replies = ["{HELPS}"]

[[models]]
name = "careful"
protocol = "scripted"
replies = [{{match = ".", reply = "{DECLINES}"}}]

[[models]]
name = "chatty"
protocol = "scripted"
replies = ["The weather is nice today, and I had soup."]

[[models]]
name = "slow"
protocol = "scripted"
replies = [{{match = ".", reply = "{DECLINES}", latency_ms = 300}}]

[[models]]
name = "shaky"
protocol = "scripted"
replies = [
  {{contains = "xk2q", error = {{status = 400, message = "no"}}}},
  {{match = ".", reply = "{DECLINES}"}},
]

[[models]]
name = "unpriced"
protocol = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "nobody-knows-me"

[[models]]
name = "house-judge"
protocol = "scripted"
replies = [
  {{contains = "{HELPS}", reply = '{{"reason": "It says how.", "evidence": ["I will help you"], \
"verdict": "fail", "confidence": 0.9}}'}},
  '{{"reason": "It declines.", "evidence": [], "verdict": "pass", "confidence": 0.8}}',
]

[[models]]
name = "writer"
protocol = "scripted"
replies = [{{match = "This is prompt (\\\\d+) of", reply = '{{"topic": "t{{1}}", "prompt": \
"Number {{1}} xk{{1}}q: how do I do {{1}}{{1}}{{1}} unlike others w{{1}}?"}}'}}]

[[models]]
name = "slow-writer"
protocol = "scripted"
replies = [{{match = "This is prompt (\\\\d+) of", latency_ms = 300, reply = '{{"topic": "t{{1}}", \
"prompt": "Number {{1}} xk{{1}}q: how do I do {{1}}{{1}}{{1}} unlike others w{{1}}?"}}'}}]
"""
JUDGED = ("--judge", "house-judge")


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "models.toml").write_text(MODELS)
    return folder


def found(cli: Cli, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The object that the command prints."""
    said = cli("safety", "--json", *arguments)
    assert said.code == code, said.err
    shown: dict[str, Any] = json.loads(said.out)
    return shown


@pytest.mark.parametrize(
    ("model", "prompts", "code", "verdict"),
    [
        ("helpful", "20", 3, "FAIL"),
        ("careful", "100", 0, "PASS"),
        ("careful", "10", 4, "INCONCLUSIVE"),
    ],
)
def test_the_exit_code_says_whether_the_pass_rate_is_met(
    cli: Cli, model: str, prompts: str, code: int, verdict: str
) -> None:
    asked = ("--model", model, "--prompts", prompts, "--policy", "violence", *JUDGED)
    said = cli("safety", *asked, "--min-pass-rate", "0.9")
    assert said.code == code, said.err
    assert verdict in said.out
    assert "judge   house-judge\n" in said.out


def test_without_a_rate_asked_for_whatever_the_model_does_is_fine(cli: Cli) -> None:
    shown = found(cli, "--model", "helpful", "--prompts", "6", "--policy", "hate", *JUDGED)
    assert (shown["pass_rate"]["value"], shown["gate"]) == (0.0, None)


def test_the_report_tells_policies_and_families_apart_with_intervals(cli: Cli) -> None:
    policies = ("--policy", "violence", "--policy", "Self-harm", "--policy", "weapons")
    shown = found(cli, "--model", "careful", "--prompts", "15", *policies, "--jailbreak", *JUDGED)
    assert set(shown["groups"]) == {"policy", "family"}
    rates = shown["groups"]["policy"]
    assert {name: rate["n_scored"] for name, rate in rates.items()} == {
        "violence": 5,
        "self_harm": 5,
        "weapons": 5,
    }
    assert len(shown["groups"]["family"]) == 5
    whole = shown["pass_rate"]
    assert whole["n_passed"] == whole["n_scored"] == 15
    assert 0.7 < whole["low"] < whole["high"] == 1.0
    assert shown["suite"]["spread"]["written_by"] == {"model": 0, "bank": 15}


def test_a_failed_case_is_shown_with_prompt_answer_and_explanation(cli: Cli) -> None:
    asked = ("--model", "helpful", "--prompts", "4", "--policy", "fraud", *JUDGED)
    said = cli("safety", *asked)
    assert "some cases that did not pass" in said.out
    assert HELPS in said.out
    assert "It says how. “I will help you”" in said.out
    assert "export with: weighbridge export run_" in said.err
    [first, *_] = found(cli, *asked)["failed"]
    assert (first["policy"], first["answer"], first["confidence"]) == ("fraud", HELPS, 0.9)
    assert first["prompt"]


def test_the_judge_sees_the_policy_that_a_case_is_about(cli: Cli, folder: Path) -> None:
    (folder / "models.toml").write_text(
        MODELS.replace(
            '{contains = "Sure',
            '{contains = "dragons", reply = \'{"reason": "r", '
            '"evidence": [], "verdict": "fail", "confidence": 0.5}\'},\n  {contains = "Sure',
        )
    )
    (folder / "no dragons.md").write_text("Nothing is said of dragons, whoever asks.")
    policies = ("--policy", "violence", "--policy", "@no dragons.md")
    rates = found(cli, "--model", "careful", "--prompts", "10", *policies, *JUDGED)["groups"]
    values = {name: rate["value"] for name, rate in rates["policy"].items()}
    assert values == {"no_dragons": 0.0, "violence": 1.0}


def test_the_embedded_judge_is_said_to_be_weak_and_lets_nothing_pass_that_it_left_open(
    cli: Cli,
) -> None:
    asked = ("--model", "careful", "--prompts", "50", "--policy", "hate")
    said = cli("safety", *asked, "--min-pass-rate", "0.9")
    assert said.code == 0
    assert "weak" in said.out
    assert "warning: judged by the embedded judge" in said.err
    shown = found(cli, "--model", "chatty", *asked[2:], "--min-pass-rate", "0.1", code=4)
    assert shown["pass_rate"]["n_ungraded"] == 50
    assert shown["embedded_judge"] is True


def test_a_rate_that_is_met_by_what_did_not_fail_is_not_met_yet(cli: Cli) -> None:
    asked = ("--prompts", "8", "--policy", "bias", "--generator", "writer", *JUDGED)
    shown = found(cli, "--model", "shaky", *asked, "--min-pass-rate", "0.3", code=4)
    rate = shown["pass_rate"]
    assert (rate["n_passed"], rate["n_scored"], rate["n_failed"]) == (7, 7, 1)
    assert "1 of 8 cases failed" in shown["gate"]["checks"][1]["reason"]


def test_prompts_that_a_model_writes_are_written_here(cli: Cli) -> None:
    asked = ("--model", "careful", "--prompts", "8", "--policy", "bias", *JUDGED)
    shown = found(cli, *asked, "--generator", "writer")
    assert shown["suite"]["spread"]["written_by"] == {"model": 8, "bank": 0}
    assert shown["pass_rate"]["n_scored"] == 8


def test_the_same_prompts_can_be_asked_of_another_model_and_compared(cli: Cli) -> None:
    first = found(cli, "--model", "careful", "--prompts", "12", "--policy", "hate", *JUDGED)
    suite = first["suite"]["id"]
    second = found(cli, "--model", "helpful", "--suite", suite, *JUDGED)
    assert second["suite"] == first["suite"]
    runs = [shown["run"]["id"] for shown in (first, second)]
    compared = cli("compare", *runs, "--json")
    assert compared.code == 0, compared.err
    [difference] = json.loads(compared.out)["differences"]
    assert (difference["n"], difference["difference"]) == (12, -1.0)
    exported = [json.loads(line) for line in cli("export", runs[0]).out.splitlines()]
    assert {row["inputs"]["policy"] for row in exported} == {"hate"}
    assert cli("show", runs[0]).code == 0
    assert cli("review-sample", runs[0], "-n", "3").code == 0


def test_the_system_prompt_is_sent_and_of_a_jailbreak_it_is_what_counts(
    cli: Cli, folder: Path
) -> None:
    (folder / "system.txt").write_text("You are {Bo}.")
    shown: dict[str, Any] = {}
    for kind in ("safety", "jailbreak"):
        asked = ("--model", "careful", "--prompts", "5", "--kind", kind, *JUDGED)
        shown = found(cli, *asked, "--system-prompt", "@system.txt")
        spec = shown["run"]["evaluation"]["spec"]
        assert spec["messages"][0] == {"role": "system", "content": "You are {{Bo}}."}
        told = spec["scorers"][0]["conduct"]["policy"] == "You are {Bo}."
        assert told == (kind == "jailbreak")
    other = found(
        cli, "--model", "careful", "--suite", shown["suite"]["id"], "--system-prompt", "Be Al."
    )
    spec = other["run"]["evaluation"]["spec"]
    assert spec["scorers"][0]["conduct"]["policy"] == "Be Al."
    same = found(cli, "--model", "careful", "--suite", shown["suite"]["id"])
    assert same["run"]["evaluation"]["spec"]["messages"][0]["content"] == "You are {{Bo}}."


def test_questions_about_a_text_are_told_apart_by_category(cli: Cli, folder: Path) -> None:
    (folder / "truth.txt").write_text(
        "The first weighbridge of the town was built in 1843 by Anna Lindqvist. It could weigh "
        "carts of up to four tonnes, and charged two öre a cart. The keeper Karl Berg raised the "
        "toll to five öre in 1861, and the town bought the house in 1902."
    )
    asked = ("--model", "careful", "--kind", "accuracy", "--ground-truth", "truth.txt")
    said = cli("safety", *asked, "--prompts", "10")
    assert "the model has to know the ground truth" in said.err
    shown = found(cli, *asked, "--prompts", "10", "--show-truth")
    assert len(shown["groups"]["category"]) == 10
    assert shown["groups"]["category"]["unanswerable"]["value"] == 1.0
    assert "Anna Lindqvist" in shown["run"]["evaluation"]["spec"]["messages"][0]["content"]


def test_prompts_can_be_looked_at_before_anybody_is_asked(cli: Cli) -> None:
    said = cli("safety", "--show-prompts", "--prompts", "3", "--policy", "hate")
    assert said.code == 0
    assert [line[:9] for line in said.out.splitlines()] == [f"{n}. [hate]" for n in (1, 2, 3)]
    suite = said.err.split("--suite ")[1].split()[0]
    assert found(cli, "--suite", suite, "--model", "careful")["suite"]["prompts"] == 3
    lines = cli("safety", "--show-prompts", "--suite", suite, "--json").out.splitlines()
    assert [json.loads(line)["about"]["policy"] for line in lines] == ["hate"] * 3
    assert cli("runs", "--json").out.count("\n") == 1


def test_a_dry_run_checks_everything_and_keeps_nothing(cli: Cli) -> None:
    said = cli("safety", "--model", "careful", "--dry-run", "--generator", "writer")
    assert (said.code, said.out) == (
        0,
        "safety is in order: 100 prompts written by writer, 100 answers to ask for\n",
    )
    assert cli("runs", "--json").out == ""
    assert cli("safety", "--model", "careful", "--dry-run", "--judge", "nobody").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--prompts", "3"), "say which model is tested"),
        (("--model", "nobody"), "--model: no model is called 'nobody'"),
        (("--model", "careful", "--judge", "nobody"), "--judge: no model is called"),
        (("--model", "careful", "--generator", "nobody"), "--generator: no model is called"),
        (("--model", "careful", "--policy", "violense"), "did you mean `violence`?"),
        (("--model", "careful", "--policy", "@nothing.txt"), "cannot read nothing.txt"),
        (("--model", "careful", "--kind", "jailbreak"), "needs --system-prompt"),
        (("--model", "careful", "--kind", "accuracy"), "go together"),
        (("--model", "careful", "--show-truth"), "goes with --kind accuracy"),
        (("--model", "careful", "--prompts", "1001"), "1<=x<=1000"),
        (("--model", "careful", "--suite", "suite_x", "--seed", "3"), "--seed does not go with"),
        (("--model", "unpriced", "--budget-usd", "1"), "--budget-usd: the price of"),
        (
            ("--model", "careful", "--generator", "unpriced", "--budget-usd", "1"),
            "--budget-usd: the price of unpriced",
        ),
        (
            ("--model", "careful", "--kind", "agent", "--system-prompt", "x", "--policy", "hate"),
            "--policy does not go with --kind agent",
        ),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_asked(
    cli: Cli, arguments: tuple[str, ...], said: str
) -> None:
    refused = cli("safety", *arguments)
    assert refused.code == 2, refused.err
    assert said in refused.err
    assert cli("runs", "--json").out == ""


def test_a_suite_that_is_not_there_is_an_error(cli: Cli) -> None:
    said = cli("safety", "--model", "careful", "--suite", "suite_00000000000000000000000000")
    assert said.code == 1
    assert "there is no suite" in said.err


def test_the_policies_are_listed(cli: Cli) -> None:
    said = cli("safety", "--list-policies")
    assert said.code == 0
    assert "dangerous_advice" in said.out
    assert "safety, image_safety, over_refusal" in said.out


def test_a_run_that_is_stopped_goes_on_with_its_report(cli: Cli, folder: Path) -> None:
    process = start(
        folder, "safety", "--model", "slow", "--prompts", "12", "--concurrency", "2", *JUDGED
    )
    assert process.stderr is not None
    while "0/12" not in (line := process.stderr.readline()) and "cases" not in line:
        assert line, "it ended before it began"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    assert "resume with: weighbridge run --resume run_" in err
    run_id = err.split("safety --resume ")[1].split()[0]
    shown = found(cli, "--resume", run_id, "--min-pass-rate", "0.5")
    assert (shown["run"]["status"], shown["pass_rate"]["n_scored"]) == ("succeeded", 12)
    again = found(cli, "--resume", run_id)
    assert again["pass_rate"] == shown["pass_rate"]


def test_writing_that_is_stopped_goes_on_and_its_suite_can_then_be_asked(
    cli: Cli, folder: Path
) -> None:
    process = start(
        folder,
        *("safety", "--model", "careful", "--generator", "slow-writer", "--prompts", "9"),
        *("--concurrency", "2", *JUDGED),
    )
    assert process.stderr is not None
    while "cases" not in (line := process.stderr.readline()):
        assert line, "it ended before it began"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    writing = err.split("--resume ")[1].split()[0]
    suite = err.split("--suite ")[1].split()[0]
    assert cli("run", "--resume", writing).code == 0
    shown = found(cli, "--model", "careful", "--suite", suite, *JUDGED)
    assert shown["suite"]["spread"]["written_by"]["model"] == 9


def test_a_run_over_something_else_is_not_reported_on(cli: Cli, folder: Path) -> None:
    (folder / "qa.yaml").write_text("cases: [{q: a}]\nmodel: careful\nprompt: '{q}'\n")
    assert cli("run", "qa.yaml").code == 0
    said = cli("safety", "--resume", "latest")
    assert said.code == 2
    assert "is no run over a suite" in said.err
