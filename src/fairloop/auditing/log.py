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
import pyarrow.csv
import pyarrow.parquet as pq

from fairloop.errors import InputError

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "<NA>", "?")
"""Text that stands for a missing value."""

_BLOCK = 4 << 20  # bytes of CSV at a time
_ROWS = 1 << 18  # of parquet or of a frame at a time
_MOST_VALUES = 10_000  # of one column; more are an identifier or a measurement, not a category
_MANY = 100_000  # rows of a tally that make a look at its columns worth the time


@dataclass(frozen=True)
class Columns:
    """Which columns of a log say what. Raises InputError if they cannot be so.

    round, label: of each row. prediction: a label, or score: a number, of which `threshold` and more mean the
    beneficial label. groups: one or more sensitive columns. provenance: who made the label.
    """

    round: str
    label: str
    groups: tuple[str, ...]
    prediction: str | None = None
    score: str | None = None
    threshold: float | None = None
    provenance: str | None = None

    def __post_init__(self) -> None:
        if (self.prediction is None) == (self.score is None):
            raise InputError("--prediction, --score: name one of them, the column with predictions or that with scores")
        if self.threshold is not None and self.score is None:
            raise InputError("--threshold: is about scores; name their column with --score")
        if not self.groups:
            raise InputError("--group: name at least one sensitive column")
        for option, column in self.by_option():
            if self.named.count(column) > 1:
                raise InputError(f"{option}: the column '{column}' is named twice; each can say one thing only")

    def by_option(self) -> list[tuple[str, str]]:
        """(option of the command line, column) of all that are needed."""
        named = [
            ("--round", self.round), ("--label", self.label), ("--prediction", self.prediction),
            ("--score", self.score), ("--provenance", self.provenance), *(("--group", name) for name in self.groups),
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


def tally(log: Path | pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """How many rows of `log` have each combination of values: one row for each, with their number in `n`.

    The other columns are `round`, `label`, `prediction` (a truth value if there are scores), `provenance` if
    asked for, and `group 0`, `group 1`, ...; their values are text, None where missing.

    Raises InputError for a log that cannot be read, is empty, or lacks a column.
    """
    name = str(log) if isinstance(log, Path) else "the frame"
    if isinstance(log, Path) and not log.is_file():
        raise InputError(f"{log}: is no file; give the path of a .parquet or .csv file")
    whole: pd.DataFrame | None = None
    scores = _Scores(name, columns)
    try:
        for chunk in _chunks(log, columns):
            part = _counted(pa.table(_by_part(chunk, columns, scores, name)))
            whole = part if whole is None else _merged(pd.concat([whole, part], ignore_index=True))
            if len(whole) > _MANY:
                _refuse_identifiers(whole, columns, name)
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        raise InputError(f"{name}: cannot be read ({str(error).splitlines()[0]})") from error
    if whole is None or whole.empty:
        raise InputError(f"{name}: holds no rows")
    scores.check()
    _refuse_identifiers(whole, columns, name)
    return whole


def text(value: Any) -> str | None:
    """A value of any type as text: numbers without a trailing `.0`, no space around, None if it is missing."""
    if value is None or value is pd.NaT or (isinstance(value, float) and isnan(value)):
        return None
    written = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    whole, dot, rest = written.partition(".")
    if dot and not rest.strip("0") and whole.lstrip("+-").isdigit():
        written = whole
    return None if written in MISSING else written


def _chunks(log: Path | pd.DataFrame, columns: Columns) -> Iterator[pa.Table | pa.RecordBatch]:
    """The needed columns of the log, a chunk at a time."""
    wanted = list(dict.fromkeys(columns.named))
    if isinstance(log, pd.DataFrame):
        frame = log.rename(columns=str)
        _check_columns("the frame", list(frame.columns), columns)
        for start in range(0, len(frame), _ROWS):
            yield pa.table({name: _array(frame[name].iloc[start : start + _ROWS]) for name in wanted})
    elif log.suffix == ".parquet":
        with pq.ParquetFile(log) as file:
            _check_columns(str(log), file.schema_arrow.names, columns)
            for chunk in file.iter_batches(_ROWS, columns=wanted):
                chunk.validate(full=True)
                yield chunk
    elif log.name.endswith((".csv", ".csv.gz", ".tsv", ".tsv.gz")):
        yield from _csv_chunks(log, wanted, columns)
    else:
        raise InputError(f"{log}: ends in none of .parquet, .csv, .csv.gz, .tsv, .tsv.gz")


def _csv_chunks(path: Path, wanted: Sequence[str], columns: Columns) -> Iterator[pa.RecordBatch]:
    # All as text: types that are guessed from the first rows fail on later ones.
    with pa.input_stream(str(path), compression="detect") as stream:
        first = stream.read(1 << 20).splitlines()
    if not first or not first[0].strip():
        raise InputError(f"{path}: is empty, or its first line is; it needs a header that names the columns")
    header = first[0].decode("utf-8-sig")
    delimiter = max(",;\t", key=header.count)
    _check_columns(str(path), next(csv.reader([header], delimiter=delimiter)), columns)
    with pa.input_stream(str(path), compression="detect") as stream:
        yield from pa.csv.open_csv(
            stream,
            read_options=pa.csv.ReadOptions(block_size=_BLOCK),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
            ),
        )


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


def _array(values: pd.Series[Any]) -> pa.Array:
    try:
        return pa.Array.from_pandas(values)
    except pa.ArrowException:  # a column of mixed types
        return pa.array([text(value) for value in values], pa.string())


def _by_part(
    chunk: pa.Table | pa.RecordBatch, columns: Columns, scores: _Scores, name: str
) -> dict[str, pa.Array | pa.ChunkedArray]:
    """The chunk's columns by what they say, predictions from scores made."""
    parts = {"round": columns.round, "label": columns.label} | {
        f"group {i}": column for i, column in enumerate(columns.groups)
    }
    parts |= {"prediction": columns.prediction} if columns.prediction else {}
    parts |= {"provenance": columns.provenance} if columns.provenance else {}
    found = {part: _plain(chunk.column(column), column, name) for part, column in parts.items()}
    if columns.score is not None:
        found["prediction"] = scores.predictions(_plain(chunk.column(columns.score), columns.score, name))
    return found


def _plain(values: pa.Array | pa.ChunkedArray, column: str, name: str) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_nested(values.type):
        raise InputError(f"{name}: column '{column}' holds {values.type}; it should hold one value a row")
    return pc.cast(values, values.type.value_type) if pa.types.is_dictionary(values.type) else values


class _Scores:
    """Makes predictions of scores, and remembers their range."""

    def __init__(self, name: str, columns: Columns) -> None:
        self._name = name
        self._column = columns.score
        self._threshold = columns.threshold_or_default
        self._natural = columns.threshold is None
        self._low, self._high = 0.0, 1.0

    def predictions(self, values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        """Whether each score reaches the threshold; null where there is none."""
        try:
            if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                values = pc.utf8_trim_whitespace(values)
                values = pc.if_else(pc.is_in(values, pa.array(MISSING, values.type)), None, values)
            numbers = pc.cast(values, pa.float64())
        except pa.ArrowException as error:
            raise InputError(f"--score: column '{self._column}' of {self._name} holds no numbers ({error})") from error
        numbers = pc.if_else(pc.is_nan(numbers), None, numbers)
        if numbers.null_count < len(numbers):
            extremes = pc.min_max(numbers).as_py()
            self._low, self._high = min(self._low, extremes["min"]), max(self._high, extremes["max"])
        return pc.greater_equal(numbers, self._threshold)

    def check(self) -> None:
        """Raise InputError if the scores lie outside [0, 1] and no threshold was given for them."""
        if self._natural and (self._low < 0 or self._high > 1):
            raise InputError(
                f"--score: column '{self._column}' of {self._name} reaches from {self._low:g} to {self._high:g}, "
                "beyond [0, 1], where 0.5 is no natural threshold; give one with --threshold"
            )


def _counted(chunk: pa.Table) -> pd.DataFrame:
    """The chunk's distinct rows with their number, as text."""
    counted = chunk.group_by(chunk.column_names).aggregate([([], "count_all")])
    frame = pd.DataFrame(
        {name: [text(value) for value in counted[name].to_pylist()] for name in chunk.column_names}, dtype=object
    )
    return _merged(frame.assign(n=counted["count_all"].to_numpy()))


def _merged(tallied: pd.DataFrame) -> pd.DataFrame:
    """Alike rows as one."""
    names = [name for name in tallied.columns if name != "n"]
    merged: pd.DataFrame = tallied.groupby(names, dropna=False, sort=False)["n"].sum().reset_index()
    return merged.astype(dict.fromkeys(names, object)).where(merged.notna(), None)


def _refuse_identifiers(tallied: pd.DataFrame, columns: Columns, name: str) -> None:
    parts = {"round": columns.round, "label": columns.label, "prediction": columns.prediction} | {
        f"group {i}": column for i, column in enumerate(columns.groups)
    }
    parts["provenance"] = columns.provenance
    for part, column in parts.items():
        if part in tallied and tallied[part].nunique() > _MOST_VALUES:
            hint = "; if it holds scores, name it with --score" if part == "prediction" else ""
            raise InputError(
                f"{name}: column '{column}' has more than {_MOST_VALUES:,} different values and is no category{hint}"
            )
