"""Performance and fairness of a classifier, by group: confusion counts in, rates and disparities out.

Everything follows from one table of counts, (group, label, prediction). `catalogue` says which measures there are, and
`formulas` defines them. A rate without members is undefined (NaN), never 0, and so is every disparity that involves
one. The tests compare the values with fairlearn's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.metrics.catalogue import CATALOGUE, OF_CLASSIFIERS, OF_COUNTS
from fairloop.metrics.entry import AGGREGATES, Entry
from fairloop.metrics.formulas import Cells


@dataclass(frozen=True)
class Rate:
    """A measure of all people together and of each group.

    overall: of all people. by_group: (S,). members: (S + 1,) the number of people behind each value, overall first; a
    share of none is NaN. errors: (S + 1,) standard errors, where they are not those of a share without weights; NaN for
    a measure that is no share. effective: (S + 1,) with weights, the number of people without weights that would be as
    certain (see `metrics.weighted`).
    """

    overall: float
    by_group: NDArray[np.float64]
    members: NDArray[np.int64]
    effective: NDArray[np.float64] | None = None
    errors: NDArray[np.float64] | None = None

    def standard_errors(self) -> NDArray[np.float64]:
        """(S + 1,) of a share: sqrt(p (1 - p) / n) without weights, overall first."""
        if self.errors is not None:
            return self.errors
        values = np.concatenate([[self.overall], self.by_group])
        return np.sqrt(divide(values * (1 - values), self.members))

    def disparities(self) -> dict[str, float]:
        """The largest difference (0 is equal), the smallest ratio (1 is equal), minimum and maximum over groups."""
        low, high = self.by_group.min(), self.by_group.max()  # NaN if any group's value is
        return {
            "difference": float(high - low),
            "ratio": float(divide(low, high)),
            "min": float(low),
            "max": float(high),
        }


def confusion(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    predictions: NDArray[np.int64],
    classes: int,
    group_count: int,
    often: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """(S, K, K) counts of (group, label, prediction) from three (N,) arrays; each counts `often` times, or once."""
    cell = (groups * classes + labels) * classes + predictions
    counts = np.bincount(cell, often, minlength=group_count * classes**2)
    return counts.astype(np.int64).reshape(group_count, classes, classes)


def cells(table: NDArray[Any], beneficial: int = 1) -> Cells:
    """(S,) cells of a (S, K, K) table of counts, or of sums of weights: the `beneficial` label against the rest."""
    rest = np.arange(table.shape[1]) != beneficial
    return Cells(
        right=np.trace(table, axis1=1, axis2=2),
        true_positives=table[:, beneficial, beneficial],
        false_negatives=table[:, beneficial, rest].sum(axis=1),
        false_positives=table[:, rest, beneficial].sum(axis=1),
        true_negatives=table[:, rest][:, :, rest].sum(axis=(1, 2)),
    )


def performance(counts: NDArray[Any], beneficial: int = 1) -> dict[str, Rate]:
    """Each measure in `catalogue.OF_COUNTS` by its name, from `confusion`'s (S, K, K) counts.

    With more than two labels, all but accuracy and count take the `beneficial` label against the rest.
    """
    everybody_first = cells(np.concatenate([counts.sum(axis=0, keepdims=True), counts]), beneficial)
    return {entry.name: _measured(entry, everybody_first) for entry in OF_COUNTS}


def _measured(entry: Entry, people: Cells) -> Rate:
    assert entry.formula is not None
    numerator, denominator = entry.formula(people)
    values = divide(numerator, denominator)
    return Rate(
        overall=float(values[0]),
        by_group=values[1:],
        members=denominator if entry.share else people.total,
        errors=None if entry.share else np.full(len(values), np.nan),
    )


def disparities(rates: dict[str, Rate], metric: str) -> dict[str, float]:
    """The parts of a measure that are over all groups, such as its difference; NaN where a group's value is.

    A measure with `worst_of` has the largest difference and the smallest ratio of these.
    """
    entry = CATALOGUE[metric]
    if not entry.worst_of:
        found = rates[metric].disparities()
        return {part: found[part] for part in AGGREGATES if part in entry.parts}
    each = [rates[name].disparities() for name in entry.worst_of]
    return {
        "difference": float(np.max([found["difference"] for found in each])),
        "ratio": float(np.min([found["ratio"] for found in each])),
    }


def demographic_parity(rates: dict[str, Rate]) -> dict[str, float]:
    """Difference (0 is parity) and ratio (1 is parity) of selection rates."""
    return disparities(rates, "demographic_parity")


def equalized_odds(rates: dict[str, Rate]) -> dict[str, float]:
    """Difference: the larger of the TPR and FPR differences. Ratio: the smaller of their ratios."""
    return disparities(rates, "equalized_odds")


def flatten(
    rates: dict[str, Rate], groups: Sequence[str], compared: dict[str, Rate] | None = None
) -> Iterator[tuple[str, str, float, float]]:
    """(group, metric, value, standard error) of every measure in `catalogue.OF_CLASSIFIERS`.

    groups: (S,) their names. compared: the same rates of the groups that disparities are about; all of them if None.
    """
    for entry in OF_CLASSIFIERS:
        if (rate := rates.get(entry.name)) is not None:
            values = (rate.overall, *rate.by_group)
            for group, value, error in zip(("overall", *groups), values, rate.standard_errors(), strict=True):
                yield group, entry.name, float(value), float(error)
        for part, value in disparities(rates if compared is None else compared, entry.name).items():
            yield part, entry.name, value, np.nan


def divide(numerator: object, denominator: object) -> NDArray[np.float64]:
    """Elementwise quotient; NaN where the denominator is 0."""
    denominator = np.asarray(denominator, np.float64)
    quotient = np.asarray(numerator, np.float64) / np.where(denominator == 0, np.nan, denominator)
    return np.asarray(quotient)
