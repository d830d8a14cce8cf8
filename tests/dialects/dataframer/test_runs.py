"""Generation runs in the vendor's words."""

import asyncio
import io
import json
import zipfile
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from dialects.dataframer.conftest import Api, problem, wrong_fields
from support.producing import Kitchen
from support.running import Bench, FakeModel
from weighbridge.core.synthesis import Shape, SpecState
from weighbridge.dialects.dataframer.access import shown_id
from weighbridge.wiring import Services

WRITER = r"""
[[models]]
name = "writer"
protocol = "scripted"
aliases = ["anthropic/claude-sonnet-5-5"]
price = { input = 1.0, output = 1.0 }
replies = [
  {contains = "one row of a table", reply = '{"name": "Ann", "age": 3}'},
  {contains = "Say which value", reply = '{"values": {"mood": "calm"}}'},
  {match = 'This is sample ([0-9]+) of', reply = "letter {1}"},
]

[[models]]
name = "slow"
protocol = "scripted"
replies = [{reply = "slow", latency_ms = 30000}]

[defaults]
generator = "writer"
"""


@pytest.fixture
def models() -> str:
    return WRITER


@pytest.fixture
async def kitchen(services: Services) -> Kitchen:
    """For specs, which others make."""
    return Kitchen(Bench(services.store, FakeModel(), await services.keys.operator()))


async def started(api: Api, kitchen: Kitchen, **fields: Any) -> dict[str, Any]:
    body = {"spec_id": shown_id(await kitchen.spec()), "number_of_samples": 3, **fields}
    answer = await api.post("/runs/", body)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def ended(api: Api, kitchen: Kitchen, **fields: Any) -> dict[str, Any]:
    made = await started(api, kitchen, **fields)
    return await api.ended(f"/runs/{made['id']}/")


@pytest.mark.usefixtures("working")
async def test_a_run_makes_a_file_for_each_sample(api: Api, kitchen: Kitchen) -> None:
    made = await started(api, kitchen, skip_outline=True)
    assert made["status"] == "PENDING"
    assert made["generated_files"] == []
    run = await api.ended(f"/runs/{made['id']}/")
    assert run["status"] == "SUCCEEDED"
    assert (run["samples_completed"], run["samples_failed"]) == (3, 0)
    assert run["total_cost"] > 0
    assert run["completed_at"] >= run["created_at"]
    assert (run["dataset_id"], run["dataset_type"], run["spec_version"]) == (None, "MULTI_FILE", 1)
    assert [file["path"] for file in run["generated_files"]] == [
        *("sample_1.txt", "sample_2.txt", "sample_3.txt")
    ]
    file = run["generated_files"][1]
    assert (file["file_type"], file["size_bytes"]) == ("text/plain", len("letter 2"))
    told = await api.get(f"/runs/{run['id']}/files/{file['id']}/download/")
    assert (told["filename"], told["content_type"]) == ("sample_2.txt", "text/plain")
    assert (await api.download(told["download_url"])).content == b"letter 2"


@pytest.mark.usefixtures("working")
async def test_a_table_is_one_file_in_the_zip(api: Api, kitchen: Kitchen) -> None:
    seeds = {"people.csv": "name,age\nBob,1\nEve,2\n"}
    spec = await kitchen.spec(Shape.SINGLE_FILE, seeds)
    run = await ended(api, kitchen, spec_id=shown_id(spec), number_of_samples=2)
    assert [file["path"] for file in run["generated_files"]] == ["samples.csv"]
    path = f"/runs/{run['id']}/files/download/"
    first = await api.client.get(path)
    assert first.status_code == 202
    assert first.json()["download_url"] is None
    for _ in range(2_000):
        answer = await api.client.get(path)
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.02)
    ready = answer.json()
    data = (await api.download(ready["download_url"])).content
    assert len(data) == ready["size_bytes"]
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert [name for name in archive.namelist() if name.endswith(".csv")] == ["samples.csv"]
    assert archive.read("samples.csv") == b"name,age\nAnn,3\nAnn,3\n"
    assert json.loads(archive.read("top_level.metadata"))["samples_completed"] == 2


@pytest.mark.usefixtures("working")
async def test_samples_that_do_not_conform_are_counted_as_failed(
    api: Api, kitchen: Kitchen
) -> None:
    run = await ended(
        api, kitchen, number_of_samples=4, skip_outline=True, filtering_types=["conformance"]
    )
    assert run["status"] == "SUCCEEDED"
    assert (run["samples_completed"], run["samples_failed"]) == (2, 2)
    assert "2 of 4 samples are missing" in run["note"]


