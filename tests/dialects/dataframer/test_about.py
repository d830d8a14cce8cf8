"""Health, models, the probe for a cloud of one's own, one's own key, and what is always empty."""

from typing import Any

import httpx2
import pytest

from dialects.dataframer.conftest import KEY, Api, problem
from weighbridge.app import build_app
from weighbridge.core.caller import Role
from weighbridge.dialects.dataframer.rotations import MOST
from weighbridge.wiring import Services

ROTATE = "http://test/api/users/api-key/rotate"


async def test_health_needs_no_key(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/health/", headers={"authorization": ""})
    assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})


async def test_models_are_those_that_can_be_named(api: Api, client: httpx2.AsyncClient) -> None:
    found = await api.get("/models/")
    assert {"writer", "judge"} <= {it["id"] for it in found}
    assert not [it for it in found if "<" in it["id"]]
    answer = await client.get("/models/", headers={"authorization": ""})
    assert problem(answer, 401)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_the_probe_is_told_that_this_is_an_ordinary_server(
    client: httpx2.AsyncClient, method: str
) -> None:
    answer = await client.request(method, "http://test/api/data-plane/token/")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_hybrid"


@pytest.mark.parametrize("path", ["/failures/", "/failures/?limit=5&offset=2&detail=summary"])
async def test_there_are_no_failures(api: Api, path: str) -> None:
    assert await api.get(path) == {"count": 0, "results": []}


async def test_nothing_is_known_of_failures(api: Api) -> None:
    nothing = {"knowledge": {"facts": [], "total": 0}, "rubrics": [], "rubric_count": 0}
    assert await api.get("/context/") == nothing
    assert (await api.get("/failures/", include="reviews,context"))["context"] == nothing
    assert await api.get("/context/", rubric_id="r") == {"rubrics": [], "rubric_count": 0}
    answer = await api.client.get("/failures/a98715da-921d-4326-bbf8-208f8bcc2956/")
    assert problem(answer, 404) == "Failure not found"


@pytest.mark.parametrize("role", list(Role))
async def test_a_rotated_key_is_dead_and_the_new_one_works(
    services: Services, client: httpx2.AsyncClient, role: Role
) -> None:
    operator = await services.keys.operator()
    _, old = await services.keys.create(operator, name="mine", role=role)
    answer = await client.post(ROTATE, headers={"authorization": f"Bearer {old}"})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    new = made["api_key"]
    assert made["masked_key"] == f"{new[:4]}{'*' * 8}{new[-4:]}"
    assert made["expires_at"] is None
    for key, status in ((old, 401), (new, 200)):
        seen = await client.get("/models/", headers={"authorization": f"Bearer {key}"})
        assert seen.status_code == status
    kept = await services.keys.list(operator)
    assert [it.role for it in kept if it.name == "mine"] == [role, role]


async def test_keys_are_rotated_five_times_an_hour_from_one_address(
    services: Services,
) -> None:
    key, app = KEY, build_app(services)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as one:
        for _ in range(MOST):
            answer = await one.post(ROTATE, headers={"authorization": f"Bearer {key}"})
            key = answer.json()["api_key"]
        answer = await one.post(ROTATE, headers={"authorization": f"Bearer {key}"})
        assert problem(answer, 429)
        assert 3_500 < int(answer.headers["retry-after"]) <= 3_600
        elsewhere = httpx2.ASGITransport(app, client=("10.0.0.9", 1))
        async with httpx2.AsyncClient(transport=elsewhere) as other:
            answer = await other.post(ROTATE, headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == 200
