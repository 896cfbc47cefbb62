"""Adult (UCI), retrained for ten rounds on its own labels, and audited.

    python examples/audit_adult.py DIRECTORY OUT

DIRECTORY holds the publisher's adult.data and adult.test (https://archive.ics.uci.edu/dataset/2/adult), as they are or
gzipped. OUT gets the log of the ten rounds, and the audit of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fairloop import Audit, audit

NUMBERS = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
WORDS = ["workclass", "marital_status", "occupation", "relationship", "race", "sex"]
COLUMNS = [
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
]


def read(directory: Path, name: str) -> pd.DataFrame:
    """The people in one of the publisher's files, whose test file begins with a remark and ends labels with a dot."""
    path = next((path for path in (directory / name, directory / f"{name}.gz") if path.is_file()), None)
    if path is None:
        sys.exit(f"{directory}: holds no {name}, nor {name}.gz; get it from the UCI repository")
    people = pd.read_csv(path, names=COLUMNS, comment="|", skipinitialspace=True)
    return people.assign(income=people["income"].str.rstrip("."))


def learner() -> Pipeline:
    """A usual classifier."""
    words = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(make_column_transformer((StandardScaler(), NUMBERS), (words, WORDS)), LogisticRegression())


def retrain(people: pd.DataFrame, test: pd.DataFrame, rounds: int = 10, size: int = 1_000) -> pd.DataFrame:
    """In round 0 the classifier learns from people's own labels, then from those that it gave to new people itself."""
    log = []
    known = people.sample(size, random_state=0)
    for i in range(rounds):
        model = learner().fit(known[NUMBERS + WORDS], known["income"])
        log.append(test.assign(round=i, predicted=model.predict(test[NUMBERS + WORDS])))
        new = people.sample(size, random_state=i + 1)
        known = new.assign(income=model.predict(new[NUMBERS + WORDS]))
    return pd.concat(log, ignore_index=True)


def main(directory: Path, out: Path) -> Audit:
    """Retrain, keep the log, audit it, and say what was found."""
    out.mkdir(parents=True, exist_ok=True)
    retrain(read(directory, "adult.data"), read(directory, "adult.test")).to_parquet(out / "log.parquet")
    found = audit(
        out / "log.parquet",
        round="round",
        label="income",
        prediction="predicted",
        groups=["race", "sex"],
        beneficial=">50K",
        min_size=30,
    )
    found.write(out)
    print(found.verdict)
    return found


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/audit_adult.py DIRECTORY OUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
