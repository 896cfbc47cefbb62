"""The American Community Survey's people, as the five tasks of folktables.

Source: Ding, Hardt, Miller and Schmidt, *Retiring Adult: New Datasets for Fair Machine Learning*, 2021; features,
filters and targets are those of their package folktables. As there, a missing code is 0. Codes stay numbers, except
those of race and sex.
"""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from fairloop._util.limits import check_parquet, opened
from fairloop.data.own_columns import random_splits
from fairloop.data.publishers import remedy
from fairloop.data.shared_fields import SplitFields
from fairloop.data.tabular import Table, population
from fairloop.errors import InputError, said

if TYPE_CHECKING:
    import pandas as pd

    from fairloop.data.population import Population

_RACES = {
    1: "White", 2: "Black", 3: "American Indian", 4: "Alaska Native", 5: "American Indian or Alaska Native, tribe said",
    6: "Asian", 7: "Pacific Islander", 8: "other race", 9: "two or more races",
}  # fmt: skip
_SEXES = {1: "male", 2: "female"}
# fmt: off
_STATES = {
    "AL": 1, "AK": 2, "AZ": 4, "AR": 5, "CA": 6, "CO": 8, "CT": 9, "DE": 10, "DC": 11, "FL": 12, "GA": 13, "HI": 15,
    "ID": 16, "IL": 17, "IN": 18, "IA": 19, "KS": 20, "KY": 21, "LA": 22, "ME": 23, "MD": 24, "MA": 25, "MI": 26,
    "MN": 27, "MS": 28, "MO": 29, "MT": 30, "NE": 31, "NV": 32, "NH": 33, "NJ": 34, "NM": 35, "NY": 36, "NC": 37,
    "ND": 38, "OH": 39, "OK": 40, "OR": 41, "PA": 42, "RI": 44, "SC": 45, "SD": 46, "TN": 47, "TX": 48, "UT": 49,
    "VT": 50, "VA": 51, "WA": 53, "WV": 54, "WI": 55, "WY": 56, "PR": 72,
}
# fmt: on
"""The numbers that the Census gives to states."""

_CENSUS = re.compile(r"(psam_|ss\d\d)p(.+?)\.(?:csv|csv\.gz|parquet)")
"""Names of the Census' files of people: psam_p06.csv, until 2016 ss16pca.csv; psam_pusa.csv is a part of all."""

_DISABILITY = ("DEAR", "DEYE", "DREM")
_COMMON = ("AGEP", "SCHL", "MAR")


@dataclass(frozen=True)
class _Task:
    """A task of folktables. kept: the people. target: a column. positive: of its values; names: for False and True."""

    features: tuple[str, ...]
    target: str
    positive: Callable[[pd.Series], pd.Series]
    names: tuple[str, str]
    beneficial: str
    kept: Callable[[pd.DataFrame], Any]
    filtered: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """All that is read."""
        return list(dict.fromkeys([*self.features, self.target, *self.filtered, "SEX", "RAC1P"]))


