"""Tables about the runs on full MNIST, beside the published curves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from docs.reproduction.committed import HERE, cells, known, runs
from fairloop.report import compare
from fairloop.report import published as paper
from fairloop.report.text import markdown


def all_cells() -> str:
    """How many of our values lie in the published bands, and how far out the farthest does."""

    def said(rows: pd.DataFrame) -> str:
        out = f", {rows['outside'].max():.3f}" if rows["outside"].max() else ""
        return f"{(rows['outside'] == 0).sum()} of {len(rows)}{out}"

    found = cells().dropna(subset=["outside"])
    curves = list(dict.fromkeys(found["curve"]))
    rows = [
        [title, *(said(of_title[of_title["curve"] == name]) for name in curves)]
        for title, of_title in found.groupby("title", sort=False)
    ]
    rows.append(["all", *(said(found[found["curve"] == name]) for name in curves)])
    by_generation = [
        [str(generation), said(of), f"{(of['outside'] == 0).mean():.0%}"]
        for generation, of in found.groupby("generation")
    ]
    by_generation.append(["all", said(found), f"{(found['outside'] == 0).mean():.0%}"])
    header = ["generation", "cells inside, farthest outside", f"share inside ({found['expected'].mean():.0%} expected)"]
    return markdown(["measure", *curves], rows) + "\n\n" + markdown(header, by_generation)


def curves() -> str:
    """Each curve: ours, a value a seed (* outside the band), beside the published mean and band."""
    parts = []
    for name, of_curve in cells().groupby("curve", sort=False):
        seeds, generations = sorted(of_curve["seed"].unique()), sorted(of_curve["generation"].unique())
        rows = []
        for title, of_title in of_curve.groupby("title", sort=False):
            row = [str(title)]
            for _, mine in of_title.sort_values("seed").groupby("generation"):
                ours = ", ".join(
                    f"{value:.3f}{'*' if out > 0 else ''}" for value, out in mine[["value", "outside"]].to_numpy()
                )
                theirs = mine.iloc[0]
                row += [ours, f"{theirs['mean']:.3f} [{theirs['p05']:.3f}, {theirs['p95']:.3f}]"]
            rows.append(row)
        header = [cell for i in generations for cell in (f"gen. {i}, seeds {', '.join(map(str, seeds))}", "published")]
        parts.append(f"**{name}**\n\n" + markdown(["measure", *header], rows))
    return "\n\n".join(parts)


def less_annotator() -> str:
    """C_i less A_L on the same test data, so that what the draw does to both cancels."""
    wanted = [measure for measure in compare.fairness() if measure.title != "accuracy difference"]
    lines, between = [], []
    for (name, generation), of in cells().groupby(["curve", "generation"], sort=False):
        line = [str(name), str(generation)]
        for measure in wanted:
            mine = of[of["title"] == measure.title].set_index("seed").sort_index()
            base = replace(measure, role="label_annotator").rows(runs()).drop_duplicates("seed").set_index("seed")
            ours = mine["value"] - base["value"]
            theirs = mine["mean"].iloc[0] - known().loc[("A_L test", measure.title), "mean"]
            line += [", ".join(f"{value:+.3f}" for value in ours), f"{theirs:+.3f}"]
            between.append(ours.min() <= theirs <= ours.max())
        lines.append(line)
    header = [cell for measure in wanted for cell in (f"{measure.title}, seeds 0, 1", "published")]
    told = f"The published mean lies between our two seeds in {sum(between)} of {len(between)} cells"
    return (
        markdown(["curve", "gen.", *header], lines)
        + f"\n\n{told}; about half would be expected, were ours drawn as theirs."
    )


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


def tried() -> str:
    """Single runs that were made to find a reason."""
    table = pd.read_csv(HERE / "tried.csv", dtype=str, keep_default_na=False)
    return markdown([*table.columns], table.to_numpy().tolist())


def control() -> str:
    """The control, whose generations differ in the classifiers' random numbers alone."""
    rows = runs()[runs()["setting"] == "control"]
    found = [measure.rows(rows) for measure in compare.fairness() if measure.title in ("accuracy", "EO difference")]
    wide = pd.concat(found).pivot(index="generation", columns=["metric", "seed"], values="value")
    header = [f"{metric.replace('equalized_odds', 'EO difference')}, seed {seed}" for metric, seed in wide.columns]
    return markdown(["generation", *header], [[str(i), *(f"{v:.3f}" for v in row)] for i, row in wide.iterrows()])


def losses() -> str:
    """The generators' loss after some epochs."""
    rows = runs()[(runs()["setting"] == "seqgen-seqclass") & (runs()["star"] == "none")]
    rows = rows[(rows["role"] == "generator") & (rows["metric"] == "loss")]
    lines = []
    for generation, epochs in ((0, (0, 10, 20)), (1, (0, 10))):
        for epoch in epochs:
            mine = rows[(rows["generation"] == generation) & (rows["epoch"] == epoch)].set_index("seed")["value"]
            theirs = known().loc[(f"G_{generation} loss", f"epoch {epoch}"), "mean"]
            said = [f"{mine[seed]:,.0f} ({mine[seed] / theirs - 1:+.1%})" for seed in sorted(mine.index)]
            lines.append([f"G_{generation}", str(epoch), *said, f"{theirs:,.0f}"])
    return markdown(["generator", "epoch", "ours, seed 0", "seed 1", "published mean"], lines)


def pairs() -> str:
    """Each case less SeqGenSeqClass, paired by seed."""
    found = compare.differences(runs(), compare.fairness(), "seqgen-seqclass")
    titles = [measure.title for measure in compare.fairness()]
    rows = []
    for (case, generation), of in found.groupby(["case", "generation"], sort=False):
        by_title = of.set_index("measure")["difference"]
        rows.append(
            [str(case), str(generation), str(of["seeds"].min()), *(f"{by_title[title]:+.3f}" for title in titles)]
        )
    return markdown(["case", "gen.", "seeds", *titles], rows)


def balanced() -> str:
    """What the balanced test set shows beside the one that is coloured as the training data."""
    names = ("accuracy", "DP difference", "EO difference")
    lines = []
    for case, rows in compare.cased(runs()).groupby("case", sort=False):
        for generation in (0, rows["generation"].max()):
            line = [str(case), str(generation)]
            for title in names:
                for split in ("test", "test_balanced"):
                    measure = next(measure for measure in compare.fairness(split) if measure.title == title)
                    line.append(f"{measure.values(rows)[generation]:.3f}")
            lines.append(line)
    header = [f"{title}, {split}" for title in names for split in ("test", "balanced")]
    return markdown(["case", "gen.", *header], lines)


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
