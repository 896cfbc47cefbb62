"""The laws of resampled texts in whole runs: what the spec's data policies draw from, and how far shares drift.

Texts of one word make an unsmoothed model of order 1 hold the shares of the texts that it learned from. Their variance
around the real shares has a closed form under each policy; runs of `simulate` must follow it within four standard errors.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairloop import simulate
from fairloop.data import Population, Split
from fairloop.data.tokens import Words
from fairloop.store.memory import MemoryModels
from test_text_loop import spec

N, LAST, RUNS = 120, 5, 8  # texts of a generation, which every number of parts up to LAST + 1 divides
FIRST = 4


class Parity:
    """Names a word by its id: 0 or 1."""

    takes = "token ids"

    def fit(self, X, y):  # noqa: N803
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):  # noqa: N803
        return self.classes_[X[:, 0] % 2]


def of(words: NDArray[np.int64]) -> Split:
    return Split(words[:, None] + FIRST, words % 2, words % 2)


def population(seed: int, people: int = N, fresh: bool = False) -> Population:
    """Each of N words as often as any other; fresh: each text any of the words, by chance."""
    words = np.random.default_rng(seed).integers(N, size=people) if fresh else np.arange(people) % N
    tests = dict.fromkeys(("valid", "test", "test_balanced"), of(np.arange(4)))
    names = Words([f"w{i}" for i in range(N)])
    return Population("words", ("even", "odd"), ("a", "b"), ("b",), of(words), tests, tokens=names)


def spreads(**sections: Any) -> NDArray[np.float64]:
    """(RUNS, LAST + 1): squared distances of each model's shares from equal ones, as a fraction of their p (1 - p)."""
    found = np.zeros((RUNS, LAST + 1))
    named = {"model": "test_text_policies:Parity"}
    fields = {
        "data": {"name": "test_text_policies:population"},
        "generations": LAST + 1,
        "generator": {"model": "ngram", "arguments": {"order": 1, "discount": 0, "base": "continuation"}},
        "classifier": named,
        "annotator": named,
        "measure": {"samples": 1, "gallery": 0, "latents": 0},
    } | sections
    for seed in range(RUNS):
        for generation in simulate(spec(**fields, seed=seed), MemoryModels()):
            shares = generation.generator.module.own.probabilities(np.zeros((1, 0), np.int64))[0, FIRST:]
            found[seed, generation.index] = ((shares - 1 / N) ** 2).sum() / (1 - 1 / N)
    return found


def replaced() -> list[float]:
    return [1 - (1 - 1 / N) ** g for g in range(LAST + 1)]


def accumulated() -> list[float]:
    """The real texts do not vary."""
    return [1 - float(np.prod([1 - 1 / (N * i**2) for i in range(2, g + 2)])) for g in range(LAST + 1)]


def subsampled() -> list[float]:
    """As many texts of each batch, without replacement: a mean over batches, and the variance within each.

    covariance: of the batches' shares, of which the next one is drawn from the model.
    """
    covariance, found = np.zeros((1, 1)), []
    for g in range(LAST + 1):
        size = N / (g + 1)
        within = N / (N - 1) * (1 - covariance.diagonal()) / size * (1 - size / N)
        found.append(float(covariance.mean() + within.sum() / (g + 1) ** 2))
        beside = covariance.mean(axis=0)
        covariance = np.block([[covariance, beside[:, None]], [beside, found[-1] * (1 - 1 / N) + 1 / N]])
    return found


def retained(a: float) -> list[float]:
    """a N real texts, drawn anew from the same N without replacement."""
    found = [0.0]
    for _ in range(LAST):
        found.append(a * (1 - a) / (N - 1) + (1 - a) / N * (1 - found[-1]) + (1 - a) ** 2 * found[-1])
    return found


def fresh(a: float) -> list[float]:
    """a N of N new real texts: TEXT's law of fresh texts with their exact number."""
    found = [1 / N]
    for _ in range(LAST):
        found.append(1 / N + ((1 - a) ** 2 - (1 - a) / N) * found[-1])
    return found


def policy(**fields: Any) -> dict[str, Any]:
    real = fields.pop("real", "fixed")
    return {"policy": {"generator": fields, "real": real}}


MANY = {"name": "test_text_policies:population", "arguments": {"people": N * (LAST + 1), "fresh": True}}
RULES: dict[str, tuple[dict[str, Any], Callable[[], list[float]]]] = {
    "replace": ({}, replaced),
    "accumulate": (policy(kind="accumulate", kept=True), accumulated),
    "accumulate-subsample": (policy(kind="accumulate-subsample", kept=True), subsampled),
    "real": (policy(real_share=0.2), lambda: retained(0.2)),
    "fresh": (
        {"policy": {"generator": {"real_share": 0.2}, "real": "fresh", "people": N}, "data": MANY},
        lambda: fresh(0.2),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_shares_drift_as_far_as_the_law_of_their_policy_says(rule):
    sections, law = RULES[rule]
    found, expected = spreads(**sections), law()
    for g in range(LAST + 1):
        error = found[:, g].std(ddof=1) / sqrt(RUNS)
        assert abs(found[:, g].mean() - expected[g]) <= 4 * error + 1e-12, (g, found[:, g].mean(), expected[g])


def test_the_laws_lie_in_the_order_that_their_sources_give_them():
    ends = {rule: law()[-1] for rule, (_, law) in RULES.items()}
    assert ends["accumulate"] < ends["accumulate-subsample"] < ends["replace"]
    assert ends["real"] < ends["fresh"] < ends["replace"] + 1 / N
