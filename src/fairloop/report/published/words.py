"""Tables in Markdown about runs beside the published curves: the verdicts, the falls, the bands, every generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fairloop.metrics.statistics import FEWEST_SEEDS
from fairloop.report.published import published
from fairloop.report.published.departures import AS_IS, LESS_ANNOTATOR
from fairloop.report.text import markdown
from fairloop.spec.names import case_name

_SUBTRACTED = {AS_IS: "without subtracting `A_L`", LESS_ANNOTATOR: "after subtracting `A_L`"}


def opening(found: pd.DataFrame, told: pd.DataFrame) -> str:
    """The verdicts in a paragraph. found: of `departures`; told: of `departures.verdicts`."""
    counts = ", ".join(f"{n} *{verdict}*" for verdict, n in told["verdict"].value_counts().sort_index().items())
    parted = "; ".join(
        f"{case_name(row['setting'], row['star'])}, {row['title']}, generation {ranges(row['apart'])}"
        for row in told.to_dict("records")
        if row["apart"]
    )
    apart = f"The interval of a single generation excludes 0 here: {parted}. " if parted else ""
    return f"{_said_of_seeds(found, told)} Verdicts: {counts}. {apart}".strip()


def _said_of_seeds(found: pd.DataFrame, told: pd.DataFrame) -> str:
    few, many = int(found["seeds"].min()), int(found["seeds"].max())
    seeds = f"{few}" if few == many else f"{few} to {many}"
    if few >= FEWEST_SEEDS:
        return f"There are {seeds} seeds."
    counted = "one seed" if many == 1 else f"{seeds} seeds"
    said = f"Curves have {counted}, and few seeds make wide intervals. These assume the published spread."
    return f"{said} {_farthest(found, told)}".strip()


def _farthest(found: pd.DataFrame, told: pd.DataFrame) -> str:
    """The largest differences of judged measures in published standard deviations, in words; empty without a spread."""
    judged = found.merge(told[["setting", "star", "metric"]])
    judged = judged.assign(away=(judged["difference"] / judged["published_std"]).abs())
    spread = judged[(judged["published_std"] > 0) & judged["away"].notna()]
    said = []
    for less in (AS_IS, LESS_ANNOTATOR):
        for row in spread[spread["less"] == less].nlargest(1, "away").to_dict("records"):
            where = f"{case_name(row['setting'], row['star'])}, {row['title']}, generation {row['generation']}"
            said.append(f"{row['away']:.1f} {_SUBTRACTED[less]} ({where})")
    if not said:
        return ""
    return f"In published standard deviations of a seed, the largest difference is {', and '.join(said)}."


def verdict_table(told: pd.DataFrame) -> str:
    """A row for each curve and measure: seeds, generations, verdict, largest difference."""
    alike = told["less"].nunique() == 1
    rows = [
        [
            case_name(row["setting"], row["star"]), row["title"], str(row["seeds"]),
            f"{row['generations']} of {length(row['setting'], row['star'])}", row["verdict"],
            f"{_signed(row, 'largest')} at {row['at']}", *([] if alike else [row["less"]]),
            ranges(row["apart"]) or "none",
        ]
        for row in told.to_dict("records")
    ]  # fmt: skip
    largest = (
        f"largest difference {told['less'].iloc[0]}, at generation" if alike else "largest difference, at generation"
    )
    header = ["curve", "measure", "seeds", "generations", "verdict", largest, *([] if alike else ["difference"])]
    return markdown([*header, "generations whose own interval excludes 0"], rows)


def falls_table(found: pd.DataFrame) -> str:
    """The table of generations at which accuracy falls below each limit. found: of `departures.falls`."""
    rows = [
        [
            case_name(row["setting"], row["star"]), f"{row['limit']:g}", str(row["seeds"]),
            _when(row, ("ours", "earliest", "latest"), row["generations"], length(row["setting"], row["star"])),
            _when(row, ("published", "published_earliest", "published_latest"),
                  *[length(row["setting"], row["star"])] * 2),
        ]
        for row in found.to_dict("records")
    ]  # fmt: skip
    ours = "ours: mean (earliest to latest seed)"
    return markdown(["curve", "accuracy below", "seeds", ours, "published: mean (5 to 95 % quantile)"], rows)


def inside_table(found: pd.DataFrame) -> str:
    """The share of single values inside the published band, and the expected share. found: of `published.verdicts`."""
    rows = [
        [
            case_name(row["setting"], row["star"]), row["title"], f"{row['inside']} of {row['cells']}",
            f"{row['share']:.0%}", f"{row['expected']:.0%}", f"{row['farthest']:.3f}" if row["farthest"] else "",
        ]
        for row in found.to_dict("records")
    ]  # fmt: skip
    return markdown(["curve", "measure", "cells inside", "share", "expected", "farthest outside"], rows)


def generations_table(found: pd.DataFrame) -> str:
    """The table of every generation of the curves in `found` (of `departures`), as it is."""
    rows = [
        [
            case_name(str(row["setting"]), str(row["star"])), row["title"], str(row["generation"]), str(row["seeds"]),
            f"{row['mean']:.3f}", f"{row['published']:.3f}", _signed(row, "difference"),
        ]
        for row in found[found["less"] == AS_IS].to_dict("records")
    ]  # fmt: skip
    header = ["curve", "measure", "generation", "seeds", "our mean", "published mean", "difference, 95 % interval"]
    return markdown(header, rows)


def ranges(generations: tuple[int, ...]) -> str:
    """`0, 3 to 5` for (0, 3, 4, 5)."""
    runs: list[list[int]] = []
    for i in generations:
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ", ".join(str(a) if a == b else f"{a} to {b}" for a, b in runs)


def _signed(row: Mapping[Any, Any], name: str) -> str:
    reach = "" if pd.isna(row["low"]) else f" [{row['low']:+.3f}, {row['high']:+.3f}]"
    return f"{row[name]:+.3f}{reach}"


def _when(row: Mapping[Any, Any], names: tuple[str, str, str], run: int, length: int) -> str:
    """When a curve falls. run: its generations, of `length`; a shorter run says nothing about the others."""
    mean, first, last = (row[name] for name in names)
    never = "never" if run == length else f"not by {run - 1}"
    ends = " to ".join(never if pd.isna(end) else str(end) for end in (first, last))
    ended = f"not within {length}" if run == length else f"not by {run - 1}, where it ends"
    whole = ended if pd.isna(mean) else str(mean)
    return whole if pd.isna(first) else f"{whole} ({ends})"


def length(setting: str, star: str) -> int:
    """The number of published generations of a curve on ColoredMNIST."""
    curves = published()
    mine = (curves["dataset"] == "colored-mnist") & (curves["setting"] == setting) & (curves["star"] == star)
    return int(curves[mine]["generation"].max()) + 1
