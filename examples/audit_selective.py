"""A bank learns who repays only from people whom it granted credit: how an audit of its log stays honest.

    python examples/audit_selective.py --out DIR [--root DIRECTORY_WITH_ADULT_DATA_AND_TEST]

Twelve months of applications. A model that was trained on earlier people grants credit; `repaid` is known for the
granted alone. From month 6 on the bank also grants 5 % of those whom the model rejects, by lot. The script audits

1. the first month: the audit says that labels exist for the selected only;
2. all months without propensities: the gate on equalized odds is undefined, and does not pass;
3. all months with them: rates of all people with intervals, printed beside the truth, which only this script knows.

--root holds UCI Adult's adult.data and adult.test (https://archive.ics.uci.edu/dataset/2/adult), gzipped or not; an
income above 50K stands for `repaid`. Without it a small synthetic population takes their place. DIR gets the log and
the third audit.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fairloop import Audit, audit

MONTHS, EXPLORED_FROM, EXPLORED = 12, 6, 0.05
NUMBERS = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
WORDS = ["workclass", "marital_status", "occupation", "relationship"]
"""What the model sees: neither sex nor race."""

COLUMNS = {"round": "month", "label": "repaid", "prediction": "granted", "groups": "sex"}
MEASURES = ("tpr", "fpr", "accuracy")


class Bank(NamedTuple):
    """The bank's log, and the same with every label, which no bank has."""

    log: pd.DataFrame
    truth: pd.DataFrame


def adult(root: Path) -> pd.DataFrame:
    """The people of both files of UCI Adult, with the columns that the model sees, `sex` and `repays`."""
    names = ["age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship",
             "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"]  # fmt: skip
    files = [
        file for name in ("adult.data", "adult.test") for file in (root / name, root / f"{name}.gz") if file.is_file()
    ]
    if len(files) != 2:
        sys.exit(f"{root}: holds no adult.data and adult.test, gzipped or not; get them from the UCI repository")
    both = pd.concat([pd.read_csv(file, names=names, comment="|", skipinitialspace=True) for file in files])
    return both[[*NUMBERS, *WORDS, "sex"]].assign(repays=both["income"].str.startswith(">50K").astype(int))


def stand_in(people: int = 30_000) -> pd.DataFrame:
    """A synthetic population with the same columns, for a try without files."""
    rng = np.random.default_rng(0)
    female = rng.random(people) < 0.33
    education, hours = rng.normal(10, 2.5, people), rng.normal(np.where(female, 36, 42), 10)
    married = rng.random(people) < np.where(female, 0.2, 0.6)
    odds = 0.35 * (education - 10) + 0.03 * (hours - 40) + 2.0 * married - 2.4
    words = {name: np.where(married, "a", "b") for name in WORDS}
    numbers = {"age": rng.integers(18, 80, people), "education_num": education, "hours_per_week": hours}
    return pd.DataFrame({**numbers, "capital_gain": 0, "capital_loss": 0, **words}).assign(
        sex=np.where(female, "Female", "Male"), repays=(rng.random(people) < 1 / (1 + np.exp(-odds))).astype(int)
    )


def learner() -> Pipeline:
    """A usual classifier."""
    words = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        make_column_transformer((StandardScaler(), NUMBERS), (words, WORDS)), LogisticRegression(max_iter=300)
    )


def simulate(people: pd.DataFrame, seed: int = 0, fewer: float = 0.01) -> Bank:
    """Twelve months of a bank. fewer: by how much its threshold rises each month, as its standards tighten."""
    rng = np.random.default_rng(seed)
    people = people.sample(frac=1, random_state=seed).reset_index(drop=True)
    known, applicants = people.iloc[: len(people) // 5], people.iloc[len(people) // 5 :]
    model = learner().fit(known[NUMBERS + WORDS], known["repays"])
    score = model.predict_proba(applicants[NUMBERS + WORDS])[:, 1]
    month = rng.integers(1, MONTHS + 1, len(applicants))
    granted = score >= 0.4 + fewer * month
    propensity = np.where(granted, 1.0, np.where(month >= EXPLORED_FROM, EXPLORED, 0.0))
    seen = rng.random(len(applicants)) < propensity
    truth = pd.DataFrame(
        {"month": month, "sex": applicants["sex"].to_numpy(), "granted": granted.astype(int),
         "propensity": propensity, "repaid": applicants["repays"].to_numpy().astype(float)}
    ).sort_values("month", kind="stable", ignore_index=True)  # fmt: skip
    order = np.argsort(month, kind="stable")
    return Bank(truth.assign(repaid=truth["repaid"].where(seen[order])), truth)


def beside_the_truth(found: Audit, bank: Bank) -> pd.DataFrame:
    """The value and interval of each rate of each group in the months with exploration, and the true one."""
    all_labels = audit(bank.truth, **COLUMNS)
    rows = []
    for metric in MEASURES:
        for group in found.measured.rounds.groups:
            every = zip(*(one.measured.values(_measure(metric, group)) for one in (found, all_labels)), strict=True)
            rows += [
                {"month": place + 1, "metric": metric, "group": group, "status": value.status, "value": value.value,
                 "low": value.low, "high": value.high, "truth": true.value,
                 "covered": bool(value.low <= true.value <= value.high)}
                for place, (value, true) in enumerate(every)
                if place + 1 >= EXPLORED_FROM
            ]  # fmt: skip
    return pd.DataFrame(rows)


def _measure(metric: str, group: str):
    from fairloop.auditing import Measure

    return Measure(metric, group)


def main(out: Path, root: Path | None) -> pd.DataFrame:
    """Simulate, audit thrice, and say what each audit says."""
    bank = simulate(stand_in() if root is None else adult(root))
    out.mkdir(parents=True, exist_ok=True)
    bank.log.to_parquet(out / "log.parquet")
    gate = ["equalized_odds_difference>0.2"]

    print(f"1. The first month alone\n\n{audit(bank.log[bank.log['month'] == 1], **COLUMNS).verdict}\n")
    without = audit(bank.log, **COLUMNS, fail_on=gate)
    print(f"2. All months, without propensities: the gate says\n\n{'; '.join(without.failures)}\n")
    found = audit(bank.log, **COLUMNS, fail_on=gate, propensity="propensity")
    print(f"3. All months, with propensities: {'; '.join(found.failures) or 'the limit is kept'}\n\n{found.verdict}\n")
    told = beside_the_truth(found, bank)
    print(told.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    print(f"\n{told['covered'].sum()} of {len(told)} intervals of 95 % hold the truth.")
    found.write(out, overwrite=True)
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="a directory for the log and the audit")
    parser.add_argument("--root", type=Path, help="a directory with adult.data and adult.test; default: a stand-in")
    asked = parser.parse_args()
    main(asked.out, asked.root)
