"""Files that a process was making in the data folder when it was killed.

Whoever opens the folder holds a lock on it, shared with the others; whoever finds that nobody else
does knows that such files are nobody's any more.
"""

import contextlib
import fcntl
import os
import re
import shutil
import weakref
from pathlib import Path

LOCK = "in-use.lock"
_TEMPORARY = re.compile(r"\.(answer|column|incoming|reading|upload)-.+")


def occupy(folder: Path, owner: object) -> "weakref.finalize[[int], object]":
    """Hold the folder, after what is left behind in it was removed if nobody else holds it.

    Args:
        owner: the folder is let go when this is gone, or when what is returned is called.
    """
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    with contextlib.suppress(OSError):  # held by others, or no lock can be had: nothing is removed
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)
    with contextlib.suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_SH)
    return weakref.finalize(owner, os.close, lock)


def _remove(folder: Path) -> None:
    for path in list(folder.iterdir()):
        if not _TEMPORARY.fullmatch(path.name):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
