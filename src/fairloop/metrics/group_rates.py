"""Performance and fairness of a classifier by group, from confusion counts.

All measures follow from one table of counts, (group, label, prediction). `catalogue` lists the measures, and `formulas`
defines them. A rate without members is undefined (NaN), and so is every disparity that involves it. The tests compare
the values with fairlearn's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.metrics.catalogue import CATALOGUE, OF_CLASSIFIERS, OF_COUNTS
from fairloop.metrics.entry import AGGREGATES, Entry
from fairloop.metrics.formulas import Cells

_SHARES = np.array([entry.share for entry in OF_COUNTS])


@dataclass(frozen=True)
class Rate:
    """A measure of all people together and of each group.

    overall: of all people. by_group: (S,). members: (S + 1,) the number of people in each value, overall first; a
    share without people is NaN. errors: (S + 1,) standard errors, if they differ from those of an unweighted share; NaN
    for a measure that is not a share. effective: (S + 1,) with weights, the number of people without weights of equal
    certainty (see `metrics.weighted`).
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

    With more than two labels, all measures but accuracy and count compare the `beneficial` label with the rest.
    """
    people = cells(np.concatenate([counts.sum(axis=0, keepdims=True), counts]), beneficial)
    quotients = np.empty((2, len(OF_COUNTS), len(counts) + 1))
    members = []
    for place, entry in enumerate(OF_COUNTS):
        assert entry.formula is not None
        numerator, denominator = entry.formula(people)
        quotients[0, place], quotients[1, place] = numerator, denominator
        members.append(denominator if entry.share else people.total)
    values, errors = divide(*quotients), np.full(quotients.shape[1:], np.nan)  # of all measures at once
    share = values[_SHARES]
    errors[_SHARES] = np.sqrt(divide(share * (1 - share), quotients[1, _SHARES]))
    return {
        entry.name: Rate(float(found[0]), found[1:], behind, errors=error)
        for entry, found, behind, error in zip(OF_COUNTS, values, members, errors, strict=True)
    }


def disparities(rates: dict[str, Rate], metric: str) -> dict[str, float]:
    """The parts of a measure over all groups, such as its difference; NaN if a group's value is NaN.

    A measure with `worst_of` has the largest difference and the smallest ratio of those measures.
    """
    entry = CATALOGUE[metric]
    return _over_groups(entry, {name: rates[name].disparities() for name in entry.worst_of or (metric,)})


def _over_groups(entry: Entry, found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The parts of a measure over all groups, from the `Rate.disparities` of measures."""
    if not entry.worst_of:
        return {part: found[entry.name][part] for part in AGGREGATES if part in entry.parts}
    return {
        "difference": float(np.max([found[name]["difference"] for name in entry.worst_of])),
        "ratio": float(np.min([found[name]["ratio"] for name in entry.worst_of])),
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

    groups: (S,) their names. compared: the rates of the groups for disparities; None: `rates`.
    """
    everybody, found = ("overall", *groups), _all_disparities(rates if compared is None else compared)
    for entry in OF_CLASSIFIERS:
        if (rate := rates.get(entry.name)) is not None:
            values = (rate.overall, *rate.by_group.tolist())
            for group, value, error in zip(everybody, values, rate.standard_errors().tolist(), strict=True):
                yield group, entry.name, value, error
        for part, value in _over_groups(entry, found).items():
            yield part, entry.name, value, np.nan


def _all_disparities(rates: dict[str, Rate]) -> dict[str, dict[str, float]]:
    """`Rate.disparities` of each measure by its name, vectorized over measures."""
    table = np.array([rate.by_group for rate in rates.values()])
    low, high = table.min(axis=1), table.max(axis=1)  # NaN if any group's value is
    found = np.column_stack([high - low, divide(low, high), low, high]).tolist()
    return {name: dict(zip(AGGREGATES, parts, strict=True)) for name, parts in zip(rates, found, strict=True)}


def divide(numerator: object, denominator: object) -> NDArray[np.float64]:
    """Elementwise quotient; NaN where the denominator is 0."""
    denominator = np.asarray(denominator, np.float64)
    quotient = np.asarray(numerator, np.float64) / np.where(denominator == 0, np.nan, denominator)
    return np.asarray(quotient)
