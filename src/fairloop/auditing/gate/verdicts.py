"""Verdicts on the measures: drifts, losses of groups, and trends that cross limits.

A block of statements has a false statement, by chance, in at most `ALPHA` of audits (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairloop.auditing.gate.limits import Limit
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.references import FIRST, Reference
from fairloop.auditing.measures.regression import ERRORS
from fairloop.auditing.measures.values import MODEL_MADE, Measure, Status, first
from fairloop.metrics import trend
from fairloop.metrics.catalogue import CATALOGUE, JUDGED
from fairloop.metrics.intervals import Estimate, critical, stacked
from fairloop.metrics.statistics import ALPHA

HEADLINE = tuple(Measure(*which) for which in JUDGED)
"""The measures of every verdict. The share of model-made labels is added if the makers of labels are known."""

OF_ERRORS = tuple(Measure(name, part) for part in ("overall", "difference") for name in ERRORS)
"""The measures of the verdict for labels that are numbers."""

BENEFITS = tuple(entry.name for entry in CATALOGUE.values() if entry.benefit)
"""Rates that benefit a group."""

WATCHED = tuple(Limit(measure, ">", 0.1) for measure in HEADLINE if measure.is_difference)
"""Limits for trends of measures without a user's limit."""


@dataclass(frozen=True)
class Drift:
    """A measure in the reference and in the last round, and its change, with limits; NaN where undefined.

    first: in the reference, by default the first round. status: of all these rounds, as in
    `values.Value`: the first of their statuses in `values.ORDER`.
    """

    measure: Measure
    first: float
    last: float
    change: float
    low: float
    high: float
    status: Status = "measured"

    @property
    def verdict(self) -> str:
        """A direction, `unclear`, or the status of a drift without a direction."""
        up, down = ("grew", "shrank") if self.measure.is_difference else ("rose", "fell")
        if np.isnan(self.change):
            return self.status if self.status in ("bounded", "not mature") else "undefined"
        if self.low > 0 or self.high < 0:
            return up if self.low > 0 else down
        return "unclear"


def headline(measured: Measured, reference: Reference = FIRST) -> list[Drift]:
    """The drifts since the reference, with simultaneous intervals of level 1 - ALPHA."""
    told = measured.metrics()
    measures = [one for one in (*HEADLINE, *OF_ERRORS, Measure(MODEL_MADE)) if one.metric in told]
    found = [measured.estimates(measure, ALPHA / len(measures)) for measure in measures]
    return [_since(reference, measured, measure, one) for measure, one in zip(measures, found, strict=True)]


def groups(measured: Measured, reference: Reference = FIRST) -> list[Drift]:
    """The changes for each group in measures that benefit it, with simultaneous intervals of level 1 - ALPHA."""
    names = measured.rounds.groups
    found = []
    benefits = [metric for metric in BENEFITS if metric in measured.metrics()]
    for metric in benefits:
        alpha = ALPHA / (len(benefits) * len(names))
        ends = [measured.reading(metric, place) for place in (*reference.places, -1)]
        every = [reading.estimate(alpha) for reading in ends]
        before = Reference(tuple(range(len(reference.places))), "").of(stacked(every[:-1]))
        for i, name in enumerate(names, 1):
            status = first([reading.status[i] for reading in ends])
            pair = before.at(i), every[-1].at(i)
            found.append(_drift(Measure(metric, name), *pair, len(measured.rounds.names), status))
    return found


def _since(reference: Reference, measured: Measured, measure: Measure, rounds: Estimate) -> Drift:
    """The change between the reference and the last of (R,) rounds."""
    status = first([measured.value(measure, place, None).status for place in (*reference.places, -1)])
    return _drift(measure, reference.of(rounds), rounds.at(-1), len(measured.rounds.names), status)


def _drift(measure: Measure, before: Estimate, after: Estimate, often: int, status: Status) -> Drift:
    """The change between two of several rounds; undefined for a single round."""
    change = after.less(before)
    numbers = np.array([change.value, change.low, change.high]) if often > 1 else np.full(3, np.nan)
    moved, low, high = numbers.tolist()
    return Drift(measure, float(before.value), float(after.value), moved, low, high, status)


@dataclass(frozen=True)
class Crossing:
    """A trend in the wrong direction. slope: of the line per round, with its limits low and high.

    rounds: rounds after the last round until the line crosses the limit; at most 0 after a crossing, -inf if the line
    was beyond the limit in the first round. earliest, latest: limits of `rounds`.
    """

    limit: Limit
    slope: float
    low: float
    high: float
    rounds: float
    earliest: float
    latest: float


def crossings(measured: Measured, limits: Sequence[Limit]) -> list[Crossing]:
    """Significant trends beyond a limit, or with a crossing within as many future rounds as past rounds."""
    every = watched(measured, limits)
    found = (_crossing(measured, limit, ALPHA / len(every)) for limit in every)
    return [crossing for crossing in found if crossing is not None]


def watched(measured: Measured, limits: Sequence[Limit]) -> list[Limit]:
    """The limits for trends: each given limit once, and `WATCHED` for other measures."""
    named, told = {limit.measure for limit in limits}, measured.metrics()
    lines = {(limit.measure, limit.upwards, limit.bound): limit for limit in reversed(limits)}
    others = (one for one in WATCHED if one.measure not in named and one.measure.metric in told)
    return [*reversed(lines.values()), *others]


def _crossing(measured: Measured, limit: Limit, alpha: float) -> Crossing | None:
    estimates = measured.estimates(limit.measure, ALPHA)
    errors = (estimates.high - estimates.low) / (2 * float(critical(ALPHA)))
    places = np.arange(len(errors), dtype=np.float64)
    line, last = trend.fit(places, estimates.value, errors, alpha), places[-1]
    if line is None or not line.certain or (line.slope > 0) != limit.upwards:
        return None
    where, earliest, latest = line.crosses(limit.bound)
    if where > 2 * last + 1:
        return None
    if limit.broken_by(line.at(0)):
        where = earliest = latest = -np.inf
    slope, reach = line.slope, line.slope_reach
    return Crossing(limit, slope, slope - reach, slope + reach, where - last, earliest - last, latest - last)
