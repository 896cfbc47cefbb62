"""Loops whose variance or error has a closed form, run through the same loop as everything else.

One loop follows many independent replicates at once: every column of its features is one.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fairloop import OwnLoop, simulate

Rows = NDArray[np.float64]
N, REPLICATES, GENERATIONS = 20, 600, 8


class Gaussian:
    """A normal distribution for each column, by maximum likelihood; or its mean alone, with a spread of 1."""

    def __init__(self, spread: float | None = None) -> None:
        self.spread = spread

    def fit(self, x: Rows) -> None:
        self.mean = x.mean(axis=0)
        self.deviation = x.std(axis=0) if self.spread is None else np.full(x.shape[1], self.spread)

    def sample(self, n: int, rng: np.random.Generator) -> Rows:
        return self.mean + self.deviation * rng.normal(size=(n, len(self.mean)))


class Regression:
    """Least squares of the last columns on the first `d`, with noise of spread 1 on standard normal inputs."""

    def __init__(self, d: int) -> None:
        self.d = d

    def fit(self, rows: Rows) -> None:
        self.weights = np.linalg.lstsq(rows[:, : self.d], rows[:, self.d :], rcond=None)[0]

    def sample(self, n: int, rng: np.random.Generator) -> Rows:
        x = rng.normal(size=(n, self.d))
        return np.hstack([x, x @ self.weights + rng.normal(size=(n, self.weights.shape[1]))])


class Anybody:
    """Calls everybody the same."""

    def __init__(self, name: object) -> None:
        self.name = name

    def predict(self, x: Rows) -> list[object]:
        return [self.name] * len(x)


def follow(generator: object, real: Rows, policy: str, seed: int = 0) -> list[object]:
    """The fitted generators of a loop in which each generation makes as many rows as there are real ones, once."""
    people = real, np.arange(len(real)) % 2, np.zeros(len(real), np.int64)
    loop = OwnLoop(
        people, people, generator=generator, classifier=Anybody(0), group_annotator=Anybody("0"),
        generations=GENERATIONS, seed=seed, samples=1, policy={"generator": {"kind": policy, "kept": True}},
    )  # fmt: skip
    return [generation.generator.module.own for generation in simulate(loop)]


def close(values: Rows, expected: float) -> None:
    """Within four standard errors of independent `values`."""
    error = values.std(ddof=1) / len(values) ** 0.5
    assert abs(values.mean() - expected) < 4 * error, (values.mean(), expected, error)


def normal(columns: int = REPLICATES) -> Rows:
    return np.random.default_rng(7).normal(size=(N, columns))


def test_replaced_gaussians_lose_their_variance():
    for t, fitted in enumerate(follow(Gaussian(), normal(), "replace")):
        close(fitted.deviation**2, (1 - 1 / N) ** (t + 1))


def test_accumulated_gaussians_keep_theirs():
    mean_squared = 0.0
    for t, fitted in enumerate(follow(Gaussian(), normal(), "accumulate")):
        mean_squared += (1 - mean_squared) / (N * (t + 1) ** 2)
        close(fitted.mean**2, mean_squared)
        close(fitted.deviation**2, 1 - mean_squared)
    assert mean_squared < np.pi**2 / 6 / N  # whatever the number of generations


@pytest.mark.parametrize("policy", ["replace", "accumulate"])
def test_the_mean_walks_away_where_data_are_replaced_and_stays_near_where_they_accumulate(policy):
    for t, fitted in enumerate(follow(Gaussian(spread=1), normal(), policy)):
        steps = np.arange(1, t + 2)
        close(fitted.mean**2, (len(steps) if policy == "replace" else (1 / steps**2).sum()) / N)


def test_a_subsample_of_accumulated_data_lies_between_both():
    last = {
        policy: follow(Gaussian(), normal(), policy)[-1].deviation.mean()
        for policy in ("replace", "accumulate-subsample", "accumulate", "window(3)")
    }
    assert last["replace"] + 0.02 < last["accumulate-subsample"] < last["accumulate"] - 0.005
    assert last["replace"] + 0.02 < last["window(3)"] < last["accumulate"] - 0.005


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["replace", "accumulate"])
def test_regression_errs_ever_more_where_data_are_replaced_and_boundedly_where_they_accumulate(policy):
    d, targets, seeds = 4, 30, 24
    errors = np.zeros((seeds, GENERATIONS))
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        truth, x = rng.normal(size=(d, targets)), rng.normal(size=(N, d))
        real = np.hstack([x, x @ truth + rng.normal(size=(N, targets))])
        fitted = follow(Regression(d), real, policy, seed)
        errors[seed] = [((one.weights - truth) ** 2).sum(axis=0).mean() for one in fitted]
    for t in range(GENERATIONS):
        steps = np.arange(1, t + 2)
        grown = d / (N - d - 1) * len(steps) if policy == "replace" else (d / (steps * (steps * N - d - 1))).sum()
        close(errors[:, t], grown)
