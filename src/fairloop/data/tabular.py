"""Tables of people: a user's own, and three classic tables of fairness research in their publishers' formats.

The modules of other tables import `Table`, `population`, `published_file` and `as_numbers` from here.

Every column but the label is a feature. Sensitive columns are features, too, so that a sample shows its group, as a
picture does.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairloop._util.limits import opened
from fairloop.data.columns import encode, learned
from fairloop.data.own_columns import own_columns, own_table, random_splits
from fairloop.data.picture_files import read_table
from fairloop.data.population import Population
from fairloop.data.population_from_columns import (
    AND,
    TEST,
    TRAIN,
    VALID,
    People,
    chosen,
    intersections_of,
    named,
    shares_of_splits,
    splits_named,
    wanted,
)
from fairloop.data.publishers import remedy
from fairloop.data.shared_fields import NaturalFields, OwnFields, SplitFields, StartsFrom
from fairloop.data.spelling import Written
from fairloop.data.table_checks import check_roles
from fairloop.errors import InputError
from fairloop.tables.decimals import numbers

if TYPE_CHECKING:
    import pandas as pd


class OwnTableSpec(OwnFields):
    """Your own table: label, sensitive columns and features."""

    name: Literal["table"] = "table"
    root: Path | None = Field(None, description="directory of data.table; default: the current directory")
    table: Annotated[Path, StartsFrom("root")] = Field(
        description=".csv, .tsv (.gz too), .jsonl or .parquet, one row a person"
    )
    leave_out: tuple[Written, ...] = Field(
        (), description="columns that are not features, such as names and case numbers"
    )


class AdultSpec(NaturalFields):
    """UCI Adult (Census Income): does a person earn more than 50,000 dollars a year?"""

    name: Literal["adult"] = "adult"
    root: Path | None = Field(None, description="directory with adult.data and adult.test (.gz works too)")
    groups: tuple[Literal["sex", "race"], ...] = Field(("sex",), min_length=1, description="sensitive columns")


class CompasSpec(SplitFields):
    """ProPublica's COMPAS data: is a person not arrested again within two years?"""

    name: Literal["compas"] = "compas"
    root: Path | None = Field(None, description="directory with compas-scores-two-years.csv (.gz works too)")
    groups: tuple[Literal["race", "sex"], ...] = Field(("race",), min_length=1, description="sensitive columns")


class GermanSpec(SplitFields):
    """UCI Statlog German credit: is the credit of a person good?"""

    name: Literal["german"] = "german"
    root: Path | None = Field(None, description="directory with german.data (.gz works too)")
    groups: tuple[Literal["sex", "age"], ...] = Field(("sex",), min_length=1, description="sensitive columns")


@dataclass(frozen=True)
class Table:
    """features, label and groups of N people.

    splits: (N,) codes; None: drawn at random. majoritized: values of sensitive columns of people who are not
    minoritized.
    """

    features: pd.DataFrame
    label: pd.Series
    groups: Sequence[pd.Series]
    beneficial: str | None
    splits: NDArray[np.int64] | None = None
    majoritized: tuple[str, ...] = ()


def own(spec: OwnTableSpec, seed: int) -> Population:
    """The user's table according to `spec`."""
    frame, path = own_table(spec)
    label, groups, split = own_columns(frame, spec, path)
    left_out = [wanted(frame, name, "data.leave_out", where=path).name for name in spec.leave_out]
    no_features = {label.name, *left_out, *([] if split is None else [split.name])}
    features = [name for name in frame if name not in no_features]
    if not features:
        raise InputError(f"data.leave_out: leaves no feature of {path}; name fewer columns")
    if not all(str(name).strip() for name in features):
        raise InputError(
            f"data.table: {path} has a column without a name, such as the row numbers that pandas writes; name it, or "
            "leave it out with data.leave_out=['']"
        )
    table = Table(
        _with_points(frame[features], [str(group.name) for group in groups]),
        label,
        groups,
        spec.beneficial,
        None if split is None else splits_named(split),
    )
    return population(spec, spec.name, table, seed, lambda: random_splits(spec, len(frame), seed))


