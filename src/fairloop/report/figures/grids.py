"""Grids of pictures with a column for each generation: samples of the same latents, reconstructions of the same
images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from fairloop.errors import InputError
from fairloop.report.figures.measures import spread
from fairloop.report.figures.style import PALETTE, own_axes, words
from fairloop.store.tidy_rows import Gallery

MOST_GENERATIONS = 8
"""Largest number of columns of a grid."""

_INCHES = 0.5
_GAP = 2


@dataclass(frozen=True)
class Names:
    """The names of the codes of labels and groups in a gallery.

    >>> from fairloop import load
    >>> gallery = load("run").directory.gallery(0)  # of a run of `fairloop run ... --out run`
    >>> names = Names(labels=("<5", ">=5"), groups=("green", "red"))
    >>> names.stratum(gallery, latent=0) in ("<5, green", "<5, red", ">=5, green", ">=5, red")
    True
    """

    labels: Sequence[str]
    groups: Sequence[str]

    def stratum(self, gallery: Gallery, latent: int) -> str:
        """The stratum of a sample by A_L and A_S."""
        return f"{self.labels[gallery.labels[latent]]}, {self.groups[gallery.groups[latent]]}"


def sample_cells(
    galleries: Mapping[int, Gallery], names: Names, each: int | None = None, most: int = 8
) -> pd.DataFrame:
    """The samples of a grid: latent, generation, stratum (by the annotators), and row, the name of its row.

    The grid has the first `most` latents, or the first `each` latents of each stratum in the first generation.
    """
    shown = spread(sorted(galleries), MOST_GENERATIONS)
    first = galleries[shown[0]]
    strata = [names.stratum(first, latent) for latent in range(len(first.images))]
    rows = [(latent, "") for latent in range(min(most, len(strata)))]
    if each is not None:
        order = [f"{label}, {group}" for label in names.labels for group in names.groups]
        rows = [
            (latent, name)
            for name in order
            for latent in [i for i, stratum in enumerate(strata) if stratum == name][:each]
        ]
    found = [(latent, i, names.stratum(galleries[i], latent), row) for latent, row in rows for i in shown]
    return pd.DataFrame(found, columns=["latent", "generation", "stratum", "row"])


def samples(galleries: Mapping[int, Gallery], names: Names, ax: Axes | None = None, most: int = 8) -> Axes:
    """Samples of the same latents in several generations, with a frame if the annotators see another stratum than at
    first.

    Raises InputError for samples that are not pictures.
    """
    return draw_samples(sample_cells(galleries, names, most=most), galleries, ax)


def samples_by_stratum(galleries: Mapping[int, Gallery], names: Names, ax: Axes | None = None, each: int = 2) -> Axes:
    """As `samples`, with latents ordered by the annotators' stratum of the first generation's samples.

    >>> from fairloop import load
    >>> run = load("run")  # a run of `fairloop run ... --out run`
    >>> galleries = {generation: run.directory.gallery(generation) for generation in (0, 1)}
    >>> samples_by_stratum(galleries, Names(("<5", ">=5"), ("green", "red")), each=1).get_xlabel()
    'generation'
    """
    return draw_samples(sample_cells(galleries, names, each=each), galleries, ax)


def draw_samples(cells: pd.DataFrame, galleries: Mapping[int, Gallery], ax: Axes | None = None) -> Axes:
    """Draw the result of `sample_cells`."""
    latents, shown = cells["latent"].unique(), cells["generation"].unique()
    rows = [[galleries[i].images[latent] for i in shown] for latent in latents]
    axes = _draw(rows, [str(i) for i in shown], cells.drop_duplicates("latent")["row"].tolist(), ax)
    axes.set_xlabel("generation")
    strata = cells["stratum"].to_numpy().reshape(len(latents), len(shown))
    for row, column in zip(*np.nonzero(strata != strata[:, :1]), strict=True):
        axes.add_patch(
            Rectangle((column - 0.46, row - 0.46), 0.86, 0.86, fill=False, edgecolor=PALETTE[5], linewidth=1.8)
        )
    return axes


def errors(galleries: Mapping[int, Gallery], most: int = 8) -> pd.DataFrame:
    """The errors of reconstructions: image, generation, error (mean absolute difference of pixels, 0 to 1)."""
    kept = {i: gallery for i, gallery in galleries.items() if len(gallery.reconstructions)}
    shown = spread(sorted(kept), MOST_GENERATIONS)
    images = range(min(most, len(kept[shown[0]].originals))) if shown else range(0)
    found = []
    for image in images:
        for i in shown:
            off = np.abs(kept[i].originals[image].astype(float) - kept[i].reconstructions[image]).mean() / 255
            found.append((image, i, off))
    return pd.DataFrame(found, columns=["image", "generation", "error"])


def reconstructions(galleries: Mapping[int, Gallery], ax: Axes | None = None, most: int = 8) -> Axes:
    """Real test images, and their reconstructions by each generation's generator.

    Raises InputError if they are not pictures or were not kept.
    """
    cells = errors(galleries, most)
    if cells.empty:
        raise InputError("figure: no reconstructions were kept")
    return draw_reconstructions(cells, galleries, ax)


def draw_reconstructions(cells: pd.DataFrame, galleries: Mapping[int, Gallery], ax: Axes | None = None) -> Axes:
    """Draw the result of `errors`."""
    images, shown = cells["image"].unique(), cells["generation"].unique()
    rows = [
        [galleries[shown[0]].originals[image], *(galleries[i].reconstructions[image] for i in shown)]
        for image in images
    ]
    axes = _draw(rows, ["real", *map(str, shown)], [""] * len(images), ax)
    axes.set_xlabel("reconstructed in generation")
    return axes


def _draw(rows: Sequence[Sequence[NDArray[np.generic]]], columns: list[str], names: list[str], ax: Axes | None) -> Axes:
    """Draw pictures in rows and columns. A name is at the middle of its rows."""
    axes = ax or own_axes(*size(len(rows), len(columns), names), pictures=True)
    axes.imshow(_mosaic(rows), extent=(-0.5, len(columns) - 0.5, len(rows) - 0.5, -0.5), interpolation="none")
    axes.set_xticks(range(len(columns)), columns)
    places = {name: [i for i, other in enumerate(names) if other == name] for name in names if name}
    axes.set_yticks([float(np.mean(at)) for at in places.values()], [words(name) for name in places])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return axes


def size(rows: int, columns: int, names: Iterable[str]) -> tuple[float, float]:
    """The size of a grid in inches. names: of its rows."""
    return 0.7 + 0.09 * max(map(len, names), default=0) + _INCHES * columns, 0.7 + _INCHES * rows


def _mosaic(rows: Sequence[Sequence[NDArray[np.generic]]]) -> NDArray[np.uint8]:
    """(height, width, 3) of (C, H, W) uint8 pictures, white between them."""
    if rows[0][0].ndim != 3 or rows[0][0].shape[0] not in (1, 3):
        raise InputError("figure: the samples are not pictures, so there is no grid of them")
    pictures = np.asarray([[np.broadcast_to(cell, (3, *cell.shape[1:])) for cell in row] for row in rows])
    gaps = ((0, 0), (0, 0), (0, 0), (0, _GAP), (0, _GAP))
    padded = np.pad(pictures, gaps, constant_values=255)  # (rows, columns, 3, height, width)
    down, across, _, height, width = padded.shape
    return padded.transpose(0, 3, 1, 4, 2).reshape(down * height, across * width, 3).astype(np.uint8)
