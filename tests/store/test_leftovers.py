"""What a killed process was making in the data folder is removed, once nobody can be making it."""

import asyncio
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.errors import Invalid
from weighbridge.store.engine import Store

LEFT = (".answer-x1", ".column-abc", ".incoming-abc", ".reading-abc.csv")


def leave_behind(folder: Path) -> set[str]:
    """Files as a killed process leaves them, and some that are none of its; all names."""
    folder.mkdir(exist_ok=True)
    for name in (*LEFT, ".columns", "column-1", "kept.txt", ".hidden"):
        (folder / name).write_text("half")
    (folder / ".upload-abc").mkdir()
    (folder / ".upload-abc" / "part").write_text("half")
    return temporary(folder)


async def opened(folder: Path) -> None:
    await Store(None, folder).close()


def temporary(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} & {*LEFT, ".upload-abc"}


async def test_whoever_opens_the_folder_alone_removes_what_is_left_behind(tmp_path: Path) -> None:
    assert len(leave_behind(tmp_path)) == 5
    store = Store(None, tmp_path)
    assert temporary(tmp_path) == set()
    assert all((tmp_path / name).exists() for name in (".columns", "column-1", ".hidden"))
    await store.close()


async def test_what_others_may_be_making_stays(tmp_path: Path) -> None:
    first = Store(None, tmp_path)
    there = leave_behind(tmp_path)
    second = Store(None, tmp_path)
    await first.close()
    third = Store(None, tmp_path)
    assert temporary(tmp_path) == there
    await second.close()
    await third.close()
    await opened(tmp_path)
    assert temporary(tmp_path) == set()


def test_another_process_counts_and_one_that_was_killed_does_not(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from weighbridge.store.engine import Store\n"
        "store = Store(None, Path(sys.argv[1])); print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        there = leave_behind(tmp_path)
        asyncio.run(opened(tmp_path))
        assert temporary(tmp_path) == there
        other.kill()
    asyncio.run(opened(tmp_path))
    assert temporary(tmp_path) == set()


async def test_a_store_that_nobody_closed_lets_go_of_the_folder(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        Store(None, tmp_path)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
    leave_behind(tmp_path)
    await opened(tmp_path)
    assert temporary(tmp_path) == set()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in-use.lock").mkdir()
    with pytest.raises(Invalid, match="cannot be used"):
        Store(None, tmp_path)
