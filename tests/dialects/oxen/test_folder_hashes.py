"""Databases of folders hold what is put in them, wherever they are made."""

from pathlib import Path

import pytest
import rocksdict

from weighbridge.core.versions import Signature
from weighbridge.dialects.oxen import folder_hashes as module
from weighbridge.dialects.oxen.folder_hashes import database, folder_hashes
from weighbridge.services.repositories import Repositories
from weighbridge.wiring import Services

ANN = Signature("Ann", "ann@example.com")


def held(files: dict[str, bytes], folder: Path) -> dict[str, str]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    opened = rocksdict.Rdict(
        str(folder),
        rocksdict.Options(raw_mode=True),
        access_type=rocksdict.AccessType.read_only(),
    )
    found = {path.decode(): digits.decode() for path, digits in opened.items()}
    opened.close()
    return found


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_database_is_read_as_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    beside = tmp_path / "data"
    beside.mkdir()
    if not in_memory:
        monkeypatch.setattr(module, "_IN_MEMORY", tmp_path / "none")
    hashes = {f"a/ü {number}": f"{number:032x}" for number in range(5_000)} | {"": "ab"}
    files = database(hashes, beside)
    assert {"CURRENT"} < files.keys()
    assert list(beside.iterdir()) == []
    (tmp_path / "read").mkdir()
    assert held(files, tmp_path / "read") == hashes


async def test_what_did_not_change_is_not_read_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await services.keys.operator()
    repositories: Repositories = services.repositories
    repo = await repositories.create(caller, "ns", "line")
    one, two = [await repo.keep_bytes(text, "") for text in (b"1", b"2")]
    paths = [f"{name}/in/deep/a.txt" for name in "abcd"]
    line = [await repo.commit("main", dict.fromkeys(paths, one), "one", ANN)]
    line += [await repo.commit("main", {path: two}, path, ANN) for path in paths]
    line += [await repo.commit("main", {"b": None}, "gone", ANN)]
    listed: list[str] = []
    folder = type(repo).folder

    async def noted(self: object, commit: object, path: str = "") -> object:
        listed.append(path)
        return await folder(self, commit, path)  # type: ignore[arg-type]

    monkeypatch.setattr(type(repo), "folder", noted)
    together = {commit.id: hashes async for commit, hashes in folder_hashes(repo, line)}
    assert len(listed) == 13 + 4 * 4 + 1
    for commit in line:
        alone = [hashes async for _, hashes in folder_hashes(repo, [commit])]
        assert alone == [together[commit.id]]
    assert len(together[line[0].id]) == 13
    assert len(together[line[-1].id]) == 10
