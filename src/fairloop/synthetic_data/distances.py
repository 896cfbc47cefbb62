"""Distances of synthetic columns, and of pairs of columns, from the real ones."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd

from fairloop.metrics.distances import between
from fairloop.synthetic_data.pair import Codes, Pair

_BINS = 10  # of numbers, in pairs of columns; each has about a tenth of the real people


class Distance(NamedTuple):
    """A distance of the synthetic from the real distribution. columns: one or two. value: in [0, 1]; 0: they are equal.

    For a column of numbers it is the distance of Kolmogorov and Smirnov; a missing value counts as less than all
    numbers. For texts, and for two columns, it is total variation, half the sum of the absolute differences of shares.
    Numbers are then grouped by tenths of the real people, and missing values are a separate group.
    """

    columns: tuple[str, ...]
    value: float


def distances(pair: Pair) -> list[Distance]:
    """The distance of each column, with the label, then of each pair of columns."""
    real, synthetic = (pair.whole(people) for people in (pair.real, pair.synthetic))
    columns = [str(column) for column in real]
    codes = {column: _codes(real[column], synthetic[column]) for column in columns}
    alone = [Distance((column,), _alone(real[column], synthetic[column], *codes[column])) for column in columns]
    pairs = itertools.combinations(columns, 2)
    return alone + [Distance(each, _together(*(codes[column] for column in each))) for each in pairs]


def copies(pair: Pair) -> tuple[float, float]:
    """The share of synthetic rows that are equal to a real one, and of real rows that are equal to another real one."""
    real, synthetic = (_digests(pair.whole(people)) for people in (pair.real, pair.synthetic))
    return float(synthetic.isin(real).mean()), float(real.duplicated(keep=False).mean())


def _digests(frame: pd.DataFrame) -> pd.Series:
    plain = frame.apply(lambda column: column.astype(str) if column.dtype.name == "category" else column)
    return pd.Series(pd.util.hash_pandas_object(plain, index=False).to_numpy())


def _codes(real: pd.Series, synthetic: pd.Series) -> tuple[Codes, Codes]:
    """Common codes for both columns: of texts, or of tenths of numbers. Missing values have their own code."""
    if real.dtype.name == "category":
        return tuple(column.cat.codes.to_numpy(np.int64) + 1 for column in (real, synthetic))  # type: ignore[return-value]
    known = real.dropna().to_numpy(np.float64)
    edges = np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS)) if len(known) else known
    found = []
    for column in (real, synthetic):
        numbers = column.to_numpy(np.float64)
        found.append(np.where(np.isnan(numbers), 0, 1 + np.searchsorted(edges, numbers)).astype(np.int64))
    return found[0], found[1]


def _alone(real: pd.Series, synthetic: pd.Series, codes: Codes, made: Codes) -> float:
    if real.dtype.name == "category":
        return _variation(codes, made)
    ranks = pd.concat([real, synthetic]).rank(method="dense").fillna(0).to_numpy()  # only the order counts
    return between(ranks[: len(real)], ranks[len(real) :]).ks


def _together(one: tuple[Codes, Codes], other: tuple[Codes, Codes]) -> float:
    width = 1 + max(codes.max() for codes in other)
    joint = np.concatenate([first * width + second for first, second in zip(one, other, strict=True)])
    occurring = np.unique(joint, return_inverse=True)[1]  # few of the pairs of many texts occur
    return _variation(occurring[: len(one[0])], occurring[len(one[0]) :])


def _variation(real: Codes, made: Codes) -> float:
    size = 1 + max(real.max(), made.max())
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes in (real, made)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
