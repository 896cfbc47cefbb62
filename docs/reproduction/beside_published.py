"""Tables about the released result files, and about single runs beside them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from docs.reproduction.committed import HERE, runs
from fairloop.report import published as paper
from fairloop.report.text import markdown


def first_generations() -> str:
    """Published curves that are one experiment at generation 0, where nothing was fed back yet."""
    theirs = paper.published()
    theirs = theirs[(theirs["generation"] == 0) & theirs["star"].isin(["none", "generator"])]
    lines = []
    for (dataset, setting, star), rows in theirs.groupby(["dataset", "setting", "star"]):
        by_metric = rows.set_index("metric")
        said = [
            f"{by_metric['mean'][name]:.4f} ± {by_metric['std'][name]:.4f}"
            for name in ("accuracy", "equalized_odds_difference", "generated_group_1_share")
        ]
        lines.append(
            [dataset, setting if star == "none" else f"{setting} + STAR on {star}", str(rows["seeds"].max()), *said]
        )
    return markdown(["data set", "curve", "seeds", "accuracy", "EO difference", "share of group 1"], lines)


def tried(about: str) -> str:
    """Single runs that were made to find a reason. about: the first words of their description."""
    table = pd.read_csv(HERE / "tried.csv", dtype=str, keep_default_na=False)
    table = table[table["what"].str.startswith(about)]
    return markdown(["measurement", "seed", "found", "compared with"], table.to_numpy().tolist())


def losses() -> str:
    """Mean losses of a batch of the first two generators in the long runs, each training once, beside the published.

    STAR on the generator makes other `G_1`, so those are left out.
    """
    table, devices = runs("full"), _devices()
    ours = table[(table["metric"] == "loss") & (table["role"] == "generator") & (table["star"] != "generator")]
    ours = ours.assign(training="seed " + ours["seed"].astype(str) + ", " + ours["run"].map(devices))
    lines = []
    for (what, measure), told in paper.models().iterrows():
        if not what.endswith(" loss"):
            continue
        generation, epoch = int(what[2]), int(measure.removeprefix("epoch "))
        found = ours[(ours["generation"] == generation) & (ours["epoch"] == epoch)]
        found = found.drop_duplicates("value").sort_values("training")  # curves share trainings
        values, mean, std, spreads = found["value"], told["mean"], told["std"], told["std"] > 0
        away = (values - mean) / std
        lines.append([
            f"`G_{generation}`", str(epoch), f"{mean:,.0f}" + (f" ± {std:,.0f}" if spreads else ""),
            "; ".join(f"{value:,.0f} ({name})" for value, name in zip(values, found["training"], strict=True)),
            f"{values.mean() / mean - 1:+.1%}", f"{away.min():+.1f} to {away.max():+.1f}" if spreads else "",
        ])  # fmt: skip
    header = ["generator", "epoch", "published mean, 25 seeds", "ours, each training", "our mean beside the published"]
    return markdown([*header, "distances in published std"], lines)


def _devices() -> dict[str, str]:
    """The device of each long run."""
    held = json.loads((HERE / "full.json").read_text(encoding="utf-8"))
    return {run: told["sessions"][0]["numerics"]["device"] for run, told in held.items()}


def shares() -> str:
    """How many samples are behind the published shares: a share of n samples is a whole number of n-ths."""
    theirs = paper.published()
    theirs = theirs[theirs["metric"].str.startswith("generated_")]
    lines = []
    for (dataset, metric), rows in theirs.groupby(["dataset", "metric"]):
        sums = rows["mean"] * rows["seeds"]  # means have five decimals, so these have four that are right
        whole = [f"{(abs(sums * n - (sums * n).round()) < n * 2e-4).mean():.0%}" for n in (100, 1_000)]
        first = rows[rows["generation"] == 0]
        share = first["mean"].mean()
        chance = [f"{np.sqrt(share * (1 - share) / n):.3f}" for n in (100, 1_000)]
        spreads = f"{first['std'].min():.3f} to {first['std'].max():.3f}"
        lines.append([str(dataset), str(metric), str(len(rows)), *whole, spreads, *chance])
    header = ["data set", "published metric", "cells", "sums over seeds in hundredths", "in thousandths"]
    return markdown([*header, "std of seeds, gen. 0", "by chance, n = 100", "n = 1,000"], lines)