async def test_a_run_tells_how_it_was_asked_for(api: Api, kitchen: Kitchen) -> None:
    made = await started(
        api,
        kitchen,
        generation_model="anthropic/claude-sonnet-5-5",
        revision_model="slow",
        revision_types=["consistency", "conformance"],
        filtering_types=["structural"],
        max_revision_cycles=3,
        tools=["calculator"],
        seed_shuffling_level="prompt",
        max_examples_in_prompt=5,
        unified_multifield=False,
        spec_version=1,
    )
    params = made["runtime_params"]
    assert isinstance(params.pop("seed"), int)
    assert params == {
        "number_of_samples": 3,
        "generation_model": "anthropic/claude-sonnet-5-5",
        "generation_thinking_budget": None,
        "outline_model": "anthropic/claude-sonnet-5-5",
        "outline_thinking_budget": None,
        "revision_model": "slow",
        "revision_thinking_budget": None,
        "revision_types": ["consistency", "conformance"],
        "filtering_types": ["structural"],
        "max_revision_cycles": 3,
        "skip_outline": False,
        "tools": ["calculator"],
        "seed_shuffling_level": "prompt",
        "max_examples_in_prompt": 5,
        "unified_multifield": False,
    }


async def test_the_older_switch_asks_for_all_revisions_that_are_possible(
    api: Api, kitchen: Kitchen
) -> None:
    seedless = (await started(api, kitchen, enable_revisions=True))["runtime_params"]
    assert seedless["revision_types"] == ["coherence_flow", "consistency", "conformance"]
    assert seedless["filtering_types"] == ["structural"]
    spec = shown_id(await kitchen.spec(files={"a.txt": "a", "b.txt": "b"}))
    seeded = (await started(api, kitchen, spec_id=spec, enable_revisions=True))["runtime_params"]
    assert "distinguishability" in seeded["revision_types"]
    own = await started(api, kitchen, enable_revisions=True, revision_types=["consistency"])
    assert own["runtime_params"]["revision_types"] == ["consistency"]
    assert own["runtime_params"]["filtering_types"] == []


async def test_null_says_as_little_as_nothing(api: Api, kitchen: Kitchen) -> None:
    nothing = dict.fromkeys(
        ("spec_version", "generation_model", "revision_types", "tools", "max_examples_in_prompt")
    )
    made = await started(api, kitchen, **nothing)
    assert made["runtime_params"]["generation_model"] == "writer"


@pytest.mark.parametrize("field", ["generation_model", "outline_model", "revision_model"])
@pytest.mark.parametrize("model", ["openai/gpt-99", "embedded", "x" * 400])
async def test_an_unknown_model_is_named_with_those_that_work(
    api: Api, kitchen: Kitchen, field: str, model: str
) -> None:
    spec = shown_id(await kitchen.spec())
    body = {"spec_id": spec, "number_of_samples": 1, field: model}
    if field != "generation_model" or model != "embedded":
        body.setdefault("generation_model", "writer")
    fields = wrong_fields(await api.post("/runs/", body))
    assert set(fields) == {field}
    [message] = fields[field]
    assert "writer" in message
    if field != "generation_model" or model != "embedded":
        role = field.removesuffix("_model")
        assert message.startswith(f"Unsupported {role} model: {model[:200]}")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"number_of_samples": None}, "number_of_samples"),
        ({"number_of_samples": 0}, "number_of_samples"),
        ({"number_of_samples": 20_001}, "number_of_samples"),
        ({"number_of_samples": 10**18}, "number_of_samples"),
        ({"number_of_samples": "3"}, "number_of_samples"),
        ({"number_of_samples": 2.5}, "number_of_samples"),
        ({"number_of_samples": True}, "number_of_samples"),
        ({"spec_version": 0}, "spec_version"),
        ({"spec_version": 2}, "spec_version"),
        ({"spec_version": -(10**18)}, "spec_version"),
        ({"spec_id": "17"}, "spec_id"),
        ({"spec_id": None}, "spec_id"),
        ({"revision_types": ["nonsense"]}, "revision_types"),
        ({"revision_types": "consistency"}, "revision_types"),
        ({"revision_types": ["distinguishability"]}, "revision_types"),
        ({"filtering_types": ["nonsense"]}, "filtering_types"),
        ({"tools": ["python"]}, "tools"),
        ({"seed_shuffling_level": "all"}, "seed_shuffling_level"),
        ({"max_revision_cycles": -1}, "max_revision_cycles"),
        ({"max_revision_cycles": 10**9}, "max_revision_cycles"),
        ({"max_examples_in_prompt": -1}, "max_examples_in_prompt"),
        ({"generation_thinking_budget": 4_000}, "generation_thinking_budget"),
        ({"revision_thinking_budget": 4_000}, "revision_thinking_budget"),
        ({"skip_outline": "yes"}, "skip_outline"),
        ({"generation_model": ""}, "generation_model"),
        ({"generation_model": 7}, "generation_model"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    api: Api, kitchen: Kitchen, fields: dict[str, Any], named: str
) -> None:
    body = {"spec_id": shown_id(await kitchen.spec()), "number_of_samples": 1, **fields}
    sent = json.dumps(body)
    answer = await api.client.post(
        "/runs/", content=sent, headers={"content-type": "application/json"}
    )
    assert named in {it.partition(".")[0] for it in wrong_fields(answer)}, answer.text
    assert await api.get("/runs/") == []


