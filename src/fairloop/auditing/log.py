"""Reading a log, of any size: its needed columns, chunk by chunk, as a tally of the rows that are alike."""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fairloop.auditing.numbers import MISSING, Scores, Weights
from fairloop.errors import InputError
from fairloop.tables import frames
from fairloop.tables.decimals import always
from fairloop.tables.delimited import ENDINGS, ending, surveyed
from fairloop.tables.values import name, spelt, written

_BLOCK = 4 << 20  # bytes of CSV at a time
_ROWS = 1 << 18  # of parquet or of a frame at a time
_MOST_VALUES = 10_000  # of one column; more are an identifier or a measurement, not a category
_MANY = 100_000  # rows of a tally that make a look at its columns worth the time


@dataclass(frozen=True)
class Columns:
    """Which columns of a log say what. Raises InputError if they cannot be so.

    round, label: of each row. prediction: a label, or score: a number, of which `threshold` and more mean the
    beneficial label. groups: one or more sensitive columns. provenance: who made the label. weight: how much each row
    counts.
    """

    round: str
    label: str
    groups: tuple[str, ...]
    prediction: str | None = None
    score: str | None = None
    threshold: float | None = None
    provenance: str | None = None
    weight: str | None = None

    def __post_init__(self) -> None:
        if (self.prediction is None) == (self.score is None):
            raise InputError("--prediction, --score: name one of them, the column with predictions or that with scores")
        if self.threshold is not None and self.score is None:
            raise InputError("--threshold: is about scores; name their column with --score")
        if self.threshold is not None and isnan(self.threshold):
            raise InputError("--threshold: nan is no number")
        if not self.groups:
            raise InputError("--group: name at least one sensitive column")
        for option, column in self.by_option():
            if self.named.count(column) > 1:
                raise InputError(f"{option}: the column '{column}' is named twice; each can say one thing only")

    def by_option(self) -> list[tuple[str, str]]:
        """(option of the command line, column) of all that are needed."""
        named = [
            ("--round", self.round), ("--label", self.label), ("--prediction", self.prediction),
            ("--score", self.score), ("--provenance", self.provenance), ("--weight", self.weight),
            *(("--group", name) for name in self.groups),
        ]  # fmt: skip
        return [(option, name) for option, name in named if name is not None]

    @property
    def threshold_or_default(self) -> float:
        """From where on scores predict the beneficial label."""
        return 0.5 if self.threshold is None else self.threshold

    @property
    def named(self) -> list[str]:
        """The columns that are needed."""
        return [name for _, name in self.by_option()]


@dataclass(frozen=True)
class Tally:
    """A log as its distinct rows.

    rows: one for each combination of values, as text, None where missing: `round`, `label`, `prediction` (a truth value
        if there are scores), `provenance` if asked for, `group 0`, `group 1`, ...; `n`, how many rows of the log have
        it; and with weights `w` and `ww`, the sums of theirs and of their squares.
    seen: the rounds, as they come in the log. categories: the order of an ordered categorical that holds the rounds.
    said: how the log was read, where that was a guess.
    """

    rows: pd.DataFrame
    seen: tuple[str, ...]
    categories: tuple[str, ...] | None = None
    said: str | None = None


def tally(log: object, columns: Columns) -> Tally:
    """How many rows of `log` have each combination of values. log: the path of a file, or a frame (`tables.frames`).

    Raises InputError for a log that cannot be read, is empty, or lacks a column.
    """
    counter = _Counter(str(log) if isinstance(log, Path) else "the frame", columns)
    if isinstance(log, Path) and not log.is_file():
        raise InputError(f"{log}: is no file; give the path of a .parquet or .csv file")
    try:
        for chunk in _chunks(log, columns, counter):
            counter.add(chunk)
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        raise InputError(f"{counter.name}: cannot be read ({(str(error).splitlines() or ['?'])[0]})") from error
    return counter.tally()


def text(value: Any) -> str | None:
    """A value of any type as text, see `tables.values.written`; None if it is missing or says so."""
    found = written(value)
    return None if found in MISSING else found


