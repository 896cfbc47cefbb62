"""The names of measures, and the limits that users write."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fairloop.auditing.values import Measure
from fairloop.errors import InputError
from fairloop.metrics.catalogue import AGGREGATES, CATALOGUE, LIMITS

MODEL_MADE = "model_made_share"
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_EXPRESSION = re.compile(r"\s*(\w+)\s*(?:\[(.*)\])?\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Limit:
    """A line that a measure must not cross, such as `equalized_odds_difference>0.1` or `tpr[Female]<0.5`."""

    measure: Measure
    sign: str
    bound: float

    def broken_by(self, value: float) -> bool:
        """Whether `value` is beyond the limit. NaN counts as a violation."""
        return bool(np.isnan(value) or _OPERATORS[self.sign](value, self.bound))

    def __str__(self) -> str:
        return f"{self.measure}{self.sign}{self.bound:g}"


def limit(expression: str) -> Limit:
    """The limit that `expression` means. Raises InputError for an expression that is none."""
    found = _EXPRESSION.fullmatch(expression)
    name, group, sign, bound = found.groups() if found else ("", None, "", "nan")
    if np.isnan(value := _number(bound)):
        raise InputError(
            f"--fail-on {expression!r}: write a measure, one of > >= < <=, and a number, such as "
            "'equalized_odds_difference>0.1' or 'tpr[Female]<0.5'"
        )
    if name not in LIMITS:
        close = difflib.get_close_matches(name, LIMITS, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(LIMITS)}"
        raise InputError(f"--fail-on {expression!r}: there is no measure '{name}'; {hint}")
    metric, part = LIMITS[name]
    if group is not None and (part in AGGREGATES or "group" not in CATALOGUE[metric].parts):
        raise InputError(f"--fail-on {expression!r}: '{name}' is about all groups; leave out [{group}]")
    return Limit(Measure(metric, part if group is None else group), sign, value)


def _number(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return np.nan
