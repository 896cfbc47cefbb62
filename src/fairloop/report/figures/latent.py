"""The positions of samples of later generators in the latent space of G_0."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from fairloop.report.figures.measures import spread
from fairloop.report.figures.style import dress, graded, own_axes

MOST_GENERATIONS = 6
"""Largest number of generations in the figure."""

_POINTS = 121
_SHARES = (0.9, 0.5)
_SHADES = ("#9ecae1", "#08519c")
Places = NDArray[np.float64]
Latents = NDArray[np.float32]
"""(M, L) positions of samples in the latent space of G_0."""


def along_axis(latents: Mapping[int, Latents]) -> pd.DataFrame:
    """Densities of (M, L) `latents` by generation, along the first principal axis of the first generation.

    Columns: generation, x (in standard deviations of the first generation's latents from their mean), density.
    """
    shown = {i: places[:, 0] for i, places in _principal(latents).items()}
    grid = _grid(np.concatenate([*shown.values()]))
    found = []
    for i, places in shown.items():
        density = _kernels(grid, places, len(places) ** (-1 / 5)).mean(axis=1)
        found.append(pd.DataFrame({"generation": i, "x": grid, "density": density}))
    return pd.concat(found, ignore_index=True)


def latent_density(latents: Mapping[int, Latents], ax: Axes | None = None) -> Axes:
    """Densities of samples of several generations' generators, encoded by G_0, along their first principal axis.

    latents: (M, L) by generation.
    """
    axes = draw_density(along_axis(latents), ax or own_axes())
    if ax is None:
        axes.legend(frameon=False)
    return axes


def draw_density(data: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the result of `along_axis`."""
    looks = graded([str(i) for i in data["generation"].unique()])
    for i, curve in data.groupby("generation"):
        look = looks[str(i)]
        ax.plot(curve["x"], curve["density"], look.dashes, color=look.colour, label=f"generation {i}", linewidth=1.8)
    dress(ax, "first principal axis in G_0's latent space\n(standard deviations at generation 0)", "density")
    return ax


def in_plane(latents: Mapping[int, Latents]) -> pd.DataFrame:
    """Densities by generation in the plane of the first two principal axes of the first generation.

    Columns: generation, x, y (in standard deviations of the first generation's latents from their mean), density.
    """
    shown = _principal(latents)
    across = np.concatenate([*shown.values()])
    xs, ys = _grid(across[:, 0])[::3], _grid(across[:, 1])[::3]
    found = []
    for i, places in shown.items():
        width = len(places) ** (-1 / 6)
        density = _kernels(xs, places[:, 0], width) @ _kernels(ys, places[:, 1], width).T / len(places)
        x, y = np.meshgrid(xs, ys, indexing="ij")
        found.append(pd.DataFrame({"generation": i, "x": x.ravel(), "y": y.ravel(), "density": density.ravel()}))
    return pd.concat(found, ignore_index=True)


def latent_plane(latents: Mapping[int, Latents], generation: int, ax: Axes | None = None) -> Axes:
    """The regions of half and nine tenths of a generation's samples, over the outlines of those of the first."""
    return draw_plane(in_plane(latents), generation, ax or own_axes(3.6, 3.6))


def draw_plane(data: pd.DataFrame, generation: int, ax: Axes) -> Axes:
    """Draw one generation of the result of `in_plane`."""
    first = data["generation"].min()
    xs, ys, density = _surface(data, generation)
    most, half = _levels(density)
    ax.contourf(xs, ys, density.T, [most, half, np.inf], colors=_SHADES)
    ax.contour(xs, ys, _surface(data, first)[2].T, _levels(_surface(data, first)[2]), colors="black", linewidths=0.9)
    dress(ax, "first principal axis", "second principal axis")
    ax.text(0.03, 0.97, f"generation {generation}", transform=ax.transAxes, va="top", fontsize=9)
    for shade, name in zip(_SHADES, ("nine tenths of the samples", "half of them"), strict=True):
        ax.plot([], [], "s", color=shade, markersize=9, label=name)
    ax.plot([], [], color="black", linewidth=0.9, label=f"both of generation {first}")
    return ax


def _surface(data: pd.DataFrame, generation: int) -> tuple[Places, Places, Places]:
    table = data[data["generation"] == generation].pivot(index="x", columns="y", values="density")
    return table.index.to_numpy(), table.columns.to_numpy(), table.to_numpy()


def _levels(density: Places) -> list[float]:
    """The densities above which 90 % and 50 % of the mass lie."""
    ordered = np.sort(density.ravel())[::-1]
    mass = ordered.cumsum() / ordered.sum()
    return [float(ordered[np.searchsorted(mass, share)]) for share in _SHARES]


def _principal(latents: Mapping[int, Latents]) -> dict[int, Places]:
    """(M, 2) of some generations, along the first generation's principal axes, in its standard deviations."""
    chosen = spread(sorted(latents), MOST_GENERATIONS)
    first = latents[chosen[0]].astype(float)
    centre = first.mean(axis=0)
    axes = np.linalg.svd(first - centre, full_matrices=False)[2][:2]
    axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]  # fixes the arbitrary sign
    scale = ((first - centre) @ axes.T).std(axis=0)
    scale[scale < 1e-6] = 1.0  # latents that collapsed to a point define no unit
    return {i: (latents[i].astype(float) - centre) @ axes.T / scale for i in chosen}


def _grid(places: Places) -> Places:
    low, high = places.min(), places.max()
    return np.linspace(low - 0.5, high + 0.5, _POINTS)


def _kernels(grid: Places, places: Places, width: float) -> Places:
    """(len(grid), len(places)) Gaussian kernels. Scott's rule for a standard normal gives all generations one width."""
    width = max(width, grid[1] - grid[0])  # otherwise a kernel could fall between two points of the grid
    return np.asarray(np.exp(-(((grid[:, None] - places) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi)))
