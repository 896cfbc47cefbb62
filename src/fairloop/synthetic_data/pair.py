"""Two tables of people with the same columns, one of real and one of generated people: features, labels and groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.data.picture_files import read_table
from fairloop.data.population_from_columns import AND, RESERVED
from fairloop.data.spelling import by_size, evident, listed, recognised
from fairloop.data.table_checks import MOST_TEXTS, check_feature, check_few, check_finite, check_header
from fairloop.errors import InputError
from fairloop.tables import frames
from fairloop.tables.values import MISSING, written
from fairloop.tables.values import name as as_name

FEWEST = 20
"""Smallest number of rows of a table."""

_EXACT = 2.0**53  # the largest number up to which a float holds every whole number

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class People:
    """N people. features: (N, F) numbers and categoricals. labels, groups: (N,) codes."""

    features: pd.DataFrame
    labels: Codes
    groups: Codes

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Codes) -> People:
        """The people at `rows`."""
        return People(self.features.iloc[rows], self.labels[rows], self.groups[rows])

    def and_(self, other: People) -> People:
        """These people, followed by others."""
        features = pd.concat([self.features, other.features], ignore_index=True)
        labels, groups = (np.concatenate(both) for both in ((self.labels, other.labels), (self.groups, other.groups)))
        return People(features, labels, groups)


@dataclass(frozen=True)
class Pair:
    """Real and synthetic people. Names of labels and groups come from both tables, the real ones first.

    called: the two tables' names. label: its column. groups: the sensitive columns. beneficial: a label's code.
    """

    called: tuple[str, str]
    label: str
    groups: tuple[str, ...]
    label_names: tuple[str, ...]
    group_names: tuple[str, ...]
    beneficial: int
    real: People
    synthetic: People

    @property
    def strata(self) -> tuple[str, ...]:
        """Names of strata: labels, and within them groups."""
        return tuple(f"{label}{AND}{group}" for label in self.label_names for group in self.group_names)

    def stratum(self, people: People) -> Codes:
        """(N,) codes of strata."""
        return people.labels * len(self.group_names) + people.groups

    def whole(self, people: People) -> pd.DataFrame:
        """All columns of the people, the label last."""
        label = pd.Categorical(np.array(self.label_names, object)[people.labels], list(self.label_names))
        found = people.features.reset_index(drop=True)
        found[self.label] = label
        return found

    def occurring(self) -> Codes:
        """Codes of the groups of real people."""
        return np.unique(self.real.groups)


def paired(
    real: Any,
    synthetic: Any,
    label: Hashable,
    groups: Sequence[Hashable],
    beneficial: object = None,
    leave_out: Sequence[Hashable] = (),
) -> Pair:
    """Two tables, each a frame of any library or a path, as a pair.

    Raises InputError for tables that cannot be read, that differ in columns, kinds of columns or labels, or that have
    too few rows.
    """
    called = (_called(real, "REAL"), _called(synthetic, "SYNTHETIC"))
    tables = [_read(table, name) for table, name in zip((real, synthetic), called, strict=True)]
    target, sensitive = as_name(label), tuple(map(as_name, groups))
    tables = _with_columns(tables, called, target, sensitive, [as_name(column) for column in leave_out])
    label_names, labels = _names([_texts(table[target]) for table in tables])
    _check_labels(label_names, labels, target, called)
    group_names, codes = _names([_intersections([table[column] for column in sensitive]) for table in tables])
    if taken := sorted(RESERVED.intersection(group_names)):
        raise InputError(f"--group: tables use the name '{taken[0]}' themselves; give that group another one")
    check_few(group_names, len(tables[0]), ", ".join(sensitive), "--group")
    features = _features([table.drop(columns=target) for table in tables], called)
    people = [People(*each) for each in zip(features, labels, codes, strict=True)]
    good = label_names.index(_beneficial(beneficial, label_names, target))
    return Pair(called, target, sensitive, label_names, group_names, good, *people)


def _called(table: Any, role: str) -> str:
    return str(table) if isinstance(table, str | Path) else role


def _read(table: Any, called: str) -> pd.DataFrame:
    if isinstance(table, str | Path):
        frame = read_table(Path(table))
        check_header(frame, table)
    else:
        found = _named(called, table)
        frame = pd.DataFrame({column: frames.plain(found[column]).to_pandas() for column in found.column_names})
    if len(frame) < FEWEST:
        raise InputError(f"{called}: has {len(frame)} rows; at least {FEWEST} are needed")
    return frame


def _named(called: str, frame: Any) -> Any:
    """A frame as Arrow. Errors name the table."""
    try:
        return frames.table(frame)
    except InputError as error:
        raise InputError(f"{called}: {error}") from error


def _with_columns(
    tables: Sequence[pd.DataFrame], called: Sequence[str], label: str, groups: Sequence[str], leave_out: Sequence[str]
) -> list[pd.DataFrame]:
    """Both tables without the columns that are left out. Raises InputError unless the others are the same."""
    if not groups:
        raise InputError("--group: names no column; name at least one sensitive column")
    for option, columns in (("--label", [label]), ("--group", groups)):
        for column in columns:
            for table, name in zip(tables, called, strict=True):
                if column not in table:
                    raise InputError(
                        f"{option}: {name} has no column '{column}'; it has {listed([str(each) for each in table])}"
                    )
    if again := [column for place, column in enumerate(groups) if column in groups[:place]]:
        raise InputError(f"--group: '{again[0]}' is named twice; name each column once")
    if twice := {label, *leave_out} & set(groups) or {label} & set(leave_out):
        raise InputError(f"--group, --leave-out: '{sorted(twice)[0]}' has two roles; name each column once")
    for column in leave_out:
        if not any(column in table for table in tables):
            raise InputError(f"--leave-out: neither table has a column '{column}'")
    tables = [table.drop(columns=[column for column in leave_out if column in table]) for table in tables]
    for one, other in ((0, 1), (1, 0)):
        if lacking := [str(column) for column in tables[one] if column not in tables[other]]:
            raise InputError(
                f"{called[other]}: has no column {listed(lacking)}, which {called[one]} has; add it, or name it in "
                "--leave-out"
            )
    if not all(str(column).strip() for column in tables[0]):
        raise InputError(
            f"{called[0]}: has a column without a name, such as the row numbers that pandas writes; name it, or name "
            "'' in --leave-out"
        )
    return tables


def _texts(column: pd.Series) -> list[str | None]:
    # A Series gives floats of 64 bits, which write the digits that 32 bits lack.
    return [written(value) for value in (column.to_numpy() if column.dtype.kind == "f" else column)]


def _intersections(columns: Sequence[pd.Series]) -> list[str | None]:
    texts = [[MISSING if text is None else text for text in _texts(column)] for column in columns]
    return [AND.join(row) for row in zip(*texts, strict=True)]


def _names(columns: Sequence[Sequence[str | None]]) -> tuple[tuple[str, ...], list[Codes]]:
    """The names in both columns, those of the first before others, and their codes; -1 for a missing value."""
    known: dict[str, int] = {}
    for column in columns:
        for text in sorted({text for text in column if text is not None} - set(known), key=by_size):
            known[text] = len(known)
    return tuple(known), [
        np.array([-1 if text is None else known[text] for text in column], np.int64) for column in columns
    ]


def _check_labels(names: Sequence[str], labels: Sequence[Codes], column: str, called: Sequence[str]) -> None:
    for codes, table in zip(labels, called, strict=True):
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            raise InputError(f"--label: '{column}' of {table} has no value in row {row} (counted from 0); fill it in")
    real = len(np.unique(labels[0]))
    if real < 2:
        raise InputError(f"--label: all rows of {called[0]} have the label '{names[0]}'; choose another column")
    if unknown := names[real:]:
        raise InputError(f"--label: '{column}' of {called[1]} holds {listed(unknown)}, which {called[0]} does not have")
    check_few(names, len(labels[0]), column, "--label")


def _beneficial(asked: object, names: Sequence[str], column: str) -> str:
    if asked is None:
        if (found := evident(names)) is None:
            raise InputError(f"--beneficial: the labels in '{column}' are {listed(names)}; name the one that is good")
        return found
    found = recognised(written(asked) or "", names)
    if found is None:
        raise InputError(f"--beneficial: '{asked}' is not among the labels {listed(names)} of '{column}'")
    return found


def _features(tables: Sequence[pd.DataFrame], called: Sequence[str]) -> list[pd.DataFrame]:
    """Both tables' columns in the order of the first, alike in type."""
    alike = {column: _alike([table[column] for table in tables], called) for column in tables[0]}
    return [pd.DataFrame({column: both[i] for column, both in alike.items()}) for i in range(2)]


