"""The order of rounds, from their names. A guess is reported, and an ambiguous order is refused.

A *reading* interprets all names of the rounds in one way: as numbers, versions, or dates in one format. If all readings
that fit give one order, that is the order. If they differ, the user must name the order.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from fairloop.data.grouping import natural
from fairloop.errors import InputError
from fairloop.tables.values import written

WAYS = "given, natural, number, date:FORMAT, or the rounds themselves in their order"

_SHOWN = 4  # names of each order in an error
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_VERSION = re.compile(
    r"v?(0|[1-9]\d*)((?:\.(?:0|[1-9]\d*))*)(?:[-+._]?(dev|alpha|beta|a|b|c|rc|pre|post)[-._]?(\d*))?", re.I
)
_STAGES = {"dev": -5, "a": -4, "alpha": -4, "b": -3, "beta": -3, "c": -2, "rc": -2, "pre": -2, "": 0, "post": 1}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(
    "jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?"
)


class Order(NamedTuple):
    """Names in order. said: the reading, if it is worth a line; None if it is evident."""

    names: list[str]
    said: str | None = None

    @property
    def told(self) -> str | None:
        """`said`, as a line of the output."""
        return self.said and f"order of rounds: {self.said}"


class _Reading(NamedTuple):
    """key: of a name; None if the name does not fit. remedy: the option for this reading. plain: whether it is
    evident.
    """

    said: str
    remedy: str
    key: Callable[[str], Any]
    plain: bool = False


def ordered(names: Sequence[str], wish: object = None, categories: Sequence[str] | None = None) -> Order:
    """The order of rounds.

    names: distinct, in the order of the log. wish: `given` (the order of the log), `natural`, `number`, `date:FORMAT`
    (of Python's strptime), or the names in their order, as a list or separated by commas; None: by the names.
    categories: the order of a categorical of rounds; it precedes the order by names.

    Raises InputError for a wish that does not fit, and for names with several possible orders.
    """
    if wish is not None:
        return _wished(list(names), wish)
    if len(names) < 2:
        return Order(list(names))
    if categories is not None and set(names) <= set(categories):
        return Order([name for name in categories if name in set(names)], "that of the column's categories")
    found = [reading for reading in _readings(names) if all(reading.key(name) is not None for name in names)]
    return _agreed(names, found) if found else _guessed(names)


def _wished(names: list[str], wish: object) -> Order:
    if wish == "given":
        return Order(names, "as they come in the log")
    if wish == "natural":
        return Order(sorted(names, key=lambda name: (natural(name), name)), "natural, numbers within text by size")
    if wish == "number":
        keys = {name: _number(name) for name in names}
        if wrong := [name for name in names if keys[name] is None]:
            raise InputError(f"--round-order number: the round {wrong[0]!r} is not a number")
        return Order(sorted(names, key=lambda name: (keys[name], name)))
    if isinstance(wish, str) and wish.startswith("date:"):
        return _by_format(names, wish.removeprefix("date:"))
    listed = next(csv.reader([wish], skipinitialspace=True), []) if isinstance(wish, str) else wish
    if not isinstance(listed, Sequence):
        raise InputError(f"--round-order {wish!r}: give {WAYS}")
    order = [written(value) or "" for value in listed]
    if absent := [name for name in names if name not in order]:
        unknown = "" if set(order) & set(names) else f"; the option takes {WAYS}"
        raise InputError(f"--round-order: leaves out the round {absent[0]!r}; name every round{unknown}")
    if twice := [name for name in order if order.count(name) > 1]:
        raise InputError(f"--round-order: names the round {twice[0]!r} twice")
    return Order([name for name in order if name in set(names)])


def _by_format(names: Sequence[str], form: str) -> Order:
    keys = {}
    for name in names:
        try:
            keys[name] = datetime.strptime(name, form)
        except (ValueError, re.error) as error:
            raise InputError(
                f"--round-order date:{form}: the round {name!r} is not a date of this form ({error})"
            ) from error
    return Order(sorted(names, key=lambda name: (keys[name], name)))


def _agreed(names: Sequence[str], readings: Sequence[_Reading]) -> Order:
    """The order that all readings agree on. Raises InputError for several orders."""
    orders = [_sorted(names, reading) for reading in readings]
    ties = [any(r.key(a) == r.key(b) for a, b in pairwise(order)) for r, order in zip(readings, orders, strict=True)]
    for i, (reading, order, tied) in enumerate(zip(readings, orders, ties, strict=True)):
        if i and (order != orders[0] or tied != ties[0]):
            first, other = (
                f"{', '.join(o[:_SHOWN])}{', ...' if len(o) > _SHOWN else ''} as {r.said} (--round-order {r.remedy})"
                for r, o in ((readings[0], orders[0]), (reading, order))
            )
            raise InputError(
                f"--round-order: the rounds may be {first} or {other}; say which, or name them in their order"
            )
    if any(ties):
        return Order(orders[0], f"read as {readings[0].said}, some of which are equal: a guess, see --round-order")
    plain = any(reading.plain for reading in readings)
    return Order(orders[0], None if plain else f"read as {readings[0].said}")


def _sorted(names: Sequence[str], reading: _Reading) -> list[str]:
    return sorted(names, key=lambda name: (reading.key(name), name))


def _guessed(names: Sequence[str]) -> Order:
    order = sorted(names, key=lambda name: (natural(name), name))
    if len({re.sub(r"\d+", "#", name) for name in names}) == 1 and _varying(names) == 1:
        return Order(order)
    if all(_MONTH.fullmatch(name.lower()) for name in names):
        return Order(
            sorted(names, key=lambda name: _MONTHS.index(name.lower()[:3])),
            "from January on, a guess: see --round-order",
        )
    return Order(
        order, f"{', '.join(order[:_SHOWN])}{', ...' if len(order) > _SHOWN else ''}, a guess: see --round-order"
    )


def _varying(names: Sequence[str]) -> int:
    """The number of positions of numbers within names that differ between names."""
    return sum(len(set(values)) > 1 for values in zip(*(re.findall(r"\d+", name) for name in names), strict=True))


def _readings(names: Sequence[str]) -> list[_Reading]:
    """Readings without those that the names exclude: a name with a year of four digits or a month's name is not a
    version.
    """
    dates = [
        _Reading(said, remedy.replace("/", _separator(names[0])), key, plain) for said, remedy, key, plain in _DATES
    ]
    sure = [r for r in dates if "%y" not in r.remedy and not names[0].isdecimal()]
    if any(all(reading.key(name) is not None for name in names) for reading in sure):
        return dates
    numbers = [] if _never_decimals(names) else [_Reading("numbers", "number", _number, plain=True)]
    return [*numbers, _Reading("versions", "natural", _version), *dates]


def _never_decimals(names: Sequence[str]) -> bool:
    """Whether some numbers end in 0 and others have fewer digits, as in versions (1.9, 1.10), and all differ in
    value.
    """
    fractions = [name.partition(".")[2] for name in names]
    sizes = [_number(name) for name in names]
    uneven = len({len(fraction) for fraction in fractions if fraction}) > 1
    return uneven and any(f.endswith("0") for f in fractions) and len(set(sizes)) == len(sizes)


def _number(name: str) -> float | None:
    return float(name) if _NUMBER.fullmatch(name) else None


def _version(name: str) -> tuple[object, ...] | None:
    found = _VERSION.fullmatch(name)
    if not found:
        return None
    first, rest, stage, number = found.groups()
    return (*map(int, [first, *rest.split(".")[1:]]), _STAGES[(stage or "").lower()] - 10, int(number or 0))


def _separator(name: str) -> str:
    return next((mark for mark in "/.-" if mark in name), "/")


def _dated(pattern: str) -> Callable[[str], tuple[Any, ...] | None]:
    """The key of matching names: year, month (or quarter, half, week), day, and the rest unchanged."""
    form = re.compile(pattern, re.I)

    def key(name: str) -> tuple[Any, ...] | None:
        found = form.fullmatch(name)
        if not found:
            return None
        parts = {part: value for part, value in found.groupdict().items() if value is not None}
        if "b" in parts:
            if not _MONTH.fullmatch(parts["b"].lower()):
                return None
            parts["m"] = str(1 + _MONTHS.index(parts["b"].lower()[:3]))
        year = int(parts.get("y", 2000))  # a leap year
        year += (2000 if year < 69 else 1900) if len(parts.get("y", "2000")) == 2 else 0
        if not 1800 <= year <= 2200:
            return None
        try:
            day = date(year, int(parts.get("m", 1)), int(parts.get("d", 1)))
        except ValueError:
            return None
        minutes, seconds = _clock(parts)
        return (day.toordinal() * 1440 + minutes, seconds, int(parts.get("part", 0)), parts.get("end", ""))

    return key


def _clock(parts: dict[str, str]) -> tuple[int, float]:
    """Minutes since midnight in UTC, and seconds."""
    hour, minute, *second = parts.get("time", "0:0").strip("T ").split(":")
    offset = parts.get("zone", "Z").replace(":", "")
    ahead = 0 if offset == "Z" else int(f"{offset[0]}1") * (60 * int(offset[1:3]) + int(offset[3:]))
    return 60 * int(hour) + int(minute) - ahead, float(second[0]) if second else 0.0


_Y, _YY, _M, _D = r"(?P<y>\d{4})", r"(?P<y>\d\d)", r"(?P<m>\d{1,2})", r"(?P<d>\d{1,2})"
_TIME = r"(?P<time>[T ]\d{1,2}:\d\d(:\d\d(\.\d+)?)?)"
_B, _T = r"(?P<b>[a-z]{3,9})\.?", rf"({_TIME}(?P<zone>Z|\+00:00)?)?"
_S = r"(?P<s>[-/])"
_DATES = [
    (said, remedy, _dated(pattern), plain)
    for said, remedy, pattern, plain in (
        ("year-month-day", "date:%Y/%m/%d", rf"{_Y}(?P<s>[-/.]){_M}(?P=s){_D}{_T}", True),
        ("times", "date:%Y-%m-%d %H:%M:%S%z", rf"{_Y}-{_M}-{_D}{_TIME}(?P<zone>Z|[+-]\d\d:?\d\d)", True),
        ("year-month", "date:%Y/%m", rf"{_Y}[-/.]{_M}", True),
        ("day.month.year", "date:%d/%m/%Y", rf"{_D}\. ?{_M}\. ?{_Y}{_T}", False),
        ("day.month.year", "date:%d/%m/%y", rf"{_D}\. ?{_M}\. ?{_YY}", False),
        ("day/month/year", "date:%d/%m/%Y", rf"{_D}{_S}{_M}(?P=s){_Y}{_T}", False),
        ("month/day/year", "date:%m/%d/%Y", rf"{_M}{_S}{_D}(?P=s){_Y}{_T}", False),
        ("day/month/year", "date:%d/%m/%y", rf"{_D}{_S}{_M}(?P=s){_YY}", False),
        ("month/day/year", "date:%m/%d/%y", rf"{_M}{_S}{_D}(?P=s){_YY}", False),
        ("year/month/day", "date:%y/%m/%d", rf"{_YY}{_S}{_M}(?P=s){_D}", False),
        ("year, month and day", "date:%Y%m%d", rf"{_Y}(?P<m>\d\d)(?P<d>\d\d)", True),
        ("day, month and year", "date:%d%m%Y", rf"(?P<d>\d\d)(?P<m>\d\d){_Y}", False),
        ("month, day and year", "date:%m%d%Y", rf"(?P<m>\d\d)(?P<d>\d\d){_Y}", False),
        ("month/year", "date:%m/%Y", rf"{_M}[-/.]{_Y}", False),
        ("month/year", "date:%m/%y", rf"{_M}/{_YY}", False),
        ("month/day", "date:%m/%d", rf"{_M}/{_D}", False),
        ("day/month", "date:%d/%m", rf"{_D}/{_M}", False),
        ("month and year", "date:%b %Y", rf"{_B}[ /-]*(?P<y>\d{{4}})", False),
        ("month and year", "date:%b %y", rf"{_B}[ /'-]*{_YY}", False),
        ("month and day", "date:%b %d", rf"{_B}[ /-]*{_D}", False),
        ("year and month", "date:%Y %b", rf"{_Y}[ /-]*{_B}", False),
        ("day, month and year", "date:%d %b %Y", rf"{_D}(st|nd|rd|th)?[ ./-]*{_B}[ .,/-]*{_Y}{_T}", False),
        ("day, month and year", "date:%d %b %y", rf"{_D}(st|nd|rd|th)?[ ./-]*{_B}[ .,/-]*{_YY}", False),
        ("month, day and year", "date:%b %d, %Y", rf"{_B} {_D}(st|nd|rd|th)?,? {_Y}{_T}", False),
        ("quarters", "natural", rf"Q(?P<part>[1-4])[ /-]*{_Y}", False),
        ("quarters", "natural", rf"Q(?P<part>[1-4])[ /'-]*{_YY}", False),
        ("quarters", "natural", rf"(?P<part>[1-4])Q[ /'-]*({_YY})", False),
        ("quarters", "natural", rf"{_Y}[ /-]*Q(?P<part>[1-4])", True),
        ("halves of years", "natural", rf"H(?P<part>[12])[ /-]*{_Y}", False),
        ("halves of years", "natural", rf"{_Y}[ /-]*H(?P<part>[12])", True),
        ("weeks", "natural", rf"(W|CW|KW|Week) ?(?P<part>\d{{1,2}})[ /-]+{_Y}", False),
        ("weeks", "natural", rf"{_Y}[ /-]*W(?P<part>\d{{1,2}})", True),
        ("spans of days", "natural", rf"{_Y}-{_M}-{_D}/(?P<end>\d{{4}}-\d\d-\d\d)", True),
    )
]