_TASKS = {
    "ACSIncome": _Task(
        ("AGEP", "COW", "SCHL", "MAR", "OCCP", "POBP", "RELP", "WKHP", "SEX", "RAC1P"),
        "PINCP",
        lambda income: income > 50_000,
        ("<=50K", ">50K"),
        ">50K",
        lambda of: (of["AGEP"] > 16) & (of["PINCP"] > 100) & (of["WKHP"] > 0) & (of["PWGTP"] >= 1),
        ("PWGTP",),
    ),
    "ACSPublicCoverage": _Task(
        (*_COMMON, "SEX", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", *_DISABILITY, "PINCP", "ESR", "ST",
         "FER", "RAC1P"),
        "PUBCOV",
        lambda code: code == 1,
        ("not covered", "covered"),
        "covered",
        lambda of: (of["AGEP"] < 65) & (of["PINCP"] <= 30_000),
    ),
    "ACSMobility": _Task(
        (*_COMMON, "SEX", "DIS", "ESP", "CIT", "MIL", "ANC", "NATIVITY", "RELP", *_DISABILITY, "RAC1P", "GCL", "COW",
         "ESR", "WKHP", "JWMNP", "PINCP"),
        "MIG",
        lambda code: code == 1,
        ("moved", "same home"),
        "same home",
        lambda of: ~((of["AGEP"] <= 18) | (of["AGEP"] >= 35)),
    ),
    "ACSEmployment": _Task(
        (*_COMMON, "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", *_DISABILITY, "SEX", "RAC1P"),
        "ESR",
        lambda code: code == 1,
        ("not employed", "employed"),
        "employed",
        lambda of: of.index >= 0,
    ),
    "ACSTravelTime": _Task(
        (*_COMMON, "SEX", "DIS", "ESP", "MIG", "RELP", "RAC1P", "PUMA", "ST", "CIT", "OCCP", "JWTR", "POWPUMA",
         "POVPIP"),
        "JWMNP",
        lambda minutes: minutes > 20,
        ("<=20 minutes", ">20 minutes"),
        "<=20 minutes",
        lambda of: (of["AGEP"] > 16) & (of["PWGTP"] >= 1) & (of["ESR"] == 1),
        ("PWGTP", "ESR"),
    ),
}  # fmt: skip


class AcsSpec(SplitFields):
    """American Community Survey, by folktables' tasks: income, health insurance, moving, employment, way to work."""

    name: Literal["acs"] = "acs"
    root: Path | None = Field(
        None,
        description="directory with the Census' psam_pXX.csv or ssYYpXX.csv (or .gz), or .parquet files of its columns",
    )
    task: Literal["ACSIncome", "ACSPublicCoverage", "ACSMobility", "ACSEmployment", "ACSTravelTime"] = Field(
        "ACSIncome", description="of folktables"
    )
    states: tuple[str, ...] = Field((), description="postal codes, such as CA; default: all that data.root has")
    groups: tuple[Literal["race", "sex"], ...] = Field(("race",), min_length=1, description="sensitive columns")


def load(spec: AcsSpec, seed: int) -> Population:
    """The people of a task.

    The beneficial label is folktables' positive label. In ACSTravelTime it is the shorter way to work.
    """
    import pandas as pd

    task = _TASKS[spec.task]
    frame = pd.concat(list(_parts(spec, task)), ignore_index=True)
    features, label = people(frame, spec.task)
    groups = [features[{"race": "RAC1P", "sex": "SEX"}[name]].rename(name) for name in spec.groups]
    splits = random_splits(spec, len(label), seed)
    return population(
        spec, spec.name, Table(features, label, groups, task.beneficial, splits, majoritized=("White", "male")), seed
    )


def people(frame: pd.DataFrame, task: str) -> tuple[pd.DataFrame, pd.Series]:
    """Features and label of the people in a Census table that a task is about; missing codes are 0.

    Race and sex are names. Raises InputError for a table without such people, and for codes without a name.
    """
    asked = _TASKS[task]
    kept = frame[asked.kept(frame)].reset_index(drop=True)
    if kept.empty:
        raise InputError(f"data.root: none of the {len(frame):,} people are among those of {task}; name other files")
    features = kept[list(asked.features)].fillna(0)
    for column, names in (("RAC1P", _RACES), ("SEX", _SEXES)):
        named = kept[column].map(names)
        if named.isna().any():
            code = kept[column][named.isna()].iloc[0]
            raise InputError(f"data.root: {column} is {code:g} for a person, none of {', '.join(map(str, names))}")
        features[column] = named
    label = asked.positive(kept[asked.target]).map({False: asked.names[0], True: asked.names[1]})
    return features, label.rename(task)


