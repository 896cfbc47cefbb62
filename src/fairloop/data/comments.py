"""CivilComments (Borkan et al., arXiv 1903.04561), as WILDS or the Kaggle competition lays it out.

The texts hold abuse, so reports show none by default.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from fairloop.data.own_texts import population, words
from fairloop.data.picture_files import read_table
from fairloop.data.population import Population
from fairloop.data.population_from_columns import (
    RESERVED,
    Named,
    occurring,
    shares_of_splits,
    splits_named,
    wanted,
)
from fairloop.data.publishers import remedy
from fairloop.data.shared_fields import SplitFields, TextFields
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_WILDS = "all_data_with_identities.csv"
_FILES = (_WILDS, f"{_WILDS}.gz", "all_data.csv", "train.csv")
_SCORES = ("toxicity", "target")
_THRESHOLD = 0.5
NONE, SEVERAL = "none", "several"


class CivilCommentsSpec(TextFields, SplitFields):
    """CivilComments: is an online comment toxic? Groups are the identities that it mentions."""

    name: Literal["civil-comments"] = "civil-comments"
    root: Path | None = Field(None, description=f"directory with {_WILDS} (WILDS), or train.csv (Kaggle)")
    identities: tuple[str, ...] = Field(
        ("male", "female"),
        min_length=1,
        description="columns of identities, each a group of the comments that mention it and none of the others; "
        "comments that mention several are the group `several`, all others `none`",
    )
    others: bool = Field(False, description="whether the groups `several` and `none` are part of the data")
    vocabulary_size: int | None = Field(20_000, ge=5, description="most token ids; other words are <unk>")
    length: int = Field(128, ge=2, description="tokens of a text at most, its end mark included; longer texts are cut")
    shown: bool = Field(False, description="whether reports show generated texts, which may be abusive")


def load(spec: CivilCommentsSpec, seed: int) -> Population:
    """CivilComments: a toxicity of .5 or more is `toxic`; `not toxic` is the beneficial label.

    An identity of .5 or more counts as mentioned, an empty one as not. Identities overlap in the data; in a population
    each comment has one group, so a comment that mentions several of `identities` has a group apart.
    """
    path = _file(spec)
    frame = read_table(path)
    score = next((name for name in _SCORES if name in frame), None)
    if score is None:
        raise InputError(f"data.root: {path} has neither column '{_SCORES[0]}' nor '{_SCORES[1]}'; {remedy(spec.name)}")
    text = wanted(frame, "comment_text", "data.root", where=path)
    groups = _groups([wanted(frame, name, "data.identities", where=path) for name in spec.identities])
    toxic = _numbers(frame[score]).to_numpy(float)
    if np.isnan(toxic).any():
        raise InputError(f"data.root: {path} has no {score} in row {int(np.isnan(toxic).argmax())}; fetch it again")
    labels = (toxic < _THRESHOLD).astype(np.int64)
    kept = np.flatnonzero((groups.codes < len(spec.identities)) | spec.others)
    if not len(kept):
        raise InputError(f"data.identities: no comment mentions just one of {', '.join(spec.identities)}; name others")
    seed = spec.seed_of(seed)
    if "split" in frame:
        splits = splits_named(frame["split"].iloc[kept])
    else:
        splits = shares_of_splits(len(kept), spec.valid, spec.test, seed)
    return population(
        spec,
        words(text.iloc[kept].reset_index(drop=True)),
        Named(labels[kept], ("toxic", "not toxic")),
        occurring(Named(groups.codes[kept], groups.names)),
        splits,
        "not toxic",
        spec.minoritized,
        seed,
    )


def _groups(columns: list[pd.Series]) -> Named:
    """One group of each row: the identity that it alone mentions, `several`, or `none`."""
    names = [str(column.name) for column in columns]
    if len(set(names)) < len(names) or {NONE, SEVERAL, *RESERVED} & set(names):
        raise InputError(f"data.identities: {', '.join(names)}; name each column once")
    mentioned = np.stack([(_numbers(column) >= _THRESHOLD).to_numpy() for column in columns], axis=1)
    many = mentioned.sum(axis=1)
    codes = np.where(many == 1, mentioned.argmax(axis=1), len(names) + (many == 0))
    return Named(codes.astype(np.int64), (*names, SEVERAL, NONE))


def _numbers(column: pd.Series) -> pd.Series:
    """Numbers, or truth values as 1 and 0; NaN for an empty cell. Raises InputError for other cells."""
    import pandas as pd

    cells = column.astype(object).where(column.notna(), None)
    cells = cells.map(lambda cell: {"true": 1, "false": 0}.get(str(cell).strip().lower(), cell))
    try:
        return pd.Series(pd.to_numeric(cells))
    except (ValueError, TypeError) as error:
        raise InputError(f"data.root: column '{column.name}' should hold numbers: {error}") from error


def _file(spec: CivilCommentsSpec) -> Path:
    if spec.root is None:
        raise InputError(f"data.root: needs the directory of {_WILDS}; {remedy(spec.name)}")
    found = next((spec.root / name for name in _FILES if (spec.root / name).is_file()), None)
    if found is None:
        raise InputError(f"data.root: '{spec.root}' has no {_WILDS} (nor train.csv); {remedy(spec.name)}")
    return found
