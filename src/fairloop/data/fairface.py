"""FairFace: faces by race, age and gender; the label is the gender, race and age band make the groups.

Source: Kärkkäinen and Joo, *FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age*, WACV 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from fairloop.data.cache import prepared
from fairloop.data.picture_files import Hub, Listing, Local, Origin, Picture, inside, located, read_table, stamp, stamps
from fairloop.data.population import Population
from fairloop.data.population_from_columns import TEST, TRAIN, VALID, People, crossed, named
from fairloop.data.publishers import remedy
from fairloop.data.shared_fields import NaturalFields, PictureFields
from fairloop.data.table_checks import check_roles
from fairloop.errors import InputError

HUB_NAME = "HuggingFaceM4/FairFace"
RACES = ("White", "Latino_Hispanic", "Indian", "East Asian", "Black", "Southeast Asian", "Middle Eastern")
YOUNG, OLD = "<=29", ">=30"
_AGES = {"0-2": YOUNG, "3-9": YOUNG, "10-19": YOUNG, "20-29": YOUNG}
_AGES |= dict.fromkeys(("30-39", "40-49", "50-59", "60-69", "more than 70"), OLD)
_COLUMNS = ("gender", "race", "age")


class FairFaceSpec(NaturalFields, PictureFields):
    """FairFace: faces by gender, the label, and by race and age, the groups."""

    name: Literal["fairface"] = "fairface"
    root: Path | None = Field(
        None,
        description="directory with fairface_label_train.csv, fairface_label_val.csv, train/ and val/, "
        "or the hub's parquet files or image folders; default: the hub",
    )
    margin: Literal["0.25", "1.25"] = Field("0.25", description="around the face, where the hub offers two crops")
    groups: tuple[Literal["race", "age"], ...] = Field(
        ("race", "age"), min_length=1, description="attributes that make the groups: 7 races, 2 age bands, or both"
    )
    size: int = Field(64, ge=8, description="pixels a side")
    mirror: bool = Field(False, description="mirror training pictures at random")


def load(spec: FairFaceSpec, seed: int) -> Population:
    """FairFace: the validation file is for validation, and as many first rows of the training file are for testing.

    The label is 1 for women. Races are ordered by their size in the training file; bands are up to 29, and from 30 on.
    """
    check_roles(spec.groups)
    found = prepared("fairface", _origin(spec), spec.size, "RGB", spec.cache)
    table = found.table.assign(age=found.table["age"].map(lambda age: _AGES.get(age, age)))
    names = {"race": RACES, "age": (YOUNG, OLD)}
    file = table["split"].to_numpy()
    splits = np.where(file == "train", TRAIN, VALID)
    splits[np.flatnonzero(file == "train")[: int((file == "valid").sum())]] = TEST
    return People(
        name="fairface",
        images=found.images,
        labels=named(table["gender"], "data.label", ("Male", "Female")),
        groups=crossed([named(table[column], "data.groups", names[column]) for column in spec.groups]),
        splits=splits,
        contents=found.contents,
        beneficial="Female",
        minoritized=spec.minoritized,
        mirror=spec.mirror,
    ).population(spec.seed_of(seed))


def _origin(spec: FairFaceSpec) -> Origin:
    if spec.root is None:
        return Hub(HUB_NAME, spec.margin, {"train": "train", "valid": "validation"})
    official = OfficialFiles(spec.root)
    if official.found():
        return official
    local = Local(spec.root, {"train": "train", "valid": "validation"})
    if local.found():
        return local
    raise InputError(
        f"data.root: '{spec.root}' has neither FairFace's own tables nor the hub's files; put "
        f"fairface_label_train.csv, fairface_label_val.csv, train/ and val/ there; {remedy('fairface')}"
    )


class OfficialFiles:
    """FairFace in its publishers' files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tables = {
            split: root / f"fairface_label_{name}.csv" for split, name in (("train", "train"), ("valid", "val"))
        }

    def found(self) -> bool:
        """Whether both tables exist."""
        return all(file.is_file() for file in self._tables.values())

    def identity(self) -> dict[str, Any]:
        """The directory, the two tables and the pictures."""
        files = [stamp(file, self._root) for file in self._tables.values()]
        return {**located(self._root), "files": files, "pictures": stamps(self._root, self.listing().table["file"])}

    def listing(self) -> Listing:
        """All people of the two tables."""
        import pandas as pd

        parts = []
        for split, file in self._tables.items():
            frame = read_table(file)
            if absent := [column for column in ("file", *_COLUMNS) if column not in frame]:
                raise InputError(f"data.root: {file.name} has no column {', '.join(absent)}; fetch it again")
            parts.append(frame[["file", *_COLUMNS]].assign(split=split))
        table = pd.concat(parts, ignore_index=True)

        def pictures() -> Iterator[Picture]:
            return (inside(self._root, name, self._root / "the table") for name in table["file"])

        return Listing(table, pictures)
