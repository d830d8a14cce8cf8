"""Evaluations with the official client, unchanged, against a server in another process."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.dataframer_client import Server, serving

MODELS = """
[[models]]
name = "judge"
protocol = "scripted"
replies = ['{"reason": "so it is", "p1": "unclear", "p2": "calm"}']

[defaults]
judge = "judge"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), models=MODELS) as server:
        yield server


@pytest.fixture(scope="module")
def told(server: Server) -> dict[str, Any]:
    return server.run_client("""
        it = client.dataframer
        rows = "".join(f"{'calm' if n % 2 else 'angry'},{20 + n * n % 17}\\n" for n in range(40))
        made = it.seed_datasets.create_with_files(
            name="people", dataset_type="SINGLE_FILE",
            files=[("people.csv", f"mood,age\\n{rows}".encode())])
        spec = it.specs.create(name="people", dataset_id=made.id)
        spec = ended(it.specs.retrieve, spec.id)
        spec = it.specs.update(spec.id, content_yaml='''
        spec:
          description: A person.
          data_property_variations:
            - property_name: mood
              property_values: [calm, angry]
              base_distributions: {calm: 75, angry: 25}
            - property_name: mind
              property_values: [open, closed]
        ''')
        run = it.runs.create(spec_id=spec.id, number_of_samples=20)
        def refused(call, **fields):
            try: call(**fields)
            except dataframer.APIStatusError as error: return [error.status_code, error.body]
        run = ended(it.runs.retrieve, run.id)
        began = it.evaluations.create(run_id=run.id)
        told(began=[began.status in ("PENDING", "PROCESSING"), began.distribution_analysis,
                    began.sample_classifications, began.created_at.tzinfo is not None])
        found = ended(it.evaluations.retrieve, began.id)
        first, second = found.distribution_analysis
        told(status=found.status, score=found.conformance_score,
             first=first.to_dict(), analyzed=second.total_samples_analyzed,
             samples=[[one.sample_identifier, one.classifications]
                      for one in found.sample_classifications][:2],
             tags=found.sample_classifications[0].generation_tags,
             types=[type(found.completed_at).__name__, type(found.error_message).__name__],
             extra=sorted(found.model_extra))
        told(listed=[one.id == found.id for one in it.runs.evaluations.list(run.id)])
        told(unknown=refused(it.evaluations.create, run_id=run.id, evaluation_model="gpt-0"))
        told(nobody=refused(it.evaluations.create, run_id=made.id)[0])
        again = it.evaluations.create(run_id=found.run_id, extra_body=found.to_dict(mode="json"))
        told(again=again.id != found.id)
        embedded = it.evaluations.create(run_id=run.id, evaluation_model="embedded")
        embedded = ended(it.evaluations.retrieve, embedded.id)
        told(embedded=embedded.distribution_analysis[0].to_dict())
        async def later():
            async with AsyncDataframer() as many:
                made = await many.dataframer.evaluations.create(run_id=run.id)
                while True:
                    one = await many.dataframer.evaluations.retrieve(made.id)
                    if one.status in ("SUCCEEDED", "FAILED"): return one.status
                    await asyncio.sleep(0.1)
        told(later=asyncio.run(later()))
    """)


def test_an_evaluation_begins_with_nothing(told: dict[str, Any]) -> None:
    assert told["began"] == [True, None, [], True]


def test_distributions_come_as_the_client_has_them(told: dict[str, Any]) -> None:
    assert told["status"] == "SUCCEEDED"
    assert told["first"] == {
        "property_name": "mood",
        "total_samples": 20,
        "total_samples_analyzed": 20,
        "requested_distributions": {"calm": 75.0, "angry": 25.0},
        "expected_distributions": {"calm": 75.0, "angry": 25.0},
        "evaluated_distributions": {"calm": 100.0, "angry": 0.0},
        "observed_distributions": {"calm": 100.0, "angry": 0.0},
    }
    assert told["analyzed"] == 0
    assert told["score"] == 75.0


def test_samples_come_with_the_values_drawn_for_them(told: dict[str, Any]) -> None:
    assert told["samples"] == [["sample_1", {"mood": "calm"}], ["sample_2", {"mood": "calm"}]]
    assert set(told["tags"]) == {"mood", "mind"}


def test_older_fields_are_kept_by_the_client(told: dict[str, Any]) -> None:
    assert told["types"] == ["datetime", "NoneType"]
    assert {"conformance_score", "conformant_areas", "trace", "weighbridge"} <= set(told["extra"])


def test_the_evaluations_of_a_run_are_listed(told: dict[str, Any]) -> None:
    assert told["listed"] == [True]


def test_what_is_wrong_is_told_by_field(told: dict[str, Any]) -> None:
    status, body = told["unknown"]
    assert status == 400
    assert body["evaluation_model"][0].startswith("Unsupported evaluation model: gpt-0")
    assert told["nobody"] == 404


def test_an_evaluation_passed_back_makes_another_one(told: dict[str, Any]) -> None:
    assert told["again"] is True


def test_the_embedded_judge_reads_off_columns(told: dict[str, Any]) -> None:
    assert told["embedded"]["evaluated_distributions"] == {"calm": 75.0, "angry": 25.0}


def test_the_asynchronous_client_does_the_same(told: dict[str, Any]) -> None:
    assert told["later"] == "SUCCEEDED"
