"""Anonymisation runs: personal data in seed datasets is found and masked."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from dialects.dataframer.conftest import Api, problem, wrong_fields
from support.pdfs import pdf
from weighbridge.core.anonymization import Anonymization
from weighbridge.store import anonymizations as rows
from weighbridge.wiring import Services

LETTER = "Dear Anna Berg,\nyour card 4111 1111 1111 1111 was charged. Write to anna@example.org.\n"
FOUND = {"entities": [{"text": "Anna Berg", "type": "name", "score": 0.9}]}
MODELS = f"""
[[models]]
name = "finder"
protocol = "scripted"
replies = [
  {{contains = "BROKEN", error = {{kind = "bad_request", message = "no such luck"}}}},
  {{contains = "GIBBERISH", reply = "hm"}},
  {{contains = "holds no JSON", reply = "hm"}},
  {{reply = '{json.dumps(FOUND)}'}},
]
"""

pytestmark = pytest.mark.usefixtures("working")


@pytest.fixture
def models() -> str:
    return MODELS


async def run(api: Api, dataset: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A run that has ended."""
    asked = {
        "dataset_id": dataset["id"],
        "detection_method": "pii_m1",
        "pii_types": ["email", "credit_card_number"],
        **fields,
    }
    answer = await api.post("/anonymization-runs/", asked)
    assert answer.status_code == 202, answer.text
    return await api.ended(f"/anonymization-runs/{answer.json()['id']}/")


async def texts(api: Api, made: dict[str, Any]) -> dict[str, str]:
    """Path → text of the files that were written, which the ZIP holds as well."""
    path = f"/anonymization-runs/{made['id']}"
    found = {}
    for file in made["anonymized_files"]:
        link = await api.get(f"{path}/files/{file['id']}/download/")
        assert link["file_name"] == file["path"].rpartition("/")[2]
        data = (await api.download(link["download_url"])).content
        assert len(data) == file["size_in_bytes"]
        found[file["path"]] = data.decode()
    link = await api.get(f"{path}/download/")
    assert link["status"] == "ready"
    packed = zipfile.ZipFile(io.BytesIO((await api.download(link["download_url"])).content))
    assert {it: packed.read(it).decode() for it in packed.namelist()} == found
    return found


async def test_texts_are_masked_where_patterns_find_something(api: Api) -> None:
    made = await run(api, await api.seeds(LETTER, "Nothing here."))
    assert made["status"] == "SUCCEEDED", made
    assert await texts(api, made) == {
        "seed_1.txt": "Dear Anna Berg,\nyour card <CREDIT_CARD_NUMBER> was charged. "
        "Write to <EMAIL>.\n",
        "seed_2.txt": "Nothing here.",
    }
    results = made["results"]
    assert results["entity_summary"] == {"credit_card_number": 1, "email": 1}
    assert (results["samples_processed"], results["error"]) == (2, None)
    for it in results["entities_found"]:
        assert it["file"] == "seed_1.txt"
        assert LETTER[it["start"] : it["end"]] in {"4111 1111 1111 1111", "anna@example.org"}
        assert 0 <= it["score"] <= 1
    assert made["duration_seconds"] >= 0
    assert made["warnings"] == []


async def test_names_are_found_by_a_model_in_the_text_only(api: Api) -> None:
    dataset = await api.seeds(LETTER, "Nobody is here.")
    fields = {"detection_method": "all", "pii_types": ["name", "email"], "llm_model_name": "finder"}
    made = await run(api, dataset, **fields)
    first, second = (await texts(api, made)).values()
    assert first.startswith("Dear <NAME>,")
    assert "<EMAIL>" in first
    assert "4111 1111" in first
    assert second == "Nobody is here."
    assert made["results"]["entity_summary"] == {"email": 1, "name": 1}
    assert made["llm_model_name"] == "finder"
    made = await run(api, dataset, **{**fields, "detection_method": "llm"})
    assert made["results"]["entity_summary"] == {"name": 1}


async def test_it_is_said_what_patterns_do_not_find(api: Api) -> None:
    made = await run(api, await api.seeds(LETTER, "b"), pii_types=["first_name", "email"])
    assert made["status"] == "SUCCEEDED"
    [warning] = made["warnings"]
    assert "first_name" in warning
    assert "llm or all" in warning
    assert made["results"]["types_not_detected"] == ["first_name"]


