"""One model or two over a benchmark: started, followed, read, and refused."""

import asyncio
import re
from typing import Any

import httpx2
import pytest

from dialects.nugen.conftest import MODELS, PNG, QUESTIONS, Api
from weighbridge.core.caller import Role
from weighbridge.store.keys import ensure_workspace
from weighbridge.wiring import Services

KEYS = [
    f"{metric}_{figure}"
    for metric in ("binary_correctness", "answer_relevance")
    for figure in ("mean", "std", "min", "max")
]


@pytest.mark.usefixtures("working")
async def test_one_model_is_measured(api: Api) -> None:
    benchmark = await api.benchmark()
    answer = await api.start(model_id="capital", benchmark_id=benchmark)
    assert answer.status_code == 200
    begun = answer.json()
    assert begun["evaluation_id"].startswith("eval_")
    assert begun["status"] == "PROCESSING"
    assert begun["message"] == "Evaluation created successfully and queued for execution"
    assert (begun["model_id"], begun["benchmark_id"]) == ("capital", benchmark)
    assert "T" in begun["created_at"]
    assert len(begun["created_at"]) == 26  # naive, with microseconds
    status = await api.ended(begun["evaluation_id"])
    assert status["progress"] == "5/5 questions"
    assert (status["questions_completed"], status["total_questions"]) == (5, 5)
    assert status["eta_seconds"] == 0
    assert status["end_time"] >= status["start_time"]
    found = await api.get(f"/evaluations/{begun['evaluation_id']}/results")
    assert (found["method"], found["status"], found["raw_answers_count"]) == ("eval", "READY", 5)
    for key in ("model_id_2", "base_model", "eval_model", "comparison"):
        assert found[key] is None
    metrics = found["metrics"]
    assert metrics["accuracy"] == 0.6
    assert (metrics["total_questions"], metrics["correct_answers"]) == (5, 3)
    assert set(KEYS) < set(metrics)
    assert metrics["binary_correctness_std"] == pytest.approx(0.4898979)
    assert 0 <= metrics["answer_relevance_min"] <= metrics["relevance"] <= 1
    assert metrics["average_score"] == pytest.approx((0.6 + metrics["relevance"]) / 2)
    [run] = found["weighbridge"]["runs"]
    told = run["metrics"][0]
    assert (told["scorer"], told["value"], told["n_scored"]) == ("binary_correctness", 0.6, 5)
    assert told["low"] < 0.6 < told["high"]
    assert run["usage"]["cost_usd"] > 0


@pytest.mark.usefixtures("working")
async def test_two_models_are_compared_key_for_key(api: Api) -> None:
    found = await api.results(
        model_id="capital", model_id_2="atlas", benchmark_id=await api.benchmark()
    )
    assert (found["method"], found["raw_answers_count"]) == ("eval-compare", 10)
    assert found["metrics"] is None
    assert found["base_model"]["model_id"] == found["model_id"] == "capital"
    assert found["eval_model"]["model_id"] == found["model_id_2"] == "atlas"
    assert list(found["base_model"]["metrics"]) == KEYS
    rows = found["comparison"]["metrics"]
    assert [row["metric"] for row in rows] == KEYS
    assert list(rows[0]) == ["metric", "base", "evaluated", "improvement_%"]
    assert (rows[0]["base"], rows[0]["evaluated"], rows[0]["improvement_%"]) == (0.6, 1.0, 66.67)
    assert rows[2]["improvement_%"] == 0  # the base's minimum is 0
    assert set(found["comparison"]["summary"]) == {
        "avg_improvement",
        "max_improvement",
        "min_improvement",
    }
    ours = found["weighbridge"]["comparison"]
    assert (ours["verdict"], ours["by"]) == ("cannot tell", "binary_correctness")
    first = ours["metrics"][0]
    assert first["difference"] == pytest.approx(0.4)
    assert (first["up"], first["down"], first["equal"], first["n"]) == (2, 0, 3, 5)
    assert first["low"] < 0.4 < first["high"]
    assert first["p_value"] > 0.05
    assert first["test"].startswith("mcnemar")
    assert "minimum_detectable_effect" in first


