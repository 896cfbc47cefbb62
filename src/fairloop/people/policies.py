"""Policies of a lender with a known law of scores: maximal profit, demographic parity, equal opportunity.

All follow Liu, Dean, Rolf, Simchowitz and Hardt (2018, arXiv 1803.04383). Profit is piecewise linear in the common
rate, and its best value lies where the mass of a group's scores above some score ends. So the search is exact, and
all groups but one may have a score at which acceptance is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairloop.errors import InputError
from fairloop.people.interface import Array, Floats
from fairloop.people.scores import ScoreLaw

_BITS = 1e-9


@dataclass(frozen=True)
class Lender:
    """Profit of one loan. gain: of a repaid loan, above 0. loss: of a default, below 0."""

    gain: float = 1.0
    loss: float = -4.0

    def __post_init__(self) -> None:
        if not (self.gain > 0 > self.loss):
            raise InputError(
                f"people.arguments.profit: {self.gain:g}, {self.loss:g} are not a gain above 0 and a loss below 0"
            )

    @property
    def break_even(self) -> float:
        """The probability of repayment at which a loan neither gains nor loses: -loss / (gain - loss)."""
        return -self.loss / (self.gain - self.loss)

    def utility(self, repays: Array) -> Floats:
        """Expected profit of a loan, for probabilities of repayment."""
        return np.asarray(self.gain * repays + self.loss * (1 - repays))

    def profit(self, law: ScoreLaw, accepts: Array) -> Floats:
        """(S,) expected profit per member of each group. accepts: (S, m) probabilities of acceptance."""
        return np.asarray((law.pmf * accepts * self.utility(law.repays)).sum(axis=1))


def top(mass: Array, share: float) -> Floats:
    """(m,) probabilities of acceptance that take the share of the mass with the highest scores.

    mass: (m,) of scores that increase. One score at most has a probability between 0 and 1.
    """
    above = mass[::-1].cumsum()[::-1] - mass
    rest = share * mass.sum() - above
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = np.where(mass > 0, np.clip(rest / mass, 0, 1), rest > 0)
    certain = np.rint(found)  # sums of masses differ in their last bits
    return np.asarray(np.where(np.abs(found - certain) < _BITS, certain, found), dtype=np.float64)


def max_profit(law: ScoreLaw, lender: Lender) -> Floats:
    """(S, m) probabilities of acceptance: 1 where P(repaid) is at least the break-even, 0 elsewhere."""
    return (law.repays >= lender.break_even).astype(np.float64)


def demographic_parity(law: ScoreLaw, lender: Lender) -> Floats:
    """(S, m) probabilities of acceptance: the most profitable common selection rate, top scores of each group."""
    return _common(law, lender, law.pmf)


def equal_opportunity(law: ScoreLaw, lender: Lender) -> Floats:
    """(S, m) probabilities of acceptance: the most profitable common TPR, top scores of each group."""
    return _common(law, lender, law.pmf * law.repays)


def _common(law: ScoreLaw, lender: Lender, mass: Floats) -> Floats:
    """The best policy that accepts the same share of `mass`, (S, m), in every group."""
    axes = np.cumsum(mass[:, ::-1], axis=1) / mass.sum(axis=1, keepdims=True)
    profits = np.cumsum((law.pmf * lender.utility(law.repays))[:, ::-1], axis=1)
    shares = np.unique(np.append(axes, (0.0, 1.0)).clip(0, 1))
    total = np.zeros(len(shares))
    for weight, axis, profit in zip(law.shares, axes, profits, strict=True):
        total += weight * np.interp(shares, np.append(0, axis), np.append(0, profit))
    best = shares[np.argmax(total)]
    return np.array([top(one, best) for one in mass])


POLICIES = {
    "max-profit": max_profit,
    "demographic-parity": demographic_parity,
    "equal-opportunity": equal_opportunity,
}
"""The policies that `people.arguments.policy` can name."""


@dataclass(frozen=True, eq=False)
class ScorePolicy:
    """A published rule: probabilities of acceptance by group and score. The first feature is the score.

    law: with S groups and m scores. probabilities: (S, m).
    """

    law: ScoreLaw
    probabilities: Floats

    def accepts(self, features: Array, groups: Array) -> Array:
        """(n,) probabilities of acceptance, those of the nearest score on the grid."""
        return self.law.at(self.probabilities, features[:, 0], groups)

    def linear(self) -> None:
        """None: thresholds differ between groups."""

    def score(self, features: Array, groups: Array) -> Array:
        """(n,) the scores themselves."""
        return np.asarray(features[:, 0])

    def gradient(self, features: Array, groups: Array) -> None:
        """None: people cannot choose scores."""
