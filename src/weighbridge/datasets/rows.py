"""What a reader yields, and how it names its file in a message."""

from pathlib import Path
from typing import TypeAlias

from weighbridge.core.json import Json

Row: TypeAlias = dict[str, Json]


def describe(path: Path) -> str:
    """The file as messages name it: its own name, without the folders it lies in."""
    return path.name
