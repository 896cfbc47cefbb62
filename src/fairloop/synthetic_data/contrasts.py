"""Means and intervals over splits of the measures for each training set, and of their differences, paired by split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.metrics.statistics import over_splits
from fairloop.synthetic_data.arms import ARMS, Arm, Value

SYNTHETIC_FOR_REAL, ADDED, ADDED_TO_SYNTHETIC = "synthetic - real", "both - real", "both - synthetic"
CONTRASTS: dict[str, tuple[Arm, Arm]] = {
    SYNTHETIC_FOR_REAL: ("synthetic", "real"),
    ADDED: ("both", "real"),
    ADDED_TO_SYNTHETIC: ("both", "synthetic"),
}
"""Differences by name: the first less the second."""


def contrasts(measured: Sequence[dict[Arm, dict[Value, float]]], tested: float) -> pd.DataFrame:
    """A row for each arm and contrast, group and metric; see `Comparison.table`. tested: the share held out."""
    columns = list(measured[0]["real"])
    values = {arm: np.array([[found[arm][each] for each in columns] for found in measured]) for arm in ARMS}
    named: dict[str, NDArray[np.float64]] = {arm: values[arm] for arm in ARMS}
    named |= {name: values[one] - values[other] for name, (one, other) in CONTRASTS.items()}
    return pd.concat([_rows(name, columns, found, tested) for name, found in named.items()], ignore_index=True)


def _rows(name: str, columns: list[Value], values: NDArray[np.float64], tested: float) -> pd.DataFrame:
    found = over_splits(values, tested)
    groups, metrics = zip(*columns, strict=True)
    return pd.DataFrame(
        {"trained_on": name, "group": groups, "metric": metrics, "value": found.mean, "low": found.low,
         "high": found.high, "lowest": found.lowest, "highest": found.highest, "splits": found.seeds}
    )  # fmt: skip
