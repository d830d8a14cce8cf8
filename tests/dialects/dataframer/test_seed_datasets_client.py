"""Seed datasets with the official client, unchanged, against a server in another process."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.dataframer_client import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def told(server: Server) -> dict[str, Any]:
    return server.run_client("""
        sets = client.dataframer.seed_datasets
        made = sets.create_with_files(
            name="cases", dataset_type="MULTI_FOLDER", description="both of them",
            files=[("a.txt", b"first"), ("b.md", b"# second"), ("a.txt", b"third")],
            folder_names=["one", "one", "two"])
        told(made=made.to_dict())
        link = sets.files.download(made.files[1].id, dataset_id=made.id)
        got = httpx.get(link.download_url)
        told(link=[link.filename, link.content_type], got=[got.text, dict(got.headers)])
        told(again=sets.retrieve(made.id).to_dict() == made.to_dict())
        raw = sets.create_with_files(
            name="bare", dataset_type="MULTI_FILE", files=[b"some words", b"other words"])
        told(bare=[it.path for it in raw.files])
        packed = sets.create_from_zip(
            name="packed", zip_file=("x.zip", zipped({"people.csv": "id,age\\n1,30\\n2,40\\n"})))
        told(packed=[packed.dataset_type, packed.sample_count, packed.files[0].path])
        path = HERE / "rows.jsonl"
        path.write_text('{"a": 1}\\n{"a": 2}\\n{"a": 3}\\n')
        rows = sets.create_with_files(name="rows", dataset_type="SINGLE_FILE", files=[path])
        told(rows=[rows.sample_count, rows.files[0].path, rows.files[0].file_type])
        told(listed=[it.name for it in sets.list()], first=sets.list()[-1].to_dict())
        def refused(call, **fields):
            try: call(**fields)
            except dataframer.APIStatusError as error: return [error.status_code, error.body]
        told(twice=refused(sets.create_with_files, name="rows", dataset_type="SINGLE_FILE",
                           files=[path]))
        told(unsafe=refused(sets.create_from_zip, name="unsafe",
                            zip_file=("x.zip", zipped({"../a.txt": "x"}))))
        sets.delete(rows.id)
        told(gone=refused(sets.retrieve, dataset_id=rows.id))
        async def later():
            async with AsyncDataframer() as many:
                found = await many.dataframer.seed_datasets.create_with_files(
                    name="later", dataset_type="MULTI_FILE",
                    files=[("1.json", b"{}"), ("2.json", b"[1]")])
                kept = await many.dataframer.seed_datasets.retrieve(found.id)
                return [kept.file_count, kept.files[0].file_type]
        told(later=asyncio.run(later()))
    """)


def test_folders_of_files_become_samples(told: dict[str, Any]) -> None:
    made = told["made"]
    assert made["dataset_type"] == "MULTI_FOLDER"
    assert (made["file_count"], made["folder_count"]) == (3, 2)
    assert [it["path"] for it in made["files"]] == ["one/a.txt", "one/b.md", "two/a.txt"]
    assert made["description"] == "both of them"
    assert told["again"] is True


def test_a_link_gives_the_bytes_and_says_what_they_are(told: dict[str, Any]) -> None:
    assert told["link"] == ["b.md", "text/markdown"]
    text, headers = told["got"]
    assert text == "# second"
    assert headers["content-type"] == "text/markdown; charset=utf-8"
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''b.md"
    assert headers["x-content-type-options"] == "nosniff"


def test_bytes_without_a_name_are_called_by_their_number(told: dict[str, Any]) -> None:
    assert told["bare"] == ["upload_1.txt", "upload_2.txt"]


def test_tables_come_as_files_and_in_archives(told: dict[str, Any]) -> None:
    assert told["packed"] == ["SINGLE_FILE", 2, "people.csv"]
    assert told["rows"] == [3, "rows.jsonl", "application/jsonl"]


def test_a_list_is_a_bare_array_newest_first(told: dict[str, Any]) -> None:
    assert told["listed"] == ["rows", "packed", "bare", "cases"]
    assert told["first"]["file_count"] == 3
    assert "files" not in told["first"]


def test_refusals_come_in_the_vendors_shape(told: dict[str, Any]) -> None:
    status, body = told["twice"]
    assert status == 400
    assert "already exists" in body["name"][0]
    status, body = told["unsafe"]
    assert status == 400
    assert "unsafe paths" in body["zip_file"][0]
    assert told["gone"] == [404, {"detail": "Seed dataset not found"}]


def test_the_asynchronous_client_works_as_well(told: dict[str, Any]) -> None:
    assert told["later"] == [2, "application/json"]


def test_no_key_is_401(server: Server) -> None:
    told = server.run_client("""
        try: Dataframer(api_key="wrong").dataframer.seed_datasets.list()
        except dataframer.AuthenticationError as error: told(status=error.status_code)
    """)
    assert told == {"status": 401}