def _alike(columns: Sequence[pd.Series], called: Sequence[str]) -> list[Any]:
    """Two columns as numbers if both hold only numbers, otherwise as categoricals of the same texts."""
    numbers = [_numbers(column, name) for column, name in zip(columns, called, strict=True)]
    present = _as_precise([found for found in numbers if found is not None], columns)
    if len(present) == len(numbers):
        whole = all(bool(((found == found.round()) & (found.abs() <= _EXACT)).all()) for found in present)
        return [found.astype(np.int64) if whole else found for found in present]
    for one, other in ((0, 1), (1, 0)):
        first = numbers[one]
        if first is not None and first.notna().any():
            text = next(text for text in _texts(columns[other]) if text is not None and pd.isna(_number(text)))
            raise InputError(
                f"{called[other]}: column '{columns[one].name}' holds '{text}', and numbers alone in {called[one]}; "
                "write it alike, or name it in --leave-out"
            )
    texts = [_texts(column) for column in columns]
    for column, name in zip(texts, called, strict=True):
        _check_texts(column, columns[0].name, name)
    known = sorted({text for column in texts for text in column if text is not None}, key=by_size)
    return [pd.Categorical(column, known) for column in texts]


def _as_precise(numbers: list[pd.Series], columns: Sequence[pd.Series]) -> list[pd.Series]:
    """The numbers of both columns in the coarser precision, if it can hold them: 0.1 of 32 bits equals 0.1."""
    kinds = [column.dtype.name.lower() for column in columns]
    coarser: type[np.floating[Any]] | None = None
    for name, kind in (("float32", np.float32), ("float16", np.float16)):
        coarser = kind if name in kinds else coarser
    if coarser is None or not all((found.abs().fillna(0) <= np.finfo(coarser).max).all() for found in numbers):
        return numbers
    return [pd.Series(found.to_numpy(coarser).astype(np.float64), found.index) for found in numbers]


def _check_texts(texts: Sequence[str | None], column: object, called: str) -> None:
    """Raise InputError for so many texts that they probably identify people."""
    found = len({text for text in texts if text is not None})
    if found > max(MOST_TEXTS, len(texts) // 10):
        raise InputError(
            f"{called}: column '{column}' has {found:,} different texts in {len(texts):,} rows; name it in --leave-out"
        )


def _numbers(column: pd.Series, called: str) -> pd.Series | None:
    """The column as float64; None if it holds other values than numbers, such as truth values."""
    check_feature(column, called, "--leave-out")
    plain = column.astype(object) if column.dtype.name == "category" else column
    if pd.api.types.is_bool_dtype(plain.dropna().infer_objects()):
        return None
    found: pd.Series = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    if (found.notna() != column.notna()).any():
        return None
    check_finite(column, found.to_numpy(), called, "--leave-out")
    return found


def _number(text: str) -> float:
    return float(pd.to_numeric(pd.Series([text]), errors="coerce").iloc[0])
