"""The form that starts evaluations: prefilled, checked, started, and the same in other ways."""

import ast
import asyncio
import html
import json
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from support import dataframer_world as world
from support.native import working
from support.pages import Desk, desk_at, desk_of
from weighbridge.app import build_app
from weighbridge.core.caller import Role
from weighbridge.core.versions import Signature
from weighbridge.spec import parse_spec
from weighbridge.specfile import load_spec
from weighbridge.store.runs import read_pin

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODELS = r"""
[[models]]
name = "parrot"
protocol = "scripted"
replies = [{match = "say (.*)", reply = "{1}"}, {reply = "no"}]
price = {input = 1.0, output = 2.0}

[[models]]
name = "other"
protocol = "scripted"
replies = ["yes"]
price = {input = 1.0, output = 2.0}

[[models]]
name = "unpriced"
protocol = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "nobody-knows-me"
"""
ROWS = [{"id": "a", "question": "ja", "answer": "ja"}, {"id": "b", "question": "no", "answer": "x"}]
FILLED = {
    "kind": "plain",
    "data": "questions",
    "id": "id",
    "target": "answer",
    "prompt": "say {question}",
    "models": "parrot",
    "scorer.0": "exact",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """An installation with something to choose of every kind."""
    async with desk_at(tmp_path_factory.mktemp("shop"), models=MODELS) as desk:
        services, caller = desk.services, desk.caller
        await services.datasets.import_rows(caller, "questions", ROWS)
        repo = await services.repositories.create(caller, "ns", "data")
        content = await repo.keep_bytes(b"question,n\nja,1\nnein,2\n", "q.csv")
        await repo.commit("main", {"q.csv": content}, "add", Signature("a", "a@b.c"))
        yield desk


async def send(desk: Desk, status: int, **fields: Any) -> httpx2.Response:
    """The form sent; one of its fields is called `path`, as is what `Desk.post` sends it to."""
    answer = await desk.client.post("/start", data={"csrf": desk.token, **fields})
    assert answer.status_code == status, (answer.status_code, answer.text[:3000])
    return answer


async def ask(desk: Desk, status: int = 200, **fields: Any) -> str:
    """The page after the form was sent."""
    return (await send(desk, status, **fields)).text


async def start(desk: Desk, **fields: Any) -> str:
    """Check, then start; where that leads."""
    checked = await ask(desk, do="check", **fields)
    [mark] = re.findall(r'name="checked" value="([0-9a-f]+)"', checked)
    answer = await send(desk, 303, do="start", checked=mark, **fields)
    return str(answer.headers["location"])


async def pins(desk: Desk, evaluation_id: str) -> list[str]:
    found = await desk.services.runs.list(desk.caller, evaluation_id=evaluation_id, limit=9)
    async with desk.services.store.begin() as connection:
        return sorted([await read_pin(connection, run.id) for run in found])


def recipe(page: str, title: str) -> str:
    """A recipe, as it would be copied."""
    summary = html.escape(title).replace("&#x27;", "&#39;")
    found = re.search(
        rf"<summary>{re.escape(summary)}</summary>.*?<pre id=[^>]*>(.*?)</pre>", page, re.DOTALL
    )
    assert found, page[-3000:]
    return html.unescape(found[1])


def body_of(curl: str) -> tuple[str, Any]:
    """Address and JSON body of a printed curl, read as a shell would."""
    words = shlex.split(curl.replace("\\\n", " "))
    address = next(it for it in words if it.startswith("http"))
    return address.removeprefix("http://test"), json.loads(words[words.index("-d") + 1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(shop: Desk) -> AsyncIterator[httpx2.AsyncClient]:
    """All APIs of the same installation, with an administrator's key."""
    _, secret = await shop.services.keys.create(
        await shop.services.keys.operator(), name="api", role=Role.ADMIN
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(build_app(shop.services)),
        base_url="http://test",
        headers={"Authorization": f"Bearer {secret}"},
    ) as client:
        yield client


@pytest.mark.parametrize("kind", ["plain", "column", "benchmark", "safety", "samples"])
async def test_every_kind_has_a_form(shop: Desk, kind: str) -> None:
    page = await shop.get(f"/start?kind={kind}")
    assert "Check, and see what it takes" in page
    assert f'name="kind" value="{kind}"' in page


async def test_a_kind_that_there_is_not_is_not_found(shop: Desk) -> None:
    assert "no kind of evaluation" in await shop.get("/start?kind=nothing", status=404)


async def test_readers_may_not(shop: Desk) -> None:
    async with desk_of(shop.services, Role.READER) as reader:
        await reader.get("/start", status=403)
        await reader.post("/start", status=403, do="check", **FILLED)


async def test_a_data_set_in_the_address_fills_the_columns_in(shop: Desk) -> None:
    page = await shop.get("/start?data=questions&model=other")
    assert 'name="id" value="id"' in page
    assert 'name="target" value="answer"' in page
    assert "{question}</textarea>" in page
    assert re.search(r'value="other" checked', page)
    assert not re.search(r'value="parrot" checked', page)


async def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(shop: Desk) -> None:
    fields = {**FILLED, "models": "parot", "more_models": "parot", "prompt": "say {questoin}"}
    page = await ask(shop, 422, do="check", **fields)
    assert "say {questoin}" in page
    assert 'id="error-models"' in page
    page = await ask(shop, 422, do="check", **{**FILLED, "prompt": "say {questoin}"})
    assert "questoin" in page


async def test_it_is_checked_priced_and_started(shop: Desk) -> None:
    checked = await ask(shop, do="check", **FILLED)
    assert "In order. It takes about:" in checked
    assert "Start for" in checked
    place = await start(shop, **FILLED)
    assert place.startswith("/runs/run_")
    view = await shop.services.runs.view(shop.caller, place.removeprefix("/runs/"))
    assert view.evaluation.door == "web"
    assert view.run.model == "parrot"


async def test_nothing_starts_that_was_changed_after_the_price_was_told(shop: Desk) -> None:
    checked = await ask(shop, do="check", **FILLED)
    [mark] = re.findall(r'name="checked" value="([0-9a-f]+)"', checked)
    page = await ask(shop, do="start", checked=mark, **{**FILLED, "epochs": "50"})
    assert "changed since" in page
    assert "100" in page


async def test_nothing_starts_that_was_never_checked(shop: Desk) -> None:
    assert "changed since" in await ask(shop, do="start", **FILLED)


async def test_the_mark_of_a_page_is_that_of_the_form_that_it_shows(shop: Desk) -> None:
    odd = {**FILLED, "prompt": "  say {question}\r\n\r\nplease  ", "name": "  x  "}
    checked = await ask(shop, do="check", **odd)
    [mark] = re.findall(r'name="checked" value="([0-9a-f]+)"', checked)
    again = {**odd, "name": "x"}  # as the page shows it
    answer = await shop.post("/start", do="start", checked=mark, **again)
    assert answer.headers["location"].startswith("/runs/")


async def test_an_unknown_price_is_said(shop: Desk) -> None:
    page = await ask(shop, do="check", **{**FILLED, "models": "unpriced"})
    assert "price unknown" in page


async def test_several_models_lead_to_the_evaluation(shop: Desk) -> None:
    place = await start(shop, **{**FILLED, "models": ["parrot", "other"]})
    assert place.startswith("/evaluations/eval_")


async def test_yaml_is_checked_line_by_line_and_started(shop: Desk) -> None:
    yaml = (await ask(shop, do="yaml", **FILLED)).replace("&#39;", "'")
    text = re.search(r"<textarea name=\"yaml\"[^>]*>\n(.*?)</textarea>", yaml, re.DOTALL)
    assert text
    assert load_spec(text[1], "x").prompt == "say {question}"
    fields = {"kind": "plain", "view": "yaml", "yaml": text[1]}
    wrong = await ask(shop, 422, do="check", **{**fields, "yaml": text[1] + "epochs: none\n"})
    line = len(text[1].splitlines()) + 1
    assert re.search(rf'<td class="number soft">{line}</td>.*?epochs', wrong, re.DOTALL)
    lost = await ask(
        shop, 422, do="check", **{**fields, "yaml": text[1].replace("parrot", "parot")}
    )
    assert "model: " in lost
    place = await start(shop, **fields)
    assert place.startswith("/runs/")


async def test_broken_yaml_cannot_become_a_form_and_stays(shop: Desk) -> None:
    page = await ask(shop, 422, kind="plain", view="yaml", yaml="a: [1", do="form")
    assert "a: [1" in page


async def test_an_evaluation_can_be_begun_from_another(shop: Desk) -> None:
    place = await start(shop, **{**FILLED, "name": "first", "temperature": "0.5"})
    view = await shop.services.runs.view(shop.caller, place.removeprefix("/runs/"))
    page = await shop.get(f"/start?evaluation={view.evaluation.id}")
    assert 'name="name" value="first"' in page
    assert 'name="temperature" value="0.5"' in page
    assert "say {question}" in page
    assert await shop.get("/start?evaluation=eval_none", status=404)


async def test_a_file_is_uploaded_and_the_form_goes_on(shop: Desk) -> None:
    await shop.source("/start")
    answer = await shop.post(
        "/start/upload",
        status=200,
        files={"file": ("more.csv", b"id,question,answer\n1,ja,ja\n")},
        **{**FILLED, "data": "", "system": "Be brief."},
    )
    assert "more.csv is data set ds_" in answer.text
    assert "Be brief." in answer.text
    assert "{question}" in answer.text


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"file": ("empty.csv", b"")}, "empty"),
        ({"file": ("x.parquet", b"nonsense")}, "parquet"),
        ({"file": ("", b"")}, "choose a file"),
    ],
)
async def test_a_file_that_is_none_is_refused_beside_the_field(
    shop: Desk, files: Any, words: str
) -> None:
    await shop.source("/start")
    answer = await shop.client.post(
        "/start/upload", data={"csrf": shop.token, **FILLED}, files=files
    )
    assert 400 <= answer.status_code < 500
    assert words in answer.text
    assert "say {question}" in answer.text


