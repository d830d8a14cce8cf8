"""Seed datasets: the wire, and what is refused on it."""

import io
import json
import re
import zipfile
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialects.dataframer.conftest import Api, problem, wrong_fields
from weighbridge.services.links import Links
from weighbridge.wiring import Services

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TWO = (("a.txt", b"first"), ("b.txt", b"second"))


def zipped(**files: str | bytes) -> bytes:
    """An archive; of names the `__` is a dot."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return written.getvalue()


# The wire


async def test_a_dataset_has_the_vendors_fields(api: Api) -> None:
    answer = await api.upload(*TWO, description="letters")
    assert answer.status_code == 201
    made = answer.json()
    assert re.fullmatch(UUID, made.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z", made.pop("created_at"))
    made.pop("updated_at")
    [first, _] = made.pop("files")
    assert re.fullmatch(UUID, first.pop("id"))
    assert first == {
        "path": "a.txt",
        "file_type": "text/plain",
        "size_bytes": 5,
        "sha256": "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e",
    }
    assert made == {
        "name": "seeds",
        "description": "letters",
        "dataset_type": "MULTI_FILE",
        "file_count": 2,
        "folder_count": 0,
        "sample_count": None,
        "created_by_email": "administrator",
    }


async def test_a_list_leaves_out_files_and_samples(api: Api) -> None:
    assert await api.get("/seed-datasets/") == []
    first = (await api.upload(*TWO)).json()
    await api.table({"a": 1}, {"a": 2})
    table, letters = await api.get("/seed-datasets/")
    assert letters == {
        key: value for key, value in first.items() if key not in {"files", "sample_count"}
    }
    assert (table["name"], table["file_count"]) == ("table", 1)
    assert (await api.get(f"/seed-datasets/{table['id']}/"))["sample_count"] == 2


@pytest.mark.parametrize(
    ("field", "folder_field"),
    [("files", "folder_names"), ("files[]", "folder_names[]"), ("files[0]", "folder_names[0]")],
)
async def test_lists_in_forms_are_named_in_any_of_the_usual_ways(
    api: Api, field: str, folder_field: str
) -> None:
    answer = await api.upload(
        *TWO,
        dataset_type="MULTI_FOLDER",
        folder_names=["y", "x"],
        field=field,
        folder_field=folder_field,
    )
    assert answer.status_code == 201, answer.text
    assert [it["path"] for it in answer.json()["files"]] == ["y/a.txt", "x/b.txt"]


async def test_an_archive_becomes_what_its_folders_say(api: Api) -> None:
    data = zipped(**{"one/a__txt": "1", "two/a__txt": "2", "two/b__md": "3"})
    answer = await api.upload_zip(data, description="packed")
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["dataset_type"], made["folder_count"]) == ("MULTI_FOLDER", 2)
    assert [it["path"] for it in made["files"]] == ["one/a.txt", "two/a.txt", "two/b.md"]
    assert made["description"] == "packed"


async def test_addresses_work_with_and_without_a_slash(api: Api) -> None:
    made = (await api.upload(*TWO)).json()
    assert await api.get(f"/seed-datasets/{made['id']}") == made
    assert len(await api.get("/seed-datasets")) == 1


async def test_what_is_deleted_is_gone(api: Api) -> None:
    made = (await api.upload(*TWO)).json()
    answer = await api.delete(f"/seed-datasets/{made['id']}/")
    assert (answer.status_code, answer.content) == (204, b"")
    for answer in (
        await api.client.get(f"/seed-datasets/{made['id']}/"),
        await api.delete(f"/seed-datasets/{made['id']}/"),
        await api.client.get(f"/seed-datasets/{made['id']}/files/{made['files'][0]['id']}/"),
    ):
        assert problem(answer, 404) == "Seed dataset not found"


# Files


async def test_a_link_gives_a_file_to_whoever_has_it(api: Api) -> None:
    name = "grün 'x'.csv"
    made = (await api.upload((name, b"a\n1\n2\n"), dataset_type="SINGLE_FILE", name="table")).json()
    assert made["files"][0]["path"] == name
    link = await api.get(f"/seed-datasets/{made['id']}/files/{made['files'][0]['id']}/")
    assert (link["filename"], link["content_type"]) == (name, "text/csv")
    assert link["download_url"].startswith("http://test/api/dataframer/content/")
    for url in (link["download_url"], link["download_url"].rstrip("/")):
        answer = await api.download(url)
        assert answer.content == b"a\n1\n2\n"
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-length"] == "6"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert (
            answer.headers["content-disposition"]
            == "attachment; filename*=UTF-8''gr%C3%BCn%20%27x%27.csv"
        )


async def test_links_that_are_forged_for_other_things_or_old_are_404(
    api: Api, services: Services
) -> None:
    made = (await api.upload(*TWO)).json()
    link = await api.get(f"/seed-datasets/{made['id']}/files/{made['files'][0]['id']}/")
    token = link["download_url"].rstrip("/").rpartition("/")[2]
    said = {"blob": "x", "filename": "x", "media_type": "text/plain", "workspace": "x"}
    wrong = [
        "x",
        token[:-1],
        token.swapcase(),
        await services.links.sign("asset.get", said, 60),
        await services.links.sign("dataframer", said, -10),
    ]
    for it in wrong:
        problem(await api.client.get(f"/content/{it}/"), 404)
    gone = await services.links.sign("dataframer", {**said, "blob": "seeds/00/gone"}, 60)
    assert problem(await api.client.get(f"/content/{gone}/"), 404) == "the file is gone"


async def test_a_link_survives_another_process(api: Api, services: Services) -> None:
    token = await Links(services.store).sign(
        "dataframer",
        {"blob": "made/1", "filename": "a.pdf", "media_type": "application/pdf", "workspace": "w"},
        60,
    )
    await services.store.blobs.put("made/1", b"%PDF" + b"x" * (3 << 20))
    answer = await api.download(f"/content/{token}/")
    assert answer.headers["content-type"] == "application/pdf"
    assert len(answer.content) == 4 + (3 << 20)


# What is refused


async def test_what_is_missing_is_told_by_field(api: Api) -> None:
    found = wrong_fields(await api.upload(name="", dataset_type=None))
    assert found["name"] == ["This field is required."]
    assert "Valid dataset_type is required" in found["dataset_type"][0]
    found = wrong_fields(await api.upload(dataset_type="SINGLE_FILE"))
    assert "requires exactly 1 file" in found["files"][0]
    found = wrong_fields(await api.client.post("/seed-datasets/create-from-zip/", files={"x": b""}))
    assert found == {
        "name": ["This field is required."],
        "zip_file": ["This field is required."],
    }


@pytest.mark.parametrize(
    ("sent", "field", "message"),
    [
        ({"dataset_type": "FOLDERS"}, "dataset_type", "MULTI_FOLDER"),
        ({"dataset_type": "SINGLE_FILE"}, "files", "requires exactly 1 file, got 2."),
        ({"dataset_type": "MULTI_FOLDER"}, "folder_names", "folder_names array is required"),
        (
            {"dataset_type": "MULTI_FOLDER", "folder_names": ["x", "y", "z"]},
            "folder_names",
            "Got 2 files and 3 folder names.",
        ),
        ({"name": "x" * 300}, "name", "1 to 255 characters"),
        ({"name": "x\0"}, "name", "NUL"),
        ({"description": "x" * 10_001}, "description", "10,000 characters"),
    ],
)
async def test_rules_are_told_by_the_vendors_fields(
    api: Api, sent: dict[str, Any], field: str, message: str
) -> None:
    found = wrong_fields(await api.upload(*TWO, **sent))
    assert list(found) == [field]
    assert message in found[field][0]


async def test_a_name_that_is_taken_is_refused(api: Api) -> None:
    await api.upload(*TWO)
    assert "already exists" in wrong_fields(await api.upload(*TWO))["name"][0]
    again = await api.upload_zip(zipped(a__txt="1", b__txt="2"))
    assert "already exists" in wrong_fields(again)["name"][0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"no archive", "not a valid ZIP file"),
        (b"", "not a valid ZIP file"),
        (zipped(**{"../a__txt": "x"}), "unsafe paths"),
        (zipped(**{"/etc/a__txt": "x"}), "unsafe paths"),
        (zipped(a__txt="x", b__zip=zipped(a__txt="x")), "ZIP file inside"),
        (zipped(a__txt="x", b__txt=b"\0" * 900_000), "ZIP bomb"),
        (zipped(a__png="x"), "No valid files found in ZIP"),
    ],
)
async def test_hostile_archives_are_refused_with_the_reason(
    api: Api, data: bytes, message: str
) -> None:
    found = wrong_fields(await api.upload_zip(data))
    assert message in found["zip_file"][0]
    assert await api.get("/seed-datasets/") == []


async def test_two_archives_at_once_are_refused(api: Api) -> None:
    files = [("zip_file", ("a.zip", zipped(a__txt="x")))] * 2
    answer = await api.client.post(
        "/seed-datasets/create-from-zip/", data={"name": "seeds"}, files=files
    )
    assert wrong_fields(answer) == {"zip_file": ["Exactly one ZIP file is needed, got 2."]}


async def test_what_is_no_form_is_refused(api: Api) -> None:
    for path in ("/seed-datasets/create/", "/seed-datasets/create-from-zip/"):
        assert "multipart/form-data" in problem(await api.post(path, {"name": "x"}), 415)
        answer = await api.client.post(
            path, content=b"x", headers={"content-type": "multipart/form-data; boundary=b"}
        )
        assert "multipart form" in problem(answer, 400)


async def test_forms_with_too_much_beside_files_are_refused(api: Api) -> None:
    fields = {f"f{number}": "x" * 90_000 for number in range(15)}
    answer = await api.client.post(
        "/seed-datasets/create/", data=fields, files=[("files", it) for it in TWO]
    )
    assert answer.status_code in {400, 413}
    assert "MiB" in answer.text or "over 1 MB" in answer.text


async def test_files_over_the_limit_are_refused_while_they_come_in(api: Api) -> None:
    answer = await api.upload(("a.csv", b"x" * (61 << 20)), dataset_type="SINGLE_FILE")
    assert "limit" in problem(answer, 413)


async def test_no_key_and_a_wrong_key_are_401(api: Api) -> None:
    for key in ("", "Bearer wrong"):
        for method, path in (("GET", "/"), ("POST", "/create/"), ("POST", "/create-from-zip/")):
            answer = await api.client.request(
                method, f"/seed-datasets{path}", headers={"authorization": key}
            )
            problem(answer, 401)


@pytest.mark.parametrize("id_", ["x", "%00", "0" * 36, "00000000-0000-0000-0000-000000000000"])
async def test_ids_of_nothing_are_404(api: Api, id_: str) -> None:
    made = (await api.upload(*TWO)).json()
    for path in (f"/{id_}/", f"/{id_}/files/{id_}/", f"/{made['id']}/files/{id_}/"):
        problem(await api.client.get(f"/seed-datasets{path}"), 404)
    problem(await api.delete(f"/seed-datasets/{id_}/"), 404)


@given(
    name=st.text(max_size=20),
    shape=st.sampled_from(["SINGLE_FILE", "MULTI_FILE", "MULTI_FOLDER", "", "\0"]),
    files=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
            st.sampled_from(["", ".txt", ".csv", ".json", ".jsonl", ".pdf", ".xlsx", ".exe"]),
            st.binary(max_size=40) | st.sampled_from([b'{"a":1}\n{"a":2}', b"a,b\n1,2\n3,4"]),
        ),
        max_size=3,
    ),
    folders=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=3),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_no_form_makes_an_error_of_ours(
    client: httpx2.AsyncClient,
    name: str,
    shape: str,
    files: list[tuple[str, str, bytes]],
    folders: list[str],
) -> None:
    sent = [("files", (stem + extension, data)) for stem, extension, data in files]
    fields = {
        "name": name.encode("utf-8", "replace").decode(),
        "dataset_type": shape,
        "folder_names": folders,
    }
    answer = await client.post(
        "/seed-datasets/create/", data=fields, files=sent or [("none", ("none", b""))]
    )
    assert answer.status_code in {201, 400}, answer.text
    assert isinstance(json.loads(answer.content), dict)
