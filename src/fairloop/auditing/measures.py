"""The names of measures."""

from __future__ import annotations

from fairloop.auditing.shares import NEEDS
from fairloop.metrics import fairness as perf

MODEL_MADE = "model_made_share"
PARTS = {"demographic_parity": ("selection_rate",), "equalized_odds": ("tpr", "fpr"), "predictive_parity": ("ppv",)}
"""Measures that compare groups in several rates, of which the worst counts."""

SCORED = {
    **dict.fromkeys(("auc", "brier", "calibration_error", "score_mean"), ("difference", "min", "max")),
    **dict.fromkeys(("score_ks", "score_wasserstein", "score_shift_ks", "score_shift_wasserstein"), ("max",)),
}
"""Measures of logs with scores, and the aggregates over groups that each has."""


def names() -> list[str]:
    """The name of every measure that is not about one group."""
    parts = dict.fromkeys((*NEEDS, "count"), perf.DISPARITIES) | SCORED
    of_groups = [f"{metric}_{part}" for metric, aggregates in parts.items() for part in aggregates]
    return [*parts, *of_groups, *(f"{m}_{part}" for m in PARTS for part in ("difference", "ratio")), MODEL_MADE]