@pytest.mark.usefixtures("working")
async def test_a_difference_that_is_there_is_called_better_or_worse(api: Api) -> None:
    questions = [
        {"question": f"{number}: The capital of {land}?", "answer": city}
        for number in range(12)
        for land, city in (("Peru", "Lima"), ("France", "Paris"))
    ]
    benchmark = await api.benchmark(questions)
    for models, verdict in (("capital atlas", "better"), ("atlas capital", "worse")):
        one, other = models.split()
        found = await api.results(model_id=one, model_id_2=other, benchmark_id=benchmark)
        assert found["weighbridge"]["comparison"]["verdict"] == verdict


@pytest.mark.usefixtures("working")
async def test_the_same_model_twice_is_asked_once_and_there_is_nothing_to_compare(
    api: Api,
) -> None:
    found = await api.results(
        model_id="capital", model_id_2="capital", benchmark_id=await api.benchmark()
    )
    assert found["raw_answers_count"] == 10
    assert found["base_model"]["metrics"] == found["eval_model"]["metrics"]
    assert {row["improvement_%"] for row in found["comparison"]["metrics"]} == {0}
    ours = found["weighbridge"]["comparison"]
    assert ours["verdict"] == "nothing to compare"
    assert "same model" in ours["reason"]
    assert len(found["weighbridge"]["runs"]) == 1


@pytest.mark.usefixtures("working")
async def test_a_failed_call_is_no_wrong_answer(api: Api) -> None:
    found = await api.results(model_id="flaky", benchmark_id=await api.benchmark())
    assert found["metrics"]["accuracy"] == 0.25  # 1 of the 4 that were answered
    assert found["metrics"]["scored_questions"] == 4
    told = found["weighbridge"]["runs"][0]["metrics"][0]
    assert (told["n_scored"], told["n_total"], told["n_failed"]) == (4, 5, 1)


@pytest.mark.usefixtures("working")
async def test_an_evaluation_in_which_nothing_was_answered_has_failed(api: Api) -> None:
    answer = await api.start(model_id="broken", benchmark_id=await api.benchmark())
    evaluation_id = answer.json()["evaluation_id"]
    status = await api.ended(evaluation_id)
    assert status["status"] == "FAILED"
    assert "no such luck" in status["error"]
    results = await api.client.get(f"/evaluations/{evaluation_id}/results")
    assert results.status_code == 400
    assert "has failed" in results.json()["detail"]


@pytest.mark.usefixtures("working")
async def test_results_before_the_end_are_refused_and_progress_is_told(api: Api) -> None:
    answer = await api.start(model_id="slow", benchmark_id=await api.benchmark())
    evaluation_id = answer.json()["evaluation_id"]
    early = await api.client.get(f"/evaluations/{evaluation_id}/results")
    assert early.status_code == 400
    assert "not completed" in early.json()["detail"]
    for _ in range(100):
        status = await api.get(f"/evaluations/{evaluation_id}/status")
        if 0 < status["questions_completed"] < 5:
            break
        await asyncio.sleep(0.05)
    assert status["status"] == "PROCESSING"
    assert status["end_time"] is None
    left = status["total_questions"] - status["questions_completed"]
    assert status["eta_seconds"] == pytest.approx(left * status["avg_time_per_question"], abs=0.01)
    assert (await api.ended(evaluation_id))["status"] == "READY"


@pytest.mark.usefixtures("working")
async def test_the_download_has_every_answer(api: Api) -> None:
    benchmark = await api.benchmark()
    answer = await api.start(model_id="capital", model_id_2="flaky", benchmark_id=benchmark)
    evaluation_id = answer.json()["evaluation_id"]
    await api.ended(evaluation_id)
    found = await api.get(f"/evaluations/{evaluation_id}/download")
    rows = found["detailed_results"]
    assert len(rows) == 10
    assert found["comparison"]
    assert rows[0] == {
        "question_id": "1",
        "model_id": "capital",
        "question": "The capital of France?",
        "expected_answer": "Paris",
        "model_answer": "Paris",
        "score": 1.0,
        "relevance": pytest.approx(1.0),
        "error": None,
    }
    [failed] = [row for row in rows if row["error"]]
    assert (failed["model_id"], failed["score"], failed["model_answer"]) == ("flaky", None, None)


