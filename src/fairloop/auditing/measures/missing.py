"""Missing labels: whether their absence depends on the decision, the score or the group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.log.rounds import MISSING, Rounds
from fairloop.metrics import missing as tests

TESTS = ("prediction", "group", "score")
_BINS = 10

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Missing:
    """The knowledge of missing labels in R rounds.

    counts: (R, S, 2, 2) people by group, decision (rejected, selected), and whether the label is known. immature: (R,)
    whether labels may be incomplete. p: (R, 3) p-values of `TESTS` by Holm's method over all of them, NaN without a
    test. depends: (R, 3) whether they cause a warning. pooled: (3,) p-values over all rounds without a
    dependence of their own, by Holm's method, NaN with fewer than two such rounds. throughout: (3,) whether these cause
    a warning. could_be_missed: the difference of label rates that the last test of the decision could have
    missed; NaN without a test.

    With several rounds, each of the two families has half of the level, so p-values are doubled.
    """

    counts: NDArray[np.int64]
    immature: Flags
    p: Floats
    depends: Flags
    pooled: Floats
    throughout: Flags
    could_be_missed: float

    @cached_property
    def without(self) -> Flags:
        """(R,) whether no label of the round is known."""
        return np.asarray(self.counts[..., 1].sum(axis=(1, 2)) == 0)

    @cached_property
    def partly(self) -> Flags:
        """(R,) whether a mature round has known and missing labels."""
        return np.asarray(~self.immature & ~self.without & (self.counts[..., 0].sum(axis=(1, 2)) > 0))

    @cached_property
    def nobody_rejected(self) -> Flags:
        """(R,) whether every person of the round is selected, as in a log that leaves out rejected people."""
        return np.asarray((self.counts.sum(axis=(1, 2, 3)) > 0) & (self.counts[:, :, 0].sum(axis=(1, 2)) == 0))

    @cached_property
    def selected_only(self) -> Flags:
        """(R,) whether a round of `partly` has no label among the rejected."""
        return np.array([self.partly[i] and tests.known_for_selected_only(one) for i, one in enumerate(self.counts)])

    @cached_property
    def by_decision(self) -> Flags:
        """(R,) whether known labels depend on the decision or the score."""
        throughout = self.partly & (self.throughout[0] | self.throughout[2])
        return np.asarray(self.selected_only | self.depends[:, 0] | self.depends[:, 2] | throughout)

    @cached_property
    def by_group(self) -> Flags:
        """(R,) whether known labels depend on the group."""
        return np.asarray(self.depends[:, 1] | self.partly & self.throughout[1])


def missing(rounds: Rounds) -> Missing:
    """The pattern of missing labels, with tests of each mature round with missing labels, and of these rounds together.

    Many small rounds together can show a dependence that each of them hides. Rounds with a dependence of their own are
    not pooled, because they would dominate the others.
    """
    n = rounds.cells["n"]
    selected, rejected = n[..., 1], n.sum(axis=3) - n[..., 1]
    people = np.stack([rejected, selected], axis=2)  # (R, S, 2, 3)
    counts = np.stack([people[..., MISSING], people[..., :MISSING].sum(axis=3)], axis=3).round().astype(np.int64)
    none = np.zeros(len(TESTS), bool)
    untested = np.zeros((len(counts), len(TESTS)))
    found = Missing(counts, rounds.immature, untested, untested > 0, untested[:0], none, np.nan)
    tables = {int(i): _tables(rounds, counts[i], int(i)) for i in np.nonzero(found.partly)[0]}
    raw, gaps = np.full(untested.shape, np.nan), untested.copy()
    for i, each in tables.items():
        raw[i], gaps[i] = zip(*map(_tested, each), strict=True)
    families = 2 if len(tables) > 1 else 1
    p = (families * tests.holm(raw)).clip(max=1)
    depends = tests.depends(p, gaps)
    others = [[each[k] for i, each in tables.items() if not depends[i, k]] for k in range(len(TESTS))]
    together, wide = zip(
        *(_tested(np.concatenate(one)) if len(one) > 1 else (np.nan, 0.0) for one in others), strict=True
    )
    pooled = (families * tests.holm(together)).clip(max=1)
    return Missing(
        counts, rounds.immature, p, depends, pooled, tests.depends(pooled, wide), _could_be_missed(counts, raw[:, 0])
    )


def _could_be_missed(counts: NDArray[np.int64], p: Floats) -> float:
    tested = np.nonzero(np.isfinite(p))[0]
    if not len(tested):
        return np.nan
    last = counts[tested[-1]].sum(axis=0)
    return tests.could_be_missed(last[:, 1], last.sum(axis=1))


def _tested(tables: NDArray[np.int64]) -> tuple[float, float]:
    """p, and the largest difference of label rates, given the stratum."""
    return tests.given_stratum(tables).p, tests.gap_given_stratum(tables)


def _tables(rounds: Rounds, counts: NDArray[np.int64], i: int) -> tuple[NDArray[np.int64], ...]:
    """The table of each test: (H, K, 2) people of a round by stratum, column and whether the label is known.

    Decisions and bins of scores are compared given the group.
    """
    return counts, counts.sum(axis=1)[None], _by_score(rounds, i)


def _by_score(rounds: Rounds, i: int) -> NDArray[np.int64]:
    """(S, 10, 2) people by group, bin of scores (ten bins of about equal counts), and whether the label is known."""
    groups = len(rounds.groups)
    if rounds.scores is None:
        return np.zeros((groups, _BINS, 2), np.int64)
    cells, size = rounds.scores.cells, groups * 6
    inside = slice(*np.searchsorted(cells.strata, [i * size, (i + 1) * size]))
    keys, people, strata = cells.keys[inside], cells.sums["n"][inside], cells.strata[inside]
    _, value = np.unique(keys, return_inverse=True)
    often = np.bincount(value, people)
    below = often.cumsum() - often / 2
    place = np.minimum((below / often.sum() * _BINS).astype(np.int64), _BINS - 1)[value]  # ties stay together
    cell = ((strata // 6 - i * groups) * _BINS + place) * 2 + (strata // 2 % 3 != MISSING)
    found = np.bincount(cell, people, groups * _BINS * 2).reshape(groups, _BINS, 2)
    return np.asarray(found.round(), np.int64)
