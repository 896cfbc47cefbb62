"""Columns of labels and of groups as strata: codes 0..K-1 and 0..S-1, and their names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairloop.curation.values import array, columns_of, name_of, named
from fairloop.errors import InputError

MOST_STRATA = 100_000
"""Largest number of strata. A column with more values identifies people, and cannot define strata."""


Coded = tuple[NDArray[np.int64], tuple[str, ...]]
"""A column: (N,) codes of its values in their order, and the values as text."""


@dataclass(frozen=True)
class Names:
    """The names of labels and groups.

    labels: K names, by code.
    groups: S groups, by code; each has a value for every group column.
    columns: the label column, then the group columns.
    """

    labels: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...] = ("label", "group")

    @property
    def shape(self) -> tuple[int, int]:
        """(K, S)."""
        return len(self.labels), len(self.groups)

    def cells(self) -> list[tuple[str, ...]]:
        """The label and the group values of each of the K * S strata; stratum (k, s) is number k * S + s."""
        return [(label, *group) for label in self.labels for group in self.groups]

    def stratum(self, number: int) -> str:
        """One stratum in words, such as `label=1, group=red`."""
        return in_words(self.columns, self.cells()[number])


class People(NamedTuple):
    """N people by stratum."""

    stratum: NDArray[np.int64]
    """(N,) 0..K*S-1; stratum (k, s) is k * S + s."""
    names: Names

    def counts(self) -> NDArray[np.int64]:
        """(K, S): people in each stratum."""
        return np.bincount(self.stratum, minlength=math.prod(self.names.shape)).reshape(self.names.shape)


def in_words(columns: Sequence[str], values: Sequence[str]) -> str:
    """`label=1, group=red`."""
    return ", ".join(f"{column}={value}" for column, value in zip(columns, values, strict=True))


def given(labels: Any, groups: Sequence[Any]) -> People:
    """The strata of N people. Columns may come from frames. A frame of groups contributes all its columns.

    Columns keep their own names, such as those of pandas, if all columns have names and the names are distinct.
    """
    found = [labels, *(column for frame in groups for column in columns_of(frame))]
    usual = ["label", "group"] if len(found) == 2 else ["label", *(f"group_{i}" for i in range(1, len(found)))]
    own = [name for name in map(name_of, found) if name is not None]
    return people(found, own if len(set(own)) == len(found) else usual)


def people(columns: Sequence[Any], names: Sequence[str]) -> People:
    """The strata of N people.

    columns: the labels, then one or more group columns; each (N,) of numbers, text, truth values, dates, intervals or
        periods, in a list, NumPy array, tensor, or a column of pandas, polars, Arrow or Hugging Face. (N, 1) and frames
        of one column are columns, too. Codes follow the order of the values that occur, so labels 0..K-1 keep their
        codes. A group is a combination of values of the group columns that occurs.
    names: of the columns.

    Raises InputError for columns that differ in length, hold nothing, or have gaps, and for more than
    `MOST_STRATA` strata.
    """
    if len(columns) < 2:
        raise InputError("groups: is empty; give at least one column of groups beside the labels")
    coded = [_coded(column, name) for column, name in zip(columns, names, strict=True)]
    for (codes, _), name in zip(coded, names, strict=True):
        if len(codes) != len(coded[0][0]):
            raise InputError(
                f"{name}: has {len(codes):,} values, but {names[0]} has {len(coded[0][0]):,}; "
                "give each person one value"
            )
    labels, label_names = coded[0]
    group, first = _combined(coded[1:])
    groups = tuple(tuple(values[codes[i]] for codes, values in coded[1:]) for i in first)
    if len(label_names) * len(groups) > MOST_STRATA:
        raise InputError(
            f"{', '.join(names)}: make {len(label_names):,} labels x {len(groups):,} groups, more than "
            f"{MOST_STRATA:,} strata; choose columns with few values, or put values together"
        )
    return People(labels * len(groups) + group, Names(label_names, groups, tuple(names)))


def _combined(coded: Sequence[Coded]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The combinations that occur: (N,) code of each person, and (S,) the position of one person of each."""
    combined = np.zeros_like(coded[0][0])
    first = np.zeros(1, np.int64)
    for codes, values in coded:
        _, first, combined = np.unique(combined * len(values) + codes, return_index=True, return_inverse=True)
    return combined, first


def _coded(column: Any, name: str) -> Coded:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        values, order = array(column)
        missing = pc.is_null(values, nan_is_null=True).to_numpy(zero_copy_only=False)
        encoded = values.dictionary_encode()
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{name}: is not a column of numbers or text with one value for each person "
            f"({(str(error).splitlines() or [''])[0]})"
        ) from error
    if not len(values):
        raise InputError(f"{name}: has no values")
    if missing.any():
        raise InputError(
            f"{name}: {missing.sum():,} of {len(missing):,} people have no value (the first is number "
            f"{missing.argmax()}, counted from 0); give them one, such as 'unknown', or leave them out"
        )
    if len(encoded.dictionary) > MOST_STRATA:
        raise InputError(f"{name}: has {len(encoded.dictionary):,} different values; choose a column with few")
    found = named(encoded.dictionary)
    code = {name: i for i, name in enumerate(sorted(set(found), key=order))}
    codes: NDArray[np.int64] = np.array([code[name] for name in found])[encoded.indices.to_numpy()]
    return codes, tuple(code)
