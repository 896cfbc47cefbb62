"""Handwritten digits (MNIST) from one of three sources: fairloop itself, a local directory, or the hub."""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fairloop._util.limits import check_parquet
from fairloop.data.picture_files import fetched
from fairloop.data.pictures import FORMATS, PILLOW_RAISES, shown
from fairloop.data.publishers import remedy
from fairloop.errors import InputError

HUB_NAME = "ylecun/mnist"
_IDX = {"train": "train", "test": "t10k"}
_SIDE = 28
_MOST_BYTES = 2**30


@dataclass(frozen=True)
class Digits:
    """N grey digits in file order.

    images: (N, 28, 28) uint8, 0 is background.
    digits: (N,) int64, 0..9.
    """

    images: NDArray[np.uint8]
    digits: NDArray[np.int64]


def embedded(split: str) -> Digits:
    """The first 10,000 training or 2,000 test digits of MNIST, which ship with fairloop."""
    return _from_idx(files("fairloop.data") / "embedded", split)


def from_directory(root: Path, split: str) -> Digits:
    """Digits from `root`: the publisher's IDX files (raw or .gz), or parquet files as on the hub.

    Raises InputError if `root` holds neither, or if a file is truncated or does not have the format of its name.
    """
    if not root.is_dir():
        raise InputError(f"data.root: '{root}' is not a directory; give the one that holds MNIST's files")
    parquet = sorted(root.rglob(f"{split}-*.parquet")) or sorted(root.glob(f"{split}.parquet"))
    return _from_parquet(parquet) if parquet else _from_idx(root, split)


def from_hub(split: str) -> Digits:
    """Digits from the hub's `ylecun/mnist`; the package `datasets` downloads them once and caches them."""
    return _decode(fetched(HUB_NAME, None, split))


def _from_parquet(paths: list[Path]) -> Digits:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for path in paths:
            check_parquet(path)
        rows = pa.concat_tables(pq.read_table(path, columns=["image", "label"]) for path in paths)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"data.root: {paths[0].name} and its like need the columns 'image' and 'label' of {HUB_NAME}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    return _decode(rows.to_pylist())


def _decode(rows: Iterable[Any]) -> Digits:
    from PIL import Image

    images, digits = [], []
    for number, row in enumerate(rows):
        try:
            with Image.open(io.BytesIO(row["image"]["bytes"]), formats=FORMATS) as picture:
                if picture.size != (_SIDE, _SIDE):  # before it is decoded: it could be a billion pixels
                    raise InputError(f"data: image of row {number} is {picture.size}, not ({_SIDE}, {_SIDE})")
                pixels = np.asarray(shown(picture, "L"))
        except (*PILLOW_RAISES, Image.DecompressionBombError) as error:
            raise InputError(f"data: image of row {number} cannot be decoded ({error})") from error
        images.append(pixels)
        if not isinstance(row["label"], int):
            raise InputError(f"data: row {number} has the label {row['label']}, not a digit")
        digits.append(row["label"])
    if not digits:
        raise InputError("data: the table has no rows")
    return Digits(np.stack(images), _checked_digits(np.array(digits, dtype=np.int64), "the label column"))


def _from_idx(root: Path | Traversable, split: str) -> Digits:
    images = _read_idx(root, f"{_IDX[split]}-images-idx3-ubyte", dimensions=3)
    digits = _read_idx(root, f"{_IDX[split]}-labels-idx1-ubyte", dimensions=1)
    if len(images) != len(digits):
        raise InputError(f"data.root: {len(images)} {split} images but {len(digits)} labels in '{root}'")
    if images.shape[1:] != (_SIDE, _SIDE):
        raise InputError(f"data.root: {split} images are {images.shape[1:]}, not ({_SIDE}, {_SIDE})")
    return Digits(images, _checked_digits(digits.astype(np.int64), f"{_IDX[split]}-labels-idx1-ubyte"))


def _checked_digits(digits: NDArray[np.int64], where: str) -> NDArray[np.int64]:
    if digits.size and (digits.min() < 0 or digits.max() > 9):
        raise InputError(f"data: {where} holds {digits.max()}, but digits are 0 to 9")
    return digits


def _read_idx(root: Path | Traversable, name: str, dimensions: int) -> NDArray[np.uint8]:
    raw, packed = root / name, root / f"{name}.gz"
    if not (raw.is_file() or packed.is_file()):
        raise InputError(f"data.root: '{root}' has no {name}, {name}.gz or parquet file; {remedy('colored-mnist')}")
    try:
        with raw.open("rb") if raw.is_file() else packed.open("rb") as file:
            return _idx(file if raw.is_file() else gzip.GzipFile(fileobj=file), dimensions)
    except (EOFError, OSError, ValueError, zlib.error) as error:  # gzip raises the others for a damaged archive
        where = raw if raw.is_file() else packed
        raise InputError(f"data.root: {where} is truncated or damaged ({error}); fetch it again") from error


def _idx(file: IO[bytes] | gzip.GzipFile, dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file. It reads no more bytes than the header announces. Raises ValueError for another
    format.
    """
    header = file.read(4 * (1 + dimensions))
    if len(header) < 4 * (1 + dimensions):
        raise ValueError("it ends within its header")
    magic, *shape = struct.unpack(f">{1 + dimensions}I", header)
    if magic != 0x0800 + dimensions:
        raise ValueError("it is no IDX file of unsigned bytes")
    size = math.prod(shape)
    if size > _MOST_BYTES:
        raise ValueError(f"it announces {size:,} bytes, more than any MNIST has")
    content = file.read(size + 1)
    if len(content) != size:
        raise ValueError(f"it holds {'more than' if len(content) > size else f'{len(content)} of'} {size} bytes")
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
