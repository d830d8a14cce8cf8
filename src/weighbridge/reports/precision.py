"""The interval of a metric that may stop a run: it holds however often it is looked at."""

from weighbridge.core.evaluation import Precision
from weighbridge.statistics import ConfidenceSequence, cases_until_narrow

SEQUENTIAL = "sequential"
"""The `method` of such an interval."""


def sequence_for(wanted: Precision, *, binary: bool) -> ConfidenceSequence:
    """An empty sequence, tuned for about as many cases as it will take; run and report make it
    alike.

    Args:
        binary: whether all scores are 0 or 1.
    """
    about = max(wanted.min_cases, cases_until_narrow(wanted.half_width, level=wanted.level))
    return ConfidenceSequence(wanted.level, binary=binary, tuned_for=about)
