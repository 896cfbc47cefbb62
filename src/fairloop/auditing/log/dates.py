"""Dates of decisions and labels, and the rounds that are old enough for complete labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fairloop.auditing.log.columns import Columns
from fairloop.auditing.log.numbers import MISSING
from fairloop.errors import InputError
from fairloop.metrics.maturity import last_days
from fairloop.tables import frames
from fairloop.tables.values import written

_EPOCH = date(1970, 1, 1).toordinal()
_LAST = date.max.toordinal() - _EPOCH
_DATE = r"^\d{4}-\d\d-\d\d($|[T ]\d\d:\d\d)"
_SPAN = re.compile(r"(\d+)\s*(d|days?|w|weeks?)?")
_NEVER = np.iinfo(np.int64).min

Days = NDArray[np.int64]
"""Days since 1970-01-01; `_NEVER` for a missing date."""


@dataclass(frozen=True)
class Dates:
    """The dates of a log and their effect on labels.

    as_of: the date of the extract of the log. default: whether that is the log's latest date. window: longest delay of
    a label in days; None if not given. latest: the last day of decisions of each round. late: number of
    labels after `as_of`, after their window, or on an unknown day; they count as missing. early: number of labels
    before the day of their decision, in a column.
    """

    as_of: date
    default: bool
    window: int | None
    latest: Mapping[str, date]
    late: int
    early: int = 0

    def immature(self, name: str) -> bool:
        """Whether some decision of the round is younger than the window."""
        return self.window is not None and (self.as_of - self.latest[name]).days < self.window

    def said(self) -> str:
        """The date of the extract and its effects, in words."""
        words = f"seen as of {self.as_of}" + (", the log's latest date" if self.default else "")
        if self.window is not None:
            words += f"; a round is mature once all its decisions are {self.window} days old"
        if self.late:
            words += f"; {self.late:,} labels came later, or without a date, and count as missing"
        return words + (f"; {self.early:,} labels came before their decision: check these dates" if self.early else "")


@dataclass
class Horizon:
    """The late labels of a log, chunk by chunk. window, as_of: as in `Dates`, in days; None if not given."""

    columns: Columns
    name: str
    window: int | None = None
    as_of: int | None = None
    _latest: dict[int, int] = field(default_factory=dict)
    _newest: int = _NEVER
    _late: int = 0
    _early: int = 0

    def __post_init__(self) -> None:
        if self.window is None and self.columns.decided_at is not None:
            raise InputError("--decided-at: needs --mature-after, the longest delay of labels; give it, such as 90d")
        if self.as_of is not None and self.window is None and self.columns.observed_at is None:
            raise InputError("--as-of: needs --mature-after or --observed-at; give one of them")

    @property
    def _used(self) -> bool:
        return self.window is not None or self.columns.observed_at is not None

    def late(
        self, chunk: pa.Table, rounds: Days, names: Callable[[], NDArray[np.object_]], labelled: NDArray[np.bool_]
    ) -> NDArray[np.bool_] | None:
        """(N,) whether each row's label came too late; None without dates.

        rounds: (N,) numbers of rounds. Their `names` define the dates of their last decisions, unless a column does.
        """
        if not self._used:
            return None
        decided, observed = self._decided(chunk, rounds, names), None
        if decided is not None:
            self._newest = max(self._newest, int(decided.max(initial=_NEVER)))
            for code in np.unique(rounds):
                latest = int(decided[rounds == code].max())
                self._latest[int(code)] = max(self._latest.get(int(code), _NEVER), latest)
        if self.columns.observed_at is None:
            return np.zeros(len(rounds), bool)
        observed = _days(chunk.column(self.columns.observed_at), f"--observed-at: column '{self.columns.observed_at}'")
        self._newest = max(self._newest, int(observed.max(initial=_NEVER)))
        late = np.zeros(len(rounds), bool) if self.as_of is None else observed > self.as_of
        if decided is not None and self.window is not None:
            late |= observed > decided + self.window
            if self.columns.decided_at is not None:
                self._early += int((labelled & (observed < decided) & (observed != _NEVER)).sum())
        dropped: NDArray[np.bool_] = labelled & (late | (observed == _NEVER))
        self._late += int(dropped.sum())
        return dropped

    def _decided(self, chunk: pa.Table, rounds: Days, names: Callable[[], NDArray[np.object_]]) -> Days | None:
        """(N,) the day of each row's decision; None if no rule needs it."""
        if self.window is None:
            return None
        column = self.columns.decided_at
        if column is None:
            return np.array([_NEVER if name is None else _last_day(name) for name in names()], np.int64)[rounds]
        days = _days(chunk.column(column), f"--decided-at: column '{column}'")
        if (days == _NEVER).any():
            raise InputError(
                f"--decided-at: column '{column}' has no date in {(days == _NEVER).sum():,} rows; give each one"
            )
        return days

    def dates(self, names: list[str | None]) -> Dates | None:
        """The dates of the whole log. names: of the rounds by their numbers. Raises InputError if it holds no date."""
        if not self._used:
            return None
        as_of = self._newest if self.as_of is None else self.as_of
        if as_of == _NEVER:
            raise InputError(f"--as-of: {self.name} holds no date; give the date of the extract")
        latest = {name: _date(day) for code, day in self._latest.items() if (name := names[code]) is not None}
        return Dates(_date(as_of), self.as_of is None, self.window, latest, self._late, self._early)