@pytest.mark.usefixtures("working")
async def test_evaluations_are_listed_filtered_and_counted(api: Api, services: Services) -> None:
    benchmark = await api.benchmark()
    made = []
    for model in ("capital", "atlas", "broken"):
        answer = await api.start(model_id=model, benchmark_id=benchmark, evaluation_name=model)
        made.append(answer.json()["evaluation_id"])
        await api.ended(made[-1])
    # One that came through another door is not in this list.
    caller = await services.keys.operator("native")
    assert await services.evaluations.of_door(caller, "native") == ([], 0)
    found = await api.get("/evaluations")
    assert [it["evaluation_id"] for it in found["evaluations"]] == made[::-1]
    assert (found["total"], found["limit"], found["offset"]) == (3, 10, 0)
    page = await api.get("/evaluations", limit=1, offset=1)
    assert [it["evaluation_id"] for it in page["evaluations"]] == [made[1]]
    assert page["total"] == 3
    for query, expected in (
        ({"status": "READY"}, made[1::-1]),
        ({"status": "FAILED"}, [made[2]]),
        ({"status": "PROCESSING"}, []),
        ({"model_id": "atlas"}, [made[1]]),
    ):
        found = await api.get("/evaluations/", **query)
        assert [it["evaluation_id"] for it in found["evaluations"]] == expected, query
    one = await api.get(f"/evaluations/{made[0]}")
    assert one["metrics"]["binary_correctness_mean"] == 0.6
    assert (one["name"], one["method"], one["status"]) == ("capital", "eval", "READY")


@pytest.mark.usefixtures("working")
@pytest.mark.parametrize("path", ["/evaluations", "/evaluations/", "/evaluations/create"])
async def test_all_generations_of_the_address_and_of_the_names_are_taken(
    api: Api, path: str
) -> None:
    body = {
        "model_id": "city",
        "baseline_model_id": "atlas",
        "benchmark_id": await api.benchmark(),
        "evaluation_name": "as others call it",
    }
    answer = await api.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found = await api.ended(answer.json()["evaluation_id"])
    assert (found["model_id"], found["model_id_2"]) == ("city", "atlas")
    assert found["total_questions"] == 10


@pytest.mark.usefixtures("working")
async def test_it_is_seen_and_compared_through_the_other_doors(
    api: Api, services: Services
) -> None:
    await api.results(model_id="capital", model_id_2="atlas", benchmark_id=await api.benchmark())
    caller = await services.keys.operator("cli")
    runs = await services.runs.list(caller)
    assert {run.model for run in runs} == {"capital", "atlas"}
    assert {metric.scorer for metric in runs[0].metrics} == {
        "binary_correctness",
        "answer_relevance",
    }


@pytest.mark.usefixtures("working")
async def test_questions_may_show_images(api: Api) -> None:
    questions = [*QUESTIONS[:1], {**QUESTIONS[1], "image_url": PNG}]
    benchmark = await api.benchmark(questions)
    found = await api.results(model_id="capital", benchmark_id=benchmark)
    assert found["metrics"]["accuracy"] == 1.0
    refused = await api.start(model_id="blind", benchmark_id=benchmark)
    assert refused.status_code == 422
    assert "takes no image" in refused.json()["detail"][0]["msg"]


@pytest.mark.usefixtures("working")
async def test_questions_that_belong_together_are_not_counted_as_independent(api: Api) -> None:
    questions = [{**it, "cluster": n % 20} for n, it in enumerate(QUESTIONS * 8)]
    found = await api.results(model_id="capital", benchmark_id=await api.benchmark(questions))
    assert found["metrics"]["accuracy"] == 0.6
    assert found["weighbridge"]["runs"][0]["metrics"][0]["method"] == "clustered"


