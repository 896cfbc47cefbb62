"""Rates of people with weights, and their precision.

A rate is `p = sum(w x) / sum(w)` over its denominator. By linearisation its variance is `V = sum(w**2 (x - p)**2) /
sum(w)**2`: people are a sample, weights belong to them. `n = p (1 - p) / V` is the number of unweighted people of equal
certainty. Kish's (1965) number, `sum(w)**2 / sum(w**2)`, ignores dependence between weights and the outcome.

Intervals take the smaller of the two, over the rate's own denominator: in simulations Wilson's interval then covers in
94.5 % of logs or more. With the sum of weights in its place it covers in 64 to 94 %, because that sum depends on the
unit of weights. No result changes if all weights are multiplied by one number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairloop.metrics import group_rates as perf
from fairloop.metrics.catalogue import OF_COUNTS
from fairloop.metrics.group_rates import Rate
from fairloop.metrics.shares import linearised


class Sums(NamedTuple):
    """Sums over people of weights, and of their squares. Arrays of the shape of the counts."""

    weights: NDArray[np.float64]
    squares: NDArray[np.float64]

    def at(self, index: Any) -> Sums:
        """The sums at `index`."""
        return Sums(self.weights[index], self.squares[index])


def performance(counts: NDArray[np.int64], sums: Sums, beneficial: int = 1) -> dict[str, Rate]:
    """The measures of `fairness.performance` with weights; `count` stays the number of people.

    counts: (S, K, K) people. sums: of theirs.
    """
    found = perf.performance(counts, beneficial)
    of_weights = perf.performance(sums.weights, beneficial)
    people, weights, squares = (perf.cells(table, beneficial) for table in (counts, *sums))
    for entry in OF_COUNTS:
        if entry.share and entry.formula is not None:
            hits, of = map(Sums, entry.formula(weights), entry.formula(squares))
            found[entry.name] = share(hits, of, entry.formula(people)[1])
        elif entry.name != "count":
            weighed = of_weights[entry.name]
            found[entry.name] = replace(found[entry.name], overall=weighed.overall, by_group=weighed.by_group)
    return found


def share(hits: Sums, of: Sums, members: NDArray[np.int64]) -> Rate:
    """The share of `hits`, (S,) sums over people, in `of`, sums over the people concerned; members: (S,) of them."""
    weight, total, square, squares = (
        np.append(sums.sum(), sums) for sums in (hits.weights, of.weights, hits.squares, of.squares)
    )
    found = linearised(weight, square, total, squares)
    return Rate(
        overall=float(found.value[0]),
        by_group=found.value[1:],
        members=np.append(members.sum(), members),
        effective=np.fmin(found.kish, found.linear),  # the variance is 0 if no people, or all people, are hits
        errors=np.sqrt(found.variance),
    )
