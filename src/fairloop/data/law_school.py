"""The Law School Admission Council's study of bar passage: students of 1991, and whether they passed the bar exam.

Source: Wightman, *LSAC National Longitudinal Bar Passage Study*, 1998; the file is the one that Le Quy et al., *A
survey on datasets for fairness-aware machine learning* (arXiv 2110.00530), publish, with its columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fairloop.data.population_from_columns import shares_of_splits, wanted
from fairloop.data.shared_fields import SplitFields
from fairloop.data.tabular import Table, as_numbers, population, published_file
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from fairloop.data.population import Population

_FILE = "law_school_clean.csv"
# fmt: off
_COLUMNS = (
    "decile1b", "decile3", "lsat", "ugpa", "zfygpa", "zgpa", "fulltime", "fam_inc", "male", "tier", "race", "pass_bar",
)
# fmt: on


class LawSchoolSpec(SplitFields):
    """LSAC law school: does a student pass the bar exam?"""

    name: Literal["law-school"] = "law-school"
    root: Path | None = Field(None, description=f"directory with {_FILE} (.gz works too)")
    groups: tuple[Literal["race", "sex"], ...] = Field(("race",), min_length=1, description="sensitive columns")


def load(spec: LawSchoolSpec, seed: int) -> Population:
    """The students. Passing the bar exam is the beneficial label. The file has two races, White and Non-White."""
    frame = published_file(spec.root, spec.name, _FILE)
    for name in _COLUMNS:
        wanted(frame, name, "data.root", where=Path(_FILE))
    numbers = frame[[name for name in _COLUMNS if name not in ("race", "male", "pass_bar")]].apply(as_numbers)
    features = numbers.assign(
        race=frame["race"],
        fulltime=_named(frame["fulltime"], {1: "full-time", 2: "part-time"}),
        sex=_named(frame["male"], {1: "male", 0: "female"}),
    )
    label = _named(frame["pass_bar"], {1: "passed", 0: "not passed"})
    splits = shares_of_splits(len(frame), spec.valid, spec.test, spec.seed_of(seed))
    groups = [features[name] for name in spec.groups]
    return population(
        spec, spec.name, Table(features, label, groups, "passed", splits, majoritized=("White", "male")), seed
    )


def _named(column: pd.Series, names: dict[int, str]) -> pd.Series:
    found: pd.Series = as_numbers(column).map(names)
    if found.isna().any():
        raise InputError(
            f"data.root: column '{column.name}' of {_FILE} holds '{column[found.isna()].iloc[0]}', none of "
            f"{', '.join(map(str, names))}; fetch it again"
        )
    return found
