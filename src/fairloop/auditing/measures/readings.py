"""One rate in one round: of all people and of each group, and the distances between groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.measures.values import ORDER, Measure, Status, Value
from fairloop.metrics import extremes
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Ends, Estimate, largest_difference
from fairloop.metrics.statistics import ALPHA

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """One rate in one round; arrays and estimates are of all people, then of each of S groups, (S + 1,).

    sources: the estimate of the rate for each status. status, reason: text, as in `Value`. labelled, people: counts, as
    in `Value`. errors: standard errors, or NaN.
    """

    sources: Mapping[Status, Ends]
    status: NDArray[np.object_]
    reason: NDArray[np.object_]
    labelled: NDArray[np.int64]
    people: NDArray[np.int64]
    errors: Floats

    def ends(self, alpha: float) -> tuple[Estimate, Estimate]:
        """The lower and the upper bound, equal for an identified rate; NaN for an undefined rate."""
        return self._usual if alpha == ALPHA else self._ends(alpha)

    @cached_property
    def _usual(self) -> tuple[Estimate, Estimate]:
        return self._ends(ALPHA)

    def _ends(self, alpha: float) -> tuple[Estimate, Estimate]:
        found = np.full((2, 3, len(self.status)), np.nan)
        for status, source in self.sources.items():
            where = self.status == status
            if where.any():
                every = [[one.value, one.low, one.high] for one in source(alpha)]
                found[:, :, where] = np.array(every)[:, :, where]
        return Estimate(*found[0]), Estimate(*found[1])

    def doubted(self) -> Reading:
        """The reading with worst-case bounds also for measured groups with missing labels."""
        doubtful = (self.status == "measured") & (self.labelled < self.people)
        return replace(self, status=np.where(doubtful, "bounded", self.status).astype(object))

    def groups(self, kept: NDArray[np.int64]) -> Ends:
        """The ends of the groups at `kept`, counted from 0."""

        def chosen(alpha: float) -> tuple[Estimate, Estimate]:
            lower, upper = self.ends(alpha)
            return lower.at(kept + 1), upper.at(kept + 1)

        return chosen

    def estimate(self, alpha: float) -> Estimate:
        """The rate with its interval; the value is NaN if it is not identified."""
        lower, upper = self.ends(alpha)
        known = (self.status == "measured") | (self.status == "weighted")
        return Estimate(np.where(known, lower.value, np.nan), lower.low, upper.high)

    def values(
        self, place: int, metric: str, names: Sequence[str], alpha: float, entries: slice = slice(None)
    ) -> list[Value]:
        """The values of all people, then of the groups `names`, in the round at `place`; only `entries` of these."""
        (lower, upper), every = self.ends(alpha), self.estimate(alpha)
        open_ = self.status == "bounded"
        columns = [
            every.value, every.low, every.high, np.where(open_, lower.value, np.nan),
            np.where(open_, upper.value, np.nan), self.labelled, self.people, self.status, self.reason,
        ]  # fmt: skip
        rows = zip(*(column[entries].tolist() for column in columns), strict=True)
        called = ["overall", *names][entries]
        return [Value(place, Measure(metric, name), *row) for name, row in zip(called, rows, strict=True)]


def reading(
    sources: Mapping[Status, Ends], status: Any, reason: Any, labelled: Any, people: Any, errors: Any = None
) -> Reading:
    """A reading with undefined rates without people."""
    size = len(people)
    found = Reading(
        sources, np.broadcast_to(status, size).astype(object), np.broadcast_to(reason, size).astype(object),
        np.asarray(labelled, np.int64), np.asarray(people, np.int64),
        np.full(size, np.nan) if errors is None else np.asarray(errors, np.float64),
    )  # fmt: skip
    lower, _ = found._ends(ALPHA)
    empty = np.isnan(lower.value) & (found.status != "not mature") & (found.status != "undefined")
    found.status[empty], found.reason[empty] = "undefined", "nobody is in its denominator"
    known = (found.status == "measured") | (found.status == "weighted")
    found.errors[~known] = np.nan
    return found


def certain(source: Callable[[float], Estimate]) -> Ends:
    """Ends of an identified rate."""

    def ends(alpha: float) -> tuple[Estimate, Estimate]:
        found = source(alpha)
        return found, found

    return ends


def compared(
    place: int, measure: Measure, parts: Sequence[Reading], kept: NDArray[np.int64], names: Sequence[str],
    alpha: float | None, reference: int | None = None,
) -> Value:  # fmt: skip
    """An aggregate (difference, ratio, min or max) over the groups at `kept` in the worst of `parts`.

    names: of all groups. alpha: of its interval; None for no interval. reference: the position, among those kept, of
    the reference group of differences and ratios; None for all pairs. Bounds of an aggregate assume
    nothing about missing labels in any group.
    """
    status, reason = _together(parts, kept, names)
    people, labelled = (int(getattr(parts[0], part)[kept + 1].sum()) for part in ("people", "labelled"))
    ends = [(part.doubted() if status == "bounded" else part).groups(kept) for part in parts]
    values = zip(
        *(_aggregate(measure.group, reference, *(one.value for one in end(ALPHA))) for end in ends), strict=True
    )
    worst = np.max if measure.group in ("difference", "max") else np.min
    lower, upper = (float(worst(side)) for side in values)
    nan = np.nan
    low, high = (nan, nan) if alpha is None else _interval(measure, ends, len(kept), alpha, reference)
    if status in ("measured", "weighted", "bounded") and np.isnan(upper):
        status, reason = "undefined", "nobody is in the denominator of a group"
    if status in ("measured", "weighted"):
        return Value(place, measure, upper, low, high, nan, nan, labelled, people, status, reason)
    if status == "bounded":
        return Value(place, measure, nan, low, high, lower, upper, labelled, people, status, reason)
    return Value(place, measure, nan, nan, nan, nan, nan, labelled, people, status, reason)


def _interval(
    measure: Measure, ends: Sequence[Ends], groups: int, alpha: float, reference: int | None
) -> tuple[float, float]:
    if not measure.is_difference:
        return extremes.interval(measure.group, ends, groups, alpha, reference)
    bottom, top = largest_difference(ends, groups, alpha, reference)
    return float(bottom.low), float(top.high)


def _aggregate(name: str, reference: int | None, lower: Floats, upper: Floats) -> tuple[float, float]:
    """The smallest and the largest aggregate that bounds of groups allow; both are the value for equal bounds."""
    if name in ("min", "max"):
        outermost = np.min if name == "min" else np.max
        return float(outermost(lower)), float(outermost(upper))
    if reference is not None:
        to = extremes.difference_to if name == "difference" else extremes.ratio_to
        return to(reference, lower, upper)
    alike = bool((lower == upper).all())
    if name == "difference":
        if alike or len(lower) < 2:
            return (float(upper.max() - lower.min()) if len(lower) > 1 else 0.0,) * 2
        gaps = (upper[:, None] - lower)[~np.eye(len(lower), dtype=bool)]
        return float(np.maximum(0, lower.max() - upper.min())), float(np.maximum(0, gaps.max()))
    if alike or len(lower) < 2:
        return (float(divide(upper.min(), upper.max())),) * 2
    top = 1.0 if lower.max() == 0 else float(np.minimum(1.0, divide(upper.min(), lower.max())))
    return float(divide(lower.min(), upper.max())), top


def _together(parts: Sequence[Reading], kept: NDArray[np.int64], names: Sequence[str]) -> tuple[Status, str]:
    """The first status in `ORDER` among the groups, with its reason."""
    for status in ORDER[:-1]:
        for part in parts:
            found = kept[part.status[kept + 1] == status]
            if len(found):
                reason = str(part.reason[found[0] + 1])
                alike = (part.reason[kept + 1] == reason).all()
                return status, reason if alike or status == "not mature" else f"{names[found[0]]}: {reason}"
    return "measured", ""
