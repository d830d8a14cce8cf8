"""Every example runs as its README says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, folder: Path) -> tuple[int, list[dict[str, Any]]]:
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "weighbridge", "run", str(EXAMPLES / name), "--json"),
            *("--config", str(EXAMPLES / "models.toml"), "--data", str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, [json.loads(line) for line in finished.stdout.splitlines()]


def test_every_example_is_in_the_readme_and_the_other_way_round() -> None:
    text = (EXAMPLES / "README.md").read_text()
    assert {path.name for path in EXAMPLES.glob("*.yaml")} == {
        line.split("`")[1] for line in text.splitlines() if line.startswith("| `")
    }


def test_capitals_scores_by_two_scorers(tmp_path: Path) -> None:
    code, (shown,) = run("capitals.yaml", tmp_path)
    assert code == 0
    assert {m["scorer"]: m["value"] for m in shown["metrics"]} == {
        "includes": pytest.approx(5 / 6),
        "exact": pytest.approx(3 / 6),
    }


def test_two_models_make_two_runs(tmp_path: Path) -> None:
    code, shown = run("two-models.yaml", tmp_path)
    assert code == 0
    assert [run["model"] for run in shown] == ["geographer", "guesser"]
    assert [run["metrics"][0]["value"] for run in shown] == [1.0, pytest.approx(1 / 3)]


def test_repeats_are_reduced_by_majority(tmp_path: Path) -> None:
    code, (shown,) = run("repeats.yaml", tmp_path)
    assert code == 0
    assert shown["progress"]["total"] == 30
    assert shown["metrics"][0]["n_total"] == 6


def test_a_flaky_endpoint_costs_retries_and_one_failed_case_is_not_a_wrong_one(
    tmp_path: Path,
) -> None:
    code, (shown,) = run("flaky.yaml", tmp_path)
    assert code == 0
    (metric,) = shown["metrics"]
    assert (metric["n_scored"], metric["n_failed"]) == (5, 1)
    assert shown["usage"]["calls"] == 8
    assert metric["value"] == pytest.approx(2 / 5)


def test_judges_judge_and_a_text_that_asks_to_pass_does_not(tmp_path: Path) -> None:
    code, (shown,) = run("judges.yaml", tmp_path)
    assert code == 0
    metrics = {metric["scorer"]: metric for metric in shown["metrics"]}
    assert metrics["polite"]["value"] == pytest.approx(1.5 / 4)
    assert metrics["classify"]["value"] == pytest.approx(3 / 4)
    assert metrics["pairwise"]["value"] == pytest.approx(0.5 / 4)
    assert (metrics["jury"]["n_scored"], metrics["jury"]["n_ungraded"]) == (2, 2)
    # 4 answers; one call a case for two judges and each of two jurors; two a case for the pairs,
    # but for the one whose answers are the same; and one more try for each juror's refusal.
    assert shown["usage"]["calls"] == 4 + 4 * 4 + 2 * 3 + 2


def test_a_budget_stops_the_run(tmp_path: Path) -> None:
    code, (shown,) = run("budget.yaml", tmp_path)
    assert code == 1
    assert (shown["status"], shown["reason"]) == ("cancelled", "budget")
    assert 0 < shown["progress"]["done"] < shown["progress"]["total"]


def test_a_run_is_held_against_the_policy(tmp_path: Path) -> None:
    run("capitals.yaml", tmp_path)
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "weighbridge", "gate", "--policy", str(EXAMPLES / "gate.yaml")),
            *("--json", "--data", str(tmp_path), "--config", str(EXAMPLES / "models.toml")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    shown = json.loads(finished.stdout)
    assert (finished.returncode, shown["verdict"]) == (0, "PASS")
    assert [check["verdict"] for check in shown["checks"]] == [
        *("PASS", "PASS", "FAIL", "PASS", "PASS")
    ]


def test_a_model_chooses_by_likelihood(tmp_path: Path) -> None:
    code, (shown,) = run("multiple-choice.yaml", tmp_path)
    assert code == 0
    assert {m["scorer"]: m["value"] for m in shown["metrics"]} == {
        "likelihood": pytest.approx(2 / 3),
        "probability": pytest.approx((0.9 + 0.7 + 0.4) / 3),
    }
    assert shown["usage"]["calls"] == 3


def test_translations_are_graded_by_six_scorers(tmp_path: Path) -> None:
    code, (shown,) = run("translations.yaml", tmp_path)
    assert code == 0
    values = {m["scorer"]: m["value"] for m in shown["metrics"]}
    assert values["edit"] == pytest.approx(2 / 3)
    assert values["length"] == 1.0
    assert values["bleu"] < values["chrf"] < values["rouge"] < 1
    assert values["ter"] > 0