# fmt: off
_ADULT = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status",
    "occupation", "relationship", "race", "sex", "capital-gain", "capital-loss",
    "hours-per-week", "native-country", "income",
]
# fmt: on


def adult(spec: AdultSpec, seed: int) -> Population:
    """Adult: the publisher's test file is for testing, a random sixth of the training file for validation.

    The columns `fnlwgt`, a weight of the survey, and `education`, which repeats `education-num`, are left out. An
    unknown value, `?`, is a category.
    """
    import pandas as pd

    parts = [
        published_file(spec.root, spec.name, f"adult.{split}", _ADULT, skip=split == "test")
        for split in ("data", "test")
    ]
    frame = pd.concat(parts, ignore_index=True)
    splits = np.repeat([TRAIN, TEST], [len(part) for part in parts])
    chosen = shares_of_splits(len(parts[0]), 1 / 6, 0, spec.seed_of(seed))
    splits[: len(parts[0])] = np.where(chosen == VALID, VALID, TRAIN)
    table = Table(
        frame.drop(columns=["fnlwgt", "education", "income"]),
        frame["income"].str.rstrip("."),
        [frame[name] for name in spec.groups],
        ">50K",
        splits,
        majoritized=("Male", "White"),
    )
    return population(spec, spec.name, table, seed)


# fmt: off
_COMPAS_FEATURES = [
    "age", "sex", "race", "c_charge_degree", "priors_count", "juv_fel_count",
    "juv_misd_count", "juv_other_count",
]
# fmt: on
_SMALL_RACES = ("Asian", "Native American", "Other")


def compas(spec: CompasSpec, seed: int) -> Population:
    """COMPAS with ProPublica's filter. The beneficial label is `not arrested again`.

    Three races of fewer than 350 people each (Asian, Native American, Other) are one group, `other`.
    """
    frame = published_file(spec.root, spec.name, "compas-scores-two-years.csv")
    for name in (*_COMPAS_FEATURES, "days_b_screening_arrest", "is_recid", "score_text", "two_year_recid"):
        wanted(frame, name, "data.root", where=Path("compas-scores-two-years.csv"))
    days = as_numbers(frame["days_b_screening_arrest"])
    kept = days.between(-30, 30) & (frame["is_recid"] != "-1") & (frame["c_charge_degree"] != "O")
    frame = frame[kept & (frame["score_text"] != "N/A")].reset_index(drop=True)
    frame["race"] = frame["race"].replace(dict.fromkeys(_SMALL_RACES, "other"))
    label = frame["two_year_recid"].map({"1": "arrested again", "0": "not arrested again"})
    table = Table(
        frame[_COMPAS_FEATURES],
        label,
        [frame[name] for name in spec.groups],
        "not arrested again",
        majoritized=("Caucasian", "Female"),  # men are arrested more often than women
    )
    return population(spec, spec.name, table, seed, lambda: random_splits(spec, len(frame), seed))


# fmt: off
_GERMAN = [
    "checking", "duration", "history", "purpose", "amount", "savings",
    "employment", "rate", "status", "debtors", "residence", "property",
    "age", "instalments", "housing", "credits", "job", "dependants",
    "telephone", "foreign", "credit",
]
# fmt: on
_WOMEN = ("A92", "A95")  # codes of personal status and sex


def german(spec: GermanSpec, seed: int) -> Population:
    """German credit; good credit is the beneficial label. The age bands are up to 25, and above."""
    frame = published_file(spec.root, spec.name, "german.data", _GERMAN, separator=r"\s+")
    sensitive = {
        "sex": frame["status"].isin(_WOMEN).map({True: "female", False: "male"}).rename("sex"),
        "age": (as_numbers(frame["age"]) > 25).map({True: ">25", False: "<=25"}).rename("age"),
    }
    label = frame["credit"].map({"1": "good", "2": "bad"})
    groups = [sensitive[name] for name in spec.groups]
    table = Table(frame.drop(columns="credit"), label, groups, "good", majoritized=("male", ">25"))
    return population(spec, spec.name, table, seed, lambda: random_splits(spec, len(frame), seed))


