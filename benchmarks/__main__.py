"""`python -m benchmarks [FIGURE…]`: print the figures, all of them by default."""

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.figures import failures, kills, latency, memory, start_up, throughput

FIGURES = {
    "throughput": throughput,
    "latency": latency,
    "memory": memory,
    "kills": kills,
    "failures": failures,
    "start-up": start_up,
}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description="The figures of docs/benchmarks.md")
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    names = parser.parse_args().figures or list(FIGURES)
    unknown = set(names) - set(FIGURES)
    if unknown:
        parser.error(f"no figure {', '.join(sorted(unknown))}; there are: {', '.join(FIGURES)}")
    folder = Path(tempfile.mkdtemp(prefix="weighbridge-bench-"))
    try:
        for name in names:
            FIGURES[name](folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
