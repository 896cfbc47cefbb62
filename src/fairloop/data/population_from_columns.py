"""Codes of labels, groups and splits from the columns of a table, and the population that they make."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairloop.data.lazy_images import Images, Rows
from fairloop.data.population import Population, Split
from fairloop.data.spelling import as_text, by_size, evident, listed, recognised, spelled_twice
from fairloop.data.table_checks import check_few, check_plain
from fairloop.data.texts import TextFacts
from fairloop.errors import InputError
from fairloop.seeding import Role, numpy_stream

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from fairloop.data.columns import Column
    from fairloop.data.tokens import Vocabulary

TRAIN, VALID, TEST = 0, 1, 2
"""Codes of splits."""

AND = " & "
"""Separator between the parts of an intersectional group's name."""

RESERVED = frozenset({"overall", "difference", "ratio", "min", "max"})
_LISTED = 20  # columns, in a message
"""Values of the column `group` in tables that are not names of groups."""


class Named(NamedTuple):
    """A column as codes. codes: (N,) int64, positions in `names`."""

    codes: NDArray[np.int64]
    names: tuple[str, ...]


def named(column: pd.Series, field: str, names: Sequence[str] | None = None) -> Named:
    """The values of `column` as text and codes: in the order of `names`, or sorted, numbers by size.

    Raises InputError with the name of the spec's `field` for missing values and for values that `names` lacks. Without
    `names`, it also raises InputError for two spellings of one value, and for too many values for labels or groups.
    """
    check_plain(column, field)
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise InputError(
            f"{field}: column '{column.name}' has no value in {len(missing)} rows (the first is row {missing[0]}, "
            "counted from 0); fill them in, or leave those rows out of the table"
        )
    # Objects become text first: Python's True and 1 are equal, but they are different names.
    found, distinct = (column.map(as_text) if column.dtype == object else column).factorize()
    values = [as_text(value) for value in distinct]
    if names is None:
        names = sorted(set(values), key=by_size)
        if twice := spelled_twice(names):
            raise InputError(
                f"{field}: column '{column.name}' writes one value as '{twice[0]}' and as '{twice[1]}'; write it alike "
                "everywhere"
            )
        check_few(names, len(column), column.name, field)
    if unknown := sorted(set(values) - set(names)):
        raise InputError(f"{field}: column '{column.name}' holds {', '.join(unknown[:3])}, not one of {list(names)}")
    places = np.array([names.index(value) for value in values], dtype=np.int64)
    return Named(places[found], tuple(names))


def crossed(columns: Sequence[Named]) -> Named:
    """The intersections of several columns. The last column changes fastest."""
    first, *others = columns
    codes, names = first.codes, first.names
    for other in others:
        codes = codes * len(other.names) + other.codes
        names = tuple(f"{left}{AND}{right}" for left in names for right in other.names)
    return Named(codes, names)


def occurring(column: Named) -> Named:
    """The column without names that do not occur, for example empty intersections."""
    present = np.unique(column.codes)
    return Named(np.searchsorted(present, column.codes), tuple(column.names[code] for code in present))


def intersections_of(columns: Sequence[Named]) -> Named:
    """The intersections of several columns that occur. Their number never exceeds the number of people."""
    found, *others = columns
    for other in others:
        found = occurring(crossed([found, other]))
    return occurring(found)


def wanted(table: pd.DataFrame, column: str, field: str, *, where: Path) -> pd.Series:
    """A column of `table`. Raises InputError with the name of the spec's `field` if the column does not exist."""
    name = recognised(column, [str(name) for name in table])
    if name is None:
        raise no_column(table, column, field, where)
    found: pd.Series = table[name]
    return found


def no_column(table: pd.DataFrame, column: str, field: str, where: Path) -> InputError:
    """The error for a column that `table` lacks."""
    known = [str(name) for name in table]
    close = difflib.get_close_matches(column, known, n=1)
    more = f" and {len(known) - _LISTED:,} more" if len(known) > _LISTED else ""
    hint = f"did you mean '{close[0]}'?" if close else f"it has {', '.join(known[:_LISTED])}{more}"
    return InputError(f"{field}: {where} has no column '{column}'; {hint}")


def chosen(asked: str | None, labels: Named, column: object) -> str:
    """The label that is good for the person: `asked`, or the evident one.

    Raises InputError if neither is given, and for a label that does not occur.
    """
    names = labels.names
    if asked is not None:
        found = recognised(asked, names)
        if found is None:
            raise InputError(f"data.beneficial={asked}: is not among the labels {listed(names)} of '{column}'")
        return found
    found = names[0] if len(names) == 1 else evident(names)
    if found is None:
        raise InputError(
            f"data.beneficial: the labels in '{column}' are {listed(names)}; name the one that is good for the person, "
            "by data.beneficial=..."
        )
    return found


