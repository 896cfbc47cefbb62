"""The rates of one round: measured if labels allow it, weighted by propensities, or bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.log.rounds import MISSING, Rounds
from fairloop.auditing.measures.missing import Missing
from fairloop.auditing.measures.propensities import ByPropensity
from fairloop.auditing.measures.readings import Reading, certain, reading
from fairloop.auditing.measures.shares import NEEDS, SHARES, known_rates
from fairloop.auditing.measures.values import Status
from fairloop.metrics import bounds as worst
from fairloop.metrics.bounds import Bounds
from fairloop.metrics.group_rates import Rate, divide
from fairloop.metrics.intervals import Ends, Estimate, critical, of_rate, wilson

NO_BETTER, NO_BETTER_THAN_LOWEST = "no-better-rejected", "no-better-than-lowest"
ASSUMPTIONS = {
    NO_BETTER: "the rejected are on average no better than the selected",
    NO_BETTER_THAN_LOWEST: "the rejected are on average no better than the lowest tenth of the selected by score",
}
"""The assumptions about people without a label: names and sentences."""

LOWEST = 0.1
"""The share of the selected with the lowest scores. It is fixed in advance, because it determines the result."""

Table = NDArray[Any]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class RoundRates:
    """The rates of the round at position `place`. assume: None, or one of `ASSUMPTIONS`."""

    rounds: Rounds
    place: int
    missing: Missing
    assume: str | None = None

    @cached_property
    def cells(self) -> dict[str, Table]:
        """(S, 3, K) of this round, as `Rounds.cells`."""
        return {name: table[self.place] for name, table in self.rounds.cells.items()}

    @cached_property
    def known(self) -> dict[str, Rate]:
        """The rates of people whose labels are known."""
        return known_rates(self.cells)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(S + 1, 2, 2) people by decision, and whether the label is known; all people first."""
        counts = self.missing.counts[self.place]
        return np.concatenate([counts.sum(axis=0, keepdims=True), counts])

    @cached_property
    def propensities(self) -> ByPropensity | None:
        """The rates by propensities; None without propensities."""
        return ByPropensity(with_everybody(self.cells)) if "pi" in self.cells else None

    @cached_property
    def bounds(self) -> dict[str, Bounds]:
        """Worst-case bounds of every rate, (S + 1,)."""
        cells = with_everybody(self.cells)
        squares = _quarters(cells["ww"]) if "w" in cells else None
        found = worst.bounds(_quarters(cells.get("w", cells["n"]), squares), self.most)
        accuracy, table = found["accuracy"], cells.get("w", cells["n"])
        if table.shape[2] == 3:  # a label that is neither the right one nor the beneficial one
            share = divide(table[:, 0, 2], table.sum(axis=(1, 2)))
            found["accuracy"] = replace(accuracy, low=accuracy.low - share, high=accuracy.high - share)
        opposites = {"fnr": "tpr", "tnr": "fpr", "fdr": "ppv"}
        return found | {name: found[of].complement() for name, of in opposites.items()}

    @cached_property
    def quarters(self) -> worst.Cells:
        """(S,) cells of the groups, for joint bounds of several rates."""
        squares = _quarters(self.cells["ww"]) if "w" in self.cells else None
        return _quarters(self.cells.get("w", self.cells["n"]), squares)

    @cached_property
    def most(self) -> NDArray[np.float64]:
        """(S + 1,) the assumed largest share of beneficial labels among rejected people without a label."""
        cells = _quarters(self.cells.get("w", self.cells["n"]))
        if self.assume is None:
            return np.ones(len(self.counts))
        fits = (cells.selected_unknown == 0) & (cells.rejected_positive + cells.rejected_negative == 0)
        if self.assume == NO_BETTER:
            known = divide(cells.selected_positive, cells.selected_positive + cells.selected_negative)
        else:
            known = self._best_of_lowest()
        most = np.where(fits & np.isfinite(known), known, 1.0)
        every = divide((most * cells.rejected_unknown).sum(), cells.rejected_unknown.sum())
        return np.asarray(np.nan_to_num(np.append(every, most), nan=1.0))

    def _best_of_lowest(self) -> NDArray[np.float64]:
        """(S,) the share of beneficial labels in `LOWEST` of the selected, or slightly more for tied scores.

        Wilson's upper limit, one-sided at 95 %; NaN for a group without selected people.
        """
        assert self.rounds.scores is not None
        cells, size = self.rounds.scores.cells, len(self.rounds.groups) * 6
        inside = slice(*np.searchsorted(cells.strata, np.array([self.place, self.place + 1]) * size))
        strata, keys = cells.strata[inside] - self.place * size, cells.keys[inside]
        group, label, selected = strata // 6, strata // 2 % 3, strata % 2 == 1
        n, w, ww = (cells.sums.get(name, cells.sums["n"])[inside] for name in ("n", "w", "ww"))
        found = np.full(len(self.rounds.groups), np.nan)
        for place in range(len(found)):
            mine = np.nonzero((group == place) & selected & (label != MISSING))[0]
            if len(mine):
                last = np.sort(np.repeat(keys[mine], n[mine].astype(np.int64)))[ceil(LOWEST * n[mine].sum()) - 1]
                low = mine[keys[mine] <= last]
                members = divide(w[low].sum() ** 2, ww[low].sum())
                found[place] = wilson(divide(w[low] @ (label[low] == 1), w[low].sum()), members, critical(0.1)).high
        return found

    def reading(self, metric: str) -> Reading:
        """The reading of a measure in `NEEDS` from the round."""
        needs, rate = list(NEEDS[metric]), self.known[metric]
        known = certain(partial(of_rate if metric in SHARES else _without_interval, rate))
        if not needs:
            people = self.counts.sum(axis=(1, 2))
            return reading({"measured": known}, "measured", "", people, people, rate.standard_errors())
        labelled, people = self.counts[:, needs, 1].sum(axis=1), self.counts[:, needs].sum(axis=(1, 2))
        status, reason = self.status(metric, needs)
        errors = rate.standard_errors()
        sources: dict[Status, Ends] = {"measured": known}
        if (status == "bounded").any() and metric in self.bounds:
            sources["bounded"] = lambda alpha: worst.interval(self.bounds[metric], alpha)
        else:
            reason[status == "bounded"] += "; its bounds are not computed"
            status[status == "bounded"] = "undefined"
        if self.propensities is not None and (status == "weighted").any():
            sources["weighted"] = certain(partial(self.propensities.estimate, metric))
            errors = np.where(status == "weighted", self.propensities.errors(metric), errors)
        return reading(sources, status, reason, labelled, people, errors)

    def status(self, metric: str, needs: Sequence[int]) -> tuple[Table, Table]:
        """(S + 1,) the status of a rate that needs labels of people with these decisions, and the reason."""
        size = len(self.counts)
        status, reason = np.full(size, "measured", object), np.full(size, "", object)
        if self.missing.immature[self.place]:
            return np.full(size, "not mature", object), np.full(size, "its labels may still come", object)
        if self.missing.without[self.place]:
            return np.full(size, "undefined", object), np.full(size, "no label of this round is known", object)
        open_ = self.counts[:, list(needs), 0].sum(axis=1) > 0
        for doubt, why in self._doubts(needs):
            status[open_ & doubt & (status == "measured")], reason[open_ & doubt & (reason == "")] = "bounded", why
        if self.propensities is not None and metric in SHARES:
            fits, why_not = self.propensities.usable(metric)
            status[open_ & fits], reason[open_ & fits] = "weighted", self.propensities.note(metric)[open_ & fits]
            refused = (status == "bounded") & (why_not != "")
            reason[refused] = why_not[refused]
        if self.assume is not None:
            reason[status == "bounded"] += f"; assumed: {ASSUMPTIONS[self.assume]}"
        return status, reason

    def _doubts(self, needs: Sequence[int]) -> list[tuple[Flags, str]]:
        """(S + 1,) whether known labels do not represent all labels, and the reason."""
        rows, labelled = self.counts.sum(axis=2), self.counts[:, :, 1]
        empty = (rows > 0) & (labelled == 0)
        everybody = np.arange(len(rows)) == 0
        names = ("rejected", "selected")
        place = self.place
        on = "the prediction" if self.rounds.regression else "the decision or the score"
        return [
            *((empty[:, side], f"labels are known for no {names[side]} person") for side in needs),
            (np.full(len(rows), bool(self.missing.by_decision[place])),
             f"whether a label is known depends on {on}"),
            (everybody & bool(self.missing.by_group[place]), "whether a label is known depends on the group"),
        ]  # fmt: skip


def _without_interval(rate: Rate, alpha: float) -> Estimate:
    values = np.append(rate.overall, rate.by_group)
    none = np.full(len(values), np.nan)
    return Estimate(values, none, none)


def with_everybody(cells: Mapping[str, Table]) -> dict[str, Table]:
    """(S + 1, ...) tables with the sum over groups before the groups."""
    return {name: np.concatenate([table.sum(axis=0, keepdims=True), table]) for name, table in cells.items()}


def _quarters(table: Table, squares: worst.Cells | None = None) -> worst.Cells:
    """The cells that bounds need, from (S, 3, K) sums by label and prediction."""
    selected, rejected = table[:, :, 1], table.sum(axis=2) - table[:, :, 1]
    return worst.Cells(
        selected[:, 1], selected[:, 0], rejected[:, 1], rejected[:, 0], selected[:, MISSING], rejected[:, MISSING],
        squares,
    )  # fmt: skip
