"""Bias in Bios (De-Arteaga et al., arXiv 1901.09451), as the hub's copy lays it out: biographies without names.

The texts are of real people, from the open web. By default, reports do not show texts that models generate from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from fairloop.data.own_texts import population, words
from fairloop.data.picture_files import read_table
from fairloop.data.population import Population
from fairloop.data.population_from_columns import TEST, TRAIN, VALID, Named, named, wanted
from fairloop.data.publishers import remedy
from fairloop.data.shared_fields import NaturalFields, TextFields
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

PROFESSIONS = (
    "accountant", "architect", "attorney", "chiropractor", "comedian", "composer", "dentist", "dietitian", "dj",
    "filmmaker", "interior_designer", "journalist", "model", "nurse", "painter", "paralegal", "pastor",
    "personal_trainer", "photographer", "physician", "poet", "professor", "psychologist", "rapper",
    "software_engineer", "surgeon", "teacher", "yoga_teacher",
)  # fmt: skip
"""By their ids in the files."""

GENDERS = ("male", "female")
_SPLITS = {"train": TRAIN, "dev": VALID, "test": TEST}
_ENDINGS = (".parquet", ".csv", ".csv.gz", ".jsonl")


class BiasInBiosSpec(TextFields, NaturalFields):
    """Bias in Bios: the profession of the person of a short biography."""

    name: Literal["bias-in-bios"] = "bias-in-bios"
    root: Path | None = Field(
        None, description="directory with train*.parquet, dev*.parquet and test*.parquet (.csv, .jsonl work too)"
    )
    professions: tuple[str, ...] | None = Field(None, min_length=2, description="only these; default: all 28")
    beneficial: str = Field("surgeon", description="the profession that counts as good for the person")
    vocabulary_size: int | None = Field(20_000, ge=5, description="most token ids; other words are <unk>")
    length: int = Field(128, ge=2, description="tokens of a text at most, its end mark included; longer texts are cut")
    shown: bool = Field(False, description="whether reports show generated texts; real texts are of real people")


def load(spec: BiasInBiosSpec, seed: int) -> Population:
    """Bias in Bios, split as its publishers did; `dev` is the validation data."""
    import pandas as pd

    if spec.root is None:
        raise InputError(f"data.root: needs the directory of train, dev and test; {remedy(spec.name)}")
    files = {name: _file(spec.root, name) for name in _SPLITS}
    frames = {name: read_table(path) for name, path in files.items()}
    for name, frame in frames.items():
        for column in ("hard_text", "profession", "gender"):
            wanted(frame, column, "data.root", where=files[name])
    frame = pd.concat(list(frames.values()), ignore_index=True)
    splits = np.repeat([_SPLITS[name] for name in frames], [len(part) for part in frames.values()])
    labels, groups = _codes(frame["profession"], PROFESSIONS), _codes(frame["gender"], GENDERS)
    names = _asked(spec.professions)
    kept = np.isin(labels.codes, [PROFESSIONS.index(name) for name in names])
    frame, splits = frame[kept].reset_index(drop=True), splits[kept]
    return population(
        spec,
        words(frame["hard_text"]),
        Named(np.array([names.index(PROFESSIONS[code]) for code in labels.codes[kept]], np.int64), names),
        Named(groups.codes[kept], groups.names),
        splits,
        spec.beneficial,
        ("female",) if spec.minoritized is None else spec.minoritized,
        spec.seed_of(seed),
    )


def _asked(professions: tuple[str, ...] | None) -> tuple[str, ...]:
    for name in professions or ():
        if name not in PROFESSIONS:
            raise InputError(f"data.professions: '{name}' is not in {', '.join(PROFESSIONS)}")
    return PROFESSIONS if professions is None else tuple(name for name in PROFESSIONS if name in professions)


def _codes(column: pd.Series, names: tuple[str, ...]) -> Named:
    """Codes of a column of ids or names."""
    ids = {str(code): name for code, name in enumerate(names)}
    return named(column.astype(str).str.strip().replace(ids).rename(str(column.name)), "data.root", names)


def _file(root: Path, split: str) -> Path:
    """The one file of a split, in `root` or its folder `data`."""
    found = [
        path
        for folder in (root, root / "data")
        for path in sorted(folder.glob(f"{split}*"))
        if path.name.endswith(_ENDINGS)
    ]
    if len(found) != 1:
        have = f"{len(found)} files" if found else "no file"
        raise InputError(f"data.root: '{root}' has {have} {split}*.parquet; {remedy('bias-in-bios')}")
    return found[0]
