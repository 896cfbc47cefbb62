"""STAR's work on the batches of one case: samples redrawn, and candidates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from fairloop.report.figures.lines import Lines
from fairloop.report.figures.measures import one_case
from fairloop.report.figures.style import PALETTE, dress, own_axes, words

_HATCHES = ("", "//", "..", "xx", "--", "oo")


def _redrawn(table: pd.DataFrame, split: str) -> Iterator[tuple[str, pd.DataFrame]]:
    rows, of_batches = (table[table["metric"] == metric] for metric in ("star_redrawn", "star_batch"))
    key = ["run", "seed", "generation", "role"]
    by_run = rows.groupby(key, sort=False, as_index=False, observed=True)["value"].mean()
    both = by_run.merge(of_batches[[*key, "value"]], on=key, suffixes=("", "_batch"))
    for role, of_role in both.groupby("role", sort=False, observed=True):
        yield f"the {role}'s batches", of_role.assign(value=of_role["value"] / of_role["value_batch"])


star_redrawn = Lines(
    "Share of each STAR batch that was redrawn",
    "share of a curated batch redrawn\n(0: candidates filled every quota)",
    _redrawn,
    marked=(0.0,),
)
"""The share of each STAR batch that its candidates could not fill, averaged over a generation's batches.

Runs of fairloop 0.1.0, which did not store how large these batches are, have no line.
"""


def candidates(table: pd.DataFrame, role: str = "classifier") -> pd.DataFrame:
    """STAR's candidates in each stratum: label, group, generation, mean (over batches, then seeds) and seeds.

    Raises InputError for runs of several cases.
    """
    rows = table[(table["metric"] == "star_candidates") & (table["role"] == role)]
    one_case(rows)
    by_run = rows.groupby(["label", "group", "generation", "seed"], sort=False, observed=True)["value"].mean()
    by_stratum = by_run.groupby(["label", "group", "generation"], sort=False, observed=True)
    return by_stratum.agg(mean="mean", seeds="size").reset_index()


def star_candidates(table: pd.DataFrame, ax: Axes | None = None, role: str = "classifier") -> Axes:
    """Stacked bars, one for each generation: the number of a batch's candidates in each stratum.

    Colours are groups, hatches labels. `table` is the tidy table of one case: raises InputError for runs of several.
    """
    axes = draw_candidates(candidates(table, role), ax or own_axes())
    if ax is None:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), reverse=True)
    return axes


def draw_candidates(data: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the result of `candidates`."""
    groups, labels = [*dict.fromkeys(data["group"])], [*dict.fromkeys(data["label"])]
    shades = dict(zip(groups, _shades(len(groups)), strict=True))
    hatches = {label: _HATCHES[i % len(_HATCHES)] for i, label in enumerate(labels)}
    below = pd.Series(0.0, sorted(data["generation"].unique()))
    for (label, group), bars in data.groupby(["label", "group"], sort=False):
        heights = bars.set_index("generation")["mean"]
        ax.bar(
            heights.index, heights, 0.75, bottom=below[heights.index], color=shades[group], hatch=hatches[label],
            edgecolor="white", linewidth=0.5, label=words(f"{label}, {group}"),
        )  # fmt: skip
        below = below.add(heights, fill_value=0.0)
    dress(ax, "generation", "candidates of a batch")
    ax.grid(visible=False, axis="x")
    return ax


def _shades(n: int) -> Sequence[str]:
    """N colours with distinct grey values."""
    if n <= 2:
        return PALETTE[0], PALETTE[5]
    return [to_hex(mpl.colormaps["viridis"](i / (n - 1))) for i in range(n)]
