"""Maturity of the labels of a log: a rule of dates.

Labels that need time, such as a loan's default, come early for some outcomes and late for others. Rows with an early
label are a biased sample of all rows, and rows without a label are not known to be good. So a row counts by its age
alone, with or without a label, and an event after the window never counts as an event.

Times are NumPy datetimes, (N,); windows are NumPy time spans. A row without a time (NaT) is never old enough.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from fairloop.errors import InputError
from fairloop.metrics.shares import Codes, Flags

Times = NDArray[np.datetime64]

_QUARTER = re.compile(r"(\d{4})-?Q([1-4])")
_WEEK = re.compile(r"(\d{4})-?W(\d{2})")
_PLAIN = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


def mature(decided: Times, as_of: np.datetime64, window: np.timedelta64) -> Flags:
    """(N,) whether each row's age, `as_of - decided`, is at least `window`, independent of its label.

    >>> decided = np.array(["2026-01-01", "2026-03-01"], "datetime64[D]")
    >>> mature(decided, np.datetime64("2026-04-01"), np.timedelta64(90, "D")).tolist()
    [True, False]
    """
    return np.asarray(as_of - decided >= window, bool)


def last_days(rounds: Sequence[str]) -> Times:
    """(R,) the last day of each round: of a day, a month (2026-01), a quarter (2026-Q1), a week (2026-W05), or a year.

    >>> last_days(["2026-02", "2026-Q1", "2026-W01", "2026"]).astype(str).tolist()
    ['2026-02-28', '2026-03-31', '2026-01-04', '2026-12-31']
    """
    return np.array([_last_day(name.strip()) for name in rounds], "datetime64[D]")


def _last_day(name: str) -> np.datetime64:
    quarter, week = _QUARTER.fullmatch(name), _WEEK.fullmatch(name)
    try:
        if week:
            return np.datetime64(date.fromisocalendar(int(week[1]), int(week[2]), 7))
        if quarter:
            start = np.datetime64(f"{quarter[1]}-{3 * int(quarter[2]):02d}")
        elif _PLAIN.fullmatch(name):
            start = np.datetime64(name)
        else:
            raise ValueError
    except ValueError:
        raise InputError(f"round {name!r} is not a day, month, quarter, week or year; name a column of dates") from None
    after: np.datetime64 = (start + 1).astype("datetime64[D]") - 1
    return after


def mature_rounds(rows: Flags, rounds: Codes, size: int) -> Flags:
    """(R,) whether all rows of each of the rounds 0..size-1 are mature; a round without rows is mature.

    rows: (N,) from `mature`. rounds: (N,) codes. Measures without labels need no mature rounds.
    """
    return np.asarray(np.bincount(rounds[~rows], minlength=size) == 0)


def happened_in_time(events: Flags, decided: Times, observed: Times, window: np.timedelta64) -> Flags:
    """(N,) `events` whose time, `observed - decided`, is at most `window`. Later events do not count.

    observed: (N,) times of events; NaT without an event, or for an unknown time, which is not an event.
    """
    return np.asarray(events & (observed - decided <= window), bool)


def known_by(labels: NDArray[np.float64], observed: Times, as_of: np.datetime64) -> NDArray[np.float64]:
    """(N,) labels, with NaN for labels observed after `as_of` or at an unknown time. Maturity of rows is separate."""
    return np.where(observed <= as_of, labels, np.nan)