async def test_what_is_missing_is_required(api: Api) -> None:
    fields = wrong_fields(await api.post("/runs/", {}))
    assert fields == {
        "spec_id": ["This field is required."],
        "number_of_samples": ["This field is required."],
    }


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"nonsense", b"null", b'"x"', b"\xff"),
        b'{"spec_id": "\\ud800"}',
        b'{"number_of_samples": 1' + 400 * b"0" + b"}",
    ],
)
async def test_a_body_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await api.client.post("/runs/", content=body, headers=headers)
    assert answer.status_code == 400, answer.text


async def test_a_spec_must_be_there_and_have_succeeded(api: Api, kitchen: Kitchen) -> None:
    answer = await api.post("/runs/", {"spec_id": str(uuid4()), "number_of_samples": 1})
    assert problem(answer, 404) == "Spec not found"
    waiting = shown_id(await kitchen.spec(state=SpecState.PROCESSING))
    answer = await api.post("/runs/", {"spec_id": waiting, "number_of_samples": 1})
    assert "SUCCEEDED" in wrong_fields(answer)["spec_id"][0]


async def test_runs_are_a_bare_list_newest_first(api: Api, kitchen: Kitchen) -> None:
    first = await started(api, kitchen)
    second = await started(api, kitchen)
    listed = await api.get("/runs/")
    assert [run["id"] for run in listed] == [second["id"], first["id"]]
    assert listed[0]["status"] == "PENDING"
    assert "generated_files" not in listed[0]


async def test_a_run_in_work_is_cancelled_and_one_that_ended_is_not(
    api: Api, kitchen: Kitchen
) -> None:
    made = await started(api, kitchen)
    answer = await api.post(f"/runs/{made['id']}/cancel/")
    assert answer.status_code == 200
    assert (await api.get(f"/runs/{made['id']}/"))["status"] == "CANCELED"
    answer = await api.post(f"/runs/{made['id']}/cancel/")
    assert problem(answer, 400) == "Can only cancel runs that are PENDING or PROCESSING"


@pytest.mark.usefixtures("working")
async def test_a_run_whose_model_is_slow_is_cancelled_within_a_second(
    api: Api, kitchen: Kitchen
) -> None:
    made = await started(api, kitchen, generation_model="slow", skip_outline=True)
    while (await api.get(f"/runs/{made['id']}/"))["status"] == "PENDING":
        await asyncio.sleep(0.02)
    await api.post(f"/runs/{made['id']}/cancel/")
    run = await api.ended(f"/runs/{made['id']}/")
    assert run["status"] == "CANCELED"
    assert run["generated_files"] == []


async def test_a_run_that_is_deleted_is_gone(api: Api, kitchen: Kitchen) -> None:
    made = await started(api, kitchen)
    answer = await api.delete(f"/runs/{made['id']}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert await api.get("/runs/") == []
    for method, rest in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "cancel/"),
        ("GET", "files/download/"),
    ):
        answer = await api.client.request(method, f"/runs/{made['id']}/{rest}")
        assert problem(answer, 404) == "Run not found"


async def test_files_are_there_when_the_run_has_succeeded(api: Api, kitchen: Kitchen) -> None:
    made = await started(api, kitchen)
    answer = await api.client.get(f"/runs/{made['id']}/files/download/")
    assert problem(answer, 400) == "Can only download files of completed runs"
    answer = await api.client.get(f"/runs/{made['id']}/files/{uuid4()}/download/")
    assert problem(answer, 404) == "File not found"


@pytest.mark.parametrize("id_", ["17", "nonsense", "%00", "6f1f7c1e-9f4b-4d7b-8a55-3f0c1d2e4b6a"])
async def test_an_id_of_nothing_is_not_found(api: Api, id_: str) -> None:
    for method, rest in (
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "cancel/"),
        ("GET", "files/download/"),
    ):
        answer = await api.client.request(method, f"/runs/{id_}/{rest}")
        assert problem(answer, 404) == "Run not found"


async def test_every_route_needs_a_key(client: httpx2.AsyncClient) -> None:
    id_ = uuid4()
    for method, path in (
        ("GET", "/runs/"),
        ("POST", "/runs/"),
        ("GET", f"/runs/{id_}/"),
        ("DELETE", f"/runs/{id_}/"),
        ("POST", f"/runs/{id_}/cancel/"),
        ("GET", f"/runs/{id_}/files/download/"),
        ("GET", f"/runs/{id_}/files/{id_}/download/"),
    ):
        answer = await client.request(method, path, headers={"authorization": ""})
        assert answer.status_code == 401, (method, path)
