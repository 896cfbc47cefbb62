"""Decoded pictures: a memory-mapped array on disk, whose name depends on every parameter of decoding."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairloop._util.as_json import digest
from fairloop._util.limits import MOST_PIXELS
from fairloop.data.picture_files import Listing, Origin, Picture
from fairloop.data.pictures import FORMATS, PILLOW_RAISES, Mode, shown
from fairloop.data.table_checks import check_header
from fairloop.errors import InputError, first_line

if TYPE_CHECKING:
    import pandas as pd

VERSION = 2
"""The version of decoding. Raise it when the same pictures would be decoded to other pixels."""

_BLOCK = 256  # pictures in one block of decoding and writing


@dataclass(frozen=True)
class Prepared:
    """A data set, decoded.

    images: (N, 3, size, size) uint8, or (N, size, size) if grey; read from disk on access.
    table: N rows with the columns of its files.
    contents: a hash of both.
    place: the directory of both.
    """

    images: NDArray[np.uint8]
    table: pd.DataFrame
    contents: str
    place: Path


def directory(asked: Path | None) -> Path:
    """The directory of decoded pictures: `data.cache`, else $FAIRLOOP_CACHE, else the user's cache directory."""
    from platformdirs import user_cache_path

    return asked or Path(os.environ.get("FAIRLOOP_CACHE") or user_cache_path("fairloop"))


def prepared(name: str, origin: Origin, size: int, mode: Mode, asked: Path | None = None) -> Prepared:
    """The data set of `origin`, its pictures resized to size x size (bilinear; proportions change).

    The first call decodes the pictures, later calls read them. A second process waits for the first.

    Raises InputError for files that are missing or damaged, and where the disk has no room for the pictures.
    """
    from filelock import FileLock

    key = {"version": VERSION, "name": name, "size": size, "mode": mode, "origin": origin.identity()}
    place = directory(asked) / f"{name}-{size}px-{digest(key)[:16]}"
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{place}.lock"):
            if not place.is_dir():
                _prepare(place, origin.listing(), size, mode, key)
    return _opened(place)


def _opened(place: Path) -> Prepared:
    import pandas as pd

    try:
        about = json.loads((place / "about.json").read_text(encoding="utf-8"))
        images: NDArray[np.uint8] = np.load(place / "images.npy", mmap_mode="r")
        table = pd.read_parquet(place / "table.parquet")
        if list(images.shape) != about["shape"] or len(table) != len(images):
            raise ValueError("its parts do not fit together")
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{place}: is damaged ({error}); delete this directory, and it will be made anew") from error
    return Prepared(images, table, about["contents"], place)


def _prepare(place: Path, listing: Listing, size: int, mode: Mode, key: dict[str, Any]) -> None:
    check_header(listing.table, "the table of pictures")
    shape = (len(listing.table), *((3,) if mode == "RGB" else ()), size, size)
    _check_room(place.parent, int(np.prod(shape)))
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        said = _write_table(temporary / "table.parquet", listing.table)
        digest = _write_images(temporary / "images.npy", listing, shape, partial(_decoded, size=size, mode=mode))
        digest.update(said)
        about = {"key": key, "shape": shape, "contents": digest.hexdigest()}
        (temporary / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        temporary.chmod(0o755)
        temporary.rename(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_table(path: Path, table: pd.DataFrame) -> bytes:
    """The rows of the table, as JSON."""
    import pyarrow as pa

    try:
        table.to_parquet(path)
        return table.to_json(orient="split").encode()
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            "data: the table of pictures has a column that mixes kinds of values or holds bytes "
            f"({first_line(error)}); leave it out"
        ) from error


def _write_images(path: Path, listing: Listing, shape: tuple[int, ...], decode: Any) -> Any:
    """Write the pictures block by block, so that a full disk raises an error here and does not crash later readers."""
    digest, written = hashlib.sha256(repr(shape).encode()), 0
    with path.open("wb") as file, ThreadPoolExecutor(os.cpu_count()) as pool, _bar(shape[0]) as advance:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for block in _blocks(listing.pictures()):
            numbered = range(written, written + len(block))
            pixels = np.ascontiguousarray(np.stack(list(pool.map(decode, numbered, block))))
            file.write(pixels.data)
            digest.update(pixels.data)
            written += len(block)
            advance(len(block))
        file.flush()
        os.fsync(file.fileno())
    if written != shape[0]:
        raise InputError(f"data: the files list {shape[0]} people but hold {written} pictures")
    return digest


def _decoded(number: int, picture: Picture, size: int, mode: Mode) -> NDArray[np.uint8]:
    """(3, size, size) or (size, size)."""
    from PIL import Image

    where = picture if isinstance(picture, Path) else f"picture {number} (counted from 0)"
    try:
        if isinstance(picture, np.ndarray):
            image: Image.Image = Image.fromarray(picture)
        else:
            image = Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture, formats=FORMATS)
        with image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"it has {image.width} x {image.height} pixels, more than {MOST_PIXELS:,}")
            resized = shown(image, mode)
            if resized.size != (size, size):
                resized = resized.resize((size, size), Image.Resampling.BILINEAR)
            pixels = np.asarray(resized)
    except FileNotFoundError as error:
        raise InputError(f"data: {where} is not there, though the table names it") from error
    except (*PILLOW_RAISES, Image.DecompressionBombError) as error:
        raise InputError(f"data: {where} cannot be decoded ({error}); fetch it again, or take it out") from error
    return np.moveaxis(pixels, -1, 0) if mode == "RGB" else pixels


def _blocks(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    iterator = iter(pictures)
    while block := list(islice(iterator, _BLOCK)):
        yield block


def _check_room(place: Path, needed: int) -> None:
    free = shutil.disk_usage(place).free
    if needed > free:
        raise InputError(
            f"data: decoded pictures need {needed / 1e9:.1f} GB, and {place} has {free / 1e9:.1f} GB left; "
            "set data.cache (or FAIRLOOP_CACHE) to a directory on another disk"
        )


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar, if there is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("decoding pictures", total=total)
        yield lambda n: progress.advance(task, n)
