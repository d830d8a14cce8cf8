"""`python -m benchmarks [FIGURE…]`: print the figures, all of them by default."""

import argparse
import importlib
import shutil
import tempfile
from pathlib import Path

from benchmarks.column import column, inference
from benchmarks.conformance import conformance
from benchmarks.figures import failures, kills, latency, memory, start_up, throughput
from benchmarks.pages import pages
from benchmarks.pairs import nugen
from benchmarks.suites import suites


def reports(folder: Path, cases: int) -> None:
    """`benchmarks.reports`, loaded only now: what is measured begins with the peak memory of the
    process that starts it, so that this one stays small."""
    importlib.import_module("benchmarks.reports").reports(folder, cases)


FIGURES = {
    "throughput": throughput,
    "latency": latency,
    "memory": memory,
    "kills": kills,
    "failures": failures,
    "start-up": start_up,
    "column": column,
    "inference": inference,
    "nugen": nugen,
    "suites": suites,
    "pages": pages,
    "conformance": conformance,
    "reports": reports,
}
"""`reports` is the last, as this process is not small any more after it."""


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description="The figures of docs/benchmarks.md")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument(
        "--cases", type=int, default=1_000_000, help="of `reports`, in each run; 1,000,000"
    )
    given = parser.parse_args()
    names = given.figures or list(FIGURES)
    unknown = set(names) - set(FIGURES)
    if unknown:
        parser.error(f"no figure {', '.join(sorted(unknown))}; there are: {', '.join(FIGURES)}")
    folder = Path(tempfile.mkdtemp(prefix="weighbridge-bench-"))
    try:
        for name in names:
            if name == "reports":
                reports(folder, given.cases)
            else:
                FIGURES[name](folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