async def test_a_table_stays_a_table_and_columns_tell_what_is_in_them(api: Api) -> None:
    table = 'First Name,note,n\r\nAnna,"call a@b.org, please",1\r\n"Bo ""B""",,2\r\n'
    answer = await api.upload(("t.csv", table.encode()), dataset_type="SINGLE_FILE")
    made = await run(api, answer.json(), pii_types=["first_name", "email"])
    [text] = (await texts(api, made)).values()
    assert list(csv.reader(io.StringIO(text))) == [
        ["First Name", "note", "n"],
        ["<FIRST_NAME>", "call <EMAIL>, please", "1"],
        ["<FIRST_NAME>", "", "2"],
    ]
    assert text.count("\r\n") == 3
    assert made["results"]["samples_processed"] == 2
    email = next(it for it in made["results"]["entities_found"] if it["label"] == "email")
    assert email == {
        "start": 5,
        "end": 12,
        "label": "email",
        "score": 0.98,
        "file": "t.csv",
        "row": 0,
        "field": "note",
    }
    alone = await run(api, answer.json(), pii_types=["first_name"])
    assert alone["results"]["entity_summary"] == {"first_name": 2}


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
async def test_json_stays_json(api: Api, suffix: str) -> None:
    rows = [{"who": {"mail": "a@b.org"}, "n": 1.5, "card": 4111111111111111, "ok": [True, None]}]
    rows += [{"who": "nobody", "n": 2, "card": 12, "ok": []}]
    text = json.dumps(rows) if suffix == ".json" else "".join(f"{json.dumps(it)}\n" for it in rows)
    answer = await api.upload((f"t{suffix}", text.encode()), dataset_type="SINGLE_FILE")
    made = await run(api, answer.json())
    [written] = (await texts(api, made)).values()
    found = json.loads(written) if suffix == ".json" else [*map(json.loads, written.splitlines())]
    assert found == [
        {"who": {"mail": "<EMAIL>"}, "n": 1.5, "card": "<CREDIT_CARD_NUMBER>", "ok": [True, None]},
        rows[1],
    ]


async def test_folders_stay_folders(api: Api) -> None:
    files = [("mail.md", b"a@b.org"), ("mail.md", b"c@d.org")]
    answer = await api.upload(*files, dataset_type="MULTI_FOLDER", folder_names=["one", "two"])
    made = await run(api, answer.json())
    assert await texts(api, made) == {"one/mail.md": "<EMAIL>", "two/mail.md": "<EMAIL>"}
    assert made["results"]["samples_processed"] == 2


async def test_each_type_is_masked_as_it_is_asked_for(api: Api) -> None:
    dataset = await api.seeds("a@b.org a@b.org +49 30 901820, 10.0.0.7", "x")
    made = await run(
        api,
        dataset,
        pii_types=["email", "phone_number", "ip_address"],
        mask_config={"email": "hash", "phone_number": "mask", "ip_address": "[gone]"},
    )
    first, second, *rest = (await texts(api, made))["seed_1.txt"].split(" ")
    assert first == second
    assert first.startswith("<EMAIL:")
    assert " ".join(rest) == "+** ** ******, [gone]"
    assert "key" not in str(made["mask_config"])
    again = await run(api, dataset, mask_config={"email": "hash"})
    assert not (await texts(api, again))["seed_1.txt"].startswith(first)


async def test_what_is_less_sure_than_the_threshold_stays(api: Api) -> None:
    dataset = await api.seeds("Order 212-555-0187", "x")
    for threshold, count in ((0.5, 1), (0.9, 0)):
        made = await run(api, dataset, pii_types=["phone_number"], threshold=threshold)
        assert made["results"]["entity_summary"].get("phone_number", 0) == count


