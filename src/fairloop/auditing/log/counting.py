"""A log as its distinct rows. Every row counts towards one stratum, so memory does not grow with the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from fairloop.auditing.log.columns import Columns
from fairloop.auditing.log.dates import Dates, Horizon
from fairloop.auditing.log.numbers import MISSING, Numbers, Propensities, Scores, Weights, errors
from fairloop.auditing.log.score_counts import Cells, ScoreCells
from fairloop.errors import InputError
from fairloop.tables import frames
from fairloop.tables.decimals import always
from fairloop.tables.values import spelt, written

_MOST_VALUES = 10_000  # of one column; more are an identifier or a measurement, not a category
_KNOWN = "known"  # stands for every number of a regression

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Tally:
    """A log as its distinct rows, the *strata*.

    rows: one for each combination of values, as text, None where missing: `round`, `label`, `prediction` (a truth value
    if scores define it), `provenance` if named, `group 0`, `group 1`, ...; and sums over the log's rows in it.
        `n` counts them; `w`, `ww` sum weights and their squares; for the others see `numbers.Propensities` and
        `numbers.errors`.
    seen: the rounds, in the order of the log. categories: the order of an ordered categorical with the rounds.
    said: a note on the reading of the log, if it was a guess. scores: counts of each score in each row of `rows`.
    dates: of decisions and labels; None without dates.
    """

    rows: pd.DataFrame
    seen: tuple[str, ...]
    categories: tuple[str, ...] | None = None
    said: str | None = None
    scores: Cells | None = None
    dates: Dates | None = None


def text(value: Any) -> str | None:
    """A value of any type as text, see `tables.values.written`; None for a missing value or a word for it."""
    found = written(value)
    return None if found in MISSING else found


class Counter:
    """A counter of a log's chunks. name: of the log. said: a note on its reading."""

    def __init__(self, name: str, columns: Columns, horizon: Horizon) -> None:
        self.name = name
        self.said: str | None = None
        self._columns = columns
        self._horizon = horizon
        self._scores = Scores(columns.score, name, columns.threshold)
        self._weights = Weights(columns.weight, name)
        self._propensities = Propensities(columns.propensity, name)
        self._numbers = [
            Numbers(o, c, name) for o, c in (("--label", columns.label), ("--prediction", columns.predicted))
        ]
        named = {"round": columns.round, "label": columns.label, "prediction": columns.prediction or columns.score}
        named |= {"provenance": columns.provenance} | {f"group {i}": column for i, column in enumerate(columns.groups)}
        self._distinct = {
            part: _Distinct(column, name, "; if it holds scores, name it with --score" * (part == "prediction"))
            for part, column in named.items()
            if column is not None
        }
        self._strata: dict[tuple[int, ...], int] = {}
        self._sums: dict[str, Floats] = {}
        self._cells = ScoreCells()
        self._categories: list[str] | None = None

    def add(self, chunk: pa.Table) -> None:
        """Count a chunk of the needed columns."""
        order = frames.order(chunk.column(self._columns.round))
        if order and len(order) > len(self._categories or ()):
            self._categories = order
        codes = self._codes(chunk)
        sums = self._measured(chunk, codes)
        strata, where = self._stratified(codes)
        for name, values in sums.items():
            self._sums[name] = _added(self._sums.get(name), strata, where, values, len(self._strata))
        if self._columns.score is not None or self._columns.regression:
            scores = (
                self._pair(chunk)[1]
                if self._columns.regression
                else self._scores.exact(self._plain(chunk, self._columns.score or ""))
            )
            self._cells.add(
                strata[where], scores, {name: sums[name] for name in ("w", "ww", "v", "vv") if name in sums}
            )

    def tally(self) -> Tally:
        """The tally of the whole log. Raises InputError for an unusable log."""
        if not self._strata:
            raise InputError(f"{self.name}: holds no rows")
        self._scores.check()
        if self._columns.weight is not None:
            self._weights.check()
        self._propensities.check()
        for numbers in self._numbers:
            numbers.check()
        keys = np.array(list(self._strata)).T
        names = {part: distinct.names() for part, distinct in self._distinct.items()}
        rows = pd.DataFrame(
            {
                part: pd.Series(found[codes], dtype=object)
                for (part, found), codes in zip(names.items(), keys, strict=True)
            }
        ).assign(**self._sums)
        return Tally(
            rows.astype({"n": np.int64}),
            tuple(dict.fromkeys(name for name in names["round"] if name is not None)),
            None if self._categories is None else tuple(self._categories),
            self.said,
            self._cells.cells() if self._columns.score is not None or self._columns.regression else None,
            self._horizon.dates(names["round"].tolist()),
        )

    def _codes(self, chunk: pa.Table) -> dict[str, Codes]:
        """(N,) the number of each row's value in each part. Late labels count as missing."""
        if self._columns.regression:
            known = {part: pa.array(np.full(len(chunk), _KNOWN), pa.string(), mask=np.isnan(numbers))
                     for part, numbers in zip(("label", "prediction"), self._pair(chunk), strict=True)}  # fmt: skip
        elif self._columns.prediction is None:
            known = {"prediction": self._scores.predictions(self._plain(chunk, self._columns.score or ""))}
        else:
            known = {}
        codes = {
            part: distinct.codes(known[part] if part in known else self._named(chunk, part, distinct.column))
            for part, distinct in self._distinct.items()
        }
        late = self._horizon.late(chunk, codes["round"], self._distinct["round"].names, self._labelled(codes))
        if late is not None:
            codes["label"] = np.where(late, self._distinct["label"].code(None), codes["label"])
        return codes

    def _named(self, chunk: pa.Table, part: str, column: str) -> Any:
        """A column of names, with the dictionary of the file if the order of names has no meaning."""
        values = chunk.column(column)
        kept = pa.types.is_dictionary(values.type) and _is_text(values.type.value_type)
        if part == "round" or not kept or values.num_chunks != 1:
            return self._plain(chunk, column)
        return values.chunk(0)

    def _labelled(self, codes: dict[str, Codes]) -> NDArray[np.bool_]:
        labelled: NDArray[np.bool_] = codes["label"] != self._distinct["label"].code(None)
        return labelled

    def _measured(self, chunk: pa.Table, codes: dict[str, Codes]) -> dict[str, Floats]:
        """The summands of each row, (N,) each."""
        columns, weight = self._columns, np.ones(len(chunk))
        sums = {"n": weight}
        if columns.weight is not None:
            weight = self._weights.read(self._plain(chunk, columns.weight))
            with np.errstate(over="ignore"):  # `check` reports overflow
                sums |= {"w": weight, "ww": weight**2}
        if columns.propensity is not None:
            labelled = self._labelled(codes)
            sums |= self._propensities.read(self._plain(chunk, columns.propensity), labelled, weight)
        if columns.regression:
            label, prediction = self._pair(chunk)
            error = np.where(self._labelled(codes) & np.isfinite(prediction), prediction - label, 0.0)
            sums |= errors(error, weight) | (errors(error, sums["v"], "v") if "v" in sums else {})
        return sums

    def _pair(self, chunk: pa.Table) -> list[Floats]:
        """Labels and predictions as numbers, NaN where missing."""
        columns = (self._columns.label, self._columns.predicted)
        return [
            numbers.finite(self._plain(chunk, column)) for numbers, column in zip(self._numbers, columns, strict=True)
        ]

    def _stratified(self, codes: dict[str, Codes]) -> tuple[Codes, Codes]:
        """The numbers of the strata in the chunk, and (N,) the position of each row's stratum among them."""
        combined, size = np.zeros(len(codes["round"]), np.int64), 1
        for part, found in codes.items():
            width = len(self._distinct[part])
            if size * width >= 2**62:
                combined, size = _factors(combined), len(combined)
            combined, size = combined * width + found, size * width
        where = _factors(combined)
        first = np.zeros(where.max(initial=-1) + 1, np.int64)
        first[where[::-1]] = np.arange(len(where))[::-1]
        keys = zip(*(found[first].tolist() for found in codes.values()), strict=True)
        return np.array([self._strata.setdefault(key, len(self._strata)) for key in keys], np.int64), where

    def _plain(self, chunk: pa.Table, column: str) -> Any:
        values = frames.plain(chunk.column(column))
        if pa.types.is_nested(values.type):
            raise InputError(f"{self.name}: column '{column}' holds {values.type}; it should hold one value a row")
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


