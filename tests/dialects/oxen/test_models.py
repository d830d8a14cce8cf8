"""Models as this dialect lists them: the same ids wherever and whenever they are asked for."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from support.oxen_app import client_of, open_app

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[httpx2.AsyncClient]:
    folder = tmp_path_factory.mktemp("app")
    async with open_app(folder, empty_database) as services, client_of(services) as client:
        yield client


async def test_they_are_listed_in_the_shape_of_openai(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/ai/models")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["object"]) == ("success", "list")
    assert len({model["id"] for model in body["data"]}) == len(body["data"])
    by_name = {model["name"]: model for model in body["data"]}
    assert {"parrot", "slow", "blind", "filmer", "lazy", "mute"} <= by_name.keys()
    assert all("<model>" not in name for name in by_name)
    uuid.UUID(by_name["parrot"].pop("id"))
    assert by_name["parrot"] == {
        "object": "model",
        "name": "parrot",
        "display_name": "parrot",
        "model_name": "parrot",
        "provider": "scripted",
        "owned_by": "scripted",
        "aliases": [],
        "capabilities": {
            "input": ["text", "image", "video"],
            "output": ["text", "image", "video", "embeddings"],
        },
        "pricing": {"input_cost_per_million": 1000.0, "output_cost_per_million": 2000.0},
    }
    assert by_name["blind"]["capabilities"] == {"input": ["text"], "output": ["text"]}
    assert by_name["blind"]["pricing"] is None
    assert by_name["filmer"]["aliases"] == ["camera"]


async def test_ids_stay_the_same_after_a_restart(
    client: httpx2.AsyncClient, tmp_path: Path, empty_database: Path
) -> None:
    models = '[[models]]\nname = "parrot"\nprotocol = "scripted"\nreplies = ["other"]\n'
    async with (
        open_app(tmp_path, empty_database, models) as services,
        client_of(services) as other,
    ):
        later = (await other.get("/ai/models/parrot")).json()["model"]["id"]
    assert later == (await client.get("/ai/models/parrot")).json()["model"]["id"]


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("parrot", {"parrot"}),
        ("PARR", {"parrot"}),
        ("cam", {"filmer"}),
        ("film camera", {"filmer"}),
        ("film parrot", set()),
        ("no such model", set()),
    ],
)
async def test_they_are_searched_by_words_of_name_and_alias(
    client: httpx2.AsyncClient, search: str, names: set[str]
) -> None:
    answer = await client.get("/ai/models/search", params={"search": search})
    assert answer.json()["object"] == "list"
    assert {model["name"] for model in answer.json()["data"]} == names


async def test_a_search_for_nothing_finds_all(client: httpx2.AsyncClient) -> None:
    every = (await client.get("/ai/models")).json()["data"]
    assert (await client.get("/ai/models/search")).json()["data"] == every


async def test_one_is_found_by_uuid_name_and_alias(client: httpx2.AsyncClient) -> None:
    listed = (await client.get("/ai/models")).json()["data"]
    [model] = [model for model in listed if model["name"] == "filmer"]
    for wanted in (model["id"], model["id"].upper(), "filmer", "camera"):
        body = (await client.get(f"/ai/models/{wanted}")).json()
        assert (body["status"], body["model"], body["id"]) == ("success", model, model["id"])


async def test_one_that_is_none_is_not_found_and_the_others_are_named(
    client: httpx2.AsyncClient,
) -> None:
    for wanted in ("nobody", "00000000-0000-4000-8000-000000000000", "openai/none", "x" * 1_000):
        answer = await client.get(f"/ai/models/{wanted}")
        assert answer.status_code == 404
        body = answer.json()
        assert (body["status"], body["status_message"]) == ("error", "resource_not_found")
        assert "parrot" in body["status_description"]


async def test_the_older_list_says_the_same_with_less(client: httpx2.AsyncClient) -> None:
    body = (await client.get("/evaluations/models")).json()
    assert body["status"] == "success"
    newer = (await client.get("/ai/models")).json()["data"]
    fields = ("id", "name", "display_name", "capabilities", "provider")
    assert body["models"] == [{field: model[field] for field in fields} for model in newer]


async def test_nobody_sees_them_without_a_key(client: httpx2.AsyncClient) -> None:
    for path in ("/ai/models", "/ai/models/search", "/ai/models/parrot", "/evaluations/models"):
        answer = await client.get(path, headers={"Authorization": ""})
        assert answer.status_code == 401
        assert answer.json()["status_message"] == "unauthenticated"


async def test_a_search_that_is_too_long_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/ai/models/search", params={"search": "x" * 501})
    assert answer.status_code == 400
    assert "search" in answer.json()["status_description"]
