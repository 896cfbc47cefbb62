"""Credit card clients in Taiwan, 2005: does a client default on the payment of the next month?

Source: Yeh and Lien, *The comparisons of data mining techniques for the predictive accuracy of probability of default
of credit card clients*, 2009; UCI's data set 350.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fairloop.data.picture_files import read_table
from fairloop.data.population_from_columns import shares_of_splits, wanted
from fairloop.data.shared_fields import SplitFields
from fairloop.data.tabular import Table, as_numbers, found_file, population
from fairloop.errors import InputError, said

if TYPE_CHECKING:
    import pandas as pd

    from fairloop.data.population import Population

_STEM = "default of credit card clients"
_FILES = (f"{_STEM}.xls", f"{_STEM}.csv", "data.csv")
_LABEL = "default payment next month"
# fmt: off
_COLUMNS = [
    "LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", "PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6",
    *(f"BILL_AMT{month}" for month in range(1, 7)), *(f"PAY_AMT{month}" for month in range(1, 7)), _LABEL,
]
# fmt: on
_SHORT = {f"X{place}": name for place, name in enumerate(_COLUMNS[:-1], 1)} | {"Y": _LABEL}
"""UCI's names of the columns in its CSV file, and in the first of the two header rows of its .xls file."""

_SEX = {1: "male", 2: "female"}
_EDUCATION = {1: "graduate school", 2: "university", 3: "high school"}
_MARRIAGE = {1: "married", 2: "single"}


class CreditDefaultSpec(SplitFields):
    """UCI default of credit card clients: does a client pay in the next month?"""

    name: Literal["credit-default"] = "credit-default"
    root: Path | None = Field(
        None, description=f"directory with {_STEM}.xls, the same as .csv, or UCI's data.csv (.csv.gz works too)"
    )
    groups: tuple[Literal["sex", "age"], ...] = Field(("sex",), min_length=1, description="sensitive columns")


def load(spec: CreditDefaultSpec, seed: int) -> Population:
    """The clients; no default is the beneficial label. The age bands are up to 25, and above.

    Codes of education and marriage that the publisher calls others, or does not explain, are `other`.
    """
    path = found_file(spec.root, spec.name, _FILES)
    frame = _read(path)
    for name in _COLUMNS:
        wanted(frame, name, "data.root", where=path)
    codes = frame[_COLUMNS].apply(as_numbers)
    unknown = [
        f"{name} {code}" for name, known in (("SEX", _SEX), (_LABEL, (0, 1))) for code in {*codes[name]} - {*known}
    ]
    if unknown:
        raise InputError(f"data.root: {path} holds {unknown[0]}, which is not in the published file; fetch it again")
    features = codes.drop(columns=_LABEL).assign(
        SEX=codes["SEX"].map(_SEX),
        EDUCATION=codes["EDUCATION"].map(_EDUCATION).fillna("other"),
        MARRIAGE=codes["MARRIAGE"].map(_MARRIAGE).fillna("other"),
    )
    sensitive = {"sex": features["SEX"], "age": (codes["AGE"] > 25).map({True: ">25", False: "<=25"})}
    groups = [sensitive[name].rename(name) for name in spec.groups]
    label = codes[_LABEL].map({0: "no default", 1: "default"})
    splits = shares_of_splits(len(frame), spec.valid, spec.test, spec.seed_of(seed))
    return population(
        spec, spec.name, Table(features, label, groups, "no default", splits, majoritized=("male", ">25")), seed
    )


def _read(path: Path) -> pd.DataFrame:
    """The table under the publisher's long names, without a second header row."""
    frame = _read_xls(path) if path.suffix == ".xls" else read_table(path)
    if len(frame) and "X1" in frame and str(frame["X1"].iloc[0]) == "LIMIT_BAL":
        frame = frame.iloc[1:].reset_index(drop=True)
    return frame.rename(columns=_SHORT)


def _read_xls(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_excel(path, engine="calamine", dtype=str)
    except ImportError as error:
        raise InputError(
            f"data.root: {path} needs python-calamine, pip install 'fairloop[excel]'; or save it as {_STEM}.csv"
        ) from error
    except Exception as error:  # calamine raises its own exceptions for a damaged file
        raise InputError(f"data.root: {path} is truncated or damaged ({said(error)}); fetch it again") from error
