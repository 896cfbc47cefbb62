"""Columns of numbers in a log: scores, which become predictions, and weights of people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fairloop.errors import InputError
from fairloop.tables.decimals import Decimals

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "<NA>", "?")
"""Text that stands for a missing value."""


class _Numbers:
    """A column of numbers, chunk by chunk. where: option, column and log, for errors."""

    def __init__(self, option: str, column: str | None, log: str) -> None:
        self._where = f"{option}: column '{column}' of {log}"
        self._decimals = Decimals()

    def _read(self, values: Any) -> Any:
        """The values as 64-bit floats, null where there is none."""
        try:
            if pa.types.is_decimal(values.type):
                values = pc.cast(values, pa.string())
            if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                values = pc.utf8_trim_whitespace(values)
                values = pc.if_else(pc.is_in(values, pa.array(MISSING, values.type)), None, values)
                values = self._decimals.pointed(values)
            if pa.types.is_boolean(values.type):
                values = pc.cast(values, pa.int8())
            numbers = pc.cast(values, pa.float64())
        except pa.ArrowException as error:
            raise InputError(f"{self._where} holds no numbers ({error})") from error
        return pc.if_else(pc.is_nan(numbers), None, numbers)


class Scores(_Numbers):
    """Makes predictions of scores, and remembers their range."""

    def __init__(self, column: str | None, log: str, threshold: float | None) -> None:
        super().__init__("--score", column, log)
        self._threshold = threshold
        self._low, self._high = 0.0, 1.0

    def predictions(self, values: Any) -> Any:
        """Whether each score reaches the threshold; null where there is none.

        They are compared as precisely as scores were kept: a 32-bit score of .7 is a little less than the 64-bit .7,
        but reaches a threshold of .7, which 32 bits hold no better. So a log says the same in any type, and as text.
        """
        numbers = self._read(values)
        if numbers.null_count < len(numbers):
            extremes = pc.min_max(numbers).as_py()
            self._low, self._high = min(self._low, extremes["min"]), max(self._high, extremes["max"])
        return pc.greater_equal(numbers, self._rounded(values.type))

    def check(self) -> None:
        """Raise InputError if the scores lie outside [0, 1] and no threshold was given for them."""
        self._decimals.check(self._where)
        if self._threshold is None and (self._low < 0 or self._high > 1):
            raise InputError(
                f"{self._where} reaches from {self._low:g} to {self._high:g}, "
                "beyond [0, 1], where 0.5 is no natural threshold; give one with --threshold"
            )

    def _rounded(self, kind: Any) -> float:
        threshold = 0.5 if self._threshold is None else self._threshold
        if not (pa.types.is_float16(kind) or pa.types.is_float32(kind)):
            return threshold
        with np.errstate(over="ignore"):
            return float(kind.to_pandas_dtype()(threshold))


class Weights(_Numbers):
    """Weights of people: how many people of the population each row stands for, up to a common factor."""

    def __init__(self, column: str | None, log: str) -> None:
        super().__init__("--weight", column, log)
        self._rows = 0
        self._missing = 0
        self._total = 0.0

    def read(self, values: Any) -> tuple[Any, Any]:
        """The weights and their squares. Raises InputError for one that is negative or not finite."""
        numbers = self._read(values)
        missing = numbers.null_count
        if missing:
            first = self._rows + pc.index(pc.is_null(numbers), True).as_py()
            raise InputError(
                f"{self._where} has no weight in {missing:,} rows (the first is row {first}, counted from 0); give "
                "everybody one, 0 to leave somebody out"
            )
        found: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False) if len(numbers) else np.zeros(0)
        wrong = ~(np.isfinite(found) & (found >= 0))
        if wrong.any():
            place = int(wrong.argmax())
            raise InputError(f"{self._where} holds {found[place]:g} in row {self._rows + place}; weights are 0 or more")
        self._rows += len(found)
        with np.errstate(over="ignore"):  # told by `check`
            squares = found**2
        self._total += float(squares.sum())
        return pa.array(found), pa.array(squares)

    def check(self) -> None:
        """Raise InputError if all weights are 0, or too large or too small to be squared."""
        self._decimals.check(self._where)
        if self._total == 0 or not np.isfinite(self._total):
            problem = "overflow; divide them all by the same number" if self._total else "are all 0; nobody is left"
            raise InputError(f"{self._where}: its weights {problem}")
