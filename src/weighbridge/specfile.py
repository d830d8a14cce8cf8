"""Reads an evaluation from YAML (and so from JSON) text, keeping the line of every field; and
writes one, as people would."""

from collections.abc import Mapping
from typing import Any

import yaml

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


def write_spec(fields: Mapping[str, Any]) -> str:
    """YAML text that `load_spec` reads as this evaluation: texts of several lines are blocks.

    Args:
        fields: as they are kept, or written by hand.
    """
    text: str = yaml.dump(
        dict(fields), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 (PyYAML's own)
        """What stands in two places is written twice."""
        return True


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if not text.replace("\n", "").isprintable():
        style = '"'  # with escapes: some of these would be read as line breaks
    elif "\n" in text:
        style = "|"
    elif not yamltext.is_text(text):
        style = "'"  # the library's idea of a number is not that of `yamltext`: `1e3` is one
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block)
