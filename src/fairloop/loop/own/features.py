"""Features of people as plain numbers and back, so that the loop can carry frames with any columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.errors import InputError, said
from fairloop.models.estimators.contract import dense

Features: TypeAlias = "NDArray[Any] | pd.DataFrame"


class Codec:
    """Encodes features as (N, F) float64, and decodes them to an array, or to a frame with its types.

    Numbers stay unchanged, exactly up to 2**53. Other columns are coded by their distinct values.
    """

    def __init__(self, examples: Sequence[Features]) -> None:
        """examples: all real features, with the same columns. Raises InputError if they cannot be coded."""
        first = examples[0]
        self._framed = isinstance(first, pd.DataFrame)
        if isinstance(first, pd.DataFrame):
            self._columns = list(first.columns)
            whole = pd.concat([self._aligned(part, "the data") for part in examples], ignore_index=True)
            self._types = [whole[column].dtype for column in self._columns]
            self._values = [_values(whole[column]) for column in self._columns]
            return
        self._type = np.result_type(*[np.asarray(part) for part in examples])
        if np.asarray(first).ndim != 2 or self._type.kind not in "fiub":
            raise InputError(
                "features: an array needs the shape (N, F) and numbers; give a frame for columns of other types"
            )
        self._width = np.asarray(first).shape[1]

    @property
    def kind(self) -> str:
        """The kind of the features, in words."""
        return "a frame" if self._framed else f"an array of {self._type}"

    @property
    def remedy(self) -> str:
        """The remedy for an object that cannot use the features."""
        return "; encode columns of text in a pipeline, or give an array of numbers" if self._framed else ""

    def encode(self, features: Any, whose: str) -> NDArray[np.float64]:
        """(N, F) codes of `features`. Raises InputError, which names `whose`, if they differ in form from the real
        ones.
        """
        features = dense(features)
        if not self._framed:
            array = np.asarray(features, np.float64)
            if array.ndim != 2 or array.shape[1] != self._width:
                raise InputError(f"{whose}: has features of shape {array.shape}, where (N, {self._width}) is needed")
            _check_held(array.reshape(-1), self._type, whose, "an array")
            return array
        frame = self._aligned(features, whose)
        coded = [
            _coded(frame[column], kind, values, whose)
            for column, kind, values in zip(self._columns, self._types, self._values, strict=True)
        ]
        return np.column_stack(coded) if coded else np.zeros((len(frame), 0))

    def decode(self, numbers: NDArray[np.float64]) -> Features:
        """The inverse of `encode`."""
        if not self._framed:
            return (numbers if self._type.kind == "f" else np.rint(numbers)).astype(self._type)
        parts = zip(self._columns, self._types, self._values, numbers.T, strict=True)
        return pd.DataFrame({column: _decoded(codes, kind, values) for column, kind, values, codes in parts})

    def _aligned(self, features: Any, whose: str) -> pd.DataFrame:
        if not isinstance(features, pd.DataFrame):
            array = np.asarray(features)
            if array.ndim != 2 or array.shape[1] != len(self._columns):
                raise InputError(
                    f"{whose}: has features of shape {array.shape}, where (N, {len(self._columns)}) is needed; give "
                    f"a frame with the columns {self._columns}"
                )
            features = pd.DataFrame(array, columns=self._columns)
        check_distinct(features, whose)
        if missing := [column for column in self._columns if column not in features.columns]:
            raise InputError(f"{whose}: has no column {missing[0]!r}, which the training data have")
        aligned: pd.DataFrame = features.reindex(columns=self._columns)
        return aligned


def check_kind(features: Any, whose: str) -> None:
    """Raise InputError for features that the codec cannot restore to their type."""
    if dense(features) is not features:
        remedy = "toarray()" if hasattr(features, "toarray") else "to_pandas()"
        kind = f"{type(features).__module__.partition('.')[0]} {type(features).__name__}"
        raise InputError(f"{whose}: features are a {kind}; give an array or a pandas frame, as X.{remedy} does")
    check_distinct(features, whose)


def check_distinct(features: Any, whose: str) -> None:
    """Raise InputError for a frame with two columns of one name."""
    if isinstance(features, pd.DataFrame) and not features.columns.is_unique:
        twice = features.columns[features.columns.duplicated()][0]
        raise InputError(f"{whose}: has the column {twice!r} more than once; rename or drop all but one")


def _values(column: pd.Series[Any]) -> NDArray[Any] | None:
    """The distinct values of a column that needs codes; None for numbers.

    Raises InputError for values without a hash, such as lists, and for complex numbers.
    """
    if column.dtype.kind == "c":
        raise InputError(f"features: column {column.name!r} holds complex numbers; give two columns of real ones")
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.dtype.categories, object)
    if pd.api.types.is_numeric_dtype(column):
        return None
    try:
        return np.array(sorted(column.dropna().unique(), key=str), object)
    except TypeError as error:
        raise InputError(
            f"features: column {column.name!r} needs one number or text in each row ({said(error)})"
        ) from error


def _coded(column: pd.Series[Any], kind: Any, values: NDArray[Any] | None, whose: str) -> NDArray[np.float64]:
    if values is None:
        return _numbers(column, kind, whose)
    if column.dtype == kind and isinstance(kind, pd.CategoricalDtype):
        places = column.cat.codes.to_numpy(np.float64)
        return np.where(places < 0, np.nan, places)
    known = pd.Index(values, dtype=object)
    codes: NDArray[np.float64] = known.get_indexer(pd.Index(column, dtype=object)).astype(np.float64)
    if (unknown := (codes < 0) & column.notna().to_numpy()).any():
        raise InputError(f"{whose}: {column[unknown].iloc[0]!r} in column {column.name!r} is not in the training data")
    codes[codes < 0] = np.nan
    return codes


def _numbers(column: pd.Series[Any], kind: Any, whose: str) -> NDArray[np.float64]:
    if not _bears_nan(kind) and column.isna().any():
        raise InputError(
            f"{whose}: has no value in column {column.name!r}, which has no missing values in the training data"
        )
    try:
        numbers: NDArray[np.float64] = column.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"{whose}: column {column.name!r} needs numbers ({said(error)})") from error
    _check_held(numbers, kind, whose, f"column {column.name!r}")
    return numbers


def _check_held(numbers: NDArray[np.float64], kind: Any, whose: str, where: str) -> None:
    """Raise InputError if `kind` is a type of whole numbers that cannot hold one of `numbers`, rounded."""
    plain = np.dtype(getattr(kind, "numpy_dtype", kind))
    if plain.kind not in "iub":
        return
    low, high = (0, 1) if plain.kind == "b" else (np.iinfo(plain).min, np.iinfo(plain).max)
    rounded = np.rint(numbers)
    held = (rounded >= low) & (rounded <= high) | (np.isnan(numbers) & _bears_nan(kind))
    if not held.all():
        raise InputError(f"{whose}: has {numbers[~held][0]:g} in {where} of type {kind}, which cannot hold it")


def _decoded(codes: NDArray[np.float64], kind: Any, values: NDArray[Any] | None) -> pd.Series[Any]:
    if values is None:
        return pd.Series(codes if _bears_nan(kind) else np.rint(codes)).astype(kind)
    known = np.isfinite(codes)
    if isinstance(kind, pd.CategoricalDtype):
        return pd.Series(pd.Categorical.from_codes(np.where(known, codes, -1).astype(np.int64), dtype=kind))
    found = np.full(len(codes), None, object)
    found[known] = values[codes[known].astype(np.int64)]
    return pd.Series(found).astype(kind)


def _bears_nan(kind: Any) -> bool:
    """Whether a column of that number type can hold fractions and NaN, unlike whole numbers and bools."""
    return bool(pd.api.types.is_float_dtype(kind) or pd.api.types.is_extension_array_dtype(kind))
