"""The outcome curve: the mean change of a group's score as a function of its selection rate.

Liu, Dean, Rolf, Simchowitz and Hardt (2018, arXiv 1803.04383). The mean is over the whole group: rejected people count
with a change of 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fairloop.people.interface import Array, Floats
from fairloop.people.scores import ScoreLaw

Region = Literal["active harm", "relative harm", "relative improvement", "no change"]


@dataclass(frozen=True)
class Changes:
    """Changes of a score by a decision. repaid, default: added to it. bounds: of the score; None: no bounds.

    Each person's new score is kept within the bounds, not the mean.
    """

    repaid: float = 75.0
    default: float = -150.0
    bounds: tuple[float, float] | None = (300.0, 850.0)

    def after(self, scores: Array, repaid: Array) -> Floats:
        """New scores of people with a loan. repaid: (n,) bool, or 1 and 0."""
        return self._bounded(scores + np.array([self.default, self.repaid]).take(repaid))

    def expected(self, scores: Array, repays: Array) -> Floats:
        """Expected change of accepted people with these scores and probabilities of repayment."""
        up, down = self.both(scores)
        return np.asarray(repays * up + (1 - repays) * down)

    def both(self, scores: Array) -> tuple[Floats, Floats]:
        """Changes of these scores after repayment and after a default."""
        return self._bounded(scores + self.repaid) - scores, self._bounded(scores + self.default) - scores

    def _bounded(self, scores: Array) -> Floats:
        return np.asarray(scores if self.bounds is None else np.clip(scores, *self.bounds), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class OutcomeCurve:
    """A piecewise linear curve. rates: (m + 1,) from 0 to 1. values: (m + 1,) mean change at these rates."""

    rates: Floats
    values: Floats

    @classmethod
    def of(cls, law: ScoreLaw, group: int, changes: Changes) -> OutcomeCurve:
        """The curve of one group, with acceptance in decreasing order of scores."""
        pmf = law.pmf[group, ::-1]
        gains = pmf * changes.expected(law.scores, law.repays[group])[::-1]
        return cls(np.append(0.0, np.cumsum(pmf)), np.append(0.0, np.cumsum(gains)))

    def at(self, rate: float | Array) -> Floats:
        """The mean change at a selection rate."""
        return np.asarray(np.interp(rate, self.rates, self.values))

    @property
    def best(self) -> float:
        """The rate with the largest mean change."""
        return float(self.rates[np.argmax(self.values)])

    def falls_to(self, value: float) -> float:
        """The rate above `best` at which the curve has fallen to `value`; NaN if it never does.

        For value 0, selection above this rate does active harm. For the value at the most profitable rate, selection
        above this rate does relative harm.
        """
        start = int(np.argmax(self.values))
        below = np.flatnonzero(self.values[start:] < value)
        if not len(below) or self.values[start] < value:
            return float("nan")
        end = start + int(below[0])
        (x0, x1), (y0, y1) = self.rates[end - 1 : end + 1], self.values[end - 1 : end + 1]
        return float(x0 + (x1 - x0) * (value - y0) / (y1 - y0))

    def region(self, rate: float, profitable: float) -> Region:
        """The consequence of a rate for the group, in comparison with the most profitable rate."""
        value, usual = float(self.at(rate)), float(self.at(profitable))
        if value < 0:
            return "active harm"
        if np.isclose(value, usual, rtol=1e-9, atol=1e-12):
            return "no change"
        return "relative harm" if value < usual else "relative improvement"
