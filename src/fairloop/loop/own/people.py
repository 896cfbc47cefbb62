"""A user's own people as a `Population`: features, labels and groups in any spelling."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.data.grouping import intersections, natural
from fairloop.data.population import Population, Split
from fairloop.data.spelling import as_text, evident, spelled_twice
from fairloop.errors import InputError, said
from fairloop.loop.own.features import Codec, Features, check_kind

Groups: TypeAlias = "str | Sequence[Any] | NDArray[Any] | pd.Series[Any] | pd.DataFrame"
People: TypeAlias = "tuple[Features, Sequence[Any] | NDArray[Any] | pd.Series[Any], Groups]"
"""Features (N, F), labels (N,), and groups: (N,) names, or a frame of several columns, or names of columns of the
features; combinations of columns count as groups. A list of distinct column names selects columns; any other list holds
values."""


class OwnPeople:
    """Coded real people. codec: of their features. labels: (K,) the values of the codes. groups: (S,) names.

    reader: names the groups of samples, if groups are columns of the features; else None.
    """

    def __init__(self, parts: dict[str, People]) -> None:
        """parts: `train`, then the test sets by name. Raises InputError for people that do not fit together."""
        for name, part in parts.items():
            _check(name, part)
        features = {name: part[0] for name, part in parts.items()}
        self.codec = Codec(list(features.values()))
        values = {name: _labels(name, part[1]) for name, part in parts.items()}
        # `1` and `01` are equal in natural order, and a set's order differs between processes.
        self.labels = sorted(set().union(*values.values()), key=lambda value: (natural(str(value)), repr(value)))
        columns = _alike({name: _sensitive(name, part[0], part[2]) for name, part in parts.items()})
        codes, self.groups = intersections(pd.concat(columns.values(), ignore_index=True))
        ends = np.cumsum([len(part) for part in columns.values()])
        of_label = {value: code for code, value in enumerate(self.labels)}
        self._splits = {
            name: Split(
                self.codec.encode(features[name], name),
                np.array([of_label[value] for value in values[name]], np.int64),
                part,
            )
            for name, part in zip(parts, np.split(codes, ends[:-1]), strict=True)
        }
        named = _named_columns("train", *next(iter(parts.values()))[::2])
        self.reader = None if named is None else ColumnReader(named, self.groups)

    def population(self, name: str, beneficial: object, minoritized: Sequence[str]) -> Population:
        """The people as a population. Raises InputError for an unknown label or group."""
        good = self._evident() if beneficial is None else beneficial
        if good not in self.labels:
            raise InputError(f"beneficial={beneficial!r}: is not one of the labels {self.labels}")
        if len(set(map(str, self.labels))) < len(self.labels):
            raise InputError(f"labels: some of {self.labels} have the same name; give each its own name")
        minoritized = (minoritized,) if isinstance(minoritized, str) else tuple(minoritized)
        if unknown := set(minoritized) - set(self.groups):
            raise InputError(f"minoritized: {unknown.pop()!r} is not one of the groups {list(self.groups)}")
        tests = dict(self._splits)
        return Population(
            name=name,
            label_names=tuple(map(str, self.labels)),
            group_names=self.groups,
            minoritized=minoritized,
            train=tests.pop("train"),
            tests=tests,
            beneficial=self.labels.index(good),
        )

    def _evident(self) -> object:
        written = {as_text(value): value for value in self.labels}
        good = evident(tuple(written))
        if good is None:
            raise InputError(f"beneficial: labels are {self.labels}; name the one that is good for the person")
        return written.get(good, 1)


class ColumnReader:
    """The true groups, from columns of the features, in place of A_S."""

    def __init__(self, columns: Sequence[Hashable], names: Sequence[str]) -> None:
        self._columns = list(columns)
        self._names = set(names)

    def predict(self, people: pd.DataFrame) -> list[str]:
        """The group of each person. Raises InputError for a combination of values that no real person has."""
        codes, names = intersections(_as_text(people[self._columns]))
        if unknown := set(names) - self._names:
            raise InputError(
                f"groups: the generator made people of group {unknown.pop()!r}, which no real person has; give groups "
                "as an array instead, and a classifier will learn to predict the groups that exist"
            )
        return [names[code] for code in codes]


def _sensitive(whose: str, features: Features, groups: Groups) -> pd.DataFrame:
    """The sensitive columns as text, one row for each person."""
    named = _named_columns(whose, features, groups)
    if named is not None and isinstance(features, pd.DataFrame):
        return _as_text(features[named])
    return _as_text(
        groups if isinstance(groups, pd.DataFrame) else pd.DataFrame({"group": np.asarray(groups).reshape(-1)})
    )


def _as_text(columns: pd.DataFrame) -> pd.DataFrame:
    """Values as names. A number has one name for 1 and for 1.0, the form of 1 in a frame with missing values."""
    return columns.astype(object).where(columns.notna(), "(missing)").map(as_text).reset_index(drop=True)


def _alike(sets: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The sensitive columns of each set, under the same names. Raises InputError for other columns or two spellings."""
    (whose, first), *_ = sets.items()
    for name, columns in sets.items():
        if len(columns.columns) == len(first.columns) == 1:
            columns.columns = first.columns
        elif set(columns.columns) != set(first.columns):
            raise InputError(
                f"{name}: groups have the columns {list(columns)}, but in {whose} {list(first)}; give the same"
            )
    for column in first:
        names = sorted(set().union(*(columns[column] for columns in sets.values())))
        if twice := spelled_twice(names):
            raise InputError(
                f"groups: one value is written {twice[0]!r} and {twice[1]!r}; write it alike in {' and '.join(sets)}"
            )
    return sets


