"""The columns of a user's table that data sets of all kinds need: label, groups, split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fairloop.data.picture_files import read_table
from fairloop.data.population_from_columns import shares_of_splits, splits_named, wanted
from fairloop.data.shared_fields import OwnFields, SplitFields
from fairloop.data.table_checks import check_header, check_roles
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


class OwnColumns(NamedTuple):
    """Columns of a table; split is None where people are split at random."""

    label: pd.Series
    groups: list[pd.Series]
    split: pd.Series | None


class _OwnTable(Protocol):
    @property
    def table(self) -> Path: ...
    @property
    def root(self) -> Path | None: ...


def own_table(spec: _OwnTable) -> tuple[pd.DataFrame, Path]:
    """The table that `spec` names, and its place. Raises InputError if it cannot be read, or has no rows."""
    path = spec.table if spec.root is None else spec.root / spec.table
    frame = read_table(path)
    check_header(frame, path)
    if frame.empty:
        raise InputError(f"data.table: {path} has no rows")
    return frame, path


def own_columns(
    table: pd.DataFrame, spec: OwnFields, where: Path, content: tuple[str, str] | None = None
) -> OwnColumns:
    """The columns that `spec` names. content: the field and the column of pictures or texts.

    Raises InputError if a column is missing, or has two roles.
    """
    label = wanted(table, spec.label, "data.label", where=where)
    groups = [wanted(table, name, "data.groups", where=where) for name in spec.groups]
    split = wanted(table, spec.split, "data.split", where=where) if spec.split else None
    names = [str(group.name) for group in groups], str(label.name), None if split is None else str(split.name)
    check_roles(*names, content=content)
    return OwnColumns(label, groups, split)


def random_splits(spec: SplitFields, n: int, seed: int) -> NDArray[np.int64]:
    """The split of each of `n` people, at random. seed: the run's."""
    return shares_of_splits(n, spec.valid, spec.test, spec.seed_of(seed))


def splits_of(spec: OwnFields, found: OwnColumns, seed: int) -> NDArray[np.int64]:
    """The split of each person: by its column, or at random. seed: the run's."""
    return random_splits(spec, len(found.label), seed) if found.split is None else splits_named(found.split)
