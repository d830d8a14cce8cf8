"""Generation runs with the official client, unchanged, against a server in another process."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from support.dataframer_client import Server, serving

MODELS = r"""
[[models]]
name = "writer"
protocol = "scripted"
price = { input = 1.0, output = 1.0 }
replies = [
  {match = 'This is sample ([0-9]+) of', reply = "letter {1} makes CALC(2 * {1})"},
  {reply = '{"problems": [], "revised": null}'},
]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), models=MODELS) as server:
        yield server


@pytest.fixture(scope="module")
def told(server: Server) -> dict[str, Any]:
    return server.run_client("""
        frame = client.dataframer
        rows = "city,plan\\n" + "".join(
            f"{'Rome' if n % 4 else 'Oslo'},{'free' if n % 2 else 'paid'}\\n" for n in range(40))
        table = frame.seed_datasets.create_with_files(
            name="table", dataset_type="SINGLE_FILE", files=[("people.csv", rows.encode())])
        spec = ended(frame.specs.retrieve, frame.specs.create(name="s", dataset_id=table.id).id)
        first = frame.runs.create(spec_id=spec.id, number_of_samples=8)
        run = ended(frame.runs.retrieve, first.id)
        told(first=first.to_dict(), run=run.to_dict())
        def everything(id_):
            while not (link := frame.runs.files.download_all(id_)).download_url: time.sleep(0.1)
            return link
        link = everything(run.id)
        archive = zipfile.ZipFile(io.BytesIO(httpx.get(link.download_url).content))
        told(names=archive.namelist(), table=archive.read("samples.csv").decode(),
             size=[link.size_bytes, len(httpx.get(link.download_url).content)])
        letters = seeds()
        def refused(call, **fields):
            try: call(**fields)
            except dataframer.APIStatusError as error: return [error.status_code, error.body]
        plain = ended(frame.specs.retrieve, frame.specs.create(name="t", dataset_id=letters.id).id)
        told(nobody=refused(frame.runs.create, spec_id=plain.id, number_of_samples=2))
        told(unknown=refused(frame.runs.create, spec_id=plain.id, number_of_samples=2,
                             generation_model="openai/gpt-6-astra"))
        texts = ended(frame.runs.retrieve, frame.runs.create(
            spec_id=plain.id, number_of_samples=3, generation_model="writer", skip_outline=True,
            tools=["calculator"], revision_types=["consistency"], filtering_types=["structural"],
            seed_shuffling_level="prompt", max_revision_cycles=2).id)
        one = frame.runs.files.download(texts.generated_files[2].id, run_id=texts.id)
        told(texts=texts.to_dict(), one=[one.filename, httpx.get(one.download_url).text])
        told(listed=[it.id for it in frame.runs.list()] == [texts.id, run.id])
        told(ended=refused(frame.runs.cancel, run_id=run.id))
        frame.runs.delete(run.id)
        told(gone=refused(frame.runs.retrieve, run_id=run.id))
        async def later():
            async with AsyncDataframer() as many:
                made = await many.dataframer.runs.create(
                    spec_id=plain.id, number_of_samples=1, generation_model="writer")
                return (await many.dataframer.runs.retrieve(made.id)).spec_name
        told(later=asyncio.run(later()))
    """)


def test_a_run_is_waited_for_and_its_files_are_fetched(told: dict[str, Any]) -> None:
    assert told["first"]["status"] in {"PENDING", "PROCESSING"}
    run = told["run"]
    assert (run["status"], run["samples_completed"], run["samples_failed"]) == ("SUCCEEDED", 8, 0)
    assert run["dataset_name"] == "table"
    assert set(told["names"]) == {"samples.csv", "samples.csv.metadata", "top_level.metadata"}
    assert told["size"][0] == told["size"][1]


def test_rows_without_a_model_have_the_shares_of_the_seeds(told: dict[str, Any]) -> None:
    header, *rows = csv.reader(io.StringIO(told["table"]))
    assert header == ["city", "plan"]
    cities, plans = (list(column) for column in zip(*rows, strict=True))
    assert (cities.count("Rome"), plans.count("free")) == (6, 4)
    assert "no model that writes" in told["run"]["note"]


def test_texts_need_a_model_that_can_write(told: dict[str, Any]) -> None:
    status, body = told["nobody"]
    assert status == 400
    assert "Names that work: writer" in body["generation_model"][0]
    status, body = told["unknown"]
    assert status == 400
    assert body["generation_model"][0].startswith(
        "Unsupported generation model: openai/gpt-6-astra."
    )


def test_texts_are_written_by_the_model_that_was_named(told: dict[str, Any]) -> None:
    run = told["texts"]
    assert run["status"] == "SUCCEEDED"
    assert [file["path"] for file in run["generated_files"]] == [
        *("sample_1.txt", "sample_2.txt", "sample_3.txt")
    ]
    assert told["one"] == ["sample_3.txt", "letter 3 makes 6"]
    assert run["total_cost"] > 0
    assert run["runtime_params"]["revision_types"] == ["consistency"]


def test_runs_are_listed_cancelled_and_deleted(told: dict[str, Any]) -> None:
    assert told["listed"] is True
    assert told["ended"][0] == 400
    assert told["gone"][0] == 404
    assert told["later"] == "t"
