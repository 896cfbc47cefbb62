"""Texts with a label and sensitive columns: a user's own table, and the population of any columns of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairloop.data.own_columns import own_columns, own_table, splits_of
from fairloop.data.population import Population
from fairloop.data.population_from_columns import (
    TRAIN,
    Named,
    People,
    chosen,
    intersections_of,
    named,
    wanted,
)
from fairloop.data.shared_fields import OwnFields, StartsFrom, TextFields
from fairloop.data.spelling import Written
from fairloop.data.table_checks import check_plain
from fairloop.data.texts import TextFacts, learned, warn_of_lost_words
from fairloop.errors import InputError
from fairloop.tables.token_ids import END

if TYPE_CHECKING:
    import pandas as pd


class OwnTextsSpec(TextFields, OwnFields):
    """Your own texts: a table with a text, a label and sensitive columns."""

    name: Literal["text"] = "text"
    root: Path | None = Field(None, description="directory of data.table; default: the current directory")
    table: Annotated[Path, StartsFrom("root")] = Field(
        description=".csv, .tsv (.gz too), .jsonl or .parquet, one row a text"
    )
    text: Written = Field("text", description="column of the text")


def load(spec: OwnTextsSpec, seed: int) -> Population:
    """The user's texts according to `spec`."""
    frame, path = own_table(spec)
    read = wanted(frame, spec.text, "data.text", where=path)
    found = own_columns(frame, spec, path, ("data.text", str(read.name)))
    labels = named(found.label, "data.label")
    return population(
        spec,
        words(read),
        labels,
        intersections_of([named(column, "data.groups") for column in found.groups]),
        splits_of(spec, found, seed),
        chosen(spec.beneficial, labels, found.label.name),
        spec.minoritized,
        spec.seed_of(seed),
    )


def words(column: pd.Series) -> list[str]:
    """The texts of `column`. Raises InputError for a cell that is empty, blank or no text."""
    import pandas as pd

    check_plain(column, "data.text")
    texts: list[str] = column.tolist()
    for row, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            what = "holds no text" if isinstance(text, str) or pd.isna(text) else f"holds {text!r}, which is no text,"
            raise InputError(
                f"data.text: column '{column.name}' {what} in row {row}, counted from 0; fill it in, or leave that row "
                "out of the table"
            )
    return texts


def population(
    spec: TextFields,
    texts: Sequence[str],
    labels: Named,
    groups: Named,
    splits: NDArray[np.int64],
    beneficial: str,
    minoritized: Sequence[str] | None,
    seed: int,
) -> Population:
    """The population of N `texts`, with a vocabulary that is learned from the training split.

    Raises InputError if no text ends within `spec.length` tokens.
    """
    training = [texts[place] for place in np.flatnonzero(splits == TRAIN).tolist()]
    vocabulary = learned(training, spec.vocabulary, spec.vocabulary_size)
    ids = vocabulary.encode(texts, spec.length)
    if not (ids == END).any():
        raise InputError(f"data.length={spec.length}: no text ends within this number of tokens; give more")
    warn_of_lost_words(ids[splits == TRAIN], spec.length)
    return People(
        name=str(getattr(spec, "name", "")),
        images=ids,
        labels=labels,
        groups=groups,
        splits=splits,
        contents=hashlib.sha256(vocabulary.fingerprint.encode() + ids.tobytes()).hexdigest(),
        beneficial=beneficial,
        minoritized=minoritized,
        tokens=vocabulary,
        texts=TextFacts(shown=spec.shown),
    ).population(seed)
