"""Pictures of your own: a table names each picture, its label and one or more sensitive attributes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairloop.data.cache import prepared
from fairloop.data.fields import Mode, PictureFields, SplitFields
from fairloop.data.listing import Listing, Picture, encoded_images, inside, read_table, stamp
from fairloop.data.people import People, crossed, named, occurring, shares_of_splits, splits_named, wanted
from fairloop.data.population import Population

if TYPE_CHECKING:
    import pandas as pd


class OwnPicturesSpec(SplitFields, PictureFields):
    """Your own pictures, with a table that names file, label and sensitive attributes."""

    name: Literal["pictures"] = "pictures"
    root: Path | None = Field(None, description="directory that file names start from; default: the table's")
    table: Path = Field(description=".csv, .csv.gz, .jsonl or .parquet, one row a picture")
    image: str = Field("image", description="column of file names below data.root; in parquet also of pictures")
    label: str = Field(description="column of the label; text or numbers")
    beneficial: str | None = Field(None, description="the label that is good for the person; default: the last one")
    groups: tuple[str, ...] = Field(min_length=1, description="sensitive columns; several make intersectional groups")
    split: str | None = Field(None, description="column that says train, valid or test; default: split at random")
    size: int = Field(64, ge=8, description="pixels a side; pictures are squashed, not cropped")
    mode: Mode = Field("RGB", description="RGB, or L for grey")
    mirror: bool = Field(False, description="mirror training pictures at random")


def load(spec: OwnPicturesSpec, seed: int) -> Population:
    """Your pictures as `spec` says."""
    found = prepared("pictures", _Table(spec), spec.size, spec.mode, spec.cache)
    of_column = partial(wanted, found.table, where=spec.table)
    labels = named(of_column(spec.label, "data.label"), "data.label")
    own = spec.seed_of(seed)
    splits: NDArray[np.int64] = (
        shares_of_splits(len(found.table), spec.valid, spec.test, own)
        if spec.split is None
        else splits_named(of_column(spec.split, "data.split"))
    )
    return People(
        name="pictures",
        images=found.images if spec.mode == "RGB" else found.images[:, None],
        labels=labels,
        groups=occurring(crossed([named(of_column(column, "data.groups"), "data.groups") for column in spec.groups])),
        splits=splits,
        contents=found.contents,
        beneficial=spec.beneficial or labels.names[-1],
        minoritized=spec.minoritized,
        mirror=spec.mirror,
    ).population(own)


class _Table:
    """The table and what it names."""

    def __init__(self, spec: OwnPicturesSpec) -> None:
        self._table = spec.table
        self._root = spec.root or spec.table.parent
        self._image = spec.image

    def identity(self) -> dict[str, Any]:
        """The table, and when a picture was last added to or taken from the folders that it names."""
        table = {"table": stamp(self._table, self._table.parent) if self._table.is_file() else None}
        if self._table.suffix == ".parquet" and table["table"]:
            return {**table, "image": self._image}
        folders = {(self._root / str(name)).parent for name in self._rows()[self._image]}
        times = [folder.stat().st_mtime_ns for folder in sorted(folders) if folder.is_dir()]
        return {**table, "image": self._image, "root": str(self._root), "pictures": times}

    def listing(self) -> Listing:
        """Every row."""
        frame = self._rows()
        return Listing(frame.drop(columns=self._image, errors="ignore"), lambda: self._pictures(frame))

    def _rows(self) -> pd.DataFrame:
        frame = read_table(self._table)
        wanted(frame, self._image, "data.image", where=self._table)
        return frame

    def _pictures(self, frame: pd.DataFrame) -> Iterator[Picture]:
        if self._table.suffix == ".parquet":
            return encoded_images(self._table, self._image, self._root)
        return (inside(self._root, str(name), self._table) for name in frame[self._image])