async def test_a_forged_form_starts_nothing(shop: Desk) -> None:
    answer = await shop.client.post("/start", data={"do": "check", "csrf": "no", **FILLED})
    assert answer.status_code == 403


# The same in other ways


async def test_the_printed_curl_starts_the_same(shop: Desk, api: httpx2.AsyncClient) -> None:
    page = await ask(shop, do="check", **{**FILLED, "prompt": 'it\'s "{question}" `$HOME`'})
    address, body = body_of(recipe(page, "curl"))
    answer = await api.post(address, json=body)
    assert answer.status_code == 201, answer.text
    place = await start(shop, **{**FILLED, "prompt": 'it\'s "{question}" `$HOME`'})
    view = await shop.services.runs.view(shop.caller, place.removeprefix("/runs/"))
    assert await pins(shop, answer.json()["id"]) == [view.pin]


async def test_the_printed_python_and_file_say_the_same(shop: Desk) -> None:
    page = await ask(shop, do="check", **FILLED)
    _, body = body_of(recipe(page, "curl"))
    python = ast.parse(recipe(page, "Python"))
    [spec] = [
        ast.literal_eval(node.value)
        for node in python.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "spec"
    ]
    assert parse_spec(spec) == parse_spec(body)
    assert load_spec(recipe(page, "The file"), "x") == parse_spec(body)
    command = recipe(page, "Command line")
    inner = re.search(r"<<'YAML'\n(.*)YAML\n", command, re.DOTALL)
    assert inner
    assert load_spec(inner[1], "x") == parse_spec(body)


