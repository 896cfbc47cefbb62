"""How labels are missing: whether their absence depends on the decision, the score or the group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.log.rounds import MISSING, Rounds
from fairloop.metrics import missing as tests
from fairloop.metrics.group_rates import divide

TESTS = ("prediction", "group", "score")
_BINS = 10

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Missing:
    """What is known of missing labels in R rounds.

    counts: (R, S, 2, 2) people by group, decision (rejected, selected), and whether the label is known. immature: (R,)
    whether labels may still come. p: (R, 3) p-values of `TESTS` by Holm's method over all of them, NaN where there was
    nothing to test. depends: (R, 3) which of them are worth a warning. could_be_missed: the difference of label rates
    that the last test of the decision could have missed; NaN without one.
    """

    counts: NDArray[np.int64]
    immature: Flags
    p: Floats
    depends: Flags
    could_be_missed: float

    @property
    def without(self) -> Flags:
        """(R,) rounds in which no label is known."""
        return np.asarray(self.counts[..., 1].sum(axis=(1, 2)) == 0)

    @property
    def partly(self) -> Flags:
        """(R,) mature rounds in which some labels are known and others are not."""
        return np.asarray(~self.immature & ~self.without & (self.counts[..., 0].sum(axis=(1, 2)) > 0))

    @property
    def selected_only(self) -> Flags:
        """(R,) of these, rounds without any label among the rejected."""
        return np.asarray(self.partly & [tests.known_for_selected_only(one) for one in self.counts])

    @property
    def by_decision(self) -> Flags:
        """(R,) rounds in which it depends on the decision or the score whether a label is known."""
        return np.asarray(self.selected_only | self.depends[:, 0] | self.depends[:, 2])

    @property
    def by_group(self) -> Flags:
        """(R,) rounds in which it depends on the group."""
        return np.asarray(self.depends[:, 1])


def missing(rounds: Rounds) -> Missing:
    """How labels of each round are missing, tested in mature rounds where some are; Holm's method over all tests."""
    n = rounds.cells["n"]
    selected, rejected = n[..., 1], n.sum(axis=3) - n[..., 1]
    people = np.stack([rejected, selected], axis=2)  # (R, S, 2, 3)
    counts = np.stack([people[..., MISSING], people[..., :MISSING].sum(axis=3)], axis=3).round().astype(np.int64)
    found = Missing(counts, rounds.immature, np.zeros(0), np.zeros((len(counts), 3), bool), np.nan)
    raw, gaps = np.full((len(counts), 3), np.nan), np.zeros((len(counts), 3))
    for i in np.nonzero(found.partly)[0]:
        raw[i], gaps[i] = zip(*(_by_decision(counts[i]), _by_group(counts[i]), _by_score(rounds, int(i))), strict=True)
    p = tests.holm(raw)
    tested = np.nonzero(np.isfinite(raw[:, 0]))[0]
    missed = np.nan
    if len(tested):
        last = counts[tested[-1]].sum(axis=0)
        missed = tests.could_be_missed(last[:, 1], last.sum(axis=1))
    return Missing(counts, rounds.immature, p, tests.depends(p, gaps), missed)


def _by_decision(counts: NDArray[np.int64]) -> tuple[float, float]:
    """p, and the difference of label rates of the selected and the rejected within groups (Mantel and Haenszel's)."""
    rows = counts.sum(axis=2).astype(np.float64)
    rates = divide(counts[..., 1], rows)
    weight = divide(rows.prod(axis=1), rows.sum(axis=1))
    gap = divide(np.nansum(weight * (rates[:, 1] - rates[:, 0])), np.nansum(weight))
    return tests.by_decision(counts).p, float(np.nan_to_num(np.abs(gap)))


def _by_group(counts: NDArray[np.int64]) -> tuple[float, float]:
    by_group = counts.sum(axis=1)
    return tests.by_group(counts).p, tests.gap(by_group[:, 1], by_group.sum(axis=1))


def _by_score(rounds: Rounds, i: int) -> tuple[float, float]:
    """p, and the largest difference of label rates between ten bins of scores with about as many people each."""
    if rounds.scores is None:
        return np.nan, 0.0
    cells, size = rounds.scores.cells, len(rounds.groups) * 6
    inside = slice(*np.searchsorted(cells.strata, [i * size, (i + 1) * size]))
    keys, people = cells.keys[inside], cells.sums["n"][inside]
    known = cells.strata[inside] // 2 % 3 != MISSING
    _, value = np.unique(keys, return_inverse=True)
    table = np.stack([np.bincount(value, people * which) for which in (~known, known)], axis=1)
    below = table.sum(axis=1).cumsum() - table.sum(axis=1) / 2
    place = np.minimum((below / table.sum() * _BINS).astype(np.int64), _BINS - 1)  # ties stay together
    binned = np.stack([np.bincount(place, column, _BINS) for column in table.T], axis=1)
    return tests.pearson(binned).p, tests.gap(binned[:, 1], binned.sum(axis=1))
