"""How far synthetic columns, and pairs of columns, lie from the real ones."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pandas as pd

from fairloop.metrics.distances import between
from fairloop.synthetic_data.pair import Codes, Pair

_BINS = 10  # of numbers, in pairs of columns: each of about as many real people


class Distance(NamedTuple):
    """columns: one or two. value: in [0, 1]; 0 of equal distributions.

    Of a column of numbers Kolmogorov and Smirnov's distance. Of texts, and of two columns, total variation: half the
    sum of the differences of shares; numbers are in tenths of the real people then.
    """

    columns: tuple[str, ...]
    value: float


def distances(pair: Pair) -> list[Distance]:
    """Of each column, the label among them, then of each pair of columns."""
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
    edges = np.unique(np.nanquantile(real.to_numpy(np.float64), np.arange(1, _BINS) / _BINS))
    found = []
    for column in (real, synthetic):
        numbers = column.to_numpy(np.float64)
        found.append(np.where(np.isnan(numbers), 0, 1 + np.searchsorted(edges, numbers)).astype(np.int64))
    return found[0], found[1]


def _alone(real: pd.Series, synthetic: pd.Series, codes: Codes, made: Codes) -> float:
    if real.dtype.name == "category":
        return _variation(codes, made)
    one, other = (column.dropna().to_numpy(np.float64) for column in (real, synthetic))
    return between(one, other).ks if len(one) and len(other) else float("nan")


def _together(one: tuple[Codes, Codes], other: tuple[Codes, Codes]) -> float:
    width = 1 + max(codes.max() for codes in other)
    real, made = (first * width + second for first, second in zip(one, other, strict=True))
    return _variation(real, made)


def _variation(real: Codes, made: Codes) -> float:
    size = 1 + max(real.max(), made.max())
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes in (real, made)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)
