"""Columns of a table as features in [0, 1], and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairloop.data.table_checks import MOST_TEXTS, check_feature, check_finite
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_KNOTS = 256  # of a numeric column's distribution; more knots would identify single people
_LARGEST_WHOLE = 2.0**63  # larger numbers exceed int64
_ABSENT = ("nan", "+nan", "-nan", "na", "n/a", "#n/a", "<na>", "null")  # spellings of a missing number


@dataclass(frozen=True)
class Numeric:
    """Numbers by rank: the feature of a value is the share of training values below it, plus half the share equal to
    it.

    So every column spreads over [0, 1], also with long tails.

    values, shares: knots of that function, both increasing; between them it is linear.
    whole: whether all values are integers, and less than 2^63.
    """

    name: str
    values: tuple[float, ...]
    shares: tuple[float, ...]
    whole: bool

    @property
    def width(self) -> int:
        """Features of one value."""
        return 1

    def encode(self, values: pd.Series) -> NDArray[np.float32]:
        """(N, 1) in [0, 1]."""
        shares = np.interp(values.to_numpy(np.float64), self.values, self.shares)
        encoded: NDArray[np.float32] = shares.astype(np.float32)[:, None]
        return encoded

    def decode(self, features: NDArray[np.float32]) -> list[float]:
        """N values."""
        values = np.interp(features[:, 0], self.shares, self.values)
        decoded: list[float] = (np.rint(values).astype(np.int64) if self.whole else values).tolist()
        return decoded


@dataclass(frozen=True)
class Categorical:
    """One of several values, in one-hot encoding."""

    name: str
    values: tuple[str, ...]

    @property
    def width(self) -> int:
        """Features of one value."""
        return len(self.values)

    def encode(self, values: pd.Series) -> NDArray[np.float32]:
        """(N, width) of zeros and ones."""
        codes, texts = _distinct(values.astype(str))
        places = {value: place for place, value in enumerate(self.values)}
        return np.eye(self.width, dtype=np.float32)[np.array([places[text] for text in texts], np.int64)[codes]]

    def decode(self, features: NDArray[np.float32]) -> list[str]:
        """N values: for each row the value with the largest feature."""
        return [self.values[place] for place in features.argmax(axis=1)]


Column = Numeric | Categorical


def learned(table: pd.DataFrame, training: NDArray[np.bool_]) -> tuple[Column, ...]:
    """The columns of a table: numeric where all values are numbers, else categorical.

    training: (N,) the rows that define the distribution of numeric columns.

    Raises InputError for missing values, and for columns with so many categories that they probably hold names.
    """
    return tuple(_learned(table[name], training) for name in table)


def encode(table: pd.DataFrame, columns: Sequence[Column]) -> NDArray[np.float32]:
    """(N, F) features, the columns side by side."""
    return np.concatenate([column.encode(table[column.name]) for column in columns], axis=1)


def decode(features: NDArray[np.float32], columns: Sequence[Column]) -> dict[str, list[float] | list[str]]:
    """The values of (N, F) features, by column."""
    edges = np.cumsum([column.width for column in columns])[:-1]
    parts = np.split(features, edges, axis=1)
    return {column.name: column.decode(part) for column, part in zip(columns, parts, strict=True)}


def _learned(values: pd.Series, training: NDArray[np.bool_]) -> Column:
    check_feature(values)
    numbers = _read_as_numbers(values)
    absent = values.isna() | _not_a_number(values, numbers)
    missing = np.flatnonzero(absent)
    if len(missing):
        raise InputError(
            f"data: column '{values.name}' has no value in {len(missing)} rows (the first is row {missing[0]}, counted "
            "from 0); fill them in, leave those rows out, or name the column in data.leave_out"
        )
    if numbers.notna().all() and values.dtype != bool:
        check_finite(values, numbers.to_numpy(np.float64))
        return _numeric(str(values.name), numbers[training].to_numpy(np.float64))
    categories = sorted(values.astype(str).unique())
    if len(categories) > max(MOST_TEXTS, len(values) // 10):
        if numbers.notna().mean() > 0.5:
            row = int(np.flatnonzero(numbers.isna())[0])
            raise InputError(
                f"data: column '{values.name}' holds numbers, and '{values.iloc[row]}' in row {row} (counted from 0); "
                "write a number there, leave such rows out, or name the column in data.leave_out"
            )
        raise InputError(
            f"data: column '{values.name}' has {len(categories)} different texts in {len(values)} rows; "
            "name it in data.leave_out"
        )
    return Categorical(str(values.name), tuple(categories))


def _read_as_numbers(values: pd.Series) -> pd.Series:
    """The values as numbers; NaN for texts that are not numbers. Each distinct text is parsed once."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values.dtype):
        return pd.to_numeric(values)
    codes, distinct = _distinct(values.astype(object))
    numbers = pd.to_numeric(pd.Series(distinct, dtype=object), errors="coerce")
    return pd.Series(numbers.array[codes], index=values.index)


def _distinct(values: pd.Series) -> tuple[NDArray[np.intp], Any]:
    """(N,) positions of the values in the distinct values, and the distinct values, with the missing value if one
    occurs.
    """
    import pandas as pd

    return pd.factorize(values, use_na_sentinel=False)


def _not_a_number(values: pd.Series, numbers: pd.Series) -> pd.Series:
    """The cells with a spelling of a missing value, in any case, in a column of numbers."""
    rest = values[numbers.isna()].astype(str).str.strip().str.lower()
    says = rest.isin(_ABSENT)
    return numbers.isna() & bool(numbers.notna().any() and says.all())


def _numeric(name: str, values: NDArray[np.float64]) -> Numeric:
    if not len(values):
        raise InputError("data: no training sample is left; check data.root and the split")
    distinct, counts = np.unique(values, return_counts=True)
    middle = (counts.cumsum() - counts / 2) / counts.sum()
    if len(distinct) > _KNOTS:
        knots = np.unique(np.searchsorted(middle, np.linspace(0, middle[-1], _KNOTS)))
        distinct, middle = distinct[knots], middle[knots]
    whole = bool(np.all(values == np.rint(values)) and np.abs(values).max() < _LARGEST_WHOLE)
    return Numeric(name, tuple(distinct.tolist()), tuple(middle.tolist()), whole)
