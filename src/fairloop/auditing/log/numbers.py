"""Columns of numbers in a log: scores, weights of people, propensities, labels and predictions of a regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fairloop.errors import InputError
from fairloop.tables.decimals import Decimals

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "<NA>", "?")
"""Text for a missing value."""

LARGEST = 1e100
"""Largest absolute value of numbers, so that squares of errors and distances can be added."""

TOO_LARGE = f"numbers lie between {-LARGEST:g} and {LARGEST:g}; divide them all by the same number"

Floats = NDArray[np.float64]


class Numbers:
    """A column of numbers, chunk by chunk. option, column, log: their names, for errors."""

    def __init__(self, option: str, column: str | None, log: str) -> None:
        self._where = f"{option}: column '{column}' of {log}"
        self._decimals = Decimals()
        self._rows = 0

    def floats(self, values: Any) -> Floats:
        """(N,) the values as 64-bit floats, NaN for missing values. Raises InputError for other values than numbers."""
        found: Floats = self._read(values).to_numpy(zero_copy_only=False)
        return found.astype(np.float64)

    def finite(self, values: Any) -> Floats:
        """As `floats`. It also raises InputError for infinite and too large numbers."""
        found = self.floats(values)
        if np.isinf(found).any():
            raise InputError(f"{self._where} holds an infinite number; leave it out, or mark it as missing")
        if (large := np.abs(found) > LARGEST).any():
            raise InputError(f"{self._where} holds {found[large][0]:g}; {TOO_LARGE}")
        return found

    def check(self) -> None:
        """Raise InputError if the numbers of the whole column are implausible."""
        self._decimals.check(self._where)

    def _read(self, values: Any) -> Any:
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

    def _refuse(self, wrong: NDArray[np.bool_], numbers: Floats, rule: str) -> None:
        """Raise InputError at the first wrong number of the chunk."""
        if wrong.any():
            place = int(wrong.argmax())
            raise InputError(f"{self._where} holds {numbers[place]:g} in row {self._rows + place}; {rule}")


class Scores(Numbers):
    """Predictions from scores, and the range of scores."""

    def __init__(self, column: str | None, log: str, threshold: float | None) -> None:
        super().__init__("--score", column, log)
        self._threshold = threshold
        self._low, self._high = 0.0, 1.0

    def predictions(self, values: Any) -> Any:
        """Whether each score reaches the threshold; null for missing scores.

        Comparisons use the precision of the stored scores: a 32-bit score of .7 is less than the 64-bit .7,
        but reaches a threshold of .7 in 32 bits. So a log has the same predictions in any type, and as text.
        """
        numbers = self._read(values)
        if numbers.null_count < len(numbers):
            extremes = pc.min_max(numbers).as_py()
            self._low, self._high = min(self._low, extremes["min"]), max(self._high, extremes["max"])
        return pc.greater_equal(numbers, self._rounded(values.type))

    def exact(self, values: Any) -> Floats:
        """(N,) the scores, NaN for missing scores; narrow floats become the decimal numbers that they print as.

        Raises InputError for infinite scores.
        """
        numbers = self.floats(values)
        self._refuse(np.isinf(numbers), numbers, "scores are finite")
        self._refuse(np.abs(numbers) > LARGEST, numbers, TOO_LARGE)
        self._rows += len(numbers)
        kind = values.type
        if pa.types.is_float16(kind) or pa.types.is_float32(kind):
            places = 3 if pa.types.is_float16(kind) else 7
            tidy = np.round(numbers, places)
            return np.where(
                tidy.astype(kind.to_pandas_dtype()) == numbers.astype(kind.to_pandas_dtype()), tidy, numbers
            )
        return numbers

    def check(self) -> None:
        """Raise InputError if scores are outside [0, 1] and no threshold is given."""
        super().check()
        if self._threshold is None and (self._low < 0 or self._high > 1):
            raise InputError(
                f"{self._where} reaches from {self._low:g} to {self._high:g}, "
                "beyond [0, 1], where 0.5 is not a natural threshold; give one with --threshold"
            )

    def _rounded(self, kind: Any) -> float:
        threshold = 0.5 if self._threshold is None else self._threshold
        if not (pa.types.is_float16(kind) or pa.types.is_float32(kind)):
            return threshold
        with np.errstate(over="ignore"):
            return float(kind.to_pandas_dtype()(threshold))


class Weights(Numbers):
    """Weights of people: the number of people that each row represents, up to a common factor."""

    def __init__(self, column: str | None, log: str) -> None:
        super().__init__("--weight", column, log)
        self._total = 0.0

    def read(self, values: Any) -> Floats:
        """(N,) the weights. Raises InputError for a missing, negative or infinite weight."""
        numbers = self.floats(values)
        missing = np.isnan(numbers)
        if missing.any():
            raise InputError(
                f"{self._where} has no weight in {missing.sum():,} rows (the first is row "
                f"{self._rows + missing.argmax()}, counted from 0); "
                "give each row one, 0 to leave it out"
            )
        self._refuse(~(np.isfinite(numbers) & (numbers >= 0)), numbers, "weights are 0 or more")
        self._rows += len(numbers)
        with np.errstate(over="ignore"):  # told by `check`
            self._total += float((numbers**2).sum())
        return numbers

    def check(self) -> None:
        """Raise InputError if all weights are 0, or too large or too small to be squared."""
        super().check()
        if self._total == 0 or not np.isfinite(self._total):
            problem = "overflow; divide them all by the same number" if self._total else "are all 0; give some above 0"
            raise InputError(f"{self._where}: its weights {problem}")


class Propensities(Numbers):
    """Known probabilities that a row's label is observed, given the information at the decision."""

    def __init__(self, column: str | None, log: str) -> None:
        super().__init__("--propensity", column, log)

    def read(self, values: Any, labelled: NDArray[np.bool_], weight: Floats) -> dict[str, Floats]:
        """The terms that are summed over rows, (N,) each.

        `v`, `vv`: the weight over the propensity of a labelled row, and the square of that. `pi`, `pq`: the propensity
        p and p (1 - p), if known. `known`: whether it is. `sure`: whether it is 1. `never`: whether it is 0.

        Raises InputError for a propensity outside [0, 1], and for a labelled row with propensity 0 or without one.
        """
        numbers = self.floats(values)
        known = ~np.isnan(numbers)
        if (lacking := labelled & ~known).any():
            raise InputError(
                f"{self._where} has no propensity in {lacking.sum():,} labelled rows (the first is row "
                f"{self._rows + lacking.argmax()}, counted from 0); give each labelled row one"
            )
        self._refuse(known & ((numbers < 0) | (numbers > 1)), numbers, "propensities are probabilities, from 0 to 1")
        self._refuse(labelled & (numbers == 0), numbers, "the row has a label, so its propensity is more than 0")
        self._rows += len(numbers)
        inverse = np.divide(weight, numbers, out=np.zeros_like(numbers), where=labelled)
        pi = np.where(known, numbers, 0.0)
        return {"v": inverse, "vv": inverse**2, "pi": pi, "pq": pi * (1 - pi), "known": known.astype(np.float64),
                "sure": (pi == 1).astype(np.float64), "never": (numbers == 0).astype(np.float64)}  # fmt: skip


def errors(error: Floats, weight: Floats, prefix: str = "") -> dict[str, Floats]:
    """The terms that are summed over the rows of a regression, (N,) each.

    error: prediction less label, 0 if one is missing. `e`, `a`: the weight times the error, and times its absolute
    value. `we`, `wa`: the same with the squared weight. `wee`: the square of the weighted error. prefix: of these
    names.
    """
    size = np.abs(error)
    found = {"e": weight * error, "a": weight * size, "we": weight**2 * error, "wa": weight**2 * size,
             "wee": (weight * error) ** 2}  # fmt: skip
    return {prefix + name: values for name, values in found.items()}
