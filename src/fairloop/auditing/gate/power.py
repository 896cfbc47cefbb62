"""The smallest drift that the log would have shown. A small log without findings is weak evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairloop.auditing.gate.limits import Limit
from fairloop.auditing.gate.verdicts import Drift, watched
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.references import Reference
from fairloop.auditing.measures.values import Measure
from fairloop.metrics import power
from fairloop.metrics.intervals import critical
from fairloop.metrics.statistics import ALPHA, POWER

ASSUMPTIONS = (
    "rounds are independent samples whose errors are right and about equal; for a warning, the drift follows a line "
    "over all rounds and crosses the limit"
)
"""The assumptions of `Detectable`. Its numbers are about right: in simulations they erred to the pessimistic side."""


@dataclass(frozen=True)
class Detectable:
    """The drift of a measure that this log would have shown with probability `POWER`.

    NaN without a detectable drift: without a standard error, or if the drift exceeds the measure's range.
    by_warning: from the first to the last round, by the test of the trend (at least three rounds). by_verdict: from the
    reference to the last round, by the verdict of the table. rounds: in which the measure has a value.
    """

    measure: Measure
    rounds: int
    by_warning: float
    by_verdict: float


def detectable(
    measured: Measured, drifts: Sequence[Drift], limits: Sequence[Limit], reference: Reference
) -> list[Detectable]:
    """The detectable drift of each measure of `drifts`, the measures of one simultaneous verdict. limits: the given
    limits.
    """
    return [_one(measured, one.measure, limits, reference, ALPHA / len(drifts)) for one in drifts]


def _one(
    measured: Measured, measure: Measure, limits: Sequence[Limit], reference: Reference, alpha: float
) -> Detectable:
    found = measured.estimates(measure, ALPHA)
    errors = (found.high - found.low) / (2 * float(critical(ALPHA)))
    errors[np.isnan(found.value) | ~(errors > 0)] = np.nan
    known = errors[np.isfinite(errors)]
    together = [one.measure for one in watched(measured, limits)]
    level = ALPHA / (len(together) + (measure not in together))
    by_warning = power.trend_drift(known, level) if len(known) > 2 else np.nan
    ends = np.sqrt((errors[list(reference.places)] ** 2).sum()) / len(reference.places), errors[-1]
    by_verdict = _by_verdict(measured, measure, *ends, alpha) if len(errors) > 1 else np.nan
    low, high = measure.entry.bounds(measure.group if measure.is_difference else "overall")
    sizes = (float(size) if size <= high - low else np.nan for size in (by_warning, by_verdict))
    return Detectable(measure, len(known), *sizes)


def _by_verdict(measured: Measured, measure: Measure, before: float, after: float, alpha: float) -> float:
    """before, after: the errors of both sides of the change, from its interval."""
    groups = len(measured.kept)
    if not measure.is_difference:
        return float(np.hypot(before, after) * (critical(alpha) + critical(2 * (1 - POWER))))
    if groups < 2:
        return np.nan
    of_each = groups - 1 if measured.compared_with is not None else groups * (groups - 1) // 2
    pairs = max(1, len(measure.entry.worst_of)) * of_each
    own = np.hypot(before, after) / 2**0.5 / power.reported_error(1.0, pairs)
    return power.verdict_drift(float(own), pairs, alpha)
