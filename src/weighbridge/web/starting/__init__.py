"""The kinds of evaluations that the pages can start: a module and a row each."""

from weighbridge.web.starting import benchmark, column, plain, safety, samples
from weighbridge.web.starting.kind import Kind

KINDS: dict[str, Kind] = {
    kind.slug: kind for kind in (plain.KIND, column.KIND, benchmark.KIND, safety.KIND, samples.KIND)
}