class TestMetrics:
    @pytest.mark.usefixtures("working")
    @pytest.mark.parametrize(
        ("custom", "keys"),
        [
            (["accuracy", "relevance"], set()),
            ({}, set()),
            (["exact"], {"exact"}),
            ({"exact": {}, "f1": None}, {"exact", "f1"}),
            ({"close": {"scorer": "edit", "threshold": 0.9}}, {"close"}),
            ([{"close": {"scorer": "edit"}}, "f1"], {"close", "f1"}),
        ],
    )
    async def test_further_metrics_stand_beside_those_of_always(
        self, api: Api, custom: Any, keys: set[str]
    ) -> None:
        found = await api.results(
            model_id="capital", benchmark_id=await api.benchmark(), custom_metrics=custom
        )
        metrics = found["metrics"]
        assert metrics["accuracy"] == 0.6
        means = {key.removesuffix("_mean") for key in metrics if key.endswith("_mean")}
        assert means == {"binary_correctness", "answer_relevance"} | keys

    @pytest.mark.usefixtures("working")
    async def test_how_correctness_is_measured_may_be_said(self, api: Api) -> None:
        found = await api.results(
            model_id="capital",
            benchmark_id=await api.benchmark(),
            custom_metrics={"accuracy": {"scorer": "exact"}},
        )
        assert found["metrics"]["accuracy"] == 0.4  # "It is Nairobi." is not exact

    @pytest.mark.usefixtures("working")
    async def test_a_rubric_is_judged(self, api: Api) -> None:
        found = await api.results(
            model_id="capital",
            benchmark_id=await api.benchmark(),
            custom_metrics={"polite": {"rubric": "The answer is polite.", "model": "judge"}},
        )
        assert found["metrics"]["polite_mean"] == 0.6
        assert found["weighbridge"]["runs"][0]["judges"]["polite"]

    @pytest.mark.parametrize(
        ("custom", "field", "words"),
        [
            (["accurracy"], [0], "there is no metric or scorer 'accurracy'.*did you mean"),
            ({"speed": {}}, ["speed"], "there are: binary_correctness, answer_relevance.*exact"),
            ({"x": {"scorer": "levensthein"}}, ["x", "scorer"], "there is no metric or scorer"),
            ({"x": {"scorer": "edit", "measure": "miles"}}, ["x", "scorer", "measure"], "measure"),
            ({"x": {"scorer": "exact", "speed": 1}}, ["x", "scorer", "speed"], "no such option"),
            ({"x": {"rubric": "{nothing"}}, ["x", "rubric"], ""),
            ({"x": 7}, ["x"], "settings are an object"),
            ([7], [0], "a name, or an object"),
            ([{"a": {}, "b": {}}], [0], "a name, or an object"),
            ("exact", [], "valid"),
            ({f"m{n}": {"scorer": "exact"} for n in range(40)}, [], "at most 32"),
        ],
    )
    async def test_what_is_not_there_is_refused_as_fastapi_does(
        self, api: Api, custom: Any, field: list[Any], words: str
    ) -> None:
        answer = await api.start(
            model_id="capital", benchmark_id=await api.benchmark(), custom_metrics=custom
        )
        assert answer.status_code == 422, answer.text
        [problem, *_] = answer.json()["detail"]
        assert set(problem) == {"loc", "msg", "type"}
        assert problem["loc"][:2] == ["body", "custom_metrics"]
        if field:
            assert problem["loc"][2:] == field
        assert re.search(words, problem["msg"])


class TestAJudgeThatIsSet:
    @pytest.fixture
    def models(self) -> str:
        return MODELS.replace("[defaults]", '[defaults]\njudge = "judge"')

    @pytest.mark.usefixtures("working")
    async def test_judges_both_metrics_of_always(self, api: Api) -> None:
        found = await api.results(model_id="capital", benchmark_id=await api.benchmark())
        assert found["metrics"]["accuracy"] == found["metrics"]["relevance"] == 0.6
        judges = found["weighbridge"]["runs"][0]["judges"]
        assert set(judges) == {"binary_correctness", "answer_relevance"}


