"""Models of scikit-learn and fairlearn by name: a loop of people who once got a loan, with and without mitigation.

python examples/estimators_in_a_spec.py     needs pip install 'fairloop[fairness]'
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from fairloop import RunSpec, simulate

LINEAR = {"model": "sklearn.linear_model:LogisticRegression"}
CONTESTANTS: dict[str, dict[str, Any]] = {
    "logistic regression": {"classifier": LINEAR},
    "with thresholds by group": {"classifier": {"model": "fairlearn-threshold-optimizer"}},
    "with STAR": {"classifier": LINEAR, "star": {"target": "classifier"}},
}


def applicants(n: int, seed: int) -> pd.DataFrame:
    """Features of people who once got a loan, and whether they repaid it."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["Female", "Male"], n, p=[0.3, 0.7])
    income = rng.normal(np.where(sex == "Male", 33, 28), 8)
    debt = rng.normal(10, 4, n)
    repaid = np.where(income - 1.5 * debt + rng.normal(0, 6, n) > 15, "yes", "no")
    part = np.resize(["train", "test", "valid", "test", "test"], n)  # one in five to learn from
    return pd.DataFrame({"income": income, "debt": debt, "sex": sex, "repaid": repaid, "part": part})


def main(people: int = 3_000, generations: int = 6) -> dict[str, list[float]]:
    """Print and return accuracy and equalized odds difference of each contestant, in its first and last generation."""
    found = {}
    with TemporaryDirectory() as folder:
        table = Path(folder) / "people.csv"
        applicants(people, seed=0).to_csv(table, index=False)
        for name, models in CONTESTANTS.items():
            spec = RunSpec.model_validate({
                "data": {"name": "table", "table": table, "label": "repaid", "beneficial": "yes", "groups": ["sex"],
                         "split": "part"},
                "generator": {"model": "bootstrap"}, "annotator": LINEAR, "generations": generations, **models,
            })  # fmt: skip
            followed = list(simulate(spec))
            ends = followed[0], followed[-1]
            found[name] = [end.value(*of) for end in ends for of in (("accuracy",), ("equalized_odds", "difference"))]
            print("{}: accuracy {:.3f}, equalized odds difference {:.3f}".format(name, *found[name][:2]), end="; ")
            print("in generation {}: {:.3f}, {:.3f}".format(generations - 1, *found[name][2:]))
    return found


if __name__ == "__main__":
    main()
