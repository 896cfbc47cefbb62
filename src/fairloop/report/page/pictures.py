"""The galleries of runs as small pictures on the page: a sheet of samples for each run and generation."""

from __future__ import annotations

import base64
import io
import math
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairloop.errors import InputError
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.tidy_rows import Gallery

LIMIT = 3_000_000
"""Largest number of characters of all sheets on the page."""

_SIDE = 40  # pixels of a sample on a sheet; larger ones are scaled down
_QUALITY = 80  # of WebP, out of 100
_THRIFT = (*((samples, True) for samples in (64, 49, 36, 25, 16)), (36, False), (16, False))
"""(samples of a generation, every seed or the first of each case): tried in turn until the sheets fit."""

Json = dict[str, Any]


class Recorded(NamedTuple):
    """A run on the page with a directory. case: its case's position. labels, groups: names in the data set's order."""

    name: str
    case: int
    directory: RunDirectory
    spec: RunSpec
    labels: Sequence[str]
    groups: Sequence[str]


def sheets(runs: Sequence[Recorded]) -> Json | None:
    """The pictures of `runs`, which are in the order of their cases; None without pictures.

    sheets: distinct data URIs. runs: by name and generation, the position of the sheet and its labels and groups by the
    annotators. samples: largest number on a sheet. every_seed: whether there are sheets of all seeds, or of the first
    seed of each case. Samples, then seeds are left out until all sheets fit into `LIMIT`.
    """
    firsts = [run for i, run in enumerate(runs) if run.case not in {other.case for other in runs[:i]}]
    for samples, every_seed in _THRIFT:
        if found := _fitting(runs if every_seed else firsts, samples):
            return {**found, "samples": samples, "every_seed": every_seed} if found["sheets"] else None
    warnings.warn("report: even a few samples of each case are too many for one page; it has no pictures", stacklevel=2)
    return None


def _fitting(runs: Sequence[Recorded], samples: int) -> Json | None:
    """`sheets` and `runs`; None if they would be too large."""
    places: dict[str, int] = {}
    found: dict[str, dict[int, tuple[int, str]]] = {}
    size = 0
    for name, generation, sheet, words in _drawn(runs, samples):
        size += 0 if sheet in places else len(sheet)
        if size > LIMIT:
            return None
        found.setdefault(name, {})[generation] = (places.setdefault(sheet, len(places)), words)
    return {"sheets": list(places), "runs": found}


def _drawn(runs: Sequence[Recorded], samples: int) -> Iterator[tuple[str, int, str, str]]:
    """Run, generation, sheet as a data URI, and its words."""
    for run in runs:
        for generation in range(run.directory.committed()):
            gallery = gallery_of(run.directory, generation)
            if gallery is None or not _holds_pictures(gallery):
                continue
            sheet = _sheet(gallery.images[:samples])
            words = "; ".join(
                f"{annotator} sees {_counted(codes[:samples], names)}"
                for annotator, codes, names in (
                    ("A_S", gallery.groups, run.groups),
                    ("A_L", gallery.labels, run.labels),
                )
            )
            yield run.name, generation, f"data:image/webp;base64,{base64.b64encode(sheet).decode()}", words


def gallery_of(directory: RunDirectory, generation: int) -> Gallery | None:
    """The gallery; None if it is missing or damaged."""
    try:
        return directory.gallery(generation)
    except InputError as error:
        warnings.warn(f"report: {error}; its samples are left out", stacklevel=2)
        return None


def _holds_pictures(gallery: Gallery) -> bool:
    return gallery.images.ndim == 4 and gallery.images.shape[1] in (1, 3) and len(gallery.images) > 0


def _sheet(images: NDArray[Any]) -> bytes:
    """(N, C, H, W) samples beside each other, as WebP."""
    from PIL import Image

    n, _, height, width = images.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    tiles = np.zeros((rows * columns, 3, height, width), np.uint8)
    tiles[:n] = images
    grid = tiles.reshape(rows, columns, 3, height, width).transpose(0, 3, 1, 4, 2)
    picture = Image.fromarray(grid.reshape(rows * height, columns * width, 3))
    if max(height, width) > _SIDE:
        scale = _SIDE / max(height, width)
        size = columns * max(1, round(width * scale)), rows * max(1, round(height * scale))
        picture = picture.resize(size, Image.Resampling.BOX)
    content = io.BytesIO()
    picture.save(content, format="WEBP", quality=_QUALITY)
    return content.getvalue()


def _counted(codes: NDArray[np.int64], names: Sequence[str]) -> str:
    """Counts in words, such as "green 31, red 33"."""
    found = Counter(codes.tolist())
    return ", ".join(f"{name} {found[code]}" for code, name in enumerate(names))
