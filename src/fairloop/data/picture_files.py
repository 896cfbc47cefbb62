"""Listings of the people in a data set's files, before pictures are decoded: the hub, parquet files, image folders."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fairloop._util.limits import check_parquet
from fairloop.data.table_checks import check_header
from fairloop.errors import InputError, first_line
from fairloop.tables import values
from fairloop.tables.decimals import always
from fairloop.tables.delimited import ending, surveyed

if TYPE_CHECKING:
    import pandas as pd

Picture = Path | bytes | NDArray[np.uint8]
"""A file, an encoded picture, or (H, W, 3) pixels."""


@dataclass(frozen=True)
class Listing:
    """N people.

    table: one row for each person, with a column `split`.
    pictures: returns their N pictures, in the same order.
    """

    table: pd.DataFrame
    pictures: Callable[[], Iterator[Picture]]


class Origin(Protocol):
    """The origin of a data set: the hub, or files."""

    def identity(self) -> dict[str, Any]:
        """Plain data that identify the files. Computing them is fast and opens no picture.

        They hold the directory, and the names, sizes and times of tables and pictures.
        """

    def listing(self) -> Listing:
        """All people. Raises InputError, with the remedy, for files that are missing, damaged or of another kind."""


@dataclass(frozen=True)
class Hub:
    """A data set of the hub. splits: the hub's names, by ours."""

    name: str
    config: str | None
    splits: Mapping[str, str]

    def identity(self) -> dict[str, Any]:
        """The name of the data set, which is fetched once."""
        return {"hub": self.name, "config": self.config, "splits": dict(self.splits)}

    def listing(self) -> Listing:
        """All people. The package `datasets` downloads them once and caches them."""
        parts = {ours: fetched(self.name, self.config, split) for ours, split in self.splits.items()}
        table = _together({ours: _named_classes(part) for ours, part in parts.items()})
        return Listing(table, lambda: (row["image"]["bytes"] for part in parts.values() for row in part))


def fetched(name: str, config: str | None, split: str) -> Any:
    """A split of a data set of the hub, its images still encoded.

    Raises InputError if it cannot be loaded, and without the extra `hub`.
    """
    try:
        import datasets  # imported here, because the import takes a second
    except ImportError:
        raise InputError(
            f"data: '{name}' comes from the hub, which needs the package datasets: pip install 'fairloop[hub]'; or set "
            "data.root to the directory of its files (`fairloop data list` names them)"
        ) from None

    hub = logging.getLogger("huggingface_hub")  # it would log the error that is raised below
    before = hub.level
    hub.setLevel(logging.ERROR)
    try:
        rows = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # the library and the network raise many kinds
        raise InputError(
            f"data: could not load '{name}' from the hub ({first_line(error)}); fetch the files yourself and set "
            "data.root to their directory (`fairloop data list` names the files)"
        ) from error
    finally:
        hub.setLevel(before)
    return rows.cast_column("image", datasets.Image(decode=False))


@dataclass(frozen=True)
class Local:
    """The hub's files in a directory: parquet files, or folders of images with the table `metadata` in each.

    splits: the names of files and folders, by ours.
    """

    root: Path
    splits: Mapping[str, str]

    def found(self) -> bool:
        """Whether these files exist for every split."""
        return all(self._files(name) for name in self.splits.values())

    def identity(self) -> dict[str, Any]:
        """The directory, the tables and the pictures that they name."""
        files = [file for name in self.splits.values() for file in self._files(name)]
        pictures = [_Part(file).identity() for file in files]
        return {**located(self.root), "files": [stamp(file, self.root) for file in files], "pictures": pictures}

    def listing(self) -> Listing:
        """All people. Raises InputError for tables that cannot be read."""
        parts = {ours: [_Part(file) for file in self._files(name)] for ours, name in self.splits.items()}
        import pandas as pd

        table = _together({ours: pd.concat([part.table() for part in tables]) for ours, tables in parts.items()})
        return Listing(
            table, lambda: (picture for tables in parts.values() for part in tables for picture in part.pictures())
        )

    def _files(self, split: str) -> list[Path]:
        folder = self.root / split
        kinds = [sorted(folder.glob("metadata.*")), sorted(self.root.glob(f"{split}-*.parquet"))]
        kinds += [sorted(self.root.glob(f"*/{split}-*.parquet")), sorted(self.root.glob(f"{split}.parquet"))]
        return next((files for files in kinds if files), [])


class _Part:
    """One parquet file with an image column, or one table `metadata` in a folder of images."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._beside = file.name.startswith("metadata.")

    def table(self) -> pd.DataFrame:
        frame = read_table(self._file, without=("image",))
        if self._beside and "file_name" not in frame:
            raise InputError(f"data.root: {self._file} has no column 'file_name'")
        return frame

    def identity(self) -> str:
        """A hash of the names, sizes and times of its pictures."""
        if self._beside:
            return stamps(self._file.parent, self.table()["file_name"])
        return stamps(self._file.parent, file_names(self._file, "image"))

    def pictures(self) -> Iterator[Picture]:
        if self._beside:
            for name in read_table(self._file)["file_name"]:
                yield inside(self._file.parent, str(name), self._file)
        else:
            yield from encoded_images(self._file, "image")


def encoded_images(file: Path, column: str, root: Path | None = None) -> Iterator[Picture]:
    """The pictures of a parquet column: binary, text (file names below `root`), or the hub's struct of both."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(file).iter_batches(columns=[column], batch_size=256):
            for value in batch.column(0).to_pylist():
                content, name = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, value)
                if isinstance(content, bytes):
                    yield content
                elif isinstance(name, str):
                    yield inside(root or file.parent, name, file)
                else:
                    raise InputError(f"data: {file} has a row without a picture in column '{column}'")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"data: {file} is truncated or damaged ({first_line(error)}); fetch it again") from error


