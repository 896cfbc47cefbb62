"""The power of an audit: the smallest drift that its tests find, from the errors of its rounds.

Results are approximate. They assume correct equal errors, and rounds that are independent samples.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairloop.metrics.intervals import critical, student
from fairloop.metrics.statistics import ALPHA, POWER

_NODES = 200


def trend_drift(errors: ArrayLike, alpha: float = ALPHA / 3, power: float = POWER) -> float:
    """The total linear drift, first round to last, that `trend.fit` finds with `power`, in the unit of `errors`.

    errors: (R,) positive standard errors of rounds. alpha: two-sided, .05 / 3 for three watched measures.
    `P(Z + shift > t max(1, sqrt(X / f))) = power` gives the slope in errors, with f = R - 2, X chi-square with f
    degrees of freedom, and t Student's quantile: `trend.fit` enlarges errors if rounds scatter more than their errors
    explain. NaN with fewer than three rounds.

    >>> [round(trend_drift(np.ones(rounds)), 2) for rounds in (4, 6, 12)]
    [13.31, 6.42, 3.66]
    """
    from scipy.optimize import brentq  # slow to import

    error = np.asarray(errors, np.float64)
    rounds = len(error)
    if rounds < 3:
        return float("nan")
    quantile = float(student(rounds - 2, alpha))
    scale, weights = _scale(rounds - 2)
    places, certainty = np.arange(rounds), error**-2.0
    middle = np.average(places, weights=certainty)
    spread = float((certainty * (places - middle) ** 2).sum())
    needed = brentq(lambda shift: _found(shift, quantile * scale, weights) - power, 0, 100 * quantile + 100)
    return float(needed * (rounds - 1) / np.sqrt(spread))


@cache
def _scale(freedom: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of the distribution of max(1, sqrt(X / freedom)), X chi-square."""
    from scipy.special import chdtr, chdtri

    below = float(chdtr(freedom, freedom))
    nodes, weights = _gauss()
    share = below + (1 - below) * (nodes + 1) / 2
    return (
        np.append(1.0, np.sqrt(chdtri(freedom, 1 - share) / freedom)),
        np.append(below, (1 - below) * weights / 2),
    )


@cache
def _gauss() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of Gauss and Legendre on [-1, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights


def _found(shift: float, limits: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    from scipy.special import ndtr

    found: float = weights @ ndtr(shift - limits)
    return found


def reported_error(error: float, pairs: int, alpha: float = ALPHA) -> float:
    """The effective standard error of `intervals.of_difference` for a difference with the standard error `error`.

    pairs: of groups, twice as many for equalized odds, because its lower limit holds for all pairs at once.

    >>> round(reported_error(1.0, 2), 4)
    1.0718
    """
    return float(error * (critical(alpha) + critical(alpha / pairs)) / (2 * critical(alpha)))


def verdict_drift(error: float, pairs: int, alpha: float = ALPHA / 7, power: float = POWER) -> float:
    """The change of a largest difference, first round to last, that gets the verdict "grew" with `power`.

    error: standard error of one round's difference. pairs: as for `reported_error`. The result is too low for many
    groups, because other pairs add noise.

    >>> round(verdict_drift(1.0, 2), 2)
    5.16
    """
    reach = np.hypot(critical(alpha / pairs), critical(alpha))
    return float(error * (reach + critical(2 * (1 - power)) * 2**0.5))


def group_loss(error: float, groups: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """The loss of a group, first round to last, that an audit reports with `power`, for three rates of `groups` groups.

    error: standard error of its change.

    >>> round(group_loss(1.0, 2), 2)
    3.48
    """
    return float(error * (critical(alpha / (3 * groups)) + critical(2 * (1 - power))))