def horizon(columns: Columns, name: str, mature_after: object, as_of: object) -> Horizon:
    """The horizon from its options. mature_after: days, `90d`, `12w` or a timedelta. as_of: a date.

    Raises InputError for other values.
    """
    window, day = None, None
    if isinstance(mature_after, timedelta):
        window = mature_after.days
        if mature_after != timedelta(window) or window < 0:
            raise InputError(f"--mature-after {mature_after}: is not a number of whole days; give days, as 90d")
    elif mature_after is not None:
        found = _SPAN.fullmatch(str(mature_after).strip())
        if not found:
            raise InputError(f"--mature-after {mature_after}: is not a time; give days, as 90d, or weeks, as 12w")
        window = int(found[1]) * (7 if (found[2] or "d").startswith("w") else 1)
    if as_of is not None:
        said = written(as_of) or ""
        if not re.match(_DATE, said) or (day := _iso(said[:10])) is None:
            raise InputError(f"--as-of {as_of}: is not a date; write it as 2024-12-31")
    return Horizon(columns, name, window, day)


def _last_day(name: str) -> int:
    try:
        return int(last_days([name])[0].astype(np.int64))
    except InputError as error:
        raise InputError(f"--mature-after: {error}, of each decision with --decided-at") from error


def _days(values: Any, where: str) -> Days:
    """(N,) the dates of a column. Raises InputError for values that are not dates."""
    values = frames.plain(values)
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.is_in(values, pa.array(MISSING, kind)), None, values)
        fits = pc.fill_null(pc.match_substring_regex(values, _DATE), True)
        if (wrong := pc.index(fits, False).as_py()) >= 0:
            raise InputError(f"{where} holds {values[wrong].as_py()!r}, which is not a date; write dates as 2024-12-31")
        values = pc.utf8_slice_codeunits(values, 0, 10)
    elif not (pa.types.is_temporal(kind) or pa.types.is_null(kind)) or pa.types.is_time(kind):
        raise InputError(f"{where} holds {kind}, not dates; write dates as 2024-12-31")
    try:
        numbers = pc.cast(pc.cast(values, pa.date32(), safe=False), pa.int32())
    except pa.ArrowException as error:
        raise InputError(f"{where} holds no dates ({str(error).splitlines()[0]}); write them as 2024-12-31") from error
    found: NDArray[Any] = numbers.to_numpy(zero_copy_only=False)
    if ((found <= -_EPOCH) | (found > _LAST)).any():
        raise InputError(f"{where} holds a date outside the years 1 to 9999; correct it")
    return np.where(np.isnan(found), _NEVER, np.nan_to_num(found)).astype(np.int64)


def _iso(text: str) -> int | None:
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        return None


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH)
