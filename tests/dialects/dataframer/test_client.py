"""The official client, unchanged, against a server in another process."""

from collections.abc import Iterator

import pytest

from support.dataframer_client import Server
from support.dataframer_methods import EVERY_METHOD, PROBE, WIRE
from support.dataframer_world import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def test_every_method_of_the_client_is_answered(server: Server) -> None:
    told = server.run_client(EVERY_METHOD, CLIENT="Dataframer")
    assert len(WIRE) == 46
    assert told["methods"] == sorted(WIRE)
    assert told["wire"] == WIRE
    # Asked once for all that may hand files in, and then known.
    assert told["probes"] == [[PROBE, "seed_datasets.create_with_files"]]
    assert told["wrong"] == []