class _Counter:
    """Counts a log's chunks. name: of the log. said: how it is read."""

    def __init__(self, name: str, columns: Columns) -> None:
        self.name = name
        self.said: str | None = None
        self._columns = columns
        self._scores = Scores(columns.score, name, columns.threshold)
        self._weights = Weights(columns.weight, name)
        self._whole: pa.Table | None = None
        self._seen: dict[str | None, None] = {}
        self._categories: list[str] | None = None

    def add(self, chunk: pa.Table) -> None:
        """Count a chunk of the needed columns."""
        rounds = chunk.column(self._columns.round)
        order = frames.order(rounds)
        if order and len(order) > len(self._categories or ()):
            self._categories = order
        parts = self._parts(chunk)
        if self._columns.weight is not None:
            parts["w"], parts["ww"] = self._weights.read(self._plain(chunk, self._columns.weight))
        self._seen |= dict.fromkeys(frames.texts(pc.unique(parts["round"])))
        parts["n"] = pa.repeat(1, len(chunk))
        part = _alike(pa.table(parts))
        self._whole = part if self._whole is None else _alike(pa.concat_tables([self._whole, part]))
        if len(self._whole) > _MANY:
            self._refuse_identifiers(self._whole)

    def tally(self) -> Tally:
        """What was counted. Raises InputError if it cannot be used."""
        if self._whole is None or not len(self._whole):
            raise InputError(f"{self.name}: holds no rows")
        self._scores.check()
        if self._columns.weight is not None:
            self._weights.check()
        self._refuse_identifiers(self._whole)
        whole = _as_text(self._whole)
        seen = [found for found in map(text, self._seen) if found is not None]
        for part in whole.columns:
            if part not in _SUMS and always(whole[part].unique()):
                whole[part] = whole[part].map(_with_point, na_action="ignore")
        if always(seen):
            seen = [_with_point(found) for found in seen]
        return Tally(
            _merged(whole),
            tuple(dict.fromkeys(seen)),
            None if self._categories is None else tuple(self._categories),
            self.said,
        )

    def _parts(self, chunk: pa.Table) -> dict[str, Any]:
        """The chunk's columns by what they say, predictions from scores made."""
        columns = self._columns
        named = {"round": columns.round, "label": columns.label, "prediction": columns.prediction}
        named |= {"provenance": columns.provenance} | {f"group {i}": column for i, column in enumerate(columns.groups)}
        parts = {part: _keys(self._plain(chunk, column)) for part, column in named.items() if column is not None}
        if columns.score is not None:
            parts["prediction"] = self._scores.predictions(self._plain(chunk, columns.score))
        return parts

    def _plain(self, chunk: pa.Table, column: str) -> Any:
        values = frames.plain(chunk.column(column))
        if pa.types.is_nested(values.type):
            raise InputError(f"{self.name}: column '{column}' holds {values.type}; it should hold one value a row")
        return values

    def _refuse_identifiers(self, tallied: pa.Table) -> None:
        columns = self._columns
        parts = {"round": columns.round, "label": columns.label, "prediction": columns.prediction} | {
            f"group {i}": column for i, column in enumerate(columns.groups)
        }
        parts["provenance"] = columns.provenance
        for part, column in parts.items():
            if part in tallied.column_names and pc.count_distinct(tallied[part]).as_py() > _MOST_VALUES:
                hint = "; if it holds scores, name it with --score" if part == "prediction" else ""
                raise InputError(
                    f"{self.name}: column '{column}' has more than {_MOST_VALUES:,} different values and is no "
                    f"category{hint}"
                )


_SUMS = ("n", "w", "ww")
"""Columns of a tally that are no values."""


def _chunks(log: object, columns: Columns, counter: _Counter) -> Iterator[pa.Table]:
    """The needed columns of the log, a chunk at a time."""
    wanted = columns.named
    if not isinstance(log, Path):
        frame = frames.held(log)
        _check_columns("the frame", frames.names(frame), columns)
        table = frames.table(frame, wanted)
        for start in range(0, len(table), _ROWS):
            yield table.slice(start, _ROWS)
    elif ending(log) == ".parquet":
        with pq.ParquetFile(log) as file:
            stored = {name(column): column for column in file.schema_arrow.names}
            _check_columns(str(log), [name(column) for column in file.schema_arrow.names], columns)
            for chunk in file.iter_batches(_ROWS, columns=[stored[column] for column in wanted]):
                chunk.validate(full=True)
                yield frames.understood(chunk.replace_schema_metadata(file.schema_arrow.metadata))
    elif ending(log) in ENDINGS:
        found = surveyed(log, bounded=False)
        _check_columns(str(log), found.header, columns)
        counter.said = found.said
        for batch in found.batches([found.header.index(column) for column in wanted], _BLOCK):
            yield pa.Table.from_batches([batch.rename_columns(wanted)])
    else:
        raise InputError(f"{log}: ends in none of .parquet, {', '.join(ENDINGS)}")


def _check_columns(name: str, header: Sequence[str], columns: Columns) -> None:
    """Raise InputError unless each needed column is in the header, once."""
    often = Counter(header)
    for option, column in columns.by_option():
        if often[column] == 1:
            continue
        if often[column] > 1:
            raise InputError(f"{option}: {name} has {often[column]} columns '{column}'; rename all but one")
        close = difflib.get_close_matches(column, header, n=3)
        known = ", ".join(map(repr, header[:20])) + (", ..." if len(header) > 20 else "")
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {known}"
        raise InputError(f"{option}: {name} has no column '{column}'; {hint}")


def _keys(values: Any) -> Any:
    """Values that Arrow can group by."""
    return pa.array(frames.texts(values), pa.string()) if pa.types.is_float16(values.type) else values


def _with_point(value: str) -> str:
    return spelt(value.replace(",", "."))


def _alike(rows: pa.Table) -> pa.Table:
    """Rows that are alike as one, with their sums."""
    keys = [name for name in rows.column_names if name not in _SUMS]
    sums = [name for name in rows.column_names if name in _SUMS]
    summed = rows.group_by(keys).aggregate([(name, "sum") for name in sums])
    return summed.select([*keys, *(f"{name}_sum" for name in sums)]).rename_columns([*keys, *sums])


def _as_text(rows: pa.Table) -> pd.DataFrame:
    """A tally's values as text, None where missing."""
    columns = {}
    for column in rows.column_names:
        if column in _SUMS:
            columns[column] = rows[column].to_numpy()
        else:
            texts = frames.texts(rows[column])
            columns[column] = pd.Series([None if text in MISSING else text for text in texts], dtype=object)
    return pd.DataFrame(columns)


def _merged(tallied: pd.DataFrame) -> pd.DataFrame:
    """Alike rows as one."""
    names = [name for name in tallied.columns if name not in _SUMS]
    sums = [name for name in tallied.columns if name in _SUMS]
    merged: pd.DataFrame = tallied.groupby(names, dropna=False, sort=False)[sums].sum().reset_index()
    return merged.astype(dict.fromkeys(names, object)).where(merged.notna(), None)
