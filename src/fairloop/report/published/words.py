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
    if told.empty:
        return "No value of these runs is defined, so there is nothing to compare with the published curves."
    counts = ", ".join(f"{n} *{verdict}*" for verdict, n in told["verdict"].value_counts().sort_index().items())
    parts = [_said_of_seeds(found), f"Verdicts: {counts}.", _said_of_annotators(told), *_said_of_generations(told)]
    return " ".join(part for part in (*parts, _farthest(found, told)) if part)


def _said_of_seeds(found: pd.DataFrame) -> str:
    of_values = found.loc[(found["less"] == AS_IS) & found["difference"].notna(), "seeds"]
    few, many = int(of_values.min()), int(of_values.max())
    seeds = f"{few}" if few == many else f"{few} to {many}"
    if few >= FEWEST_SEEDS:
        return f"There are {seeds} seeds."
    counted = "one seed" if many == 1 else f"{seeds} seeds"
    return f"Curves have {counted}, and few seeds make wide intervals. These assume the published spread."


def _said_of_annotators(told: pd.DataFrame) -> str:
    """The curves of which A_L is not subtracted because it is unlike the published one, or unknown in some seed."""
    said = []
    for state, words in (("unlike", "unlike the published one"), ("unknown", "not known in every seed")):
        rows = told[told["annotator"] == state].to_dict("records")
        if which := "; ".join(f"{_named(row)}, {row['title']}" for row in rows):
            said.append(f"`A_L` is {words}, so it is not subtracted, in {which}.")
    return " ".join(said)


def _said_of_generations(told: pd.DataFrame) -> list[str]:
    """Where intervals exclude 0: after subtracting A_L where that is judged, and without it everywhere."""
    alone = "The interval of a single generation excludes 0"
    judged, at_once = _parted(told[told["less"] != AS_IS], "apart"), _parted(told, "apart_at_once")
    if (told["less"] == AS_IS).all():
        as_is = _parted(told, "apart_as_is")
        return [f"{alone} at generations of {as_is}."] if as_is else []
    as_is = _parted(told, "apart_as_is", where=False)
    said = [f"{alone} after subtracting `A_L` at generations of {judged}."] if judged else []
    apart = f"Without subtracting `A_L`, {alone[0].lower()}{alone[1:]} at generations of {as_is}; the table says which."
    said += [apart] if as_is else []
    return said + ([f"The interval for all generations at once excludes 0, too, in {at_once}."] if at_once else [])


def _parted(told: pd.DataFrame, name: str, *, where: bool = True) -> str:
    """`seqclass (accuracy 0, 3 to 5; DP difference 7)`: the curves and measures with generations in column `name`.

    where: whether to name the generations.
    """
    of_curve: dict[str, list[str]] = {}
    for row in told[told[name].map(len) > 0].to_dict("records"):
        of_curve.setdefault(_named(row), []).append(f"{row['title']} {ranges(row[name]) if where else ''}".strip())
    return ", ".join(f"{curve} ({'; '.join(measures)})" for curve, measures in of_curve.items())


def _named(row: Mapping[Any, Any]) -> str:
    return case_name(row["setting"], row["star"])


def _farthest(found: pd.DataFrame, told: pd.DataFrame) -> str:
    """The largest differences of judged measures in published standard deviations, in words; empty without a spread."""
    subtracted = told[told["less"] == LESS_ANNOTATOR]
    kinds = pd.concat([told.assign(less=AS_IS), subtracted])[["setting", "star", "metric", "less"]]
    judged = found.merge(kinds)
    judged = judged.assign(away=(judged["difference"] / judged["published_std"]).abs())
    spread = judged[(judged["published_std"] > 0) & judged["away"].notna()]
    said = []
    for less in (AS_IS, LESS_ANNOTATOR):
        for row in spread[spread["less"] == less].nlargest(1, "away").to_dict("records"):
            where = f"{_named(row)}, {row['title']}, generation {row['generation']}"
            said.append(f"{row['away']:.1f} {_SUBTRACTED[less]} ({where})")
    if not said:
        return ""
    return f"In published standard deviations of a seed, the largest difference is {', and '.join(said)}."


def verdict_table(told: pd.DataFrame) -> str:
    """A row for each curve and measure: seeds, generations, verdict, largest difference, where intervals exclude 0."""
    alike, as_it_is = told["less"].nunique() == 1, bool((told["less"] == AS_IS).all())
    rows = [
        [
            _named(row), row["title"], str(row["seeds"]),
            f"{row['generations']} of {length(row['setting'], row['star'])}", row["verdict"],
            f"{_signed(row, 'largest')} at {row['at']}", *([] if alike else [row["less"]]),
            ranges(row["apart"]) or "none", *([] if as_it_is else [ranges(row["apart_as_is"]) or "none"]),
        ]
        for row in told.to_dict("records")
    ]  # fmt: skip
    largest = (
        f"largest difference {told['less'].iloc[0]}, at generation" if alike else "largest difference, at generation"
    )
    header = ["curve", "measure", "seeds", "generations", "verdict", largest, *([] if alike else ["difference"])]
    apart = ["generations whose own interval excludes 0", *([] if as_it_is else ["the same, as it is"])]
    return markdown([*header, *apart], rows)


def falls_table(found: pd.DataFrame) -> str:
    """The table of generations at which accuracy falls below each limit. found: of `departures.falls`."""
    rows = [
        [
            _named(row), f"{row['limit']:g}", _of_all(row["seeds"], row["of_seeds"]),
            _when(row, ("ours", "earliest", "latest"), row["generations"], length(row["setting"], row["star"])),
            _when(row, ("published", "published_earliest", "published_latest"),
                  *[length(row["setting"], row["star"])] * 2),
        ]
        for row in found.to_dict("records")
    ]  # fmt: skip
    ours = "ours: mean (earliest to latest seed)"
    return markdown(["curve", "accuracy below", "seeds", ours, "published: mean (5 to 95 % quantile)"], rows)


def _of_all(seeds: int, of_seeds: int) -> str:
    return f"{seeds}" if seeds == of_seeds else f"{seeds} of {of_seeds}"


def inside_table(found: pd.DataFrame) -> str:
    """The share of single values inside the published band, and the expected share. found: of `published.verdicts`."""
    rows = [
        [
            _named(row), row["title"], f"{row['inside']} of {row['cells']}",
            f"{row['share']:.0%}", f"{row['expected']:.0%}", f"{row['farthest']:.3f}" if row["farthest"] else "",
        ]
        for row in found.to_dict("records")
    ]  # fmt: skip
    return markdown(["curve", "measure", "cells inside", "share", "expected", "farthest outside"], rows)


def generations_table(found: pd.DataFrame) -> str:
    """The table of every generation of the curves in `found` (of `departures`), as it is."""
    rows = [
        [
            _named(row), row["title"], str(row["generation"]), str(row["seeds"]),
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