@pytest.mark.parametrize("word", ["BROKEN", "GIBBERISH"])
async def test_where_a_part_was_not_looked_through_nothing_is_given_out(
    api: Api, word: str
) -> None:
    dataset = await api.seeds(LETTER, f"Anna Berg {word}")
    made = await run(
        api, dataset, detection_method="llm", pii_types=["name"], llm_model_name="finder"
    )
    assert made["status"] == "FAILED"
    assert "seed_2.txt could not be looked through" in made["results"]["error"]
    assert made["anonymized_files"] == []
    answer = await api.client.get(f"/anonymization-runs/{made['id']}/download/")
    assert "succeeded" in problem(answer, 400)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"dataset_id": None}, "dataset_id"),
        ({"dataset_id": "x"}, "dataset_id"),
        ({"dataset_id": "a98715da-921d-4326-bbf8-208f8bcc2956"}, "dataset_id"),
        ({"detection_method": None}, "detection_method"),
        ({"detection_method": "magic"}, "detection_method"),
        ({"pii_types": None}, "pii_types"),
        ({"pii_types": []}, "pii_types"),
        ({"pii_types": ["Email"]}, "pii_types"),
        ({"pii_types": ["first_name"]}, "pii_types"),
        ({"pii_types": ["shoe_size"]}, "pii_types"),
        ({"pii_types": ["x" * 65]}, "pii_types"),
        ({"detection_method": "llm"}, "llm_model_name"),
        ({"detection_method": "all", "llm_model_name": "nobody"}, "llm_model_name"),
        ({"detection_method": "llm", "llm_model_name": "embedded"}, "llm_model_name"),
        ({"threshold": 1.5}, "threshold"),
        ({"mask_config": {"phone": "x"}}, "mask_config"),
        ({"mask_config": {"email": "x" * 201}}, "mask_config"),
    ],
)
async def test_what_is_wrong_is_told_with_its_field(
    api: Api, fields: dict[str, Any], field: str
) -> None:
    dataset = await api.seeds(LETTER, "b")
    body = {"dataset_id": dataset["id"], "detection_method": "pii_m1", "pii_types": ["email"]}
    body = {key: value for key, value in {**body, **fields}.items() if value is not None}
    assert field in wrong_fields(await api.post("/anonymization-runs/", body))
    assert await api.get("/anonymization-runs/") == []


async def test_pdf_is_refused_by_name(api: Api) -> None:
    files = [(f"{name}.pdf", pdf(f"a@b.org {name}")) for name in "ab"]
    answer = await api.upload(*files)
    assert answer.status_code == 201, answer.text
    body = {"detection_method": "pii_m1", "pii_types": ["email"]}
    refused = await api.post("/anonymization-runs/", {**body, "dataset_id": answer.json()["id"]})
    assert "PDF" in wrong_fields(refused)["dataset_id"][0]


async def test_a_run_is_listed_and_deleted_and_others_see_nothing_of_it(
    services: Services, client: httpx2.AsyncClient, api: Api
) -> None:
    made = await run(api, await api.seeds(LETTER, "b"))
    [listed] = await api.get("/anonymization-runs/")
    assert listed.items() <= made.items()
    operator = await services.keys.operator()
    _, key = await services.keys.create(operator, name="k", workspace="elsewhere")
    headers = {"authorization": f"Bearer {key}"}
    path = f"/anonymization-runs/{made['id']}"
    file = made["anonymized_files"][0]["id"]
    for where in (f"{path}/", f"{path}/download/", f"{path}/files/{file}/download/"):
        assert problem(await client.get(where, headers=headers), 404)
    assert problem(await client.delete(f"{path}/", headers=headers), 404)
    assert (await client.get("/anonymization-runs/", headers=headers)).json() == []
    assert problem(await client.get(f"{path}/files/{made['id']}/download/"), 404)
    assert (await api.delete(f"{path}/")).status_code == 204
    assert problem(await client.get(f"{path}/"), 404)
    assert await api.get("/anonymization-runs/") == []


async def test_whoever_looks_while_a_run_ends_is_not_told_that_it_failed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await run(api, await api.seeds(LETTER, "Nothing here."))
    find, list_all = rows.find_anonymization, rows.list_anonymizations

    # As a database may tell that shows each query what was true when it came.
    async def find_before(connection: AsyncConnection, *ids: str) -> Anonymization | None:
        monkeypatch.setattr(rows, "find_anonymization", find)
        found = await find(connection, *ids)
        return found and replace(found, finished_at=None, result=None)

    async def list_before(connection: AsyncConnection, workspace_id: str) -> list[Anonymization]:
        monkeypatch.setattr(rows, "list_anonymizations", list_all)
        found = await list_all(connection, workspace_id)
        return [replace(it, finished_at=None, result=None) for it in found]

    monkeypatch.setattr(rows, "find_anonymization", find_before)
    assert await api.get(f"/anonymization-runs/{made['id']}/") == made
    monkeypatch.setattr(rows, "list_anonymizations", list_before)
    assert [it["status"] for it in await api.get("/anonymization-runs/")] == ["SUCCEEDED"]
