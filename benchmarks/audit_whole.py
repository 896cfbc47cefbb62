"""How often the intervals of a whole audit of selective labels cover the truth.

    python -m benchmarks.audit_whole                  # 1,000 logs, some minutes
    python -m benchmarks.audit_whole --logs 400

Each round of one long log stands for a log of its own, with its own random draws: so many rounds, so many logs. Two
groups differ in their share of positive labels and in their scores. Scores of .5 and more are selected; labels of the
selected are known, and those of a share of the others by lot, which the audit is told as propensities. The truth is
that of the distribution that people are drawn from, computed exactly.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from fairloop import audit
from fairloop.auditing import Measure
from fairloop.report.text import markdown

GROUPS = {"A": (0.40, 0.0), "B": (0.50, 0.25)}
"""Of each group, the share of positive labels and by how much its scores lie higher, in log odds."""

GRID = np.arange(101) / 100
DIFFERENCES = {
    "accuracy": ("accuracy",), "demographic_parity": ("selection_rate",), "equalized_odds": ("tpr", "fpr"),
    "predictive_parity": ("ppv",), "auc": ("auc",),
}  # fmt: skip
"""Differences between groups, and the rates of which each is the largest."""

Floats = NDArray[np.float64]


def scores(label: int, higher: float) -> Floats:
    """(101,) probabilities of scores 0, .01, ..., 1 given the label: normal in log odds."""
    with np.errstate(divide="ignore"):
        edges = np.log(GRID[:-1] + 0.005) - np.log1p(-(GRID[:-1] + 0.005))
    below = stats.norm.cdf(edges, loc=(0.9 if label else -1.3) + higher, scale=1.2)
    return np.diff(np.concatenate([[0.0], below, [1.0]]))


def truth(base: float, higher: float) -> dict[str, float]:
    """Every measure of a group, from its distribution."""
    good, bad = scores(1, higher), scores(0, higher)
    selected = GRID >= 0.5
    tpr, fpr = float(good[selected].sum()), float(bad[selected].sum())
    rate = base * tpr + (1 - base) * fpr
    ppv = base * tpr / rate
    brier = base * good @ (GRID - 1) ** 2 + (1 - base) * bad @ GRID**2
    auc = float(good @ (bad.cumsum() - bad / 2))
    return {
        "selection_rate": rate, "tpr": tpr, "fnr": 1 - tpr, "fpr": fpr, "tnr": 1 - fpr, "ppv": ppv, "fdr": 1 - ppv,
        "for": base * (1 - tpr) / (1 - rate), "accuracy": base * tpr + (1 - base) * (1 - fpr), "auc": auc,
        "brier": float(brier),
    }  # fmt: skip


def log(logs: int, people: int, explored: float, seed: int) -> pd.DataFrame:
    """So many rounds, each with so many people of each group."""
    rng, parts = np.random.default_rng(seed), []
    for name, (base, higher) in GROUPS.items():
        rows = logs * people
        label = rng.random(rows) < base
        score = np.empty(rows)
        for value in (0, 1):
            score[label == value] = rng.choice(GRID, int((label == value).sum()), p=scores(value, higher))
        propensity = np.where(score >= 0.5, 1.0, explored)
        known = rng.random(rows) < propensity
        parts.append(
            pd.DataFrame(
                {"log": np.repeat(np.arange(logs), people), "group": name, "score": score,
                 "label": np.where(known, label.astype(float), np.nan), "propensity": propensity}
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def covered(
    logs: int, people: int = 4000, explored: float = 0.05, seed: int = 0
) -> Iterator[tuple[str, str, float, float]]:
    """Measure, group, the share of logs with an interval of it, and of these the share that holds the truth."""
    found = audit(
        log(logs, people, explored, seed), round="log", label="label", score="score", groups="group",
        propensity="propensity",
    ).measured  # fmt: skip
    true = {name: truth(*group) for name, group in GROUPS.items()}
    wanted = [(Measure(metric, name), value) for name in GROUPS for metric, value in true[name].items()]
    wanted += [
        (Measure(metric, "difference"), max(abs(true["A"][part] - true["B"][part]) for part in parts))
        for metric, parts in DIFFERENCES.items()
    ]
    for measure, value in wanted:
        interval = found.estimates(measure, 0.05)
        held = (interval.low <= value) & (value <= interval.high)
        yield (
            measure.metric,
            measure.group,
            float(np.isfinite(interval.low).mean()),
            float(held[np.isfinite(interval.low)].mean()),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=1000)
    parser.add_argument("--people", type=int, default=4000, help="in each group of a log")
    parser.add_argument("--explored", type=float, default=0.05, help="the share of the not selected with a label")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    error = (0.05 * 0.95 / asked.logs) ** 0.5
    print(f"{asked.logs:,} logs of 2 x {asked.people:,} people, {asked.explored:.0%} of the others explored, seed "
          f"{asked.seed}; a share of .95 has a standard error of {error:.4f}\n")  # fmt: skip
    every = covered(asked.logs, asked.people, asked.explored, asked.seed)
    rows = [[metric, group, f"{known:.3f}", f"{held:.3f}"] for metric, group, known, held in every]
    print(markdown(["measure", "of", "has an interval", "holds the truth"], rows))


if __name__ == "__main__":
    main()
