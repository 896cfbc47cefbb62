"""The style of figures, and their files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fairloop._util.files import replacing

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's colours, which are distinct for colour-blind readers."""

FORMATS = (".png", ".svg", ".pdf")

_MOST_ROWS_BELOW = 4
_DASHES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_UNDATED: dict[str, dict[str, None]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


class Look(NamedTuple):
    """The style of a line: colour, dashes and marker. Each alone distinguishes a few lines, together they distinguish
    many.
    """

    colour: str
    dashes: str
    marker: str


def looks(names: Sequence[str]) -> dict[str, Look]:
    """A look for each name."""
    return {
        name: Look(PALETTE[i % len(PALETTE)], _DASHES[i % len(_DASHES)], _MARKERS[i % len(_MARKERS)])
        for i, name in enumerate(names)
    }


def graded(names: Sequence[str]) -> dict[str, Look]:
    """A look for each of some ordered names, from light to dark."""
    colours = mpl.colormaps["viridis"]
    return {
        name: look._replace(colour=to_hex(colours(0.85 * (1 - i / max(1, len(names) - 1)))))
        for i, (name, look) in enumerate(looks(names).items())
    }


def dress(axes: Axes, x: str, y: str) -> None:
    """Name the axes; whole numbers along x."""
    axes.set_xlabel(x)
    axes.set_ylabel(y, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def words(name: str) -> str:
    """`name`, escaped so that matplotlib shows dollar signs as text and keeps the name in legends."""
    shown = name.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def own_axes(width: float = 5.2, height: float = 3.6, *, pictures: bool = False) -> Axes:
    """Axes in a new figure. pictures: axes keep their proportions."""
    return Figure(figsize=(width, height), layout="compressed" if pictures else "constrained").subplots()


def one_legend(figure: Figure) -> None:
    """One legend for all axes of `figure`, with each name once: below the axes, or to the right if it is long.

    To the right it would make the axes small on a page of fixed width, if its names are long; then it stays below.
    """
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    if not handles:
        return
    width, height = figure.get_size_inches()
    column, line = max(map(len, handles)) * 0.085 + 0.75, 0.22  # inches
    rows = math.ceil(len(handles) / max(1, int(width / column)))
    beside = math.ceil(len(handles) / max(1, int(height / line)))
    wide = column * beside > width / 3 and line * rows < height / 2
    below = rows <= _MOST_ROWS_BELOW or wide
    columns = math.ceil(len(handles) / rows) if below else beside
    figure.set_size_inches((width, height + line * rows + 0.1) if below else (width + column * columns, height))
    figure.legend(
        handles.values(), handles, loc="outside lower center" if below else "outside right upper", ncols=columns,
        frameon=False, handlelength=3.2,
    )  # fmt: skip


def save(figure: Figure, path: Path) -> None:
    """Write `figure` to `path`; its ending chooses PNG, SVG or PDF.

    Fonts are embedded as publishers require. Equal figures have equal bytes.
    """
    with replacing(path) as temporary, mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "fairloop"}):
        figure.savefig(temporary, format=path.suffix.removeprefix("."), dpi=150, metadata=_UNDATED[path.suffix])
