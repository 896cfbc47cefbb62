"""Panels of a figure that share their axes and one legend."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairloop.report.figures.style import one_legend, words

SIZE = (4.0, 2.9)
"""The size of a panel in inches."""

_WIDEST = 3


def side_by_side(
    shown: Mapping[str, pd.DataFrame],
    draw: Callable[[str, pd.DataFrame, Axes], object],
    size: tuple[float, float] = SIZE,
    *,
    share: bool = True,
) -> Figure:
    """A panel for each name in `shown`, drawn by `draw(name, data, axes)`. share: their axes. size: in inches."""
    columns = {1: 1, 2: 2, 4: 2}.get(len(shown), _WIDEST)
    rows = -(-len(shown) // columns)
    figure = Figure(
        figsize=(size[0] * columns + 0.4, size[1] * rows + 0.3), layout="constrained" if share else "compressed"
    )
    grid = figure.subplots(rows, columns, sharex=share, sharey=share, squeeze=False)
    for place, (name, data) in enumerate(shown.items()):
        axes = grid.flat[place]
        draw(name, data, axes)
        axes.set_title(_wrapped(name, size[0]), fontsize=10)
        lowest = place + columns >= len(shown)
        axes.tick_params(labelbottom=lowest or not share)
        if place % columns:
            axes.set_ylabel("")
        if not lowest:
            axes.set_xlabel("")
    for axes in grid.flat[len(shown) :]:
        axes.remove()
    one_legend(figure)
    return figure


def blocks(
    shown: Mapping[str, pd.DataFrame],
    parts: Sequence[str],
    draw: Callable[[pd.DataFrame, str, Axes], object],
    wide: int = 3,
    size: tuple[float, float] = (3.2, 2.4),
) -> Figure:
    """A block of panels for each name in `shown`: one for each of `parts`, drawn by `draw(data, part, axes)`.

    Panels of the same part share their axes. wide: panels in a row.
    """
    per_block = -(-len(parts) // wide)
    rows = per_block * len(shown)
    figure = Figure(figsize=(size[0] * wide, size[1] * rows + 0.3), layout="constrained")
    grid = figure.subplots(rows, wide, squeeze=False)
    repeated: list[Axes] = []
    for block, (name, data) in enumerate(shown.items()):
        panels = [*grid[block * per_block : (block + 1) * per_block].flat]
        for place, (axes, first, part) in enumerate(zip(panels, grid.flat, parts, strict=False)):
            if axes is not first:
                axes.sharex(first)
                axes.sharey(first)
            draw(data, part, axes)
            if block + 1 < len(shown) or place + wide < len(parts):
                axes.set_xlabel("")
            if place % wide and axes.get_ylabel() == panels[place - 1].get_ylabel():
                repeated.append(axes)
        for axes in panels[len(parts) :]:
            axes.remove()
        _head(panels[0], _wrapped(name, size[0] * wide))
    for axes in repeated:
        axes.set_ylabel("")
    one_legend(figure)
    return figure


def _head(axes: Axes, text: str) -> None:
    """A title that may extend over the panels to its right. A title of axes would widen its panel's column."""
    axes.set_title("\n" * text.count("\n") + " ", fontsize=10)  # keeps its height free
    where = axes.annotate(text, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", fontsize=10)
    where.set_in_layout(False)


def _wrapped(name: str, width: float) -> str:
    glued = re.sub(r" (\S{1,3})$", "\N{NO-BREAK SPACE}\\1", name)  # keeps a short last word off a line of its own
    return words("\n".join(textwrap.wrap(glued, int(width * 11))))
