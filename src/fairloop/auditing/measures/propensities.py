"""Rates of all people of one round, from labels that were observed with known probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.log.rounds import MISSING
from fairloop.auditing.measures.shares import NEEDS, shares
from fairloop.metrics import observed_at_random
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate, critical, wilson
from fairloop.metrics.propensity import (
    FEWEST,
    MOST_Z,
    WIDE,
    Explored,
    Weighted,
    false_omission_rate,
    three_parts,
)
from fairloop.metrics.shares import Share, linearised
from fairloop.metrics.statistics import ALPHA
from fairloop.metrics.weighted import Sums, share

Table = NDArray[Any]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ALIKE = 1e-10
"""Largest variance of propensities that count as equal."""


@dataclass(frozen=True)
class ByPropensity:
    """cells: (S + 1, 3, K) sums by label and prediction, all people first; see `counting.Tally`."""

    cells: Mapping[str, Table]
    _found: dict[str, Weighted] = field(default_factory=dict)

    @cached_property
    def _sides(self) -> dict[str, Table]:
        """(S + 1, 3, 2) sums by label and decision."""
        return {
            name: np.stack([table.sum(axis=2) - table[:, :, 1], table[:, :, 1]], axis=2)
            for name, table in self.cells.items()
        }

    @cached_property
    def refused(self) -> Table:
        """(S + 1,) the reason against the use of propensities; empty without a reason."""
        sums = {name: table.sum(axis=1) for name, table in self._sides.items()}  # (S + 1, 2)
        known_labels = self._sides["n"][:, :MISSING].sum(axis=1)
        complete = sums["known"] == sums["n"]
        excess = np.where(complete, known_labels - sums["pi"], 0)
        z = np.abs(divide(excess, np.sqrt(np.where(complete, sums["pq"], 0))))
        z = np.fmax(
            np.nan_to_num(z).max(axis=1),
            np.nan_to_num(np.abs(divide(excess.sum(axis=1), np.sqrt(sums["pq"].sum(axis=1))))),
        )
        z = np.fmax(z, np.abs(self._unlike_all()).max(axis=1))
        surely = self._sides["sure"][:, MISSING].sum(axis=1)
        never = (sums["never"] > 0).any(axis=1)
        why = np.full(len(z), "", object)
        why[z > MOST_Z] = "labels do not come at the rate that the propensities state"
        why[surely > 0] = "people with propensity 1 have no label"
        why[never] = "some people have propensity 0"
        for reason in (
            "labels do not come at the rate that the propensities state",
            "people with propensity 1 have no label",
        ):
            if (why[1:] == reason).any() and not why[0]:
                why[0] = reason + " in a group"
        return why

    def _unlike_all(self) -> Floats:
        """(S + 1, 2) by decision: the number of people that labelled people represent, less all people, in standard
        errors.

        This needs no propensities of people without a label. Without any label, `_by_weights` applies.
        """
        sums = {name: table.sum(axis=1) for name, table in self._sides.items()}
        weighted = "w" in sums
        every = sums["w"] if weighted else sums["n"]
        variance = sums["vv"] if weighted else sums["vv"] - sums["v"]
        excess = sums["v"] - every
        excess[np.abs(excess) <= _ALIKE * every] = 0
        error = np.sqrt(variance.clip(0) * divide(every, sums["v"]))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((excess != 0) & (sums["v"] > 0), excess / error, 0.0)

    @cached_property
    def _one_each(self) -> Flags:
        """(S + 1,) whether all selected people have labels, and rejected people have one propensity: interval 2."""
        sums = {name: table.sum(axis=1)[:, 0] for name, table in self._sides.items()}
        mean = divide(sums["pi"], sums["known"])
        variance = divide(sums["pi"] - sums["pq"], sums["known"]) - mean**2
        alike = np.nan_to_num(np.abs(variance)) < _ALIKE
        selected = self._sides["n"][:, MISSING, 1] == 0
        return np.asarray(alike & selected & ("w" not in self.cells))

    @cached_property
    def _explored(self) -> Explored:
        n = self._sides["n"]
        known = n[:, :MISSING, 0].sum(axis=1)
        return Explored(n[:, 1, 1], n[:, 0, 1], n[:, :, 0].sum(axis=1), known, n[:, 1, 0])

    def estimate(self, metric: str, alpha: float) -> Estimate:
        """(S + 1,) a rate of all people with an interval of level 1 - alpha; NaN if refused."""
        if metric == "accuracy":
            return self._accuracy(alpha)
        by_weight = self._weighted(metric).interval(alpha)
        if metric not in ("tpr", "fnr", "fpr", "tnr", "for"):
            return by_weight
        if metric == "for":
            alone = false_omission_rate(self._explored, alpha)
        else:
            alone = three_parts(self._explored, alpha)["tpr" if metric in ("tpr", "fnr") else "fpr"]
        if metric in ("fnr", "tnr"):
            alone = Estimate(1 - alone.value, 1 - alone.high, 1 - alone.low)
        pairs = zip((alone.value, alone.low, alone.high), (by_weight.value, by_weight.low, by_weight.high), strict=True)
        return Estimate(*(np.where(self._one_each, one, other) for one, other in pairs))

    def _accuracy(self, alpha: float) -> Estimate:
        """The accuracy by kinds of people, because an interval by weights is too narrow without an explored miss."""
        sides = (self._sides[name][:, :MISSING].swapaxes(1, 2) for name in ("v", "vv"))
        found = observed_at_random.mean(observed_at_random.Kinds(*sides), self._right(alpha), alpha)
        refused = self._weighted("accuracy").refused
        ends = (found.value, found.low.clip(0), found.high.clip(max=1))
        return Estimate(*(np.where(refused, np.nan, one) for one in ends))

    def _right(self, alpha: float) -> Estimate:
        """(S + 1, 2, 2) the share of right decisions, by decision and label.

        It is 0 or 1, except for rejected people without the beneficial label, because they may have several labels.
        """
        size, every = len(self.cells["n"]), []
        of = [self._sides[name][:, 0, 0] for name in ("v", "vv")]
        hits = [self.cells[name][:, 0, 0] for name in ("v", "vv")]
        among = linearised(hits[0], hits[1], *of)
        rejected = wilson(among.value, np.fmin(among.kish, among.linear), critical(alpha))
        for end in (rejected.value, rejected.low, rejected.high):
            right = np.zeros((size, 2, 2))
            right[:, 1, 1] = 1
            right[:, 0, 0] = end if self.cells["n"].shape[2] == 3 else 1
            every.append(right)
        return Estimate(*every)

    def errors(self, metric: str) -> Floats:
        """(S + 1,) standard errors by linearisation."""
        return np.sqrt(self._weighted(metric).share.variance)

    def usable(self, metric: str) -> tuple[Flags, Table]:
        """(S + 1,) whether propensities give the rate, and the reason if they do not."""
        why = self.refused.copy()
        found = self.estimate(metric, ALPHA)
        unseen = np.isnan(found.value) | np.isnan(found.low)
        few = self._weighted(metric).explored
        for place in np.nonzero(unseen & (why == ""))[0]:
            why[place] = (
                f"propensities need {FEWEST} explored people with a label in its denominator; there are {few[place]}"
            )
        return why == "", why

    def note(self, metric: str) -> Table:
        """(S + 1,) notes for readers of a weighted rate."""
        found = self.estimate(metric, ALPHA)
        wide = np.nan_to_num(found.high - found.low) > WIDE
        words = "people with a label stand for 1 / propensity people each"
        return np.where(wide, f"{words}; the interval is wider than {WIDE:g} and tells little", words).astype(object)

    @cached_property
    def _shares(self) -> dict[str, dict[str, tuple[Table, Table]]]:
        return {name: shares(self.cells[name]) for name in ("n", "sure", "v", "vv")}

    def _weighted(self, metric: str) -> Weighted:
        if metric not in self._found:
            self._found[metric] = self._by_weights(metric)
        return self._found[metric]

    def _by_weights(self, metric: str) -> Weighted:
        parts = {name: every[metric] for name, every in self._shares.items()}
        weights, squares = parts["v"], parts["vv"]
        hits, every = (Sums(weights[side][1:], squares[side][1:]) for side in (0, 1))
        rate = share(hits, every, parts["n"][1][1:].round().astype(np.int64))
        value, variance = np.append(rate.overall, rate.by_group), rate.standard_errors() ** 2
        explored, open_to = self._explored_people(metric)
        found = Share(
            value, variance, rate.members, divide(weights[1] ** 2, squares[1]), divide(value * (1 - value), variance)
        )
        return Weighted(found, explored, open_to & (explored < FEWEST))

    def _explored_people(self, metric: str) -> tuple[NDArray[np.int64], Flags]:
        """(S + 1,) labelled people in the denominator with a propensity below 1, and whether the denominator can
        contain them.

        The smaller number of the two decisions counts, because selected people carry no information about rejected
        people.
        """
        chance = self.cells["n"] - self.cells["sure"]
        fewest, open_to = np.full(len(chance), np.inf), np.zeros(len(chance), bool)
        for side in NEEDS[metric]:
            others = np.arange(chance.shape[2]) != 1
            of_side = np.where(others if side == 0 else ~others, chance, 0)
            may = of_side.sum(axis=(1, 2)) > 0
            fewest = np.where(may, np.minimum(fewest, shares(of_side)[metric][1]), fewest)
            open_to |= may
        return np.where(open_to, fewest, 0).round().astype(np.int64), open_to
