"""Somebody's own people as a `Population`: features, labels and groups of any spelling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.data.grouping import intersections, natural
from fairloop.data.population import Population, Split
from fairloop.data.spelling import as_text, evident
from fairloop.errors import InputError
from fairloop.own.features import Codec, Features

Groups: TypeAlias = "str | Sequence[Any] | NDArray[Any] | pd.Series[Any] | pd.DataFrame"
People: TypeAlias = "tuple[Features, Sequence[Any] | NDArray[Any] | pd.Series[Any], Groups]"
"""Features (N, F), labels (N,), and groups: (N,) names, a frame of several columns, whose combinations count, or the
names of columns of the features."""


class OwnPeople:
    """Real people, coded. codec: of their features. labels: (K,) the values that codes stand for. groups: (S,) names.

    reader: names the groups of any features, if they are columns of these; else None.
    """

    def __init__(self, parts: dict[str, People]) -> None:
        """parts: `train`, then the test sets by name. Raises InputError for people that do not fit together."""
        for name, part in parts.items():
            _check(name, part)
        features = {name: part[0] for name, part in parts.items()}
        self.codec = Codec(list(features.values()))
        values = {name: np.asarray(part[1]).reshape(-1).tolist() for name, part in parts.items()}
        # `1` and `01` are alike in natural order, and a set's own order differs between processes.
        self.labels = sorted(set().union(*values.values()), key=lambda value: (natural(str(value)), repr(value)))
        columns = {name: sensitive(part[0], part[2]) for name, part in parts.items()}
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
        self.reader = _reader(next(iter(parts.values())), self.groups)

    def population(self, name: str, beneficial: object, minoritized: Sequence[str]) -> Population:
        """They as the loop knows people. Raises InputError for a label or group that nobody has."""
        good = self._evident() if beneficial is None else beneficial
        if good not in self.labels:
            raise InputError(f"beneficial={beneficial!r}: is none of the labels, which are {self.labels}")
        if unknown := set(minoritized) - set(self.groups):
            raise InputError(f"minoritized: {unknown.pop()!r} is none of the groups, which are {list(self.groups)}")
        tests = dict(self._splits)
        return Population(
            name=name,
            label_names=tuple(map(str, self.labels)),
            group_names=self.groups,
            minoritized=tuple(minoritized),
            train=tests.pop("train"),
            tests=tests,
            beneficial=self.labels.index(good),
        )

    def _evident(self) -> object:
        written = {as_text(value): value for value in self.labels}
        good = evident(tuple(written))
        if good is None:
            raise InputError(f"beneficial: labels are {self.labels}; say which one is good for the person")
        return written.get(good, 1)


class ColumnReader:
    """Names groups by columns of the features: A_S where there is nothing to guess."""

    def __init__(self, columns: Groups, names: Sequence[str]) -> None:
        self._columns = columns
        self._names = set(names)

    def predict(self, people: Features) -> list[str]:
        """The group of each. Raises InputError for a combination of values that no real person has."""
        codes, names = intersections(sensitive(people, self._columns))
        if unknown := set(names) - self._names:
            raise InputError(
                f"groups: the generator made people of group {unknown.pop()!r}, which no real person has; give groups "
                "as an array instead, and a classifier will learn to name those that there are"
            )
        return [names[code] for code in codes]


def sensitive(features: Features, groups: Groups) -> pd.DataFrame:
    """The sensitive columns as text, one row for each person."""
    if _are_columns(features, groups):
        chosen = cast("pd.DataFrame", features)[[groups] if isinstance(groups, str) else list(groups)]
    else:
        chosen = groups if isinstance(groups, pd.DataFrame) else pd.DataFrame({"group": np.asarray(groups).reshape(-1)})
    return chosen.astype(object).where(chosen.notna(), "(missing)").astype(str).reset_index(drop=True)


def _are_columns(features: Features, groups: Groups) -> bool:
    if not isinstance(features, pd.DataFrame) or not isinstance(groups, str | list | tuple):
        return False
    return set([groups] if isinstance(groups, str) else groups) <= set(features.columns)


def _reader(people: People, names: Sequence[str]) -> ColumnReader | None:
    return ColumnReader(people[2], names) if _are_columns(people[0], people[2]) else None


def _check(name: str, people: People) -> None:
    if not isinstance(people, tuple) or len(people) != 3:
        raise InputError(f"{name}: give (features, labels, groups)")
    features, labels, groups = people
    if isinstance(groups, str) and not _are_columns(features, groups):
        raise InputError(f"{name}: groups name the column {groups!r}, which the features do not have")
    sizes = len(features), len(labels), len(sensitive(features, groups))
    if len(set(sizes)) > 1 or not sizes[0]:
        raise InputError(f"{name}: has features of {sizes[0]}, labels of {sizes[1]} and groups of {sizes[2]} people")
    if pd.isna(np.asarray(labels, object)).any():
        raise InputError(f"{name}: has people without a label; leave them out")
