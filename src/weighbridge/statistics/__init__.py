"""Intervals, comparisons, sample sizes, agreement. Proportions cost nothing to import; what needs
scipy or statsmodels is loaded when it is first called, because scipy takes half a second of CPU and
statsmodels two, and a run of ten thousand cases takes five in all. This is the one place that does
so. `docs/statistics.md` says what each is good for."""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weighbridge.statistics.intervals import Interval, proportion_interval
from weighbridge.statistics.results import (
    Agreement,
    CorrectedMean,
    Fit,
    LabelAgreement,
    PairedComparison,
    Reliability,
    UnpairedComparison,
    Variation,
)
from weighbridge.statistics.sequential import ConfidenceSequence, cases_until_narrow

__all__ = [
    "Agreement",
    "ConfidenceSequence",
    "CorrectedMean",
    "Fit",
    "Interval",
    "Jury",
    "LabelAgreement",
    "PairedComparison",
    "Reliability",
    "UnpairedComparison",
    "Variation",
    "bootstrap_mean_interval",
    "cases_until_narrow",
    "clustered_mean_interval",
    "clustered_proportion_interval",
    "compare_paired",
    "compare_unpaired",
    "goodness_of_fit",
    "holm",
    "jackknife_interval",
    "judge_agreement",
    "judge_corrected_mean",
    "letters",
    "mean_interval",
    "mean_variation",
    "proportion_interval",
    "sample_size_for",
    "shift_test",
    "smallest_detectable_difference",
]


def _later(module: str, name: str) -> Callable[..., Any]:
    """The function (or class, to be made) of that module, which is loaded by the first call."""

    def call(*args: Any, **kwargs: Any) -> Any:
        loaded = importlib.import_module(f"weighbridge.statistics.{module}")
        return getattr(loaded, name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`statistics.{module}.{name}`, which is loaded by the first call."
    return call


if TYPE_CHECKING:
    from weighbridge.statistics.agreement import Jury, judge_agreement
    from weighbridge.statistics.bootstrap import bootstrap_mean_interval
    from weighbridge.statistics.clustered import (
        clustered_mean_interval,
        clustered_proportion_interval,
    )
    from weighbridge.statistics.jackknife import jackknife_interval
    from weighbridge.statistics.means import mean_interval
    from weighbridge.statistics.multiplicity import holm, letters
    from weighbridge.statistics.paired import compare_paired
    from weighbridge.statistics.power import sample_size_for, smallest_detectable_difference
    from weighbridge.statistics.prediction_powered import judge_corrected_mean
    from weighbridge.statistics.unpaired import compare_unpaired
    from weighbridge.statistics.variation import goodness_of_fit, mean_variation, shift_test
else:
    Jury = _later("agreement", "Jury")
    bootstrap_mean_interval = _later("bootstrap", "bootstrap_mean_interval")
    clustered_mean_interval = _later("clustered", "clustered_mean_interval")
    clustered_proportion_interval = _later("clustered", "clustered_proportion_interval")
    compare_paired = _later("paired", "compare_paired")
    compare_unpaired = _later("unpaired", "compare_unpaired")
    goodness_of_fit = _later("variation", "goodness_of_fit")
    holm = _later("multiplicity", "holm")
    jackknife_interval = _later("jackknife", "jackknife_interval")
    judge_agreement = _later("agreement", "judge_agreement")
    judge_corrected_mean = _later("prediction_powered", "judge_corrected_mean")
    letters = _later("multiplicity", "letters")
    mean_interval = _later("means", "mean_interval")
    mean_variation = _later("variation", "mean_variation")
    sample_size_for = _later("power", "sample_size_for")
    shift_test = _later("variation", "shift_test")
    smallest_detectable_difference = _later("power", "smallest_detectable_difference")