class _Distinct:
    """The distinct values of a column as text, numbered in order of appearance; None is the missing value."""

    def __init__(self, column: str, log: str, hint: str) -> None:
        self.column = column
        self._log = log
        self._hint = hint
        self._numbers: dict[str | None, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def code(self, name: str | None) -> int:
        """The number of a value."""
        return self._numbers.setdefault(name, len(self._numbers))

    def codes(self, values: Any) -> Codes:
        """(N,) the number of each value. Raises InputError for too many different values of a category."""
        if pa.types.is_float16(values.type):
            values = pa.array(frames.texts(values), pa.string())
        if pa.types.is_null(values.type):
            return np.full(len(values), self.code(None))
        encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        indices = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
        used = np.nonzero(np.bincount(indices, minlength=len(encoded.dictionary))[: len(encoded.dictionary)])[0]
        self._refuse_identifiers(len(used))  # a file's dictionary may hold unused names
        texts = [None if found in MISSING else found for found in frames.texts(encoded.dictionary.take(pa.array(used)))]
        numbers = np.full(len(encoded.dictionary) + 1, -1)
        numbers[used] = [self.code(found) for found in texts]
        if encoded.null_count:
            numbers[-1] = self.code(None)
        self._refuse_identifiers(len(self))
        found: Codes = numbers[indices]
        return found

    def names(self) -> NDArray[np.object_]:
        """The values by their numbers, with points for decimal commas."""
        pointed = always(self._numbers)
        return np.array(
            [_with_point(name) if pointed and name is not None else name for name in self._numbers], dtype=object
        )

    def _refuse_identifiers(self, distinct: int) -> None:
        if distinct > _MOST_VALUES:
            raise InputError(
                f"{self._log}: column '{self.column}' has more than {_MOST_VALUES:,} different values and is no "
                f"category{self._hint}"
            )


def _with_point(value: str) -> str:
    return spelt(value.replace(",", "."))


def _factors(values: Codes) -> Codes:
    """The values, numbered in order of appearance."""
    return np.asarray(pa.array(values).dictionary_encode().indices.to_numpy(), np.int64)


def _added(total: Floats | None, strata: Codes, where: Codes, values: Floats, size: int) -> Floats:
    """`total`, the sums by stratum up to now, plus the `values` of rows in `strata`."""
    grown = np.zeros(size)
    if total is not None:
        grown[: len(total)] = total
    grown[strata] += np.bincount(where, values, len(strata))
    return grown


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
