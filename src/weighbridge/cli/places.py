"""Places in repositories as people write them: `namespace/repository@revision:path`."""

import re
from dataclasses import dataclass
from typing import Any

import click

from weighbridge.core.versions import MAIN

_PLACE = re.compile(r"([^/@:\s]+/[^/@:\s]+)(?:@([^:\s]+))?(?::(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, or a file or folder in it.

    Attributes:
        repository: `namespace/name`.
        revision: a branch or commit; `main` where none was named.
        path: as it was written; "" for the root, or where none was named.
    """

    repository: str
    revision: str
    path: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}:{self.path}"


class PlaceParam(click.ParamType[Place]):
    """A place, as an argument of a command.

    Args:
        parts: what may be named besides the repository: `revision`, `path`.
        needed: whether a path must be.
    """

    name = "place"

    def __init__(self, *parts: str, needed: bool = False) -> None:
        self._parts = parts
        self._needed = needed

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        """The place that a text names."""
        if isinstance(value, Place):
            return value
        found = _PLACE.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is no {self._form}", param, ctx)
        repository, revision, path = found.groups()
        if revision is not None and "revision" not in self._parts:
            self.fail(f"{value!r} names a revision; {self._form} is expected", param, ctx)
        if path and "path" not in self._parts:
            self.fail(f"{value!r} names a path; {self._form} is expected", param, ctx)
        if self._needed and not path:
            self.fail(f"{value!r} names no file; {self._form} is expected", param, ctx)
        return Place(repository, revision or MAIN, path or "")

    @property
    def _form(self) -> str:
        revision = "[@REVISION]" if "revision" in self._parts else ""
        path = "" if "path" not in self._parts else ":PATH" if self._needed else "[:PATH]"
        return f"NAMESPACE/REPOSITORY{revision}{path}"


REPOSITORY = PlaceParam()
AT = PlaceParam("revision")
ANYTHING = PlaceParam("revision", "path")
FILE = PlaceParam("revision", "path", needed=True)
