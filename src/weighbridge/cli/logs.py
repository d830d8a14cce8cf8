"""Logging of a command: to stderr, at the level of the settings."""

import logging
import sys

from weighbridge.errors import Invalid

LEVELS = ("debug", "info", "warning", "error")
_HANDLER = "weighbridge"
_TALKATIVE = ("aiosqlite", "asyncio", "aiohttp", "httpcore", "alembic", "sqlalchemy", "dbos")
"""Libraries whose debug lines hold requests, rows or addresses; they speak up from `warning`."""


def set_up_logs(level: str) -> None:
    """Send our log lines to stderr.

    Raises:
        Invalid: there is no such level.
    """
    name = level.strip().lower()
    if name not in LEVELS:
        raise Invalid(f"WEIGHBRIDGE_LOG_LEVEL is {level!r}; it can be {', '.join(LEVELS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.name = _HANDLER
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.name == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(name.upper())
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(max(root.level, logging.WARNING))
