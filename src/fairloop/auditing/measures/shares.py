"""Rates as shares of sums by label and prediction: of people with a label, or of all people for rates without
labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.log.rounds import MISSING
from fairloop.metrics import group_rates as perf
from fairloop.metrics import weighted
from fairloop.metrics.catalogue import OF_COUNTS
from fairloop.metrics.group_rates import Rate, divide
from fairloop.metrics.weighted import Sums

Table = NDArray[Any]

BOTH = (0, 1)
NEEDS: Mapping[str, tuple[int, ...]] = dict.fromkeys((entry.name for entry in OF_COUNTS), BOTH) | {
    "selection_rate": (), "count": (), "ppv": (1,), "fdr": (1,), "for": (0,),
}  # fmt: skip
"""Measures, and the decisions (rejected 0, selected 1) of the people whose labels they need."""

SHARES = (*(entry.name for entry in OF_COUNTS if entry.share), "fdr", "for")
"""The measures that are shares of people."""


def shares(table: Table) -> dict[str, tuple[Table, Table]]:
    """Numerator and denominator, (S,) each, of every measure in `SHARES`, from (S, 3, K) sums by label and prediction.

    The selection rate counts all people. Other measures leave out people without a label.
    """
    cells = perf.cells(square(table))
    found = {entry.name: entry.formula(cells) for entry in OF_COUNTS if entry.share and entry.formula is not None}
    return found | {
        "selection_rate": (table[:, :, 1].sum(axis=1), table.sum(axis=(1, 2))),
        "fdr": (cells.false_positives, cells.selected),
        "for": (cells.false_negatives, cells.total - cells.selected),
    }


def square(table: Table) -> Table:
    """(S, K, K) sums over labelled people in the order of `perf.confusion`, from (S, 3, K)."""
    kinds = table.shape[2]
    found = np.zeros((len(table), kinds, kinds), table.dtype)
    found[:, :2] = table[:, :MISSING]
    return found


def known_rates(cells: Mapping[str, Table]) -> dict[str, Rate]:
    """Every measure in `NEEDS` of people with known labels; selection rate and count of all people.

    cells: of one round, as in `Rounds.cells`.
    """
    n = cells["n"].round().astype(np.int64)
    people, total = shares(n), n.sum(axis=(1, 2))
    if "w" not in cells:
        found = perf.performance(square(n)) | {name: _rate(*people[name]) for name in ("selection_rate", "fdr", "for")}
    else:
        found = weighted.performance(square(n), Sums(square(cells["w"]), square(cells["ww"])))
        weights, squares = shares(cells["w"]), shares(cells["ww"])
        for name in ("selection_rate", "fdr", "for"):
            hits, of = (Sums(weights[name][side], squares[name][side]) for side in (0, 1))
            found[name] = weighted.share(hits, of, people[name][1])
    every = np.append(total.sum(), total)
    found["count"] = replace(found["count"], overall=float(every[0]), by_group=total.astype(np.float64), members=every)
    return found


def _rate(hits: NDArray[np.int64], of: NDArray[np.int64]) -> Rate:
    return Rate(float(divide(hits.sum(), of.sum())), divide(hits, of), np.append(of.sum(), of))
