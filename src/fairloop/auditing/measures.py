"""The names of measures, and the limits that users write."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fairloop.auditing.shares import NEEDS
from fairloop.auditing.values import Measure
from fairloop.errors import InputError
from fairloop.metrics import fairness as perf

MODEL_MADE = "model_made_share"
PARTS = {"demographic_parity": ("selection_rate",), "equalized_odds": ("tpr", "fpr"), "predictive_parity": ("ppv",)}
"""Measures that compare groups in several rates, of which the worst counts."""

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_EXPRESSION = re.compile(r"\s*(\w+)\s*(?:\[(.*)\])?\s*(>=|<=|>|<)\s*(\S+)\s*")


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


@dataclass(frozen=True)
class Limit:
    """A line that a measure must not cross, such as `equalized_odds_difference>0.1` or `tpr[Female]<0.5`."""

    measure: Measure
    sign: str
    bound: float

    def broken_by(self, value: float) -> bool:
        """Whether `value` is beyond the limit. Who cannot be measured has not passed: NaN is."""
        return bool(np.isnan(value) or _OPERATORS[self.sign](value, self.bound))

    def __str__(self) -> str:
        return f"{self.measure}{self.sign}{self.bound:g}"


def limit(expression: str) -> Limit:
    """The limit that `expression` says. Raises InputError for one that says none."""
    found = _EXPRESSION.fullmatch(expression)
    name, group, sign, bound = found.groups() if found else ("", None, "", "nan")
    if np.isnan(value := _number(bound)):
        raise InputError(
            f"--fail-on {expression!r}: write a measure, one of > >= < <=, and a number, such as "
            "'equalized_odds_difference>0.1' or 'tpr[Female]<0.5'"
        )
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names())}"
        raise InputError(f"--fail-on {expression!r}: there is no measure '{name}'; {hint}")
    metric, _, part = name.rpartition("_")
    if part not in perf.DISPARITIES:
        return Limit(Measure(name, group or "overall"), sign, value)
    if group is not None:
        raise InputError(f"--fail-on {expression!r}: '{name}' is about all groups; leave out [{group}]")
    return Limit(Measure(metric, part), sign, value)


def _number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return np.nan