def _parts(spec: AcsSpec, task: _Task) -> Iterator[pd.DataFrame]:
    """The columns of the task, file by file, of the states that are asked for."""
    states = {_state(name): name for name in spec.states}
    found = set()
    for path in _files(spec, states):
        part = _read(path, sorted({*task.columns, *(["ST"] if states else [])}))
        if states:
            part = part[part["ST"].isin(states)]
            found |= {*part["ST"]}
        yield part
    if missing := [name for code, name in states.items() if code not in found]:
        raise InputError(f"data.states: '{spec.root}' has nobody of {', '.join(missing)}; {remedy(spec.name)}")


def _files(spec: AcsSpec, states: dict[int, str]) -> list[Path]:
    if spec.root is None:
        raise InputError(f"data.root: needs the directory of psam_pXX.csv; {remedy(spec.name)}")
    places = sorted(spec.root.iterdir()) if spec.root.is_dir() else []
    files = [path for path in places if path.suffix == ".parquet" or _CENSUS.fullmatch(path.name)]
    if states:  # a file whose name tells no state may hold them, such as that of the whole country, psam_pusa.csv
        files = [path for path in files if _told(path) in (None, *states)]
    if not files:
        raise InputError(f"data.root: '{spec.root}' has no psam_pXX.csv and no .parquet file; {remedy(spec.name)}")
    _check_once(files)
    return files


def _named(path: Path) -> tuple[str, str]:
    """The survey and the place in the name of a file of the Census; both empty for another file."""
    found = _CENSUS.fullmatch(path.name)
    return (found[1], found[2]) if found else ("", "")


def _told(path: Path) -> int | None:
    """The number of the state whose people a file holds, by its name; None if that tells none."""
    _, place = _named(path)
    return int(place) if place.isdecimal() else _STATES.get(place.upper())


def _check_once(files: Sequence[Path]) -> None:
    """Raise InputError for files that may hold the same people, who would be learnt from and tested on."""
    for one, other in itertools.combinations(files, 2):
        survey, place = _named(one)
        of_one_survey = bool(survey) and survey == _named(other)[0]
        copied = one.suffix != other.suffix and ".parquet" in (one.suffix, other.suffix)
        part_of_other = of_one_survey and (_told(one) is None) != (_told(other) is None)
        if copied or part_of_other or (of_one_survey and place == _named(other)[1]):
            raise InputError(f"data.root: {one} and {other.name} may hold the same people; keep one of them")


def _state(name: str) -> int:
    if name.upper() not in _STATES:
        raise InputError(f"data.states: '{name}' is not a postal code of a state, such as CA")
    return _STATES[name.upper()]


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    """Columns of a file as numbers. Raises InputError for a column that is missing, or holds something else."""
    import pandas as pd
    import pyarrow.parquet as pq

    try:
        if path.suffix == ".parquet":
            check_parquet(path)
            header = pq.read_schema(path).names
            _check(path, columns, header)
            whole: pd.DataFrame = pq.read_table(path, columns=columns).to_pandas().astype("float64")
            return whole
        with opened(path) as content:
            header = list(pd.read_csv(content, nrows=0))
        _check(path, columns, header)
        with opened(path) as content:
            read: pd.DataFrame = pd.read_csv(content, usecols=columns, dtype="float64")[columns]
            return read
    except InputError:
        raise
    except (OSError, EOFError, ValueError, TypeError, zlib.error) as error:  # of pyarrow's, too
        raise InputError(f"data.root: {path} is truncated or damaged ({said(error)}); fetch it again") from error


def _check(path: Path, columns: list[str], header: list[str]) -> None:
    missing = [name for name in columns if name not in header]
    if "RELP" in missing and "RELSHIPP" in header:
        raise InputError(
            f"data.root: {path} has RELSHIPP in place of RELP, as all files since 2019; folktables' tasks need files "
            "of 2018 or before"
        )
    if missing:
        raise InputError(f"data.root: {path} has no column {missing[0]}; the Census' files of people have it")