COLUMN = {
    "kind": "column",
    "repository": "ns/data",
    "revision": "main",
    "path": "q.csv",
    "prompt": "say {question}",
    "input_type": "text",
    "output_type": "text",
    "model_id": "parrot",
    "target_column": "said",
    "target_branch": "results",
    "auto_commit": "yes",
}


async def test_a_column_is_started_as_the_printed_request_would(
    shop: Desk, api: httpx2.AsyncClient
) -> None:
    page = await ask(shop, do="check", **COLUMN)
    assert "In order" in page
    address, body = body_of(recipe(page, "curl"))
    answer = await api.post(address, json=body)
    assert answer.status_code == 200, answer.text
    place = await start(shop, **COLUMN)
    mine = await shop.services.runs.view(shop.caller, place.removeprefix("/runs/"))
    [theirs] = [
        it
        for it in await shop.services.runs.views(shop.caller, limit=20)
        if it.evaluation.door == "oxen"
    ]
    assert mine.pin == theirs.pin
    inference = await shop.services.inferences.get(shop.caller, mine.run.id)
    assert (inference.column, inference.branch, inference.auto_commit) == ("said", "results", True)


async def test_the_fields_of_a_column_say_what_is_wrong(shop: Desk) -> None:
    page = await ask(shop, 422, do="check", **{**COLUMN, "repository": "ns/none"})
    assert 'id="error-repository"' in page
    page = await ask(shop, 422, do="check", **{**COLUMN, "path": "none.csv"})
    assert 'id="error-path"' in page
    page = await ask(shop, 422, do="check", **{**COLUMN, "sample_count": "many"})
    assert 'id="error-sample_count"' in page
    page = await ask(shop, 422, do="check", **{**COLUMN, "model_id": "parot"})
    assert 'id="error-model_id"' in page