def file_names(file: Path, column: str) -> list[str]:
    """The names of files in a parquet column of pictures; none if it holds only pictures, or cannot be read."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        check_parquet(file)
        kind = pq.read_schema(file).field(column).type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return []
        struct = pa.types.is_struct(kind)
        names = pq.read_table(file, columns=[f"{column}.path" if struct else column]).column(0)
        names = pc.struct_field(names, "path") if pa.types.is_struct(names.type) else names
        return [name for name in names.to_pylist() if isinstance(name, str)]
    except (pa.ArrowException, OSError, ValueError, LookupError):  # the reader of the pictures explains the error
        return []


def read_table(file: Path, without: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV (.gz too), JSON-lines or parquet file. Text stays unchanged. Only empty cells are missing values.

    without: columns that are not read. See `tables.delimited` for CSV.

    Raises InputError if it cannot be read, or if two columns of a CSV file have one name.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    if not file.is_file():
        raise InputError(f"data: there is no file '{file}'; give the path of a .csv, .csv.gz, .jsonl or .parquet file")
    kind = ending(file)
    try:
        if kind == ".parquet":
            check_parquet(file)
            schema = pq.read_schema(file)
            columns = [name for name in schema.names if name not in without]
            frame = _classes_as_text(pq.read_table(file, columns=columns).to_pandas(), schema.metadata or {})
        elif kind == ".jsonl":
            frame = pd.read_json(file, lines=True, dtype=False, encoding="utf-8-sig")
            _check_keys(file)
        else:
            frame = _read_csv(file)
    except InputError:
        raise
    except Exception as error:  # pandas and pyarrow raise many kinds for a damaged file
        raise InputError(
            f"data: '{file}' cannot be read as a table ({first_line(error)}); it should be .csv, .csv.gz, .jsonl "
            "or .parquet"
        ) from error
    return frame.set_axis([values.name(column) for column in frame.columns], axis=1)


def _check_keys(file: Path) -> None:
    """Raise InputError if an object of a JSON-lines file repeats a key. pandas would keep the last value."""

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        check_header([key for key, _ in pairs], file)
        return dict(pairs)

    with file.open(encoding="utf-8-sig") as lines:
        for line in lines:
            if line.strip():
                json.loads(line, object_pairs_hook=distinct)


def _read_csv(file: Path) -> pd.DataFrame:
    found = surveyed(file)
    check_header([name for name in found.header if name.strip()], file)
    if found.said:
        warnings.warn(f"data: {found.said}", stacklevel=2)
    frame: pd.DataFrame = found.table().to_pandas()
    for column in list(frame.columns):
        if always(None if value != value else value for value in frame[column].unique()):  # noqa: PLR0124  # NaN
            frame[column] = frame[column].str.replace(",", ".", regex=False)
    return frame


def inside(root: Path, name: str, table: Path) -> Path:
    """The file `name` below `root`. Raises InputError for a file elsewhere, also one behind links or dots."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()):
        raise InputError(f"data: {table.name} names '{name}', which lies outside {root}")
    return path


def stamp(path: Path, root: Path) -> list[Any]:
    """The name below `root`, the size and the time of a file."""
    state = path.stat()
    return [str(path.relative_to(root)), state.st_size, state.st_mtime_ns]


def located(root: Path) -> dict[str, Any]:
    """The absolute path of a directory, for an identity."""
    return {"root": str(root.resolve())}


def stamps(root: Path, names: Iterable[object]) -> str:
    """A hash of files below `root`: their names, sizes and times. A missing file counts by its name."""
    digest = hashlib.sha256()
    for name in names:
        said: tuple[object, ...] = (str(name),)
        try:
            state = os.stat(f"{root}/{name}")  # noqa: PTH116  # a million of them; a Path takes three times as long
            said += (state.st_size, state.st_mtime_ns)
        except (OSError, ValueError):
            pass
        digest.update(repr(said).encode())
    return digest.hexdigest()


def _together(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    table: pd.DataFrame = pd.concat([part.assign(split=name) for name, part in parts.items()], ignore_index=True)
    return table


def _named_classes(part: Any) -> pd.DataFrame:
    frame: pd.DataFrame = part.remove_columns("image").to_pandas()
    for name, feature in part.features.items():
        if hasattr(feature, "int2str"):
            frame[name] = feature.int2str(frame[name].tolist())
    return frame


def _classes_as_text(frame: pd.DataFrame, metadata: Mapping[bytes, bytes]) -> pd.DataFrame:
    """Replace codes by the class names in the hub's parquet files."""
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    for column, feature in features.items():
        if column in frame and feature.get("_type") == "ClassLabel":
            frame[column] = frame[column].map(dict(enumerate(feature["names"])))
    return frame
