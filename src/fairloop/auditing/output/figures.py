"""Figures of an audit: measures with a limit, and each group's rates, over rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, groupby
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from fairloop._util.directories import claim
from fairloop._util.escape import frame_for_csv
from fairloop._util.files import replacing
from fairloop.auditing.gate.judging import in_words
from fairloop.auditing.gate.limits import Limit
from fairloop.auditing.measures.values import Measure, Value
from fairloop.auditing.output.page import charted, content, fails
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.report.figures.style import FORMATS, Look, dress, looks, save, words

if TYPE_CHECKING:
    from fairloop.auditing import Audit

RATES = ("selection_rate", "tpr", "fpr", "ppv", "accuracy", "mean_error", "mean_absolute_error")
"""Measures with a figure of groups, if the log has them and no limit on a group names them."""

TOGETHER = 6
"""Largest number of groups in one panel; more groups have separate panels."""

_COLUMNS = 5
_MOST_TICKS = 7
_LETTERS = 30  # of a name in a title or at a limit
_GREY = Look("0.45", "-", "")


class Line(NamedTuple):
    """A measure in every round. name: in the legend; empty for none."""

    name: str
    values: Sequence[Value]
    look: Look


def figures(audit: Audit) -> Iterator[tuple[str, Figure, pd.DataFrame]]:
    """The name, figure and data of each figure."""
    for measure in charted(audit):
        values = audit.measured.values(measure)
        figure, axes = _alone(5.2, 3.6)
        _name(axes, measure, in_words(measure))
        _draw(axes, audit, [Line("", values, next(iter(looks([""]).values())))], [measure], legend=True)
        yield str(measure), figure, _table(audit, values)
    limited = [one.measure.metric for one in audit.limits if one.measure.group in audit.measured.rounds.groups]
    for metric in dict.fromkeys([*RATES, *limited]):
        if metric in audit.measured.metrics():
            yield f"{metric} by group", *_by_group(audit, metric)


def write(audit: Audit, directory: Path) -> list[str]:
    """Write each figure into `directory` as PNG, SVG and PDF, and its data as CSV; returns the names without ending.

    Raises InputError if the directory holds other files.
    """
    claim(directory, "figures", "directory")
    names: list[str] = []
    for title, figure, data in figures(audit):
        name = "-".join("".join(c if c.isalnum() else " " for c in title).split())[:100]
        name = name if name not in names else f"{name}-{len(names)}"
        for ending in FORMATS:
            save(figure, directory / f"{name}{ending}")
        with replacing(directory / f"{name}.csv") as temporary:
            frame_for_csv(data).to_csv(temporary, index=False)
        names.append(name)
    return names


def _by_group(audit: Audit, metric: str) -> tuple[Figure, pd.DataFrame]:
    groups = audit.measured.rounds.groups
    overall = Line("overall", audit.measured.values(Measure(metric)), _GREY)
    values = {group: audit.measured.values(Measure(metric, group)) for group in groups}
    lines = [Line(group, values[group], look) for group, look in looks(groups).items()]
    data = _table(audit, [*overall.values, *(one for line in lines for one in line.values)])
    if len(groups) <= TOGETHER:
        figure, axes = _alone(6.4, 4.0)
        _name(axes, Measure(metric), f"{in_words(Measure(metric))} of each group")
        _draw(
            axes,
            audit,
            [overall, *lines],
            [Measure(metric), *(Measure(metric, group) for group in groups)],
            legend=True,
        )
        return figure, data
    rows = ceil(len(groups) / _COLUMNS)
    figure = Figure(figsize=(2.3 * _COLUMNS, 0.6 + 1.7 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    for place, (group, ax) in enumerate(zip(groups, panels, strict=False)):
        line = Line(group, values[group], lines[0].look)
        _draw(ax, audit, [overall, line], [Measure(metric), Measure(metric, group)], legend=False)
        ax.set_title(words(_clipped(group)), fontsize=9)
        _ticks(ax, audit.measured.rounds.names, 2, last_row=place + _COLUMNS >= len(groups))
    for ax in panels[len(groups) :]:
        ax.set_axis_off()
    figure.suptitle(
        words(f"{in_words(Measure(metric))} of each group; grey: overall; bands: 95 % intervals"), fontsize=10
    )
    return figure, data


def _alone(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _draw(ax: Axes, audit: Audit, lines: Sequence[Line], measures: Sequence[Measure], *, legend: bool) -> None:
    marks = content.marks(audit.measured)
    for line, hatch in zip(lines, cycle(("////", "\\\\\\\\", "----", "||||"))):
        _line(ax, line, hatch)
    for mark, places in _stretches(marks):
        ax.axvspan(
            places[0] - 0.5, places[-1] + 0.5, facecolor="0.92", edgecolor="0.6", hatch="....", linewidth=0, zorder=0
        )
        if legend:
            side = "right" if places[-1] == len(marks) - 1 else "left" if not places[0] else "center"
            x = {"right": places[-1] + 0.5, "left": places[0] - 0.5, "center": float(np.mean(places))}[side]
            ax.text(x, 1.01, mark, transform=ax.get_xaxis_transform(), ha=side, va="bottom", fontsize=8)
    for limit in audit.limits:
        if limit.measure in measures:
            _limit(ax, limit, named=legend and len(measures) > 1, small=not legend)
    ax.set_xlim(-0.5, len(marks) - 0.5)
    _ticks(ax, audit.measured.rounds.names, _MOST_TICKS)
    if legend:
        _key(ax, lines)


def _limit(ax: Axes, limit: Limit, *, named: bool, small: bool) -> None:
    ax.axhline(limit.bound, color="black", linestyle=(0, (5, 3)), linewidth=1.2)
    if not small:
        said = fails(limit) + (f" ({_clipped(limit.measure.group)})" if named else "")
        ax.annotate(
            words(said), (0, limit.bound), xycoords=("axes fraction", "data"), xytext=(3, 2),
            textcoords="offset points", fontsize=8, va="bottom",
        )  # fmt: skip


def _line(ax: Axes, line: Line, hatch: str) -> None:
    """A line with a band for identified values, and hatched bounds for others."""
    colour, dashes, marker = line.look
    faint = 0.08 if line.look == _GREY else 0.2
    for kind, places in _stretches([_kind(value) for value in line.values]):
        part = [line.values[i] for i in places]
        band = _Band(part)
        if kind == "bounded":
            ax.fill_between(band.x, band.low, band.high, color=colour, alpha=faint / 2, linewidth=0)
            if line.look != _GREY:
                fill: dict[str, Any] = {
                    "facecolor": "none",
                    "edgecolor": colour,
                    "hatch": hatch,
                    "alpha": 0.6,
                    "linewidth": 0,
                }
                ax.fill_between(band.x, band.lower, band.upper, **fill)
            ax.plot(band.x, band.lower, band.x, band.upper, color=colour, linewidth=1.2)
            continue
        ax.fill_between(band.x, band.low, band.high, color=colour, alpha=faint, linewidth=0)
        dots: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4}
        ax.plot(places, [one.value for one in part], linestyle=dashes, linewidth=1.6, **dots)
        hollow = [one for one in part if one.status == "weighted"]
        ax.plot([one.round for one in hollow], [one.value for one in hollow], linestyle="", mfc="white", **dots)


class _Band:
    """The polygon of the ends of neighbouring rounds; a single round has some width."""

    def __init__(self, values: Sequence[Value]) -> None:
        alone = len(values) == 1
        places = np.array([value.round for value in values], float)
        self.x = places + np.array([-0.15, 0.15]) if alone else places
        self.low, self.high, self.lower, self.upper = (
            np.array([getattr(value, name) for value in values]).repeat(2 if alone else 1)
            for name in ("low", "high", "lower", "upper")
        )


def _key(ax: Axes, lines: Sequence[Line]) -> None:
    """The legend: lines by name, then the signs that occur."""
    values = [value for line in lines for value in line.values]
    if len(lines) > 1:
        for name, _, (colour, dashes, marker) in lines:
            ax.plot([], [], color=colour, linestyle=dashes, marker=marker, markersize=4, label=words(_clipped(name)))
    if any(np.isfinite(value.low) and value.identified for value in values):
        ax.fill_between([], [], [], color="0.4", alpha=0.2, linewidth=0, label="95 % interval")
    if any(value.status == "weighted" for value in values):
        ax.plot([], [], linestyle="", marker="o", markersize=4, color="0.4", mfc="white", label="weighted")
    if any(value.status == "bounded" for value in values):
        ax.fill_between([], [], [], facecolor="none", edgecolor="0.4", hatch="////", linewidth=0, label="bounds")
    handles, _ = ax.get_legend_handles_labels()
    if handles:
        ax.figure.legend(
            handles=handles, loc="outside lower center", ncols=min(4, len(handles)), frameon=False, fontsize=8,
            handlelength=2.6,
        )  # fmt: skip


def _name(ax: Axes, measure: Measure, title: str) -> None:
    entry = CATALOGUE.get(measure.metric)
    meaning = entry.meaning(measure.group) if entry else ""
    dress(ax, "round", f"({meaning})" if meaning else "")
    ax.set_title(words(title), fontsize=10, pad=16)


def _ticks(ax: Axes, names: Sequence[str], most: int, *, last_row: bool = True) -> None:
    places = range(0, len(names), max(1, ceil((len(names) - 1) / (most - 1))))
    ax.xaxis.set_major_locator(FixedLocator(list(places)))
    ax.set_xticklabels([words(_clipped(names[i], 12)) for i in places], fontsize=8)
    if last_row:
        ax.tick_params(labelbottom=True)
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)


def _kind(value: Value) -> str:
    if value.identified:
        return "known"
    return "bounded" if value.status == "bounded" else ""


def _stretches(kinds: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Runs of neighbouring positions of one kind, without positions of no kind."""
    for kind, places in groupby(range(len(kinds)), lambda i: kinds[i]):
        if kind:
            yield kind, list(places)


def _table(audit: Audit, values: Sequence[Value]) -> pd.DataFrame:
    names = audit.measured.rounds.names
    rows = [{**value._asdict(), "round": names[value.round]} for value in values]
    frame = pd.DataFrame(rows).drop(columns="measure")
    frame.insert(1, "metric", [value.measure.metric for value in values])
    frame.insert(2, "group", [value.measure.group for value in values])
    return frame


def _clipped(name: str, most: int = _LETTERS) -> str:
    name = " ".join(name.split())
    return name if len(name) <= most else f"{name[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
