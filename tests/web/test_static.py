"""Files that pages load are ours or out of an installed package, and stay in browsers for good."""

import gzip

from support.pages import Desk
from weighbridge.web import static


async def test_our_files_are_served_packed_and_kept(desk: Desk) -> None:
    answer = await desk.client.get(static.address("main.js"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    plain = await desk.client.get(
        static.address("main.js"), headers={"Accept-Encoding": "identity"}
    )
    assert plain.content == answer.content
    assert "content-encoding" not in plain.headers


async def test_plotlys_script_comes_out_of_its_package(desk: Desk) -> None:
    answer = await desk.client.get(static.address("plotly.min.js"))
    assert answer.status_code == 200
    assert b"plotly.js v" in answer.content[:200]
    assert not any(path.name.startswith("plotly") for path in static._FOLDER.iterdir())


async def test_nothing_else_is_served(desk: Desk) -> None:
    for name in ("../app.py", "..%2fapp.py", "nothing.js", "__init__.py"):
        assert (await desk.client.get(f"/static/x/{name}")).status_code == 404


async def test_files_need_no_login_and_pages_no_other_host(desk: Desk) -> None:
    source = await desk.source("/")
    for address in (static.address("main.js"), static.address("weighbridge.css")):
        assert address in source
    assert "https://" not in source


def test_packed_and_plain_are_the_same() -> None:
    file = static._load(static._FOLDER / "weighbridge.css")
    assert gzip.decompress(file.packed) == file.data


def test_our_scripts_are_small() -> None:
    scripts = [path for path in static._FOLDER.iterdir() if path.suffix == ".js"]
    assert sum(path.stat().st_size for path in scripts) < 30_000
