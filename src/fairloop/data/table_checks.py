"""Rules for the cells of a table: one value each, in columns with distinct names."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairloop.data.spelling import number
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_NESTED = (list, tuple, dict, set, np.ndarray)
_BYTES = (bytes, bytearray, memoryview)
_LARGEST = 1e300  # so that no difference between two numbers is infinite
_DATES = (datetime.date, datetime.time, datetime.timedelta)

MOST_TEXTS = 256
"""Number of different texts that any column may have; large columns may have a tenth of their rows."""

_MOST_NUMBERS, _FEW_NUMBERS = 100, 20


def check_header(names: Iterable[object], where: object) -> None:
    """Raise InputError if two of the columns' `names` are equal, apart from spaces around them."""
    often = Counter(str(name).strip() for name in names)
    if repeated := [name for name, count in often.items() if count > 1]:
        raise InputError(
            f"data: {where} has {often[repeated[0]]} columns '{repeated[0]}' (spaces aside); rename all but one"
        )


def check_plain(column: pd.Series, field: str) -> None:
    """Raise InputError with the name of `field` for a column with lists, mappings or bytes in its cells."""
    for kinds, what in ((_NESTED, "lists or mappings"), (_BYTES, "bytes")):
        if (row := _first(column, kinds)) is not None:
            raise InputError(
                f"{field}: column '{column.name}' holds {what} (the first in row {row}, counted from 0); "
                "it needs one number or text in each row"
            )


def check_feature(column: pd.Series, field: str = "data", leave_out: str = "data.leave_out") -> None:
    """As `check_plain`; it also raises InputError for dates, which models cannot learn unchanged.

    leave_out: the name of the field or argument that leaves columns out, for errors.
    """
    check_plain(column, field)
    if column.dtype.kind in "mM" or _first(column, _DATES) is not None:
        raise InputError(
            f"{field}: column '{column.name}' holds dates or times; turn them into numbers, such as years or days, "
            f"or name the column in {leave_out}"
        )


def check_finite(
    column: pd.Series, numbers: NDArray[np.float64], field: str = "data", leave_out: str = "data.leave_out"
) -> None:
    """Raise InputError for a column with a number that is infinite, or so large that differences may be infinite.

    numbers: (N,) the column as numbers; NaN for empty cells.
    """
    beyond = np.flatnonzero(np.abs(numbers) > _LARGEST)
    if len(beyond):
        raise InputError(
            f"{field}: column '{column.name}' holds {column.iloc[beyond[0]]} in row {beyond[0]} (counted from 0), "
            f"which no sample can have; give it a value, leave such rows out, or name the column in {leave_out}"
        )


def check_few(names: Sequence[str], rows: int, column: object, field: str) -> None:
    """Raise InputError if a column has too many values for labels or groups: such values measure or identify."""
    numbers = [number(name) for name in names]
    measured = None not in numbers
    if measured:
        whole = all(value == value.to_integral_value() for value in numbers if value is not None)
        most = min(_MOST_NUMBERS, max(_FEW_NUMBERS, rows // 10)) if whole else _FEW_NUMBERS
    else:
        most = max(MOST_TEXTS, rows // 10)
    if len(names) > most:
        remedy = ", or write codes of classes as text" if measured else ""
        raise InputError(
            f"{field}: column '{column}' holds {len(names):,} different {'numbers' if measured else 'texts'} in "
            f"{rows:,} rows, more than {most:,}; put them into bands, such as '<50'{remedy}"
        )


def check_roles(
    groups: Sequence[str],
    label: str | None = None,
    split: str | None = None,
    content: tuple[str, str] | None = None,
) -> None:
    """Raise InputError if one column has two purposes. content: the field and the column of pictures or texts."""
    for what, taken in (("the label", [label]), ("the split", [split]), ("a group", groups)):
        if content is not None and content[1] in taken:
            raise InputError(f"{content[0]}: '{content[1]}' is {what}, too; choose another column")
    for number_, name in enumerate(groups):
        if name in groups[:number_]:
            raise InputError(f"data.groups: '{name}' is named twice; name each column once")
        if name in (label, split):
            what = "the label" if name == label else "the split"
            raise InputError(f"data.groups: '{name}' is {what}, too; choose another column")
    if split is not None and split == label:
        raise InputError(f"data.split: '{split}' is the label, too; choose another column")


def _first(column: pd.Series, kinds: tuple[type[Any], ...]) -> int | None:
    """The first row that holds one of `kinds`."""
    if column.dtype != object and column.dtype.name != "category":
        return None
    return next((row for row, value in enumerate(column) if isinstance(value, kinds)), None)
