"""Judges, anonymisation runs and one's own key with the official client, against a server in
another process."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.dataframer_client import MODELS, Server, serving

VERDICT = {
    "reasoning": "It is fine.",
    "dimensions": {
        "polite": {"notes": "kind", "verdict": "pass"},
        "steps": {"notes": "", "verdict": {"item_1": "yes", "item_2": "no"}},
    },
    "confidence": 0.75,
}
NAMES = {"entities": [{"text": "Mr 1", "type": "name", "score": 0.9}]}
MORE = f"""
[[models]]
name = "grader"
protocol = "scripted"
replies = ['{json.dumps(VERDICT)}']

[[models]]
name = "finder"
protocol = "scripted"
replies = ['{json.dumps(NAMES)}']
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), models=MORE + MODELS) as server:
        yield server


@pytest.fixture(scope="module")
def told(server: Server) -> dict[str, Any]:
    return server.run_client("""
        made = api("POST", "/api/v1/judges", json={
            "name": "Replies", "model": "grader", "dimensions": [
                {"name": "Polite", "scoring_model": "pass_fail"},
                {"name": "Steps", "scoring_model": "checklist", "items": ["greets", "thanks"]}]})
        judges = client.dataframer.judges
        [judge] = judges.list(limit=5).results
        told(judge=judges.retrieve(judge.id).to_dict())
        found = judges.evaluations.create(
            judge.id, messages=[{"role": "user", "content": "Where is it?"}], output="On its way.",
            name="parcel", metadata={"trace": 1})
        told(found=found.to_dict())
        kept = judges.evaluations.retrieve(found.id, judge_id=judge.id)
        told(rendered=kept.rendered_text, same=kept.verdict.to_dict() == found.verdict.to_dict(),
             count=judges.evaluations.list(judge.id).count)
        def refused(call, *ids, **fields):
            try: call(*ids, **fields)
            except dataframer.APIStatusError as error: return [error.status_code, error.body]
        told(outside=refused(judges.evaluations.create, judge.id, output="x", messages=[
            {"role": "user", "content": [{"type": "image_url",
             "image_url": {"url": "https://example.org/a.png"}}]}]))

        dataset = seeds(count=2, text="Dear Mr {0}, write to {0}@example.org.")
        runs = client.dataframer.anonymization_runs
        run = runs.create(dataset_id=dataset.id, detection_method="all", llm_model_name="finder",
                          pii_types=["name", "email"], mask_config={"email": "<MAIL>"})
        run = ended(runs.retrieve, run.id)
        told(run=run.to_dict(), listed=[it.id for it in runs.list()] == [run.id])
        one = runs.files.download(run.anonymized_files[1].id, run_id=run.id)
        whole = runs.files.download_all(run.id)
        archive = zipfile.ZipFile(io.BytesIO(httpx.get(whole.download_url).content))
        told(file=[one.file_name, one.content_type, httpx.get(one.download_url).text],
             whole=[whole.status, archive.namelist()])
        runs.delete(run.id)
        told(gone=refused(runs.retrieve, run.id))
        told(failures=client.dataframer.failures.list().to_dict(),
             context=client.dataframer.context.retrieve().to_dict())

        async def later():
            async with AsyncDataframer() as many:
                return (await many.dataframer.judges.evaluations.create(
                    judge.id, input="x", output="y")).verdict.overall_score
        told(later=asyncio.run(later()))

        rotated = client.api_keys.rotate()
        told(rotated=[rotated.masked_key, rotated.api_key[:4], rotated.api_key[-4:]],
             old=refused(client.dataframer.judges.list),
             new=len(Dataframer(api_key=rotated.api_key).dataframer.judges.list().results))
    """)


def test_a_judge_is_told_as_the_client_knows_it(told: dict[str, Any]) -> None:
    latest = told["judge"]["latest_version"]
    assert (latest["version_number"], latest["model"]) == (1, "grader")
    assert [it["scoring_model"] for it in latest["dimensions"]] == ["pass_fail", "checklist"]


def test_content_is_judged_and_kept(told: dict[str, Any]) -> None:
    found = told["found"]
    assert (found["status"], found["source"]) == ("succeeded", "api")
    assert found["verdict"]["overall_score"] == 0.75
    assert [it["labels"] for it in found["verdict"]["dimensions"]] == [[], ["greets"]]
    assert "On its way." in told["rendered"]
    assert (told["same"], told["count"], told["later"]) == (True, 1, 0.75)


def test_an_address_is_not_fetched(told: dict[str, Any]) -> None:
    status, body = told["outside"]
    assert (status, list(body)) == (400, ["messages.0.content.0"])


def test_a_dataset_is_anonymised(told: dict[str, Any]) -> None:
    run = told["run"]
    assert run["status"] == "SUCCEEDED"
    assert run["results"]["entity_summary"] == {"email": 2, "name": 1}
    assert run["results"]["samples_processed"] == 2
    text = "Dear <NAME>, write to <MAIL>."
    assert told["file"] == ["letter_1.txt", "text/plain", text]
    assert told["whole"] == ["ready", ["letter_0.txt", "letter_1.txt"]]
    assert told["gone"][0] == 404
    assert told["listed"] is True


def test_there_are_no_failures_and_nothing_is_known_of_them(told: dict[str, Any]) -> None:
    assert told["failures"] == {"count": 0, "results": []}
    assert told["context"]["knowledge"] == {"facts": [], "total": 0}


def test_a_rotated_key_is_dead_and_the_new_one_works(told: dict[str, Any]) -> None:
    masked, first, last = told["rotated"]
    assert (masked[:4], masked[-4:]) == (first, last)
    assert told["old"][0] == 401
    assert told["new"] == 1
