"""How well a classifier does, for whom: counts in, rates and disparities out.

Everything follows from one table of counts, (group, label, prediction). A rate without members is undefined
(NaN), never 0, and so is every disparity that involves one. The definitions of demographic parity and equalized
odds are those of fairlearn, which the tests compare with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATES = ("accuracy", "selection_rate", "tpr", "tnr", "fpr", "fnr")
DISPARITIES = ("difference", "ratio", "min", "max")


@dataclass(frozen=True)
class Rate:
    """A measure of everybody and of each group.

    overall: of all samples. by_group: (S,). members: (S + 1,) how many samples stand behind each value,
    overall first; a value with none is NaN. effective, errors: (S + 1,) with weights, see `metrics.weighted`: the
    number of samples without weights that would be as certain, and standard errors.
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


def performance(counts: NDArray[np.int64], beneficial: int = 1) -> dict[str, Rate]:
    """Accuracy, selection rate, TPR, TNR, FPR, FNR and count, from `confusion`'s (S, K, K) counts.

    With more than two labels, all but accuracy take the `beneficial` label against the rest.
    """
    total = counts.sum(axis=(1, 2))
    rates = {name: _rate(hits, members) for name, (hits, members) in shares(counts, beneficial).items()}
    return rates | {"count": Rate(float(total.sum()), total.astype(np.float64), np.append(total.sum(), total))}


def shares(table: NDArray[Any], beneficial: int = 1) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Each rate's numerator and denominator, (S,) each, from a (S, K, K) table of counts or of sums of weights."""
    selected = table[:, :, beneficial].sum(axis=1)
    positives = table[:, beneficial, :].sum(axis=1)
    total = table.sum(axis=(1, 2))
    true_positives = table[:, beneficial, beneficial]
    false_positives = selected - true_positives
    negatives = total - positives
    return {
        "accuracy": (np.trace(table, axis1=1, axis2=2), total),
        "selection_rate": (selected, total),
        "tpr": (true_positives, positives),
        "tnr": (negatives - false_positives, negatives),
        "fpr": (false_positives, negatives),
        "fnr": (positives - true_positives, positives),
    }


def demographic_parity(rates: dict[str, Rate]) -> dict[str, float]:
    """Difference (0 is parity) and ratio (1 is parity) of selection rates."""
    disparities = rates["selection_rate"].disparities()
    return {name: disparities[name] for name in ("difference", "ratio")}


def equalized_odds(rates: dict[str, Rate]) -> dict[str, float]:
    """Difference: the larger of the TPR and FPR differences. Ratio: the smaller of their ratios."""
    tpr, fpr = rates["tpr"].disparities(), rates["fpr"].disparities()
    return {
        "difference": float(np.maximum(tpr["difference"], fpr["difference"])),
        "ratio": float(np.minimum(tpr["ratio"], fpr["ratio"])),
    }


def flatten(
    rates: dict[str, Rate], groups: Sequence[str], compared: dict[str, Rate] | None = None
) -> Iterator[tuple[str, str, float, float]]:
    """(group, metric, value, standard error) of every rate and of what follows from several.

    groups: (S,) their names. compared: the same rates of the groups that disparities are about; all of them if None.
    """
    compared = rates if compared is None else compared
    for metric, rate in rates.items():
        errors = rate.standard_errors() if metric in RATES else np.full(len(rate.by_group) + 1, np.nan)
        for group, value, error in zip(("overall", *groups), (rate.overall, *rate.by_group), errors, strict=True):
            yield group, metric, float(value), float(error)
        for group, value in compared[metric].disparities().items():
            yield group, metric, value, np.nan
    for metric, disparities in (
        ("demographic_parity", demographic_parity(compared)),
        ("equalized_odds", equalized_odds(compared)),
    ):
        for group, value in disparities.items():
            yield group, metric, value, np.nan


def divide(numerator: object, denominator: object) -> NDArray[np.float64]:
    """Elementwise quotient; NaN where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    undefined = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=undefined, where=denominator != 0)
    return undefined


def _rate(hits: NDArray[np.int64], members: NDArray[np.int64]) -> Rate:
    total = members.sum()
    return Rate(
        overall=float(divide(hits.sum(), total)),
        by_group=divide(hits, members),
        members=np.append(total, members),
    )
