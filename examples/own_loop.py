"""A loop of your own objects: a scikit-learn classifier, and a generator that copies people it has seen.

python examples/own_loop.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fairloop import OwnLoop, simulate, table_of


class Bootstrap:
    """Remembers the people that it is shown, and makes copies of them."""

    def fit(self, people: pd.DataFrame) -> None:
        self.people = people

    def sample(self, n: int, rng: np.random.Generator) -> pd.DataFrame:
        return self.people.iloc[rng.integers(len(self.people), size=n)]


def applicants(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray, str]:
    """Features of people who once got a loan, whether they repaid it, and the column that says their group."""
    sex = rng.choice(["Female", "Male"], n, p=[0.3, 0.7])
    income = rng.normal(np.where(sex == "Male", 33, 28), 8)
    debt = rng.normal(10, 4, n)
    repaid = income - 1.5 * debt + rng.normal(0, 6, n) > 15
    return pd.DataFrame({"income": income, "debt": debt, "sex": sex}), np.where(repaid, "repaid", "not"), "sex"


def main(generations: int = 9, people: int = 400) -> pd.DataFrame:
    """Follow the loop, its control, and the loop with STAR; say what came of them, and return their table."""
    rng = np.random.default_rng(0)
    train, test = applicants(people, rng), applicants(5_000, rng)
    classifier = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["sex"]), (StandardScaler(), ["income", "debt"])),
        LogisticRegression(C=0.05),
    )
    tables = []
    for setting, star in (("control", "none"), ("seqgen-seqclass", "none"), ("seqgen-seqclass", "classifier")):
        loop = OwnLoop(
            *(train, test),
            generator=Bootstrap(),
            classifier=classifier,
            setting=setting,
            star=star,
            beneficial="repaid",
            generations=generations,
            samples=2_000,
        )
        followed = list(simulate(loop))
        tables.append(table_of(loop, followed))
        print(f"{setting}, STAR: {star}")
        for generation in (followed[0], followed[-1]):
            accuracy = generation.value("accuracy")
            unfair = generation.value("equalized_odds", "difference")
            print(f"  generation {generation.index}: accuracy {accuracy:.3f}, equalized odds difference {unfair:.3f}")
    return pd.concat(tables, ignore_index=True)


if __name__ == "__main__":
    main()
