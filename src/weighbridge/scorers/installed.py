"""Scorers that other installed packages bring."""

from importlib.metadata import EntryPoint, entry_points

GROUP = "weighbridge.scorers"
"""Entry point group in which a package names its scorers: `name = "package.module:Class"`."""


def installed() -> dict[str, EntryPoint]:
    """Name → entry point of every scorer that an installed package brings, none of them loaded."""
    return {point.name: point for point in entry_points(group=GROUP)}