def population(
    spec: NaturalFields,
    name: str,
    table: Table,
    seed: int,
    at_random: Callable[[], NDArray[np.int64]] | None = None,
) -> Population:
    """The population of `table`. name: of the data set. at_random: draws splits for a table without splits."""
    splits = at_random() if table.splits is None and at_random else table.splits
    assert splits is not None
    check_roles([str(column.name) for column in table.groups])
    labels = named(table.label, "data.label")
    groups = intersections_of([named(column, "data.groups") for column in table.groups])
    minoritized = spec.minoritized
    if minoritized is None and table.majoritized:
        minoritized = tuple(name for name in groups.names if not set(name.split(AND)) <= set(table.majoritized))
    columns = learned(table.features, splits == TRAIN)
    features = encode(table.features, columns)
    return People(
        name=name,
        images=features,
        labels=labels,
        groups=groups,
        splits=splits,
        contents=hashlib.sha256(repr(columns).encode() + features.tobytes()).hexdigest(),
        beneficial=chosen(table.beneficial, labels, table.label.name),
        minoritized=minoritized,
        columns=columns,
    ).population(spec.seed_of(seed))


def _with_points(features: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Replace decimal commas by points, except in sensitive columns, which hold names."""
    import pandas as pd

    changed = features.copy()
    for name in [str(name) for name in features if name not in groups]:
        column = features[name]
        if pd.api.types.is_string_dtype(column) and column.str.contains(",", regex=False).any():
            cells = column.astype(object).where(column.notna(), None).tolist()
            changed[name] = numbers(cells, f"data: column '{name}'")
    return changed


def as_numbers(column: pd.Series) -> pd.Series:
    """A column of text as numbers, NaN where a cell is empty. Raises InputError for other cells."""
    import pandas as pd

    try:
        numbers: pd.Series = pd.to_numeric(column)
    except (ValueError, TypeError) as error:
        raise InputError(f"data.root: column '{column.name}' should hold numbers: {error}") from error
    return numbers


def found_file(root: Path | None, dataset: str, names: Sequence[str]) -> Path:
    """The first file in `root` with one of `names`, or one of them and .gz. Raises InputError if no file exists."""
    if root is None:
        raise InputError(f"data.root: needs the directory of {names[0]}; {remedy(dataset)}")
    places = (root / f"{name}{end}" for name in names for end in ("", ".gz"))
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise InputError(f"data.root: '{root}' has no {names[0]} (nor {names[0]}.gz); {remedy(dataset)}")
    return path


def published_file(
    root: Path | None,
    dataset: str,
    name: str,
    columns: Sequence[str] | None = None,
    separator: str = ",",
    *,
    skip: bool = False,
) -> pd.DataFrame:
    """A publisher's file as text, raw or gzipped. Raises InputError, with the remedy, for an incomplete file.

    columns: their names, if the file has no header. skip: whether the first line is not part of the table.
    """
    import pandas as pd

    path = found_file(root, dataset, [name])
    if columns is None:
        return read_table(path)
    try:
        with opened(path) as content:
            frame = pd.read_csv(
                content,
                sep=separator,
                names=list(columns),
                skiprows=int(skip),
                dtype=str,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=[""],
                index_col=False,
                on_bad_lines="error",
            )
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"data.root: {path} is truncated or damaged ({str(error).strip()}); fetch it again") from error
    if frame.isna().any(axis=None):
        row = int(np.flatnonzero(frame.isna().any(axis=1))[0])
        raise InputError(f"data.root: {path} has fewer than {len(columns)} columns in row {row}; fetch it again")
    return frame
