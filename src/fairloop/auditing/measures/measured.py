"""The measures of an audit, each as a `Value` for every round."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.log.rounds import Rounds
from fairloop.auditing.measures.missing import Missing, missing
from fairloop.auditing.measures.rates import ASSUMPTIONS, NO_BETTER_THAN_LOWEST, RoundRates
from fairloop.auditing.measures.readings import Reading, certain, compared, reading
from fairloop.auditing.measures.references import reference
from fairloop.auditing.measures.regression import ERRORS, errors
from fairloop.auditing.measures.scores import FREE, LABELLED, RoundScores
from fairloop.auditing.measures.values import MODEL_MADE, Measure, Value
from fairloop.errors import InputError
from fairloop.metrics import weighted
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.metrics.entry import AGGREGATES, PARTS
from fairloop.metrics.group_rates import Rate, divide
from fairloop.metrics.intervals import Estimate, of_rate
from fairloop.metrics.joint_bounds import equalized_odds_difference
from fairloop.metrics.statistics import ALPHA

SCORED = (*LABELLED, *FREE)
"""Measures of scores."""

FEW = 30
"""A group is small if in some round fewer of its people have, or fewer lack, the beneficial label."""

_MOST_COMPLETIONS = 20_000  # of a group's labels; joint bounds of more take too long
_MOST_JOINT = 10  # groups with joint bounds, for the same reason


def _is_count(value: object) -> bool:
    return isinstance(value, Integral) and int(value) >= 0


class Measured:
    """The measures of rounds. min_size: smaller groups are left out of comparisons. assume: see `ASSUMPTIONS`.

    reference_group: the reference of differences, ratios and distances of scores: a group's name, `largest`, or `best`,
    the group with the best value of each measure. Default: all pairs;
    distances of scores are from the largest group.

    A group's size is its smaller number of people with, or without, the beneficial label, in the smallest mature
    round with labels. Raises InputError if no group is left, or the reference does not exist.
    """

    def __init__(
        self, rounds: Rounds, min_size: int = 0, assume: str | None = None, reference_group: str | None = None
    ) -> None:
        if assume is not None and assume not in ASSUMPTIONS:
            raise InputError(f"--assume {assume}: use {', '.join(ASSUMPTIONS)}")
        if assume == NO_BETTER_THAN_LOWEST and rounds.scores is None:
            raise InputError(f"--assume {assume}: needs --score, the column with scores")
        if not _is_count(min_size):
            raise InputError(f"--min-size {min_size!r}: is not a number of people; give 0 or more")
        self.rounds = rounds
        labelled = rounds.labelled.sum(axis=1) > 0
        ripe = labelled & ~rounds.immature
        if labelled.any():
            smallest = rounds.members[ripe if ripe.any() else labelled].min(axis=(0, 2))
        else:  # then rates need only people
            smallest = rounds.people.min(axis=0)
        self.small: list[str] = [rounds.groups[i] for i in np.nonzero(smallest < max(FEW, min_size))[0]]
        self.left_out: list[str] = [rounds.groups[i] for i in np.nonzero(smallest < min_size)[0]]
        self.kept: NDArray[np.int64] = np.nonzero(smallest >= min_size)[0]
        if not len(self.kept):
            raise InputError(
                f"--min-size {min_size}: leaves no group; the largest has {smallest.max()} people on the smaller "
                "side of the label in its smallest round"
            )
        self._rounds = [RoundRates(rounds, i, self.missing, assume) for i in range(len(rounds.names))]
        self._reference, compared_with = reference(rounds, reference_group)
        self._compared_with: int | None = None
        if compared_with is not None:
            if compared_with not in self.kept:
                raise InputError(
                    f"--reference-group {reference_group}: --min-size {min_size} leaves this group out; choose another"
                )
            self._compared_with = int(np.searchsorted(self.kept, compared_with))
        self._readings: dict[tuple[str, int], Reading] = {}
        self._comparisons: dict[tuple[Measure, int, float | None, int | None], Value] = {}
        self._joint: dict[int, tuple[float, float, bool]] = {}

    @cached_property
    def missing(self) -> Missing:
        """The pattern of missing labels."""
        return missing(self.rounds)

    @property
    def rates(self) -> list[dict[str, Rate]]:
        """The rates of people with known labels, by round. `value` gives the rates of all people."""
        return [one.known for one in self._rounds]

    @cached_property
    def made(self) -> list[Rate]:
        """The share of labels that a model made, by round; empty without provenance."""
        model_made, known, sums = self.rounds.model_made, self.rounds.known, self.rounds.made_sums
        if model_made is None or known is None:
            return []
        if sums is not None:
            made, of = sums
            return [weighted.share(made.at(i), of.at(i), members) for i, members in enumerate(known)]
        return [
            Rate(float(divide(made.sum(), all_.sum())), divide(made, all_), np.append(all_.sum(), all_))
            for made, all_ in zip(model_made, known, strict=True)
        ]

    @cached_property
    def scores(self) -> list[RoundScores]:
        """The scores, by round; empty without scores."""
        found: list[RoundScores] = []
        if self.rounds.scores is not None:
            for one in self._rounds:
                found.append(RoundScores(self.rounds.scores, one, self._reference, found[0] if found else None))
        return found

    @property
    def reference_group(self) -> str:
        """The reference group of distances of scores."""
        return self.rounds.groups[self._reference]

    def metrics(self) -> Mapping[str, tuple[str, ...]]:
        """The measures that this log has, in the order of the catalogue, and their parts."""
        return {
            name: entry.parts
            for name, entry in CATALOGUE.items()
            if "log" in entry.splits and self._lacks(name) is None
        }

    def _lacks(self, metric: str) -> str | None:
        """The option that a measure needs beside the log's columns; None if the log has the measure."""
        if (metric in ERRORS) != self.rounds.regression and metric not in ("count", MODEL_MADE):
            return "--regression, for labels that are numbers" if metric in ERRORS else "labels that are not numbers"
        if metric in SCORED and self.rounds.scores is None:
            return "--score, the column with scores"
        if metric == MODEL_MADE and self.rounds.known is None:
            return "--provenance, the column with the maker of a label"
        return None

    def check(self, measure: Measure, where: str = "--fail-on") -> None:
        """Raise InputError for an unknown group or a measure that the log does not have. where: the option in
        errors.
        """
        if lacking := self._lacks(measure.metric):
            raise InputError(f"{where}: {measure.metric} needs {lacking}")
        known = {*PARTS, *self.rounds.groups}
        if measure.group not in known:
            close = difflib.get_close_matches(measure.group, self.rounds.groups, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"there are {self.rounds.groups}"
            raise InputError(f"{where}: there is no group '{measure.group}'; {hint}")

    @property
    def compared_with(self) -> str | None:
        """The reference group of differences and ratios; None for all pairs."""
        return None if self._compared_with is None else self.rounds.groups[self.kept[self._compared_with]]

    def value(self, measure: Measure, place: int, alpha: float | None = ALPHA, *, extremes: bool = False) -> Value:
        """A measure in the round at position `place` (-1: the last), with an interval of level 1 - alpha.

        alpha: None leaves out intervals of comparisons of groups, which take long for hundreds of groups. extremes:
        whether to compare the lowest with the highest group in spite of a reference group.
        """
        place %= len(self.rounds.names)
        if measure.group not in AGGREGATES:
            entry, every = self._entry(measure), self.reading(measure.metric, place)
            one = slice(entry, entry + 1)
            return every.values(place, measure.metric, self.rounds.groups, alpha or ALPHA, one)[0]
        key = measure, place, alpha, None if extremes else self._compared_with
        if key not in self._comparisons:
            self._comparisons[key] = self._compare(*key)
        return self._comparisons[key]

    def _compare(self, measure: Measure, place: int, alpha: float | None, reference: int | None) -> Value:
        parts = [self.reading(part, place) for part in measure.entry.worst_of or (measure.metric,)]
        found = compared(place, measure, parts, self.kept, self.rounds.groups, alpha, reference)
        if measure == Measure("equalized_odds", "difference") and found.status == "bounded" and reference is None:
            return self._sharper(found, parts)
        return found

    def values(self, measure: Measure, alpha: float = ALPHA) -> list[Value]:
        """The measure in every round."""
        return [self.value(measure, place, alpha) for place in range(len(self.rounds.names))]

    def estimates(self, measure: Measure, alpha: float) -> Estimate:
        """(R,) the measure with intervals of level 1 - alpha; NaN without a value or an interval."""
        if measure.group in AGGREGATES:
            found = self.values(measure, alpha)
            return Estimate(*np.array([[one.value, one.low, one.high] for one in found]).T)
        entry = self._entry(measure)
        every = [self.reading(measure.metric, i).estimate(alpha).at(entry) for i in range(len(self.rounds.names))]
        return Estimate(*np.array([[one.value, one.low, one.high] for one in every]).T)

    def all(self, alpha: float | None = None) -> Iterator[tuple[Value, float]]:
        """Every measure of every round, with its standard error, or NaN without one. alpha: see `value`."""
        for place in range(len(self.rounds.names)):
            for metric, parts in self.metrics().items():
                if "overall" in parts:
                    found = self.reading(metric, place)
                    every = found.values(place, metric, self.rounds.groups, alpha or ALPHA)
                    yield from zip(every, found.errors.tolist(), strict=True)
                for part in parts:
                    if part in AGGREGATES:
                        yield self.value(Measure(metric, part), place, alpha), np.nan

    def reading(self, metric: str, place: int) -> Reading:
        """The reading of a metric without comparisons of groups, from the round at `place`."""
        place %= len(self.rounds.names)
        if (metric, place) not in self._readings:
            self._readings[metric, place] = self._read(metric, place)
        return self._readings[metric, place]

    def _read(self, metric: str, place: int) -> Reading:
        one = self._rounds[place]
        if metric == MODEL_MADE:
            rate = self.made[place]
            people = one.counts.sum(axis=(1, 2))
            return reading(
                {"measured": certain(partial(of_rate, rate))}, "measured", "", rate.members, people,
                rate.standard_errors(),
            )  # fmt: skip
        if metric in ERRORS:
            return errors(metric, one)
        if metric in SCORED:
            return self.scores[place].reading(metric)
        return one.reading(metric)

    def _entry(self, measure: Measure) -> int:
        return 0 if measure.group == "overall" else 1 + self.rounds.groups.index(measure.group)

    def _sharper(self, found: Value, parts: list[Reading]) -> Value:
        """Equalized odds with joint bounds of TPR and FPR, or with separate bounds if joint bounds take too long."""
        one = self._rounds[found.round]
        weighted_ = any((part.status[self.kept + 1] == "weighted").any() for part in parts)
        cells, most = one.quarters, one.most[1:][self.kept]
        chosen = type(cells)(*(getattr(cells, name)[self.kept] for name in _QUARTERS))
        ways = (chosen.selected_unknown + 1) * (chosen.rejected_unknown + 1)
        if weighted_ or cells.squares is not None or ways.max() > _MOST_COMPLETIONS or len(ways) > _MOST_JOINT:
            return found._replace(reason=f"{found.reason}; its lower bound is valid, and may be too low")
        if found.round not in self._joint:
            self._joint[found.round] = equalized_odds_difference(chosen, most)
        lower, upper, sharp = self._joint[found.round]
        if np.isnan(lower):
            reason = "no way to complete the labels gives TPR and FPR of every group"
            return Value(found.round, found.measure, *_NOTHING, found.labelled, found.people, "undefined", reason)
        words = "" if sharp else "; its lower bound is valid, and may be too low"
        return found._replace(lower=max(lower, found.lower), upper=min(upper, found.upper), reason=found.reason + words)


_NOTHING = (np.nan,) * 5
_QUARTERS = (
    "selected_positive", "selected_negative", "rejected_positive", "rejected_negative", "selected_unknown",
    "rejected_unknown",
)  # fmt: skip
