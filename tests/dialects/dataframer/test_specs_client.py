"""Specs with the official client, unchanged, against a server in another process."""

from collections.abc import Iterator

import pytest

from support.data_specs import MODELS, YAML
from support.dataframer_client import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served"), models=MODELS) as server:
        yield server


def test_the_official_client_makes_changes_and_deletes_a_spec(server: Server) -> None:
    told = server.run_client(
        f"""
        specs = client.dataframer.specs
        made = specs.create(name="letters", dataset_id=seeds(count=4).id, extrapolate_axes=True)
        found = ended(specs.retrieve, made.id)
        changed = specs.update(made.id, content_yaml={YAML!r})
        both = specs.retrieve(made.id, include_versions=True)
        listed = [it.name for it in specs.list()]
        specs.delete(made.id)
        try: specs.retrieve(made.id)
        except dataframer.NotFoundError as error: gone = error.body
        try: specs.create(name="x")
        except dataframer.BadRequestError as error: refused = error.body
        told(status=found.status, yaml=found.content_yaml, changed=changed.content_yaml,
             versions=[it.content_yaml for it in both.versions], listed=listed,
             created=both.created_at.year, params=both.runtime_params, gone=gone, refused=refused)
        """
    )
    assert told["status"] == "SUCCEEDED"
    assert told["versions"] == [told["yaml"], YAML]
    assert told["changed"] == YAML
    assert told["listed"] == ["letters"]
    assert told["params"]["extrapolate_axes"] is True
    assert told["gone"] == {"detail": "Spec not found"}
    assert set(told["refused"]) == {"generation_objectives"}


def test_the_official_async_client_makes_a_spec_without_seeds(server: Server) -> None:
    told = server.run_client(
        """
        async def main():
            async with AsyncDataframer() as client:
                specs = client.dataframer.specs
                made = await specs.create(name="alone", generation_objectives="Letters to a shop.")
                while made.status == "PROCESSING":
                    await asyncio.sleep(0.1)
                    made = await specs.retrieve(made.id)
                told(status=made.status, type=made.dataset_type, yaml=made.content_yaml)
        asyncio.run(main())
        """
    )
    assert (told["status"], told["type"]) == ("SUCCEEDED", "MULTI_FILE")
    assert "polite: 80" in told["yaml"]
