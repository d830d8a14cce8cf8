"""The data frames and plots of the official client, made of what this server answers."""

from collections.abc import Iterator
from textwrap import dedent

import pytest

from support.aymara_client import SUMMARY, Server, serving
from weighbridge.core.suite import CATEGORIES

TRUTH = " ".join(
    f"The {what} of the town was built in {1840 + n} by {who}."
    for n, (what, who) in enumerate(
        zip(
            ("weighbridge", "harbour", "school", "mill", "library", "bakery", "market hall"),
            ("Anna", "Bertil", "Clara", "David", "Elsa", "Folke", "Greta"),
            strict=True,
        )
    )
)

FRAMES = """
import pandas
from aymara_ai.lib import df, plot
from matplotlib import pyplot
drawn = []
def kept():
    figure = pyplot.gcf()
    [axes] = figure.axes
    drawn.append([axes.get_title(), [round(it.get_height(), 6) for it in axes.patches],
                  [it.get_text() for it in axes.get_xticklabels()], axes.get_ylabel()])
    pyplot.close(figure)
pyplot.show = kept
def records(frame): return json.loads(frame.to_json(orient="records"))
def scored(found, *contents, **more):
    begun = client.evals.runs.create(eval_uuid=found.eval_uuid, **more, responses=[
        {"prompt_uuid": it.prompt_uuid, **({"content": text} if text else {"ai_refused": True})}
        for it, text in zip(prompts_of(found), contents)])
    run = wait_until_complete(client.evals.runs.get, begun.eval_run_uuid, interval=0.1)
    return run, client.evals.runs.list_responses(run.eval_run_uuid).items
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def test_prompts_and_scores_are_frames(server: Server) -> None:
    told = server.run_client(
        FRAMES
        + dedent("""
        found = made(3, name="Manners")
        run, responses = scored(found, "No.", "BAD", None, name="First")
        prompts = prompts_of(found)
        told(eval=found.eval_uuid, run=run.eval_run_uuid,
             ids=[it.prompt_uuid for it in prompts], texts=[it.content for it in prompts],
             responses=[it.response_uuid for it in responses],
             prompts=records(df.to_prompts_df(found, prompts)),
             scores=records(df.to_scores_df(run, prompts, responses)),
             stats=records(plot.eval_pass_stats([run, run]).reset_index()),
             all=records(df.to_df(client.evals.runs.list(eval_uuid=found.eval_uuid))))
        plot.graph_eval_stats([run], title="Passed")
        plot.graph_eval_stats(run, yaxis_is_percent=False, ylim_max=3)
        told(drawn=drawn)
        """)
    )
    assert told["prompts"] == [
        {
            "eval_uuid": told["eval"],
            "eval_name": "Manners",
            "prompt_uuid": id_,
            "prompt_content": text,
            "prompt_category": None,
        }
        for id_, text in zip(told["ids"], told["texts"], strict=True)
    ]
    scores = told["scores"]
    assert [it["is_passed"] for it in scores] == [True, False, True]
    assert [it["confidence"] for it in scores] == [0.8, 0.9, None]
    assert [it["ai_refused"] for it in scores] == [False, False, True]
    assert [it["response_content"] for it in scores] == ["No.", "BAD", None]
    assert [it["prompt_content"] for it in scores] == told["texts"]
    assert [it["response_uuid"] for it in scores] == told["responses"]
    assert {it["exclude_from_scoring"] for it in scores} == {False}
    assert {(it["eval_uuid"], it["eval_run_uuid"], it["name"]) for it in scores} == {
        (told["eval"], told["run"], "Manners")
    }
    assert "It says what it must not say." in scores[1]["explanation"]
    row = {"eval_run_uuid": told["run"], "name": "First"}
    for found in told["stats"]:
        assert {name: found[name] for name in row} == row
        assert found["pass_rate"] == pytest.approx(2 / 3)
        assert found["pass_total"] == pytest.approx(2)
    assert [it["eval_run_uuid"] for it in told["all"]] == [told["run"]]
    rates, totals = told["drawn"]
    assert rates == ["Passed", [0.666667], ["First"], "Responses Passed"]
    assert totals[1] == [2.0]


def test_an_accuracy_eval_is_told_apart_by_its_categories(server: Server) -> None:
    told = server.run_client(
        FRAMES
        + dedent("""
        found = made(20, eval_type="accuracy", ground_truth=os.environ["TRUTH"], name="Town")
        prompts = prompts_of(found)
        # The first round fails where it is about these two kinds, the second passes all.
        run, responses = scored(found, *[
            "BAD" if n < 10 and it.category in ("easy", "opinion") else "As the text has it."
            for n, it in enumerate(prompts)])
        manners = made(2, name="Manners")
        other, _ = scored(manners, "No.", "BAD")
        report = client.reports.create(eval_run_uuids=[run.eval_run_uuid, other.eval_run_uuid])
        report = wait_until_complete(
            client.reports.get, report.eval_suite_report_uuid, interval=0.1)
        told(categories=[it.category for it in prompts], rate=run.pass_rate,
             truth=[found.ground_truth, run.evaluation.ground_truth == os.environ["TRUTH"]],
             asked=[it.content for it in prompts],
             frame=records(df.to_prompts_df(found, prompts)),
             stats=records(plot.eval_pass_stats_by_category(run, prompts, responses)),
             reports=records(df.to_reports_df(report)))
        plot.graph_eval_by_category(run, prompts, responses, title="Town", ylim_min=0.0)
        told(drawn=drawn)
        """),
        TRUTH=TRUTH,
    )
    assert told["categories"] == [*CATEGORIES] * 2
    assert told["truth"] == [None, True]
    assert len(set(told["asked"])) == 20
    assert [it["prompt_category"] for it in told["frame"]] == [*CATEGORIES] * 2
    assert told["rate"] == pytest.approx(0.9)
    stats = {it["prompt_category"]: (it["pass_rate"], it["pass_total"]) for it in told["stats"]}
    failing = {"easy", "opinion"}
    assert stats == {it: (0.5, 1) if it in failing else (1.0, 2) for it in CATEGORIES}
    [[title, heights, names, _]] = told["drawn"]
    assert title == "Town"
    assert dict(zip(names, heights, strict=True)) == {
        it: 0.5 if it in failing else 1.0 for it in CATEGORIES
    }
    *of_town, manners, overall = told["reports"]
    assert [(it["eval_name"], it["prompt_category"]) for it in of_town] == [
        ("Town", it) for it in CATEGORIES
    ]
    for it in of_town:
        failed = it["prompt_category"] in failing
        assert f"{1 if failed else 2} of 2" in it["passing_responses_summary"]
        assert (SUMMARY in it["failing_responses_summary"]) is failed
        assert it["improvement_advice"]
    assert (manners["eval_name"], manners["prompt_category"]) == ("Manners", None)
    assert "1 of 2 judged answers passed" in manners["passing_responses_summary"]
    assert overall["eval_name"] == "Overall"
    assert "19 of 22 judged answers passed" in overall["passing_responses_summary"]
