"""Tables about A_L alone, and about draws of the test data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from docs.reproduction.committed import annotated, drawn, known, spread
from fairloop.metrics.statistics import over_seeds
from fairloop.report.text import markdown
from fairloop.spec.names import case_name

LAST = 30  # epochs
JUDGED = ("accuracy", "DP difference", "EO difference")
GENERATIONS = (0, 10, 20, 30, 39)
"""The generations whose classifiers draws.py measures."""
ANNOTATOR = -1
"""Their place for A_L."""


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


def optimizers() -> str:
    """A_L on full MNIST by other optimizers and learning rates than the published one."""
    shown = (("valid", "accuracy"), ("test", "accuracy"), ("test", "EO difference"))
    return _beside_others({"sgd": "sgd", "sgd-.01": "sgd", "adam": "sgd"}, shown)


def variants() -> str:
    """A_L as a small ResNet, whose batch norm stays frozen or does not."""
    shown = (("test", "accuracy"), ("test", "accuracy before the noise"), ("test", "EO difference"))
    return _beside_others({"resnet": "resnet", "resnet-frozen-norm": "resnet"}, shown)


def _beside_others(pairs: dict[str, str], shown: tuple[tuple[str, str], ...]) -> str:
    """Ways to train A_L, by names of directories, each less another: mean over all draws by seed, paired by seed."""
    found = annotated()[annotated()["variant"].isin([*pairs])]
    found = found[found.groupby("variant")["epoch"].transform("max") == found["epoch"]]
    table = found.groupby(["split", "metric", "variant", "seed"])["value"].mean()
    lines = []
    for name, base in pairs.items():
        line = [name, str(found[found["variant"] == name]["seed"].nunique())]
        for of in shown:
            line.append(spread(table[of][name]))
            line.append("" if name == base else _less(table[of][name] - table[of][base]))
        lines.append(line)
    one_split = len({split for split, _ in shown}) == 1
    header = [name for split, metric in shown for name in (metric if one_split else f"{metric}, {split}", "less")]
    return markdown(["variant", "seeds", *header], lines)


def _less(differences: pd.Series[float]) -> str:
    found = over_seeds(differences.to_numpy(float)[:, None])
    return f"{found.mean[0]:+.4f} [{found.low[0]:+.4f}, {found.high[0]:+.4f}]"


def draws() -> str:
    """For each curve and generation: the shift of C_i for a shift of A_L, and the spread of draws with and without A_L.

    Draws are of the same models, so values are compared within each seed; the slope is that through the origin.
    """
    found = drawn().assign(curve=[case_name(a, b) for a, b in drawn()[["setting", "star"]].to_numpy()])
    keys = ["curve", "seed", "metric", "generation"]
    shifts = found.assign(value=found["value"] - found.groupby(keys)["value"].transform("mean"))
    wide = shifts.pivot(index=["curve", "seed", "metric", "draw"], columns="generation", values="value")
    lines = []
    for curve in found["curve"].unique():
        for generation in GENERATIONS:
            line = [curve, str(generation)]
            for metric in JUDGED:
                both = wide.loc[curve].xs(metric, level="metric")
                ours, theirs = both[generation], both[ANNOTATOR]
                line += [
                    f"{(ours * theirs).sum() / (theirs**2).sum():.2f}",
                    f"{_within(ours):.4f}",
                    f"{_within(ours - theirs):.4f}",
                ]
            lines.append(line)
    header = [f"{metric}: {what}" for metric in JUDGED for what in ("shift for one of A_L", "std", "std less A_L")]
    return markdown(["curve", "generation", *header], lines)


def _within(shifts: pd.Series[float]) -> float:
    """The standard deviation of draws within seeds."""
    by_seed = shifts.groupby("seed")
    return float(np.sqrt((shifts**2).sum() / (by_seed.size() - 1).sum()))
