"""Values and names of columns as text in their usual spelling, equal for frames, parquet and CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from math import isnan
from typing import Any

import numpy as np

MISSING = "(missing)"
"""The value for empty cells of a sensitive column. People without a value form a group."""

_PLAIN = 1e16  # Python, and so CSV, writes floats from here on with an exponent
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:(\.\d+))?(Z|[+-]\d\d:?\d\d)?")
_INTERVAL = re.compile(r"([\[(])([^,]+), ([^,]+)([\])])")
_PART = r"(?:'([^'\\]*)'|(-?\d+))"
_TUPLE = re.compile(rf"\({_PART}(?:, {_PART})+\)")


def written(value: Any) -> str | None:
    """A value of any type as text, None if it is missing.

    Whole numbers have no `.0`, floats of any width have the fewest digits that identify them, dates have no midnight.
    Truth values are True and False. Intervals have the form `(25, 35]`, periods `2023-10`. Surrounding spaces are
    removed.
    """
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, float | np.floating):
        number = float(value)
        if isnan(number):
            return None
        value = int(number) if abs(number) < _PLAIN and number.is_integer() else str(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return spelt(str(value)) or None


def spelt(text: str) -> str:
    """Text for a number, a truth value, a time or an interval in the spelling of `written`; other text stays unchanged.

    Only spellings that differ between file formats are unified: `1.10` and `1.1` stay distinct, and so do `01` and `1`.
    """
    text = text.strip()
    first = text[:1]
    if first.isdecimal() or first in ("+", "-"):
        whole, dot, rest = text.partition(".")
        if dot and not rest.strip("0") and whole.lstrip("+-").isdecimal():
            return "0" if whole == "-0" else whole
        found = _TIME.fullmatch(text)
        return _time(*found.groups()) if found else text
    if first in ("(", "[") and (found := _INTERVAL.fullmatch(text)):
        opening, low, high, closing = found.groups()
        return f"{opening}{spelt(low)}, {spelt(high)}{closing}"
    return text.capitalize() if text.lower() in ("true", "false") else text


def several(columns: Any) -> tuple[Any, ...]:
    """One column or several, as a tuple. Names in a set are sorted, since its order differs between processes."""
    if isinstance(columns, str) or not isinstance(columns, Iterable):
        return (columns,)
    return tuple(sorted(columns, key=str) if isinstance(columns, Set) else columns)


def name(column: object) -> str:
    """The name of a column as text: numbers as digits, the levels of a tuple one after the other."""
    if isinstance(column, tuple):
        return ", ".join(name(level) for level in column)
    if isinstance(column, str) and _TUPLE.fullmatch(column):  # pandas writes tuples to parquet in this form
        return ", ".join(word or number for word, number in re.findall(_PART, column))
    return column if isinstance(column, str) else written(column) or str(column)


def _time(date: str, minutes: str, seconds: str | None, fraction: str | None, zone: str | None) -> str:
    fraction = (fraction or "").rstrip("0").rstrip(".")
    if not zone and f"{minutes}{seconds or ':00'}{fraction}" == "00:00:00":
        return date
    return f"{date} {minutes}{seconds or ':00'}{fraction}{'+00:00' if zone == 'Z' else zone or ''}"
