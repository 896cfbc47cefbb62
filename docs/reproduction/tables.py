"""Every table of docs/reproduction.md, from the tables beside this file.

python docs/reproduction/tables.py              prints all of them
python docs/reproduction/tables.py annotators   prints one
python docs/reproduction/tables.py --write      puts them into the page, each between its two marks
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from fairloop.report import compare
from fairloop.report import published as paper
from fairloop.report.figures import Measure
from fairloop.report.figures.measures import over_seeds
from fairloop.report.table import gathered
from fairloop.report.text import markdown

HERE = Path(__file__).parent
PAGE = HERE.parent / "reproduction.md"
LAST = 30  # epochs


@cache
def runs(name: str = "colored-mnist") -> pd.DataFrame:
    """A tidy table beside this file."""
    return gathered([HERE / f"{name}.parquet"])


@cache
def cells() -> pd.DataFrame:
    """Our values beside the published bands."""
    found = paper.laid_over(runs())
    names = zip(found["setting"], found["star"], strict=True)
    return found.assign(curve=[name if star == "none" else f"{name} + STAR on {star}" for name, star in names])


@cache
def known() -> pd.DataFrame:
    """What was published of annotators and losses: columns mean, std, runs, by what and measure."""
    return pd.read_csv(HERE / "published.csv").set_index(["what", "measure"])


@cache
def annotated() -> pd.DataFrame:
    """What annotators.py measured: seed, epoch, split, draw, metric, value, variant."""
    return pd.read_parquet(HERE / "annotators.parquet")


def spread(values: Iterable[float]) -> str:
    """Mean and standard deviation over seeds."""
    array = np.fromiter(values, float)
    return f"{array.mean():.4f} ± {array.std(ddof=1):.4f}"


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
    header = ["generation", "cells inside, farthest outside", "share inside (90 % expected)"]
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
        markdown(["curve", "gen.", *header], lines) + f"\n\n{told}; half would be expected, were ours drawn as theirs."
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


def annotators() -> str:
    """A_L as published: each seed on its own draw, and all seeds on many shared draws."""
    found = annotated()[(annotated()["variant"] == "sgd") & (annotated()["epoch"] == LAST)]
    lines = []
    for what, theirs in known().iterrows():
        name, metric = what
        if not name.startswith("A_L"):
            continue
        rows = found[(found["split"] == name.removeprefix("A_L ")) & (found["metric"] == metric)]
        own = rows[rows["seed"] == rows["draw"]]["value"]
        table = rows.pivot(index="seed", columns="draw", values="value")
        by_draw = table.mean()
        lower = (by_draw <= theirs["mean"]).mean()
        shared = f"{table.mean(axis=1).std(ddof=1):.4f}"
        ends = f"{own.min():.4f} to {own.max():.4f}"
        lines.append([name, metric, spread(own), ends, f"{theirs['mean']:.4f} ± {theirs['std']:.4f}", shared])
        lines[-1] += [f"{by_draw.std():.4f}", f"{by_draw.min():.4f} to {by_draw.max():.4f}", f"{lower:.0%}"]
    seeds, draws = found["seed"].nunique(), found["draw"].nunique()
    header = ["", "measure", f"ours, {seeds} seeds", "lowest to highest seed", "published, 150 runs, one draw"]
    header += ["std of seeds, draws averaged"]
    return markdown(
        [*header, "std of draws, seeds averaged", f"lowest to highest of {draws} draws", "draws at or below published"],
        lines,
    )


def gap() -> str:
    """Accuracy on `valid` less that on `test`: by chance of the two draws, and published."""
    found = annotated()[(annotated()["variant"] == "sgd") & (annotated()["epoch"] == LAST)]
    mean = found[found["metric"] == "accuracy"].groupby(["split", "draw"])["value"].mean().unstack("split")
    # Draws of the two splits are independent, so each of one goes with each of the other.
    gaps = np.subtract.outer(mean["valid"].to_numpy(), mean["test"].to_numpy()).ravel()
    theirs = known().loc[("A_L valid", "accuracy"), "mean"] - known().loc[("A_L test", "accuracy"), "mean"]
    before = found[found["metric"] == "accuracy before the noise"].groupby("split")["value"].mean()
    low, high = np.quantile(gaps, [0.05, 0.95])
    # Who is right about a digit with probability a is right about its noisy label with a (1 - f) + (1 - a) f.
    flipped = {
        split: (before[split] - known().loc[(f"A_L {split}", "accuracy"), "mean"]) / (2 * before[split] - 1)
        for split in ("valid", "test")
    }
    row = [f"{gaps.mean():+.4f}", f"{low:+.4f} to {high:+.4f}", f"{theirs:+.4f}", f"{(gaps >= theirs).mean():.1%}"]
    row += [f"{before['valid']:.4f}, {before['test']:.4f}", f"{flipped['valid']:.4f}, {flipped['test']:.4f}"]
    header = ["valid less test, mean", "5 to 95 % of pairs of draws", "published", "pairs with as much or more"]
    header += ["accuracy before the noise, valid, test", "flipped labels that would give the published, valid, test"]
    return markdown(header, [row])


def epochs() -> str:
    """A_L on the way: does it still learn, and how far does the last epoch throw it?"""
    found = annotated()[(annotated()["variant"] == "sgd") & (annotated()["seed"] == annotated()["draw"])]
    lines = []
    for epoch, rows in found.groupby("epoch"):
        values = [
            spread(rows[(rows["split"] == split) & (rows["metric"] == metric)]["value"])
            for split in ("valid", "test")
            for metric in ("accuracy", "EO difference")
        ]
        lines.append([str(epoch), *values])
    late = found[(found["epoch"] > LAST - 5) & (found["split"] == "test")].groupby(["metric", "seed"])["value"].std()
    within = [f"{np.sqrt((late[metric] ** 2).mean()):.4f}" for metric in ("accuracy", "EO difference")]
    lines.append(["std of one seed over the last five", "", "", *within])
    header = [f"{metric}, {split}" for split in ("valid", "test") for metric in ("accuracy", "EO difference")]
    return markdown(["epochs done", *header], lines)


VARIANTS = {"resnet": "resnet", "resnet-frozen-norm": "resnet"}
"""Ways to train A_L, by the names of their directories, and what each is compared with."""


def variants() -> str:
    """A_L trained in other ways, mean over all draws for each seed, and less another way, paired by seed."""
    found = annotated()[annotated()["split"] == "test"]
    found = found[found.groupby("variant")["epoch"].transform("max") == found["epoch"]]
    table = found.groupby(["metric", "variant", "seed"])["value"].mean()
    lines = []
    for name, base in VARIANTS.items():
        line = [name, str(len(table["accuracy"][name]))]
        for metric in ("accuracy", "accuracy before the noise", "EO difference"):
            line.append(spread(table[metric][name]))
            line.append("" if name == base else _less(table[metric][name] - table[metric][base]))
        lines.append(line)
    header = ["accuracy", "less", "accuracy before the noise", "less", "EO difference", "less"]
    return markdown(["variant", "seeds", *header], lines)


def _less(differences: pd.Series[float]) -> str:
    values = differences.dropna().to_numpy()
    low, high = compare.intervals(values[:, None], np.random.default_rng(0))
    return f"{values.mean():+.4f} [{low[0]:+.4f}, {high[0]:+.4f}]"


SHOWN = (
    Measure("accuracy", "accuracy on test", "classifier", "test", "overall", "accuracy"),
    Measure("accuracy, balanced", "accuracy on test balanced", "classifier", "test_balanced", "overall", "accuracy"),
    Measure("selection rate", "selection rate on test", "classifier", "test", "overall", "selection_rate"),
    Measure("DP difference", "DP difference on test", "classifier", "test", "difference", "demographic_parity"),
    Measure("EO difference", "EO difference on test", "classifier", "test", "difference", "equalized_odds"),
    Measure("share of red", "share of red, generated", "generator", "generated", "red", "group_share"),
)
ABLATIONS = {"data.green_given_label": "[0.3, 0.7]", "data.threshold": 5, "synthetic_share": 1.0}
"""The fields that are varied, one at a time, and their usual values."""


def ablated(field: str) -> pd.DataFrame:
    """The runs in which no other field has another than its usual value."""
    table = runs("ablations")
    usual = [table[other] == value for other, value in ABLATIONS.items() if other != field]
    return table[np.logical_and.reduce(usual)]


def ablations() -> str:
    """What each value gives in the first and in the last generation: mean and 95 % interval over seeds."""
    parts = []
    for field in ABLATIONS:
        lines = []
        for value, rows in ablated(field).groupby(field):
            found = [over_seeds(measure.rows(rows)).set_index("x") for measure in SHOWN]
            for i in (0, rows["generation"].max()):
                said = [f"{of['mean'][i]:.3f} [{of['low'][i]:.3f}, {of['high'][i]:.3f}]" for of in found]
                lines.append([str(value), str(i), str(rows["seed"].nunique()), *said])
        parts.append(markdown([field, "gen.", "seeds", *(measure.title for measure in SHOWN)], lines))
    return "\n\n".join(parts)


TABLES: dict[str, Callable[[], str]] = {
    make.__name__.replace("_", "-"): make
    for make in (
        all_cells,
        curves,
        less_annotator,
        first_generations,
        tried,
        control,
        losses,
        pairs,
        balanced,
        shares,
        annotators,
        gap,
        epochs,
        variants,
        ablations,
    )
}


def filled(page: str) -> str:
    """The page with each table between its marks, as its function makes it now."""
    for name, make in TABLES.items():
        start, end = f"<!-- table: {name} -->", "<!-- end of table -->"
        pattern = re.compile(f"({re.escape(start)}\n).*?(\n{re.escape(end)})", re.DOTALL)
        if not pattern.search(page):
            raise SystemExit(f"{PAGE}: has no place for the table {name}")
        text = make()
        page = pattern.sub(lambda found, text=text: f"{found[1]}\n{text}\n{found[2]}", page)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", choices=[*TABLES, []], help="which; default: all")
    parser.add_argument("--write", action="store_true", help="into the page")
    asked = parser.parse_args()
    if asked.write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print("\n\n".join(f"{name}\n\n{TABLES[name]()}" for name in asked.tables or TABLES))


if __name__ == "__main__":
    main()
