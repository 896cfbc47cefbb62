"""The forms in which estimators see the features of people: frames, one-hot arrays, flat pictures."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairloop.data import Population
from fairloop.data.columns import Column, Numeric
from fairloop.errors import InputError
from fairloop.models.estimators.contract import Features, dense

if TYPE_CHECKING:  # pandas is slow to import, and only estimators see frames
    import pandas as pd


def forms_of(population: Population) -> tuple[Features, ...]:
    """The forms, in the order in which `fit` of an estimator receives them."""
    if population.forms:
        return population.forms
    if population.columns:
        return Frame(population.columns), OneHot(population.columns)
    return (Flat(population.shape),)


_REMEMBERED = 4  # frames: test splits, and samples that several models predict


class Frame:
    """A frame with the columns of the data: whole numbers as int64, others as float64, texts as pandas categoricals.

    The last frames are cached, because several models predict the same people.
    """

    kind = "a frame"
    remedy = ""

    def __init__(self, columns: Sequence[Column]) -> None:
        import pandas as pd

        from fairloop.loop.own.features import Codec

        self._columns = columns
        self._edges = np.cumsum([column.width for column in columns])[:-1]
        self._codec = Codec([pd.DataFrame({column.name: _example(column) for column in columns})])
        self._decoded: OrderedDict[bytes, pd.DataFrame] = OrderedDict()

    def encode(self, features: Any, whose: str) -> NDArray[np.float32]:
        """(N, F) in [0, 1]. Raises InputError for columns or values that the data do not have."""
        codes = self._codec.encode(features, whose)
        for column, values in zip(self._columns, codes.T, strict=True):
            if not np.isfinite(values).all():
                what = "no value" if np.isnan(values).any() else "an infinite number"
                raise InputError(
                    f"{whose}: has {what} in column {column.name!r}, where the data have only finite numbers"
                )
        coded: NDArray[np.float32] = np.zeros((len(codes), sum(column.width for column in self._columns)), np.float32)
        for column, values, first in zip(self._columns, codes.T, [0, *self._edges], strict=True):
            if isinstance(column, Numeric):
                coded[:, first] = np.interp(values, column.values, column.shares)
            else:
                coded[np.arange(len(codes)), first + values.astype(np.int64)] = 1
        return coded

    def decode(self, numbers: NDArray[Any]) -> pd.DataFrame:
        """N rows."""
        content = np.ascontiguousarray(numbers)
        key = blake2b(content.data if content.size else b"", digest_size=16).digest() + repr(numbers.shape).encode()
        decoded: Any = self._decoded.pop(key, None)
        if decoded is None:
            parts = zip(self._columns, np.split(numbers, self._edges, axis=1), strict=True)
            decoded = self._codec.decode(np.column_stack([_codes(column, part) for column, part in parts]))
        frame: pd.DataFrame = decoded
        self._decoded[key] = frame
        while len(self._decoded) > _REMEMBERED:
            self._decoded.popitem(last=False)
        return frame.copy()  # an estimator may change its own


class OneHot:
    """An array of numbers in [0, 1], the input of networks: numbers by rank, texts one-hot."""

    kind = "an array of numbers, texts one-hot"
    remedy = "; it does not take a frame with categoricals, either"

    def __init__(self, columns: Sequence[Column]) -> None:
        self._edges = np.cumsum([column.width for column in columns])[:-1]
        self._width = sum(column.width for column in columns)

    def encode(self, features: Any, whose: str) -> NDArray[np.float32]:
        """(N, F): numbers clipped to [0, 1], and a one in the largest place of each text."""
        array = _numbers(features, (self._width,), whose).clip(0, 1)
        for block in np.split(array, self._edges, axis=1):
            if block.shape[1] > 1:
                block[:] = np.eye(block.shape[1], dtype=np.float32)[block.argmax(axis=1)]
        return array

    def decode(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """(N, F) float64, which all libraries take."""
        return numbers.astype(np.float64)


class Flat:
    """Pictures, or rows without known columns, as a flat array of numbers."""

    kind = "a flat array of numbers"
    remedy = ""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def encode(self, features: Any, whose: str) -> NDArray[np.float32]:
        """(N, ...) in the shape of the data."""
        return _numbers(features, self._shape, whose)

    def decode(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """(N, F)."""
        return numbers.reshape(len(numbers), -1)


def _numbers(features: Any, shape: tuple[int, ...], whose: str) -> NDArray[np.float32]:
    """A copy of `features` as (N, *shape) finite numbers."""
    array, width = np.array(dense(features), np.float32), int(np.prod(shape))
    if array.ndim < 2 or array[:1].size not in (0, width):
        raise InputError(f"{whose}: has features of shape {array.shape}, where (N, {width}) is needed")
    if not np.isfinite(array).all():
        raise InputError(f"{whose}: has features that are not finite; return numbers")
    return array.reshape(len(array), *shape)


def _example(column: Column) -> pd.Series[Any]:
    import pandas as pd

    if isinstance(column, Numeric):
        return pd.Series([0], dtype="int64" if column.whole else "float64")
    return pd.Series(pd.Categorical(column.values[:1], categories=column.values))


def _codes(column: Column, features: NDArray[Any]) -> NDArray[np.float64]:
    """(N,) numbers, or places of texts."""
    if isinstance(column, Numeric):
        numbers: NDArray[np.float64] = np.interp(features[:, 0], column.shares, column.values)
        return numbers
    places: NDArray[np.float64] = features.argmax(axis=1).astype(np.float64)
    return places