def _named_columns(whose: str, features: Features, groups: Groups) -> list[Hashable] | None:
    """The columns that `groups` names; None if `groups` holds values."""
    if isinstance(groups, str):
        if not isinstance(features, pd.DataFrame) or groups not in features.columns:
            raise InputError(f"{whose}: groups name the column {groups!r}, which the features do not have")
        return [groups]
    if not isinstance(features, pd.DataFrame) or not isinstance(groups, list | tuple):
        return None
    known = [isinstance(name, Hashable) and name in features.columns for name in groups]
    if not all(known):
        if len(groups) != len(features) and any(known):
            raise InputError(
                f"{whose}: groups name the column {groups[known.index(False)]!r}, which the features do not have"
            )
        return None
    if not groups or len(set(groups)) < len(groups):
        return None
    if len(groups) == len(features):
        raise InputError(
            f"{whose}: groups {list(groups)} could name columns, or be a value for each of {len(groups)} people; give "
            "values as an array, or the columns as a frame, X[[...]]"
        )
    return list(groups)


def _labels(whose: str, labels: Any) -> list[Any]:
    """A label for each person."""
    try:
        array = np.asarray(labels)
    except ValueError as error:  # lists of different lengths
        raise InputError(
            f"{whose}: labels are not a list of values ({said(error)}); give one for each person"
        ) from error
    if array.size != len(array):
        raise InputError(f"{whose}: labels have the shape {array.shape}; give one for each person")
    return array.reshape(-1).tolist()


def _check(whose: str, people: People) -> None:
    if not isinstance(people, tuple) or len(people) != 3:
        raise InputError(f"{whose}: give (features, labels, groups)")
    features, labels, groups = people
    for what, values in (("features", features), ("labels", labels)):
        if not hasattr(values, "__len__") or getattr(values, "shape", None) == ():
            raise InputError(f"{whose}: {what} are {values!r}, not a list of values; give one for each person")
    check_kind(features, whose)
    if isinstance(labels, str):
        raise InputError(
            f"{whose}: labels are the text {labels!r}; give one for each person, such as a column of yours"
        )
    sizes = len(features), len(labels), len(_sensitive(whose, features, groups))
    if len(set(sizes)) > 1 or not sizes[0]:
        raise InputError(f"{whose}: has features of {sizes[0]}, labels of {sizes[1]} and groups of {sizes[2]} people")
    if pd.isna(np.asarray(labels, object)).any():
        raise InputError(f"{whose}: has people without a label; leave them out")
