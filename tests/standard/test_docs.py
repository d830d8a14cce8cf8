"""docs/benchmarks-standard.md says what the benchmarks say of themselves, and its example works."""

import importlib.util
import re
from pathlib import Path

from weighbridge.benchmarks.form import parse_benchmark
from weighbridge.benchmarks.loaders import FORMATS
from weighbridge.benchmarks.registry import names

ROOT = Path(__file__).resolve().parents[2]


def page() -> str:
    script = ROOT / "scripts" / "generate_benchmark_docs.py"
    spec = importlib.util.spec_from_file_location("generate_benchmark_docs", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text: str = module.benchmarks_page()
    return text


def test_the_page_is_current() -> None:
    written = (ROOT / "docs" / "benchmarks-standard.md").read_text(encoding="utf-8")
    assert written == page(), "run: python scripts/generate_benchmark_docs.py"


def test_every_benchmark_and_every_format_has_its_row() -> None:
    for name in names():
        assert page().count(f"| `{name}` |") >= 2
    for name in FORMATS:
        assert f"| `{name}` |" in page()


def test_the_example_of_ones_own_is_in_order() -> None:
    example = re.search(r"```yaml\n(name: birds.*?)```", page(), re.DOTALL)
    assert example is not None
    assert parse_benchmark(example[1], "birds.yaml").figure("generation") == "acc"
