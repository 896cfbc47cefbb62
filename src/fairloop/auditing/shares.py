"""Rates as shares of sums by label and prediction: of people with a label, and, where no label is needed, of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.rounds import MISSING
from fairloop.metrics import fairness as perf
from fairloop.metrics import weighted
from fairloop.metrics.fairness import Rate
from fairloop.metrics.weighted import Sums

Table = NDArray[Any]

NEEDS: Mapping[str, tuple[int, ...]] = {
    "accuracy": (0, 1), "selection_rate": (), "tpr": (0, 1), "tnr": (0, 1), "fpr": (0, 1), "fnr": (0, 1), "ppv": (1,),
    "fdr": (1,), "for": (0,),
}  # fmt: skip
"""Rates, and the decisions (rejected 0, selected 1) of the people whose labels each of them needs."""


def shares(table: Table) -> dict[str, tuple[Table, Table]]:
    """Numerator and denominator, (S,) each, of every rate in `NEEDS`, from (S, 3, K) sums by label and prediction.

    The selection rate counts everybody; others leave people without a label out.
    """
    kinds = table.shape[2]
    square = np.zeros((len(table), kinds, kinds))
    square[:, :2] = table[:, :MISSING]
    right, wrong = table[:, 1, 1], table[:, 0, 1]
    missed, rejected = table[:, 1].sum(axis=1) - right, table[:, :MISSING].sum(axis=(1, 2)) - right - wrong
    return perf.shares(square) | {
        "selection_rate": (table[:, :, 1].sum(axis=1), table.sum(axis=(1, 2))),
        "ppv": (right, right + wrong),
        "fdr": (wrong, right + wrong),
        "for": (missed, rejected),
    }


def known_rates(cells: Mapping[str, Table], weight: str = "w", square: str = "ww") -> dict[str, Rate]:
    """Every rate in `NEEDS`, and `count`, of people whose labels are known; the selection rate of all people.

    cells: as `Rounds.cells`, of one round. weight, square: the names of sums that weigh people, if there are such.
    """
    people = {name: (_whole(hits), _whole(of)) for name, (hits, of) in shares(cells["n"]).items()}
    total = cells["n"].sum(axis=(1, 2))
    count = {"count": Rate(float(total.sum()), total, np.append(total.sum(), total).astype(np.int64))}
    if weight not in cells:
        return {name: _rate(*pair) for name, pair in people.items()} | count
    weights, squares = shares(cells[weight]), shares(cells[square])
    hits, every = ({name: Sums(weights[name][side], squares[name][side]) for name in people} for side in (0, 1))
    return {name: weighted.share(hits[name], every[name], of) for name, (_, of) in people.items()} | count


def _whole(table: Table) -> NDArray[np.int64]:
    return table.round().astype(np.int64)


def _rate(hits: NDArray[np.int64], of: NDArray[np.int64]) -> Rate:
    return Rate(float(perf.divide(hits.sum(), of.sum())), perf.divide(hits, of), np.append(of.sum(), of))
