"""Pictures of your own: a table names each picture, its label and one or more sensitive attributes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from fairloop.data.cache import prepared
from fairloop.data.own_columns import own_columns, splits_of
from fairloop.data.picture_files import (
    Listing,
    Picture,
    encoded_images,
    file_names,
    inside,
    located,
    read_table,
    stamp,
    stamps,
)
from fairloop.data.pictures import Mode
from fairloop.data.population import Population
from fairloop.data.population_from_columns import (
    People,
    chosen,
    intersections_of,
    named,
    no_column,
)
from fairloop.data.shared_fields import OwnFields, PictureFields
from fairloop.data.spelling import Written
from fairloop.data.table_checks import check_header
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


class OwnPicturesSpec(OwnFields, PictureFields):
    """Your own pictures, with a table that names file, label and sensitive attributes."""

    name: Literal["pictures"] = "pictures"
    root: Path | None = Field(None, description="directory of the files; default: the table's")
    table: Path = Field(description=".csv, .csv.gz, .jsonl or .parquet, one row a picture")
    image: Written = Field("image", description="column of file names below data.root; in parquet also of pictures")
    size: int = Field(64, ge=8, description="pixels a side; pictures are squashed, not cropped")
    mode: Mode = Field("RGB", description="RGB, or L for grey")
    mirror: bool = Field(False, description="mirror training pictures at random")


def load(spec: OwnPicturesSpec, seed: int) -> Population:
    """The user's pictures according to `spec`."""
    found = prepared("pictures", _Table(spec), spec.size, spec.mode, spec.cache)
    columns = own_columns(found.table, spec, spec.table, ("data.image", spec.image))
    labels = named(columns.label, "data.label")
    return People(
        name="pictures",
        images=found.images if spec.mode == "RGB" else found.images[:, None],
        labels=labels,
        groups=intersections_of([named(one, "data.groups") for one in columns.groups]),
        splits=splits_of(spec, columns, seed),
        contents=found.contents,
        beneficial=chosen(spec.beneficial, labels, columns.label.name),
        minoritized=spec.minoritized,
        mirror=spec.mirror,
    ).population(spec.seed_of(seed))


class _Table:
    """The table and the pictures that it names."""

    def __init__(self, spec: OwnPicturesSpec) -> None:
        self._table = spec.table
        self._root = spec.root or spec.table.parent
        self._image = spec.image

    def identity(self) -> dict[str, Any]:
        """The directory, the table, the column, and the pictures that it names."""
        if not self._table.is_file():
            return {}
        embedded = self._table.suffix == ".parquet"
        names = file_names(self._table, self._image) if embedded else self._rows()[self._image]
        about = {"table": stamp(self._table, self._table.parent), "beside": located(self._table.parent)}
        return {**located(self._root), **about, "image": self._image, "pictures": stamps(self._root, names)}

    def listing(self) -> Listing:
        """Every row."""
        frame = self._rows()
        return Listing(frame.drop(columns=self._image, errors="ignore"), lambda: self._pictures(frame))

    def _rows(self) -> pd.DataFrame:
        frame = read_table(self._table)
        check_header(frame, self._table)
        if frame.empty:
            raise InputError(f"data.table: {self._table} has no rows")
        if self._image not in frame:
            raise no_column(frame, self._image, "data.image", self._table)
        return frame

    def _pictures(self, frame: pd.DataFrame) -> Iterator[Picture]:
        if self._table.suffix == ".parquet":
            return encoded_images(self._table, self._image, self._root)
        return (inside(self._root, str(name), self._table) for name in frame[self._image])
