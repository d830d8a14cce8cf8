"""The standard benchmarks there are, by name."""

from functools import cache
from pathlib import Path

from weighbridge.benchmarks.form import StandardBenchmark, parse_benchmark
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import NotFound

_FOLDER = Path(__file__).parent


@cache
def names() -> tuple[str, ...]:
    """Of all that come with weighbridge, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def find_benchmark(name: str) -> StandardBenchmark:
    """The benchmark of that name.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    if name not in names():
        hint = did_you_mean(name, names())
        raise NotFound(f"there is no benchmark `{name}`{hint} (benchmarks: {', '.join(names())})")
    file = f"{name}.yaml"
    return parse_benchmark((_FOLDER / file).read_text(encoding="utf-8"), file)
