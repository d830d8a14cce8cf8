"""Grading that takes long goes to a thread, so that no answer holds up the calls of a run; and the
libraries that only some scorers stand on are loaded here, when the first of those grades.

They take a quarter of a second (sacrebleu) to two seconds (rouge-score, by way of nltk) to import,
which is more than a small run takes in all.
"""

import asyncio
import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

_Result = TypeVar("_Result")


async def work_on(size: int, limit: int, work: Callable[..., _Result], *args: Any) -> _Result:
    """`work(*args)`: here while `size` is at most `limit`, in a thread above.

    Args:
        size: what the time it takes grows with, such as characters.
        limit: the size at which it takes about two milliseconds.
    """
    if size <= limit:
        return work(*args)
    return await asyncio.to_thread(work, *args)


@cache
def _library(name: str) -> Any:
    return importlib.import_module(name)


_loaded: set[str] = set()


async def load(name: str) -> Any:
    """A library, by the name of its module; imported in a thread the first time."""
    if name not in _loaded:
        await asyncio.to_thread(_library, name)
        _loaded.add(name)
    return _library(name)


def load_now(name: str) -> Any:
    """As `load`, for a library that options are checked with, and that is quick to import."""
    return _library(name)
