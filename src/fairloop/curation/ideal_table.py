"""Shares by name: an ideal as a table with one row for each label and group, such as a census."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop._util.limits import parsed
from fairloop.curation.columns import Names, in_words
from fairloop.data.spelling import recognised

TOLERANCE = 1e-6
SUFFIXES = (".csv", ".yaml", ".yml", ".json")
Row = dict[str, str | float]
"""A share, and the values of the columns that it applies to: `label`, `group`, or the data's own columns."""


def from_file(path: Path) -> list[Row]:
    """The rows of a .csv, .yaml or .json file. Raises ValueError for a file that cannot be read or is not an ideal."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            content = list(csv.DictReader(file, strict=True)) if path.suffix == ".csv" else parsed(file.read())
    except (OSError, ValueError, csv.Error) as error:
        raise ValueError(f"file '{path}' cannot be read ({' '.join(str(error).split())})") from error
    if not isinstance(content, list):
        raise ValueError(f"file '{path}' holds no list of rows, each with label, group and share")
    try:
        return rows(content)
    except ValueError as error:
        raise ValueError(f"file '{path}' {error}") from error


def rows(content: Sequence[Any]) -> list[Row]:
    """Rows in their plain form: names are text, shares are numbers. Raises ValueError if they are not an ideal."""
    found = [_row(row, number) for number, row in enumerate(content, start=1)]
    if not found:
        raise ValueError("has no rows")
    columns = set(found[0])
    for number, row in enumerate(found, start=1):
        if set(row) != columns:
            differ = sorted(columns ^ set(row))
            raise ValueError(f"row {number} and row 1 do not both have {differ[0]}; all rows need the same columns")
    total = sum(float(row["share"]) for row in found)
    if not math.isclose(total, 1, abs_tol=TOLERANCE):
        raise ValueError(f"sums to {total:g}, not to 1")
    return found


def shares(table: Sequence[Row], names: Names, counts: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """(K, S) shares of `table` for the strata called `names`.

    Missing columns follow the population: with only `group` and `share`, each group gets its share, and its labels keep
    their proportions.

    counts: (K, S) people in each stratum; None if unknown. Then the table needs all columns.

    Raises ValueError for columns or names that the data do not have, and for strata without a share.
    """
    columns = [column for column in table[0] if column != "share"]
    places = [_place(column, names) for column in columns]
    keys = [tuple(cell[place] for place in places) for cell in names.cells()]
    wanted = _by_key(table, columns, set(keys))
    if missing := [key for key in keys if key not in wanted]:
        raise ValueError(f"has no share for {in_words(columns, missing[0])}; give it one, 0 to leave it out")
    wishes = np.array([wanted[key] for key in keys])
    if len(set(keys)) == len(keys):
        return _whole(wishes, names)
    if counts is None:
        left_out = [name for place, name in enumerate(names.columns) if place not in places]
        raise ValueError(f"leaves out {', '.join(left_out)}, which only a known population can fill in")
    number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    together = np.array([number[key] for key in keys])
    people = np.bincount(together, weights=counts.reshape(-1))[together]
    if (empty := (people == 0) & (wishes > 0)).any():
        key = keys[int(empty.argmax())]
        raise ValueError(f"wants {in_words(columns, key)}, but the data have no such person; give it the share 0")
    return _whole(wishes * counts.reshape(-1) / np.maximum(people, 1), names)


def _whole(weights: NDArray[np.float64], names: Names) -> NDArray[np.float64]:
    """(K, S) shares that sum to 1 within floating-point precision."""
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares.reshape(names.shape)


def _row(row: Any, number: int) -> Row:
    if not isinstance(row, Mapping) or None in row or not all(isinstance(name, str) for name in row):
        raise ValueError(f"row {number} is not a mapping of column names to values")
    try:
        share = float(row["share"])
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"row {number} has no number in a column named share") from None
    if not 0 <= share <= 1:
        raise ValueError(f"has a share outside [0, 1] in row {number}")
    if empty := [name for name, value in row.items() if value is None or value == ""]:
        raise ValueError(f"row {number} has nothing in column {empty[0]}")
    if len(row) == 1:
        raise ValueError(f"row {number} names neither a label nor a group for its share; name one")
    return {name: share if name == "share" else str(value) for name, value in row.items()}


def _place(column: str, names: Names) -> int:
    """The position of a column among the data's; `label`, and `group` if there is one, always fit."""
    if column in names.columns:
        return names.columns.index(column)
    if column == "label":
        return 0
    if column == "group" and len(names.columns) == 2:
        return 1
    raise ValueError(f"has the column '{column}', but the data have {', '.join(names.columns)}")


def _by_key(table: Sequence[Row], columns: Sequence[str], known: set[tuple[str, ...]]) -> dict[tuple[str, ...], float]:
    wanted: dict[tuple[str, ...], float] = {}
    values = [sorted(found) for found in map(set, zip(*known, strict=True))]
    for row in table:
        said, share = [str(row[column]) for column in columns], float(row["share"])
        key = tuple(recognised(text, found) or text for text, found in zip(said, values, strict=True))
        if key in wanted:
            raise ValueError(f"has two shares for {in_words(columns, key)}")
        if key not in known and share:
            examples = "; ".join(in_words(columns, other) for other in sorted(known)[:4])
            raise ValueError(f"names {in_words(columns, key)}, which the data do not have (they have {examples})")
        wanted[key] = share
    return wanted
