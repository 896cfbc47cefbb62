"""Means over all rows from labels of some rows, with their variance over the exploration alone.

Rows are fixed, and labels are observed at random. The label of a row is observed with its propensity, independently of
other rows. New rows in every round add sampling variance. Estimates of rates by group are in `propensity`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fairloop.errors import InputError
from fairloop.metrics.group_rates import divide
from fairloop.metrics.shares import Flags, Floats, known_labels, weighted_share


class SeenMean(NamedTuple):
    """An estimate of the mean label of all rows, and of its variance over the exploration."""

    value: float
    variance: float


def horvitz_thompson(labels: Floats, propensity: Floats) -> SeenMean:
    """The unbiased mean of label / propensity, with 0 for unseen rows (Horvitz and Thompson, 1952).

    labels: (N,) 0, 1, NaN where unseen. propensity: (N,) in (0, 1]. The value can leave [0, 1]. Raises InputError
    for a propensity of 0.

    >>> horvitz_thompson(np.array([1, 1, np.nan, 1, np.nan]), np.array([1, 1, 0.25, 0.25, 0.25])).value
    1.2
    """
    known = _checked(labels, propensity)
    total = divide(np.where(known, labels, 0.0), propensity)
    return SeenMean(float(total.mean()), _variance(total, propensity))


def hajek(labels: Floats, propensity: Floats) -> SeenMean:
    """The mean of seen labels with weights 1 / propensity (Hajek, 1971): `propensity.rates`' base rate, of one group.

    It is exact if all labels are equal. Its bias is of the order 1 / N. NaN without seen labels. Raises InputError
    for a propensity of 0.
    """
    known, everybody = _checked(labels, propensity), np.zeros(len(labels), dtype=np.int64)
    weight = divide(known, propensity)
    value = float(weighted_share(labels == 1, known, everybody, 1, weight).value[0])
    if np.isnan(value):
        return SeenMean(value, value)
    return SeenMean(value, _variance(divide(np.where(known, labels - value, 0.0), propensity), propensity))


def _variance(weighted: Floats, propensity: Floats) -> float:
    return float((weighted**2 * (1 - propensity)).sum() / len(weighted) ** 2)


def _checked(labels: Floats, propensity: Floats) -> Flags:
    known = known_labels(labels)
    never = np.flatnonzero(~(propensity > 0))
    if not len(labels) or len(never):
        where = f"row {int(never[0])} has {propensity[never[0]]:g}" if len(never) else "there are no rows"
        raise InputError(f"propensity: {where}, so there is no estimate of all rows; explore, or use bounds")
    return known
