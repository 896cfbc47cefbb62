"""Decimal commas: `0,7` is a number where a column of numbers is expected, unless commas may stand for thousands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fairloop.errors import InputError

_COMMA = r"^[+-]?\d*,\d+([eE][+-]?\d+)?$"
_POINT = r"^[+-]?\d*\.\d+([eE][+-]?\d+)?$"
_GROUPED = r"^[+-]?[1-9]\d{0,2},\d{3}$"  # 1,234 may be 1.234 and 1234
_ALWAYS = re.compile(r"[+-]?\d+,\d+")


class Decimals:
    """Text of one column with points for commas. It tracks the possible meanings of its commas over chunks."""

    def __init__(self) -> None:
        self._proof: str | None = None  # a certain decimal comma
        self._grouped: str | None = None
        self._point: str | None = None

    def pointed(self, values: Any) -> Any:
        """The values, an Arrow column of text, with points for commas in numbers."""
        commas = pc.match_substring_regex(values, _COMMA)
        if not pc.any(commas).as_py():
            self._point = self._point or _first(values, pc.match_substring_regex(values, _POINT))
            return values
        grouped = pc.match_substring_regex(values, _GROUPED)
        self._proof = self._proof or _first(values, pc.and_not(commas, grouped))
        self._grouped = self._grouped or _first(values, grouped)
        self._point = self._point or _first(values, pc.match_substring_regex(values, _POINT))
        return pc.if_else(commas, pc.replace_substring(values, ",", "."), values)

    def check(self, where: str) -> None:
        """Raise InputError if commas may stand for thousands, or points and commas both for decimals."""
        if (self._proof or self._grouped) and self._point:
            raise InputError(
                f"{where} holds {self._proof or self._grouped!r} and {self._point!r}; write all numbers with a point"
            )
        if self._grouped and not self._proof:
            raise InputError(
                f"{where} holds {self._grouped!r}, which may have a decimal comma or one for thousands; write it with "
                "a point, or without the comma"
            )


def numbers(column: Sequence[str | None], where: str) -> list[str | None]:
    """A whole column with points for decimal commas if all its values are numbers, else unchanged.

    Raises InputError if commas may stand for thousands.
    """
    values, decimals = pa.array(column, pa.string()), Decimals()
    pointed = decimals.pointed(values)
    if pointed is values or not pc.all(pc.match_substring_regex(pointed, r"^[+-]?[\d.]+([eE][+-]?\d+)?$")).as_py():
        return list(column)
    decimals.check(where)
    return list(pointed.to_pylist())


def always(values: Iterable[str | None]) -> bool:
    """Whether every value has a decimal comma, as in floats from software, so that even names are numbers."""
    known = [value for value in values if value is not None]
    return bool(known) and all(_ALWAYS.fullmatch(v) for v in known) and not all(re.match(_GROUPED, v) for v in known)


def _first(values: Any, which: Any) -> str | None:
    place = pc.index(which, True).as_py()
    return None if place < 0 else str(values[place])
