"""How often the intervals of an audit cover the truth at the bank of `examples/audit_selective.py`.

    python -m benchmarks.audit_bank --root DIRECTORY_WITH_ADULT_DATA_AND_TEST              # 400 seeds, some minutes
    python -m benchmarks.audit_bank --seeds 20                                             # the example's stand-in

The model is trained once. The people that it has not seen are the population; each month of each seed draws as many of
them as the example has a month, with replacement, and explores 5 % of those whom the model rejects. The truth is that
of the population under the month's threshold. Months 6 to 12 of a seed are audited, as rounds of a log; no two months
share a draw, so each is a sample of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from examples import audit_selective as bank
from fairloop import audit
from fairloop.auditing import Measure
from fairloop.report.text import markdown

MONTHS = np.arange(bank.EXPLORED_FROM, bank.MONTHS + 1)
SEXES = ("Female", "Male")
RATES = ("selection_rate", "tpr", "fnr", "fpr", "tnr", "ppv", "fdr", "for", "accuracy")
DIFFERENCES = {
    "accuracy": ("accuracy",), "demographic_parity": ("selection_rate",), "equalized_odds": ("tpr", "fpr"),
    "predictive_parity": ("ppv",),
}  # fmt: skip
AT_ONCE = 40  # seeds in one audit


def population(root: Path | None) -> pd.DataFrame:
    """The people whom the model has not seen: `female`, `repays`, and the model's `score`."""
    people = bank.stand_in() if root is None else bank.adult(root)
    people = people.sample(frac=1, random_state=0).reset_index(drop=True)
    known, others = people.iloc[: len(people) // 5], people.iloc[len(people) // 5 :]
    model = bank.learner().fit(known[bank.NUMBERS + bank.WORDS], known["repays"])
    score = model.predict_proba(others[bank.NUMBERS + bank.WORDS])[:, 1]
    return pd.DataFrame({"sex": others["sex"], "repays": others["repays"], "score": score}).reset_index(drop=True)


def threshold(month: np.ndarray) -> np.ndarray:
    return 0.4 + 0.01 * month


def truth(people: pd.DataFrame, month: int) -> dict[tuple[str, str], float]:
    """Every measure of the population in a month, by measure and group."""
    found = {}
    for sex in SEXES:
        one = people[people["sex"] == sex]
        good, chosen = one["repays"] == 1, one["score"] >= threshold(np.array(month))
        tpr, fpr, ppv = chosen[good].mean(), chosen[~good].mean(), good[chosen].mean()
        each = (chosen.mean(), tpr, 1 - tpr, fpr, 1 - fpr, ppv, 1 - ppv, good[~chosen].mean(), (good == chosen).mean())
        found |= {(metric, sex): float(value) for metric, value in zip(RATES, each, strict=True)}
    for name, parts in DIFFERENCES.items():
        found[name, "difference"] = max(abs(found[part, "Female"] - found[part, "Male"]) for part in parts)
    return found


def log(people: pd.DataFrame, seeds: range, explored: float) -> pd.DataFrame:
    """Months 6 to 12 of so many seeds, a round each."""
    a_month = len(people) // bank.MONTHS
    parts = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        month = np.repeat(MONTHS, a_month)
        drawn = people.iloc[rng.integers(len(people), size=len(month))].reset_index(drop=True)
        granted = drawn["score"].to_numpy() >= threshold(month)
        propensity = np.where(granted, 1.0, explored)
        label = drawn["repays"].where(rng.random(len(month)) < propensity)
        parts.append(pd.DataFrame({
            "round": seed * len(MONTHS) + month - MONTHS[0], "sex": drawn["sex"], "granted": granted.astype(int),
            "propensity": propensity, "repaid": label,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def covered(
    people: pd.DataFrame, seeds: int, explored: float = bank.EXPLORED
) -> Iterator[tuple[str, str, float, float]]:
    """Measure, group, the share of rounds with an interval of it, and of these the share that holds the truth."""
    true = [truth(people, month) for month in MONTHS]
    held: dict[tuple[str, str], list[np.ndarray]] = {one: [] for one in true[0]}
    for start in range(0, seeds, AT_ONCE):
        rows = log(people, range(start, min(seeds, start + AT_ONCE)), explored)
        found = audit(rows, round="round", label="repaid", prediction="granted", groups="sex", propensity="propensity")
        for (metric, group), parts in held.items():
            interval = found.measured.estimates(Measure(metric, group), 0.05)
            values = np.resize([one[metric, group] for one in true], len(interval.low))
            inside = (interval.low <= values) & (values <= interval.high)
            parts.append(np.where(np.isfinite(interval.low), inside, np.nan))
    for (metric, group), parts in held.items():
        every = np.concatenate(parts)
        yield metric, group, float(np.isfinite(every).mean()), float(np.nanmean(every))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a directory with adult.data and adult.test; default: a stand-in")
    parser.add_argument("--seeds", type=int, default=400)
    parser.add_argument("--explored", type=float, default=bank.EXPLORED)
    asked = parser.parse_args()
    people = population(asked.root)
    rounds = asked.seeds * len(MONTHS)
    error = (0.05 * 0.95 / rounds) ** 0.5
    print(f"{asked.seeds} seeds, {rounds:,} months of {len(people) // bank.MONTHS:,} people, {asked.explored:.0%} of "
          f"the rejected explored; a share of .95 has a standard error of {error:.4f}\n")  # fmt: skip
    rows = [[metric, group, f"{known:.3f}", f"{share:.3f}"]
            for metric, group, known, share in covered(people, asked.seeds, asked.explored)]  # fmt: skip
    print(markdown(["measure", "of", "has an interval", "holds the truth"], rows))


if __name__ == "__main__":
    main()
