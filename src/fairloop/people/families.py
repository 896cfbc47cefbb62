"""Distributions that depend on the published parameters, with their stable and optimal points.

Perdomo, Zrnic, Mendler-Duenner and Hardt (2020, Performative prediction, arXiv 2002.06673). D(theta) is the law of data
while theta is published. The performative risk of theta is its mean loss on D(theta); the optimum minimises it. A
stable point minimises the mean loss on its own data D(theta); repeated risk minimisation stays at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from fairloop.people.interface import Array, Floats

_CONVERGED = 1e-12  # of a step of Newton's method


class Family(Protocol):
    """A family of distributions with a loss; theta has the shape (d,)."""

    def minimiser(self, theta: Array) -> Floats:
        """The parameters with the smallest mean loss on D(theta): one step of repeated risk minimisation."""

    def gradient(self, theta: Array) -> Floats:
        """The mean derivative of the loss at theta, on D(theta) held fixed."""

    def risk(self, theta: Array) -> float:
        """The performative risk of theta."""

    def stable(self) -> Floats:
        """The stable point; NaN without one."""

    def optimum(self) -> Floats:
        """The performative optimum; NaN without one."""


def minimisation(family: Family, start: Array, rounds: int) -> Floats:
    """(rounds + 1, d) parameters under repeated risk minimisation."""
    return _repeated(family.minimiser, start, rounds)


def gradient_descent(family: Family, start: Array, step: float, rounds: int) -> Floats:
    """(rounds + 1, d) parameters under repeated gradient descent: one step of size `step` each round."""
    return _repeated(lambda theta: np.asarray(theta - step * family.gradient(theta)), start, rounds)


def _repeated(update: Callable[[Floats], Floats], start: Array, rounds: int) -> Floats:
    path = [np.atleast_1d(np.asarray(start, dtype=np.float64))]
    for _ in range(rounds):
        path.append(update(path[-1]))
    return np.array(path)


@dataclass(frozen=True, eq=False)
class Location:
    """Z ~ N(mean + slope theta, spread^2 I), loss factor norm(Z - theta)^2 / 2 + ridge norm(theta)^2 / 2.

    mean: (d,). slope: (d, d). Repeated risk minimisation multiplies the distance to the stable point by
    slope / (1 + ridge / factor) each round: it converges if and only if the spectral radius of that is below 1.
    Gradient descent multiplies it by 1 - step (factor (1 - slope) + ridge).
    """

    mean: Floats
    slope: Floats
    spread: float = 1.0
    ridge: float = 0.0
    factor: float = 1.0

    @classmethod
    def of(cls, mean: float, slope: float, spread: float = 1.0, ridge: float = 0.0, factor: float = 1.0) -> Location:
        """In one dimension."""
        return cls(np.array([mean]), np.array([[slope]]), spread, ridge, factor)

    def minimiser(self, theta: Array) -> Floats:
        return np.asarray((self.mean + self.slope @ theta) / (1 + self.ridge / self.factor))

    def gradient(self, theta: Array) -> Floats:
        return np.asarray(self.factor * (theta - self.mean - self.slope @ theta) + self.ridge * theta)

    def risk(self, theta: Array) -> float:
        off = self.mean + self.slope @ theta - theta
        noise = self.spread**2 * len(self.mean)
        return float(self.factor * (noise + off @ off) / 2 + self.ridge * theta @ theta / 2)

    def stable(self) -> Floats:
        return _solved((1 + self.ridge / self.factor) * np.eye(len(self.mean)) - self.slope, self.mean)

    def optimum(self) -> Floats:
        shift = self.slope - np.eye(len(self.mean))
        return _solved(shift.T @ shift + self.ridge / self.factor * np.eye(len(self.mean)), -shift.T @ self.mean)


@dataclass(frozen=True)
class Coin:
    """X is -1 or 1, P(Y = 1 | X) = 1/2 + (mean + slope theta) X; squared loss of 1/2 + theta X (example 2.2).

    abs(mean) + abs(slope) must be at most 1/2. The stable point is mean / (1 - slope), the optimum mean / (1 - 2
    slope), and repeated risk minimisation multiplies the distance to the former by `slope`.
    """

    mean: float
    slope: float

    def minimiser(self, theta: Array) -> Floats:
        return np.asarray(self.mean + self.slope * np.asarray(theta))

    def gradient(self, theta: Array) -> Floats:
        return np.asarray(2 * (theta - self.minimiser(theta)))

    def risk(self, theta: Array) -> float:
        value = float(np.atleast_1d(theta)[0])
        return 0.25 - 2 * value * (self.mean + self.slope * value) + value**2

    def stable(self) -> Floats:
        return _solved(np.array([[1 - self.slope]]), np.array([self.mean]))

    def optimum(self) -> Floats:
        return _solved(np.array([[1 - 2 * self.slope]]), np.array([self.mean]))


@dataclass(frozen=True, eq=False)
class Credit:
    """People whose features move by the published weights, under a logistic loss with a ridge.

    features: (n, d) base. labels: (n,) 0 and 1. strength: (d,) how far each feature moves: x = base + strength * theta,
    always from the base. theta: weights of label 1, which people want; their sign is the opposite where label 1 is a
    default. ridge: (d,) penalty ridge_j theta_j^2 / 2. An intercept is a feature of ones with strength 0. Penalise
    it, because all people move by the same vector, which an unpenalised intercept undoes in one round for every
    strength.
    """

    features: Floats
    labels: Floats
    strength: Floats
    ridge: Floats

    def shifted(self, theta: Array) -> Floats:
        """(n, d) features while theta is published."""
        return np.asarray(self.features + self.strength * theta)

    def minimiser(self, theta: Array) -> Floats:
        return logistic(self.shifted(theta), self.labels, self.ridge, start=theta)

    def gradient(self, theta: Array) -> Floats:
        features = self.shifted(theta)
        return np.asarray(features.T @ (expit(features @ theta) - self.labels) / len(features) + self.ridge * theta)

    def risk(self, theta: Array) -> float:
        scores = self.shifted(theta) @ theta
        return float((np.logaddexp(0, scores) - self.labels * scores).mean() + (self.ridge * theta**2).sum() / 2)

    def stable(self, rounds: int = 200, tolerance: float = 1e-10) -> Floats:
        """By repeated risk minimisation from 0."""
        theta = np.zeros(self.features.shape[1])
        for _ in range(rounds):
            before, theta = theta, self.minimiser(theta)
            if np.abs(theta - before).max() <= tolerance:
                return theta
        return np.full_like(theta, np.nan)

    def optimum(self) -> Floats:
        """The result of descent from the minimiser without a response, which may be a local optimum."""
        start = logistic(self.features, self.labels, self.ridge)
        found = minimize(self.risk, start, jac=self._slope_of_risk, method="BFGS", options={"gtol": 1e-9})
        return np.asarray(found.x)

    def _slope_of_risk(self, theta: Array) -> Floats:
        residual = expit(self.shifted(theta) @ theta) - self.labels
        return np.asarray(self.gradient(theta) + self.strength * theta * residual.mean())


def logistic(features: Array, labels: Array, ridge: Array, start: Array | None = None) -> Floats:
    """(d,) weights that minimise mean log loss + sum ridge_j w_j^2 / 2, by Newton's method with halved steps."""
    weights = np.zeros(features.shape[1]) if start is None else start

    def loss(trial: Array) -> float:
        scores = features @ trial
        return float((np.logaddexp(0, scores) - labels * scores).mean() + (ridge * trial**2).sum() / 2)

    for _ in range(100):
        chances = expit(features @ weights)
        slope = features.T @ (chances - labels) / len(features) + ridge * weights
        curvature = (features * (chances * (1 - chances))[:, None]).T @ features / len(features) + np.diag(ridge)
        step = np.linalg.lstsq(curvature, slope, rcond=None)[0]
        size, before = 1.0, loss(weights)
        while loss(weights - size * step) > before + 1e-15 and size > 1e-10:
            size /= 2
        weights = weights - size * step
        if np.abs(step).max() <= _CONVERGED or size <= 1e-10:  # no step lowers the loss
            break
    return np.asarray(weights)


def _solved(matrix: Array, vector: Array) -> Floats:
    try:
        return np.asarray(np.linalg.solve(matrix, vector))
    except np.linalg.LinAlgError:
        return np.full(len(vector), np.nan)
