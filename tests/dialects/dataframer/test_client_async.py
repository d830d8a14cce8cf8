"""The asynchronous client, unchanged, against a server in another process."""

from collections.abc import Iterator

import pytest

from support.dataframer_client import Server
from support.dataframer_methods import EVERY_METHOD, PROBE, WIRE
from support.dataframer_world import YAML, letter, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def test_every_method_answers_the_async_client(server: Server) -> None:
    told = server.run_client(EVERY_METHOD, CLIENT="AsyncDataframer")
    assert told["methods"] == sorted(WIRE)
    assert told["wire"] == WIRE
    assert told["probes"] == [[PROBE, "seed_datasets.create_with_files"]]
    assert told["wrong"] == []


def test_many_stories_are_told_at_the_same_time(server: Server) -> None:
    told = server.run_client(
        """
        async def over(retrieve, id):
            while (found := await retrieve(id)).status not in ("SUCCEEDED", "FAILED"):
                await asyncio.sleep(0.05)
            return found
        async def story(client, number):
            frame = client.dataframer
            made = await frame.seed_datasets.create_with_files(
                name=f"letters {number}", dataset_type="MULTI_FILE", files=[
                    (f"{n}.txt", f"the mood is positive, and it is calm. {number}".encode())
                    for n in range(3)])
            begun = await frame.specs.create(name="same name", dataset_id=made.id)
            spec = await over(frame.specs.retrieve, begun.id)
            await frame.specs.update(spec.id, content_yaml=os.environ["YAML"])
            begun = await frame.runs.create(
                spec_id=spec.id, number_of_samples=number + 1, skip_outline=True)
            run = await over(frame.runs.retrieve, begun.id)
            begun = await frame.evaluations.create(run_id=run.id)
            found = await over(frame.evaluations.retrieve, begun.id)
            link = await frame.runs.files.download(run.generated_files[-1].id, run_id=run.id)
            async with httpx.AsyncClient() as http:
                last = (await http.get(link.download_url)).text
            return [run.status, found.status, [it.classifications["urgency"]
                    for it in found.sample_classifications], last,
                    found.sample_classifications[-1].model_extra["generation_tags"]]
        async def main():
            async with AsyncDataframer() as client:
                told(stories=await asyncio.gather(*(story(client, n) for n in range(8))),
                     runs=len(await client.dataframer.runs.list()))
        asyncio.run(main())
        """,
        YAML=YAML,
    )
    for number, (run, evaluation, classified, last, tags) in enumerate(told["stories"], start=1):
        assert (run, evaluation, len(classified)) == ("SUCCEEDED", "SUCCEEDED", number)
        assert last == letter(number, tags["sentiment"], tags["urgency"])
        assert classified[-1] == tags["urgency"]
    assert told["runs"] >= 8
