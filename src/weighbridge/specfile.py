"""Reads an evaluation from YAML (and so from JSON) text, keeping the line of every field."""

from weighbridge import yamltext
from weighbridge.spec import EvaluationSpec, Path, parse_spec

MAX_BYTES = yamltext.MAX_BYTES
"""The longest text, inline cases included; more data than that belongs in a file of its own."""


def load_spec(text: str, source: str) -> EvaluationSpec:
    """An evaluation out of YAML or JSON text.

    Args:
        text: at most `MAX_BYTES` of it.
        source: name of the file, shown in front of messages.

    Raises:
        InvalidFields: broken YAML, a field twice, a limit passed, or any problem that
            `spec.parse_spec` finds; each problem with its line.
    """
    data, lines = parse_yaml(text, source)
    return parse_spec(data, lines=lines, source=source)


def parse_yaml(text: str, source: str) -> tuple[object, dict[Path, int]]:
    """As `yamltext.parse_yaml`, with the advice that fits an evaluation."""
    advice = "put the cases in a file and name it under `data`"
    return yamltext.parse_yaml(text, source, max_bytes=MAX_BYTES, too_long=advice)
