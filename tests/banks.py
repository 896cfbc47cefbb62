"""Logs of a bank that knows repayment only of people whom it granted credit."""

from __future__ import annotations

import numpy as np
import pandas as pd

COLUMNS = {"round": "month", "label": "repaid", "prediction": "granted", "groups": "sex"}
GATE = ["equalized_odds_difference>0.1", "demographic_parity_difference>0.2", "tpr[Female]<0.3", "selection_rate<0.2"]


def bank(
    months: int = 8, people: int = 600, explored: int = 4, groups: tuple[str, ...] = ("Female", "Male"), late: int = 1
) -> pd.DataFrame:
    """Labels of people who were granted credit; from month `explored` on of 20 % of the others; of the last, none."""
    rng, parts = np.random.default_rng(0), []
    for month in range(months):
        group, good = rng.integers(len(groups), size=people), rng.random(people) < 0.6
        score = 0.3 + 0.35 * good + rng.normal(0, 0.2, people) - 0.04 * month * (group == 0)
        granted = score >= 0.5
        propensity = np.where(granted, 1.0, 0.2 if month >= explored else 0.0)
        known = (rng.random(people) < propensity) & (month < months - late)
        parts.append(
            pd.DataFrame(
                {"month": f"2024-{month + 1:02d}" if months <= 12 else month, "repaid": np.where(known, good, np.nan),
                 "granted": granted.astype(int), "sex": np.array(groups)[group], "propensity": propensity}
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)
