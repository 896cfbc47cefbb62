"""CelebA: faces of celebrities with 40 attributes; any of them is the label, and any others make the groups.

Source: Liu et al., *Deep Learning Face Attributes in the Wild*, ICCV 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from fairloop.data.cache import prepared
from fairloop.data.picture_files import Hub, Listing, Local, Origin, Picture, inside, located, stamp, stamps
from fairloop.data.population import Population
from fairloop.data.population_from_columns import People, crossed, named
from fairloop.data.publishers import remedy
from fairloop.data.shared_fields import NaturalFields, PictureFields
from fairloop.data.table_checks import check_roles
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

HUB_NAME = "flwrlabs/celeba"
_SPLITS = {"train": "train", "valid": "valid", "test": "test"}
_SPLIT = "split"
_PARTITION = {"0": "train", "1": "valid", "2": "test"}
_NAMES = {"Male": ("female", "male")}
_NO_ATTRIBUTES = {"split", "celeb_id", "file_name"}


class CelebASpec(NaturalFields, PictureFields):
    """CelebA: faces of celebrities; any attribute is the label, any others make the groups."""

    name: Literal["celeba"] = "celeba"
    root: Path | None = Field(
        None,
        description="directory with img_align_celeba/, list_attr_celeba.txt and list_eval_partition.txt, or the hub's "
        "parquet files or image folders; default: the hub",
    )
    label: str = Field("Attractive", description="the attribute to predict; having it is the beneficial label")
    groups: tuple[str, ...] = Field(("Male",), min_length=1, description="the attributes that make the groups")
    size: int = Field(128, ge=8, description="pixels a side; pictures are squashed, not cropped")
    mirror: bool = Field(True, description="mirror training pictures at random")


def load(spec: CelebASpec, seed: int) -> Population:
    """CelebA in its official partition. Unlike the paper's code, this never mirrors pictures of validation and test
    splits.
    """
    check_roles(spec.groups, spec.label)
    found = prepared("celeba", _origin(spec), spec.size, "RGB", spec.cache)
    label = named(_attribute(found.table, spec.label, "data.label"), "data.label", _names(spec.label))
    groups = crossed(
        [named(_attribute(found.table, name, "data.groups"), "data.groups", _names(name)) for name in spec.groups]
    )
    return People(
        name="celeba",
        images=found.images,
        labels=label,
        groups=groups,
        splits=found.table["split"].map({"train": 0, "valid": 1, "test": 2}).to_numpy().astype(np.int64),
        contents=found.contents,
        beneficial=label.names[1],
        minoritized=spec.minoritized,
        mirror=spec.mirror,
    ).population(spec.seed_of(seed))


def _attribute(table: pd.DataFrame, name: str, field: str) -> pd.Series:
    if name not in table or name in _NO_ATTRIBUTES:
        known = ", ".join(str(column) for column in table if column not in _NO_ATTRIBUTES)
        raise InputError(f"{field}: CelebA has no attribute '{name}'; it has {known}")
    without, having = _names(name)
    said_as: dict[object, str] = dict.fromkeys((-1, 0, "-1", "0", "False", "false"), without)
    said_as |= dict.fromkeys((1, "1", "True", "true"), having)
    said: pd.Series = table[name].astype(object).map(said_as)  # as a key, True is 1
    return said


def _names(attribute: str) -> tuple[str, str]:
    return _NAMES.get(attribute, (f"not {attribute}", attribute))


def _origin(spec: CelebASpec) -> Origin:
    if spec.root is None:
        return Hub(HUB_NAME, None, _SPLITS)
    hub = None if (spec.root / "list_attr_celeba.txt").is_file() else Local(spec.root, _SPLITS)
    return hub if hub is not None and hub.found() else OfficialFiles(spec.root)


class OfficialFiles:
    """CelebA in its publishers' files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pictures = root / "img_align_celeba"
        self._attributes, self._partition = root / "list_attr_celeba.txt", root / "list_eval_partition.txt"
        for path in (self._pictures, self._attributes, self._partition):
            if not path.exists():
                packed = " (unpack img_align_celeba.zip)" if (root / "img_align_celeba.zip").exists() else ""
                raise InputError(
                    f"data.root: '{root}' has no {path.name}{packed}; put img_align_celeba/, list_attr_celeba.txt and "
                    f"list_eval_partition.txt there; {remedy('celeba')}"
                )

    def identity(self) -> dict[str, Any]:
        """The directory, the two tables and the pictures."""
        tables = [stamp(file, self._root) for file in (self._attributes, self._partition)]
        try:
            lines = self._attributes.read_text(encoding="utf-8", errors="replace").splitlines()[2:]
        except OSError as error:
            raise InputError(f"data.root: {self._attributes} cannot be read ({error})") from error
        names = (line.split(maxsplit=1)[0] for line in lines if line.strip())
        return {**located(self._root), "files": tables, "pictures": stamps(self._pictures, names)}

    def listing(self) -> Listing:
        """All people of the attribute table."""
        attributes = _words(self._attributes, counted=True)
        partition = _words(self._partition)
        split = partition[_SPLIT].astype(str).map(_PARTITION).reindex(attributes.index)
        if split.isna().any():
            raise InputError(
                f"data.root: {self._partition.name} does not say of {int(split.isna().sum())} pictures whether they "
                f"are for 0 training, 1 validation or 2 test (the first is {split.index[split.isna()][0]}); "
                "fetch it again"
            )

        def pictures() -> Iterator[Picture]:
            return (inside(self._pictures, str(name), self._attributes) for name in attributes.index)

        return Listing(attributes.assign(split=split).reset_index(drop=True), pictures)


def _words(file: Path, *, counted: bool = False) -> pd.DataFrame:
    """A table of words, indexed by its first column, file names. counted: whether its length and a header come
    first.
    """
    import pandas as pd

    try:
        rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        length = int(rows.pop(0)[0]) if counted else len(rows)
        columns = rows.pop(0) if counted else [_SPLIT]
        if len(rows) != length:
            raise ValueError(f"it has {len(rows)} rows and should have {length}")
        if uneven := [row[0] for row in rows if len(row) != len(columns) + 1]:
            raise ValueError(f"the line of {uneven[0]} does not have {len(columns)} values")
        return pd.DataFrame(
            [row[1:] for row in rows], index=[row[0] for row in rows], columns=columns, dtype="category"
        )
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"data.root: {file} is truncated or not CelebA's table ({error}); fetch it again") from error