def splits_named(column: pd.Series) -> NDArray[np.int64]:
    """(N,) codes of splits from their names."""
    known = {"train": TRAIN, "training": TRAIN, "valid": VALID, "validation": VALID, "val": VALID, "dev": VALID}
    known |= {"test": TEST, "testing": TEST}
    codes = column.astype(str).str.strip().str.lower().map(known)
    if codes.isna().any():
        raise InputError(
            f"data.split: column '{column.name}' holds '{column[codes.isna()].iloc[0]}', not train, valid or test"
        )
    return codes.to_numpy().astype(np.int64)


def shares_of_splits(n: int, valid: float, test: float, seed: int) -> NDArray[np.int64]:
    """(n,) codes of splits in random order: round(n * test) for testing, round(n * valid) for validation."""
    order = numpy_stream(seed, Role.TRAIN_DATA, epoch=2).permutation(n)
    codes = np.full(n, TRAIN)
    tested, validated = round(n * test), round(n * valid)
    codes[order[:tested]] = TEST
    codes[order[tested : tested + validated]] = VALID
    return codes


@dataclass(frozen=True)
class People:
    """All people in a data set's files, with codes for labels, groups and splits.

    images: (N, ...), in the files' order. splits: (N,) codes. beneficial: a label's name. columns, tokens, texts: as in
    `Population`.
    minoritized: group names; None takes the groups with less than an equal share of the training data.
    contents: a hash of the images.
    """

    name: str
    images: Images
    labels: Named
    groups: Named
    splits: NDArray[np.int64]
    contents: str
    beneficial: str
    minoritized: Sequence[str] | None = None
    mirror: bool = False
    columns: tuple[Column, ...] = ()
    tokens: Vocabulary | None = None
    texts: TextFacts = field(default_factory=TextFacts)

    def __post_init__(self) -> None:
        if self.minoritized is not None:
            names = tuple(recognised(group, self.groups.names) or group for group in self.minoritized)
            object.__setattr__(self, "minoritized", names)

    def population(self, seed: int) -> Population:
        """The population. `test_balanced` has as many people of each stratum as the smallest stratum of `test`, by
        `seed`.

        Raises InputError for an empty split, and for training data with a single label or a single group.
        """
        for code, split in ((TRAIN, "training"), (VALID, "validation"), (TEST, "test")):
            if not (self.splits == code).any():
                raise InputError(f"data: no {split} sample is left; check data.root and the split")
        self._check_names()
        test = np.flatnonzero(self.splits == TEST)
        balanced = test[self._balanced(test, seed)]
        return Population(
            name=self.name,
            label_names=self.labels.names,
            group_names=self.groups.names,
            minoritized=tuple(self.minoritized if self.minoritized is not None else self._small_groups()),
            train=self._split(np.flatnonzero(self.splits == TRAIN), mirror=self.mirror),
            tests={
                "valid": self._split(np.flatnonzero(self.splits == VALID)),
                "test": self._split(test),
                "test_balanced": self._split(balanced),
            },
            beneficial=self.labels.names.index(self.beneficial),
            columns=self.columns,
            tokens=self.tokens,
            texts=self.texts,
            fingerprint=self._fingerprint(balanced),
        )

    def _check_names(self) -> None:
        training = self.splits == TRAIN
        present = np.unique(self.labels.codes[training])
        if len(present) < 2:
            raise InputError(
                f"data.label: all people of the training data have the label '{self.labels.names[present[0]]}'; "
                "choose a label with two values or more"
            )
        if self.beneficial not in self.labels.names:
            raise InputError(f"data.beneficial={self.beneficial}: is not among the labels {listed(self.labels.names)}")
        if taken := sorted(RESERVED.intersection(self.groups.names)):
            raise InputError(f"data.groups: '{taken[0]}' is a reserved name in tables; give that group another one")
        for group in self.minoritized or ():
            if group not in self.groups.names:
                raise InputError(f"data.minoritized: '{group}' is not among the groups {list(self.groups.names)}")

    def _small_groups(self) -> tuple[str, ...]:
        counts = np.bincount(self.groups.codes[self.splits == TRAIN], minlength=len(self.groups.names))
        return tuple(np.array(self.groups.names)[counts < counts.sum() / len(counts)].tolist())

    def _balanced(self, test: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
        strata = self.labels.codes[test] * len(self.groups.names) + self.groups.codes[test]
        counts = np.bincount(strata)
        order = numpy_stream(seed, Role.BALANCED_DATA).permutation(len(test))
        ranked = order[np.argsort(strata[order], kind="stable")]
        rank = np.arange(len(ranked)) - (counts.cumsum() - counts)[strata[ranked]]
        return np.sort(ranked[rank < counts[counts > 0].min()])

    def _split(self, positions: NDArray[np.int64], *, mirror: bool = False) -> Split:
        return Split(Rows(self.images, positions), self.labels.codes[positions], self.groups.codes[positions], mirror)

    def _fingerprint(self, balanced: NDArray[np.int64]) -> str:
        said = (self.name, self.labels.names, self.groups.names, self.minoritized, self.beneficial, self.mirror)
        digest = hashlib.sha256(repr((said, self.contents)).encode())
        for array in (self.labels.codes, self.groups.codes, self.splits, balanced):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