async def benchmark_of(desk: Desk, folder: Path) -> str:
    path = folder / "questions.json"
    path.write_text(json.dumps([{"question": "ja", "answer": "ja"}]))
    made = await desk.services.benchmarks.upload(desk.caller, path, path.name, name="small")
    return made.id


async def test_two_models_are_put_through_a_benchmark(
    shop: Desk, api: httpx2.AsyncClient, tmp_path: Path
) -> None:
    fields = {
        "kind": "benchmark",
        "benchmark_id": await benchmark_of(shop, tmp_path),
        "model_id": "parrot",
        "model_id_2": "other",
    }
    assert fields["benchmark_id"] in await shop.get("/start?kind=benchmark")
    page = await ask(shop, do="check", **fields)
    address, body = body_of(recipe(page, "curl"))
    assert address == "/api/v3/evaluations"
    answer = await api.post(address, json=body)
    assert answer.status_code == 200, answer.text
    place = await start(shop, **fields)
    mine = await shop.services.runs.view(shop.caller, place.removeprefix("/runs/"))
    assert await pins(shop, mine.evaluation.id) == await pins(shop, answer.json()["evaluation_id"])
    page = await ask(shop, 422, do="check", **{**fields, "model_id_2": "nobody"})
    assert 'id="error-model_id_2"' in page
    page = await ask(shop, 422, do="check", **{**fields, "benchmark_id": "bench_none"})
    assert 'id="error-benchmark_id"' in page


SAFETY = {
    "kind": "safety",
    "eval_type": "safety",
    "ai_description": "A clerk of a bakery.",
    "language": "en",
    "prompts": "4",
    "own_policy": "Do not insult customers.",
    "own_policy_name": "manners",
    "models": "other",
    "judge": "parrot",
}


async def test_a_suite_is_written_and_a_model_put_to_it(
    shop: Desk, api: httpx2.AsyncClient
) -> None:
    page = await ask(shop, do="check", **SAFETY)
    assert "In order" in page
    curls = recipe(page, "curl").split("\n\n")
    first, second = curls[0], curls[1]
    _, body = body_of(first.removeprefix("suite=$(").rpartition(" \\\n  | sed")[0])
    made = await api.post("/api/v1/suites", json=body)
    assert made.status_code == 201, made.text
    words = shlex.split(second.partition("\n")[2].replace("\\\n", " "))
    runs = json.loads(words[words.index("-d") + 1])
    asked = await api.post(f"/api/v1/suites/{made.json()['id']}/runs", json=runs)
    assert asked.status_code == 201, asked.text
    place = await start(shop, **SAFETY)
    mine = await shop.services.runs.view(shop.caller, place.removeprefix("/runs/"))
    theirs = await shop.services.evaluations.get(shop.caller, asked.json()["id"])
    same = ("messages", "scorers", "judge", "id")
    assert {name: mine.evaluation.spec[name] for name in same if name in mine.evaluation.spec} == {
        name: theirs.spec[name] for name in same if name in theirs.spec
    }
    again = await shop.get(f"/start?kind=safety&suite={made.json()['id']}&model=other")
    assert "Those of" in again
    assert "--suite" in recipe(again, "Command line")


async def test_without_a_model_the_prompts_are_written_and_the_client_is_shown(shop: Desk) -> None:
    fields = {name: value for name, value in SAFETY.items() if name != "models"}
    page = await ask(shop, do="check", **fields)
    assert "No model is asked" in page
    assert "client.evals.create" in recipe(page, "Python with Aymara's client")
    place = await start(shop, **fields)
    assert place.startswith("/suites/suite_")


async def test_policies_by_name_stand_as_texts_in_the_vendors_words(shop: Desk) -> None:
    fields = {**SAFETY, "own_policy": "", "policies": ["hate_speech"]}
    page = await ask(shop, 200, do="look", **fields)
    slugs = re.findall(r'name="policies" value="([a-z_]+)"', page)
    page = await ask(shop, do="check", **{**fields, "policies": slugs[:1]})
    ast.parse(recipe(page, "Python with Aymara's client"))
    assert "ai_instructions" in recipe(page, "Python with Aymara's client")
    page = await ask(shop, 422, do="check", **{**fields, "policies": ["nothing"]})
    assert 'id="error-policies"' in page
    page = await ask(shop, 422, do="check", **{**SAFETY, "prompts": "0"})
    assert 'id="error-prompts"' in page


