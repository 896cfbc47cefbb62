"""The measures of an audit by name, each as a value with limits for every round."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.rounds import Rounds
from fairloop.errors import InputError
from fairloop.metrics import fairness as perf
from fairloop.metrics import weighted
from fairloop.metrics.catalogue import AGGREGATES, CATALOGUE, LIMITS, PARTS, Entry
from fairloop.metrics.fairness import Rate
from fairloop.metrics.intervals import Estimate, of_difference, of_rate, stacked

MODEL_MADE = "model_made_share"
FEW = 30
"""A group is small if in some round fewer of its people have the beneficial label, or fewer have another one."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_EXPRESSION = re.compile(r"\s*(\w+)\s*(?:\[(.*)\])?\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Measure:
    """One number per round. metric: of the tidy table. group: `overall`, a group's name, or an aggregate."""

    metric: str
    group: str = "overall"

    @property
    def entry(self) -> Entry:
        """What the catalogue says of its metric."""
        return CATALOGUE[self.metric]

    @property
    def is_difference(self) -> bool:
        """Whether it is a distance between groups."""
        return self.group == "difference"

    def __str__(self) -> str:
        if self.group == "overall":
            return self.metric
        return f"{self.metric}_{self.group}" if self.group in AGGREGATES else f"{self.metric}[{self.group}]"


@dataclass(frozen=True)
class Limit:
    """A line that a measure must not cross, such as `equalized_odds_difference>0.1` or `tpr[Female]<0.5`."""

    measure: Measure
    sign: str
    bound: float

    def broken_by(self, value: float) -> bool:
        """Whether `value` is beyond the limit. NaN counts as a violation."""
        return bool(np.isnan(value) or _OPERATORS[self.sign](value, self.bound))

    def __str__(self) -> str:
        return f"{self.measure}{self.sign}{self.bound:g}"


def limit(expression: str) -> Limit:
    """The limit that `expression` means. Raises InputError for an expression that is none."""
    found = _EXPRESSION.fullmatch(expression)
    name, group, sign, bound = found.groups() if found else ("", None, "", "nan")
    if np.isnan(value := _number(bound)):
        raise InputError(
            f"--fail-on {expression!r}: write a measure, one of > >= < <=, and a number, such as "
            "'equalized_odds_difference>0.1' or 'tpr[Female]<0.5'"
        )
    if name not in LIMITS:
        close = difflib.get_close_matches(name, LIMITS, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(LIMITS)}"
        raise InputError(f"--fail-on {expression!r}: there is no measure '{name}'; {hint}")
    metric, part = LIMITS[name]
    if group is not None and (part in AGGREGATES or "group" not in CATALOGUE[metric].parts):
        raise InputError(f"--fail-on {expression!r}: '{name}' is about all groups; leave out [{group}]")
    return Limit(Measure(metric, part if group is None else group), sign, value)


def _number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return np.nan


class Measured:
    """Rounds, measured. min_size: groups that are smaller in some round are left out of what compares groups."""

    def __init__(self, rounds: Rounds, min_size: int = 0) -> None:
        self.rounds = rounds
        smallest = rounds.members.min(axis=(0, 2))
        self.small: list[str] = [rounds.groups[i] for i in np.nonzero(smallest < max(FEW, min_size))[0]]
        self.left_out: list[str] = [rounds.groups[i] for i in np.nonzero(smallest < min_size)[0]]
        self._kept = smallest >= min_size
        if not self._kept.any():
            raise InputError(
                f"--min-size {min_size}: leaves no group; the largest has {smallest.max()} people on the smaller "
                "side of the label in its smallest round"
            )

    @cached_property
    def rates(self) -> list[dict[str, Rate]]:
        """By round, of everybody and each group."""
        return [self._performance(i, np.s_[:]) for i in range(len(self.rounds.names))]

    @cached_property
    def compared(self) -> list[dict[str, Rate]]:
        """By round, of the groups that are compared with each other."""
        return [self._performance(i, self._kept) for i in range(len(self.rounds.names))]

    def _performance(self, i: int, groups: slice | NDArray[np.bool_]) -> dict[str, Rate]:
        counts, sums = self.rounds.counts[i][groups], self.rounds.sums
        return perf.performance(counts) if sums is None else weighted.performance(counts, sums.at(i).at(groups))

    @cached_property
    def made(self) -> list[Rate]:
        """By round, the share of labels that a model made. Raises InputError without provenance."""
        model_made, known, sums = self.rounds.model_made, self.rounds.known, self.rounds.made_sums
        if model_made is None or known is None:
            raise InputError(f"--fail-on: {MODEL_MADE} needs --provenance, the column that says who made a label")
        if sums is not None:
            made, of = sums
            return [weighted.share(made.at(i), of.at(i), members) for i, members in enumerate(known)]
        return [
            Rate(float(perf.divide(made.sum(), all_.sum())), perf.divide(made, all_), np.append(all_.sum(), all_))
            for made, all_ in zip(model_made, known, strict=True)
        ]

    def check(self, measure: Measure) -> None:
        """Raise InputError if there is no such group, or no provenance to tell from."""
        if measure.metric == MODEL_MADE:
            _ = self.made
        known = {*PARTS, *self.rounds.groups}
        if measure.group not in known:
            close = difflib.get_close_matches(measure.group, self.rounds.groups, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"there are {self.rounds.groups}"
            raise InputError(f"--fail-on {measure}: there is no group '{measure.group}'; {hint}")

    def values(self, measure: Measure) -> NDArray[np.float64]:
        """(R,) of the measure."""
        if measure.group in AGGREGATES:
            return np.array([perf.disparities(rates, measure.metric)[measure.group] for rates in self.compared])
        place = self._place(measure)
        return np.array([np.append(rate.overall, rate.by_group)[place] for rate in self._all(measure.metric)])

    def estimates(self, measure: Measure, alpha: float) -> Estimate:
        """(R,) the measure with intervals of level 1 - alpha.

        Limits are NaN for a ratio, a minimum or maximum, and a measure that is no share of people.
        """
        shares = measure.entry.rates
        if measure.is_difference and shares:
            return stacked([of_difference([rates[name] for name in shares], alpha) for rates in self.compared])
        if not shares or measure.group in AGGREGATES:
            values = self.values(measure)
            return Estimate(values, np.full_like(values, np.nan), np.full_like(values, np.nan))
        place = self._place(measure)
        return stacked([of_rate(rate, alpha).at(place) for rate in self._all(measure.metric)])

    def _all(self, metric: str) -> list[Rate]:
        return self.made if metric == MODEL_MADE else [rates[metric] for rates in self.rates]

    def _place(self, measure: Measure) -> int:
        return 0 if measure.group == "overall" else 1 + self.rounds.groups.index(measure.group)