class TestRefused:
    @pytest.mark.parametrize("field", ["model_id", "model_id_2"])
    async def test_an_unknown_model(self, api: Api, field: str) -> None:
        fields = {"model_id": "capital", "benchmark_id": await api.benchmark(), field: "capitol"}
        answer = await api.start(**fields)
        assert answer.status_code == 404
        assert "did you mean capital" in answer.json()["detail"]

    async def test_an_unknown_benchmark(self, api: Api) -> None:
        answer = await api.start(model_id="capital", benchmark_id="benchmark_none")
        assert answer.status_code == 404
        assert "benchmark_none" in answer.json()["detail"]

    @pytest.mark.parametrize(
        ("body", "loc"),
        [
            ({"benchmark_id": "b"}, ["body", "model_id"]),
            ({"model_id": "capital"}, ["body", "benchmark_id"]),
            ({"model_id": 7, "benchmark_id": "b"}, ["body", "model_id"]),
            ({"model_id": "", "benchmark_id": "b"}, ["body", "model_id"]),
            ([], ["body"]),
        ],
    )
    async def test_a_request_that_lacks_something(
        self, api: Api, body: Any, loc: list[str]
    ) -> None:
        answer = await api.client.post("/evaluations", json=body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == loc

    async def test_ids_of_nobody_and_of_other_workspaces(
        self, api: Api, services: Services, client: httpx2.AsyncClient
    ) -> None:
        benchmark = await api.benchmark()
        started = (await api.start(model_id="capital", benchmark_id=benchmark)).json()
        async with services.store.begin() as connection:
            await ensure_workspace(connection, "elsewhere")
        _, secret = await services.keys.create(
            await services.keys.operator(), name="other", role=Role.ADMIN, workspace="elsewhere"
        )
        headers = {"Authorization": f"Bearer {secret}"}
        for path in (
            f"/evaluations/{started['evaluation_id']}",
            f"/evaluations/{started['evaluation_id']}/status",
            f"/evaluations/{started['evaluation_id']}/results",
            f"/evaluations/{started['evaluation_id']}/download",
            f"/benchmark/status/{benchmark}",
            f"/benchmark/{benchmark}/data",
            f"/benchmarks/{benchmark}",
        ):
            assert (await client.get(path, headers=headers)).status_code == 404, path
        refused = await client.post(
            "/evaluations",
            headers=headers,
            json={"model_id": "capital", "benchmark_id": benchmark},
        )
        assert refused.status_code == 404
        assert (await client.get("/evaluations/eval_none/status")).status_code == 404
        assert (await client.get("/evaluations/%00/status")).status_code == 404

    async def test_no_key_and_a_wrong_one(self, client: httpx2.AsyncClient) -> None:
        for value in ("", "Bearer wb_wrong", "Basic x"):
            answer = await client.get("/evaluations", headers={"Authorization": value})
            assert answer.status_code == 401
            assert isinstance(answer.json()["detail"], str)

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "offset=-1", "status=DONE"])
    async def test_a_list_that_cannot_be(self, api: Api, query: str) -> None:
        answer = await api.client.get(f"/evaluations?{query}")
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"][0] == "query"


class TestStandardBenchmarks:
    @pytest.mark.usefixtures("working")
    async def test_one_is_named_instead_of_an_id(self, api: Api) -> None:
        found = await api.results(
            model_id="capital", model_id_2="atlas", benchmark_id="gsm8k", custom_metrics=["length"]
        )
        assert (found["benchmark_id"], found["raw_answers_count"]) == ("gsm8k", 200)
        base = found["base_model"]["metrics"]
        assert base["binary_correctness_mean"] == 0.0  # "wrong" is no number
        assert base["answer_relevance_mean"] is None  # it is not measured
        assert base["strict-match_mean"] == 0.0
        assert base["length_mean"] == 1.0  # in words
        ours = found["weighbridge"]["comparison"]
        assert (ours["verdict"], ours["by"]) == ("cannot tell", "binary_correctness")

    async def test_one_that_is_not_there_is_refused_with_those_that_are(self, api: Api) -> None:
        answer = await api.start(model_id="capital", benchmark_id="gsm9k")
        assert answer.status_code == 404
        assert "gsm8k" in answer.json()["detail"]

    async def test_one_whose_data_are_not_here_is_refused(self, api: Api) -> None:
        answer = await api.start(model_id="capital", benchmark_id="winogrande")
        assert answer.status_code == 400
        assert "winogrande" in answer.json()["detail"]