async def test_samples_need_a_spec_or_a_description(shop: Desk) -> None:
    page = await ask(shop, 422, do="check", kind="samples")
    assert 'id="error-name"' in page
    fields = {
        "kind": "samples",
        "name": "letters",
        "objectives": "Letters to a bakery.",
        "spec_model": "parrot",
    }
    page = await ask(shop, do="check", **fields)
    assert "proposes" in page
    ast.parse(recipe(page, "Python with DataFramer's client"))
    place = await start(shop, **fields)
    assert place.startswith("/start?kind=samples&spec=dspec_")
    waiting = await shop.get(place)
    assert "is being proposed" in waiting
    page = await ask(shop, 422, do="check", **{**fields, "name": "two", "spec_model": ""})
    assert 'id="error-spec_model"' in page


async def test_samples_are_made_by_a_spec_that_is_there(tmp_path: Path) -> None:
    await asyncio.to_thread(world.write_scripts, tmp_path)
    async with desk_at(tmp_path, models=world.MODELS) as desk, working(desk.services):
        spec = await desk.services.data_specs.create(
            desk.caller, "letters", objectives="Letters to a shop"
        )
        async with asyncio.timeout(30):
            while not (await desk.services.data_specs.get(desk.caller, spec.id)).version:
                await asyncio.sleep(0.02)
        fields = {
            "kind": "samples",
            "spec_id": spec.id,
            "number_of_samples": "3",
            "revision_types": "consistency",
            "max_revision_cycles": "2",
            "filtering_types": "conformance",
        }
        assert "version 1" in await desk.get(f"/start?kind=samples&spec={spec.id}")
        page = await ask(desk, do="check", **fields)
        for role in ("plans", "writes", "revises", "looks"):
            assert f"<td>{role}</td>" in page
        assert "is made again, which is not counted" in page
        place = await start(desk, **fields)
        [made] = await desk.services.productions.list(desk.caller)
        assert place == f"/runs/{made.run.id}"
        wrong = {**fields, "number_of_samples": "0", "generation_model": "nobody"}
        page = await ask(desk, 422, do="check", **wrong)
        assert 'id="error-number_of_samples"' in page
        assert 'id="error-generation_model"' in page
        page = await ask(desk, 422, do="check", **{**fields, "number_of_samples": ""})
        assert 'id="error-number_of_samples"' in page


async def test_prompts_that_a_model_writes_are_waited_for(tmp_path: Path) -> None:
    await asyncio.to_thread(world.write_scripts, tmp_path)
    async with desk_at(tmp_path, models=world.MODELS) as desk:
        await desk.source("/start")
        fields = {**SAFETY, "models": "grader", "judge": "grader", "generator": "slow"}
        page = await ask(desk, do="check", **fields)
        assert "writes prompts" in page
        place = await start(desk, **fields)
        assert place.startswith("/start?kind=safety&suite=suite_")
        assert place.endswith("&model=grader")
        waiting = await desk.get(place)
        assert "are being written" in waiting
        stream = re.findall(r'data-live="([^"]+)"', waiting)[0]
        suite_id = stream.partition("suite=")[2]
        page = await ask(desk, 409, do="check", kind="safety", suite=suite_id, models="grader")
        assert "the prompts of the suite are not there" in page
        [run] = await desk.services.runs.list(desk.caller, limit=1)
        await desk.services.runs.cancel(desk.caller, run.id)
        told = await desk.client.get(stream)
        assert "event: end" in told.text
        assert (await desk.client.get("/start/waiting")).status_code == 404


async def test_standard_benchmarks_are_run_by_name(shop: Desk) -> None:
    offered = [it.benchmark.name for it in shop.services.standard.list() if it.copy is not None]
    if not offered:
        pytest.skip("no data of a standard benchmark are installed")
    fields = {"kind": "benchmark", "benchmark_id": offered[0], "model_id": "parrot"}
    page = await ask(shop, do="check", **fields)
    assert f"weighbridge bench run {offered[0]}" in page
