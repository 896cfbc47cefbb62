"""Curators that choose samples among candidates: by a verifier, a reward, a detector of model-made samples.

Each is one small class with two methods: the number of candidates for a batch, and the choice among them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from fairloop.curation.chain import Critics
from fairloop.curation.interface import Curation
from fairloop.sources.batch import Batch, counted
from fairloop.sources.origin import REAL
from fairloop.sources.source import Supply


@dataclass(frozen=True)
class Choice(ABC):
    """Base class of curators that choose n of more candidates.

    >>> from types import SimpleNamespace
    >>> from fairloop.sources.batch import Strata
    >>> class LastHalf(Choice):
    ...     def candidates(self, n):
    ...         return 2 * n
    ...     def choose(self, candidates, n, rng):
    ...         return torch.arange(n, 2 * n)
    >>> class Even:
    ...     def draw(self, n, rng):
    ...         codes = torch.arange(n)
    ...         return Batch(codes[:, None].float(), codes % 2, codes // 2 % 2)
    >>> curator = LastHalf(SimpleNamespace(strata=Strata(labels=2, groups=2)))  # needs no critics but the strata
    >>> batch, curation = curator.draw(Even(), 4, torch.Generator())
    >>> batch.inputs[:, 0], curation.offered, curation.chosen
    (tensor([4., 5., 6., 7.]), tensor([2, 2, 2, 2]), tensor([1., 1., 1., 1.]))
    """

    critics: Critics

    @abstractmethod
    def candidates(self, n: int) -> int:
        """The number of candidates for a batch of n."""

    @abstractmethod
    def choose(self, candidates: Batch, n: int, rng: torch.Generator) -> Tensor:
        """(n,) int64 positions of the chosen candidates."""

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation]:
        """Draw n samples; return them with the counts of each stratum before and after the choice."""
        candidates = source.draw(self.candidates(n), rng)
        batch = candidates.select(self.choose(candidates, n, rng))
        return batch, Curation(offered=self._count(candidates), chosen=self._count(batch).float())

    def _count(self, batch: Batch) -> Tensor:
        strata = self.critics.strata
        return counted(strata.index(batch), len(strata))


@dataclass(frozen=True)
class Verifier(Choice):
    """Keeps the share `keep` of samples with the labels that a verifier finds most plausible.

    by: `annotator`, A_L; or `labeller`, the labeller of the generation, which then verifies its own labels.
    quality: the share of samples that are ranked by the verifier's probability of their label; the others get a
        random rank. At 0 all ranks are random.

    The effect of verification, and its drift: Feng et al., arXiv 2406.07515; Yi and Liu, arXiv 2510.16657.
    """

    keep: float = 0.5
    quality: float = 1.0
    by: Literal["annotator", "labeller"] = "annotator"

    def __post_init__(self) -> None:
        _within("keep", self.keep, 0, 1, open_below=True)
        _within("quality", self.quality, 0, 1)
        _one_of("by", self.by, ("annotator", "labeller"))

    def candidates(self, n: int) -> int:
        """N / keep."""
        return _whole(n / self.keep)

    def choose(self, candidates: Batch, n: int, rng: torch.Generator) -> Tensor:
        """The most plausible."""
        critic = self.critics.annotator if self.by == "annotator" else self.critics.labeller
        chances = self.critics.probabilities(critic, candidates.inputs)
        rank = _rank(chances.gather(1, candidates.labels[:, None])[:, 0])
        blind, seen = _uniform(len(rank), rng), _uniform(len(rank), rng) < self.quality
        return torch.where(seen, rank, blind).argsort(descending=True, stable=True)[:n]


@dataclass(frozen=True)
class Confident(Choice):
    """Keeps samples whose label A_L gives a probability of `threshold` or more, and the next best if these are too few.

    factor: candidates for each place in the batch.
    """

    threshold: float = 0.9
    factor: float = 2.0

    def __post_init__(self) -> None:
        _within("threshold", self.threshold, 0, 1)
        _within("factor", self.factor, 1, math.inf)

    def candidates(self, n: int) -> int:
        """Factor * n."""
        return _whole(n * self.factor)

    def choose(self, candidates: Batch, n: int, rng: torch.Generator) -> Tensor:
        """Samples that reach the threshold, in random order; then the others, best first."""
        chances = self.critics.probabilities(self.critics.annotator, candidates.inputs)
        plausible = chances.gather(1, candidates.labels[:, None])[:, 0]
        order = torch.where(plausible >= self.threshold, 1 + _uniform(len(plausible), rng), plausible)
        return order.argsort(descending=True, stable=True)[:n]


Reward = Literal["confidence", "beneficial", "majoritized"]


@dataclass(frozen=True)
class BestOf(Choice):
    """Keeps one of every k samples, by a reward (Ferbach et al., arXiv 2407.09499).

    reward: the logarithm of a probability: `confidence`: of A_L's likeliest label; `beneficial`: of the beneficial
    label by A_L; `majoritized`: of all majoritized groups by A_S.
    temperature: 0 keeps the best. Above 0, a sample is kept with probability proportional to exp(reward / temperature):
    for k = 2, the Bradley-Terry model of choices by people with different preferences.
    """

    k: int = 4
    reward: Reward = "confidence"
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.k, int) or self.k < 1:
            raise ValueError(f"k={self.k}: is not a whole number of 1 or more")
        _one_of("reward", self.reward, get_args(Reward))
        _within("temperature", self.temperature, 0, math.inf)

    def candidates(self, n: int) -> int:
        """K * n."""
        return self.k * n

    def choose(self, candidates: Batch, n: int, rng: torch.Generator) -> Tensor:
        """One of each k."""
        reward = self._reward(candidates.inputs).reshape(n, self.k)
        if self.temperature > 0:
            gumbel = -(-_uniform(n * self.k, rng).clamp(1e-12, 1 - 1e-7).log()).log().reshape(n, self.k)
            reward = reward / self.temperature + gumbel
        return torch.arange(n, device=reward.device) * self.k + reward.argmax(dim=1)

    def _reward(self, images: Tensor) -> Tensor:
        critics = self.critics
        critic = critics.grouper if self.reward == "majoritized" else critics.annotator
        chances = critics.probabilities(critic, images)
        if self.reward == "confidence":
            return chances.max(dim=1).values.log()
        wanted = list(critics.majoritized) if self.reward == "majoritized" else [critics.beneficial]
        return chances[:, wanted].sum(dim=1).clamp_min(1e-12).log()


@dataclass(frozen=True)
class Detector(Choice):
    """Leaves out the samples that a detector of model-made samples flags (after Drayson et al., arXiv 2502.15654).

    true_positive_rate: P(flagged | made by a model). false_positive_rate: P(flagged | a real person).
    factor: candidates for each place in the batch. Flagged samples fill the remaining places.

    It has an effect only if real people are among the candidates: `policy.*.real_share`, or policies that accumulate.
    """

    true_positive_rate: float = 0.9
    false_positive_rate: float = 0.1
    factor: float = 2.0

    def __post_init__(self) -> None:
        _within("true_positive_rate", self.true_positive_rate, 0, 1)
        _within("false_positive_rate", self.false_positive_rate, 0, 1)
        _within("factor", self.factor, 1, math.inf)

    def candidates(self, n: int) -> int:
        """Factor * n."""
        return _whole(n * self.factor)

    def choose(self, candidates: Batch, n: int, rng: torch.Generator) -> Tensor:
        """Samples that are not flagged, in random order; then flagged samples."""
        made = torch.ones_like(candidates.labels, dtype=torch.bool)
        if candidates.origins is not None:
            made = candidates.origins[:, 0] != REAL
        rate = torch.where(made, self.true_positive_rate, self.false_positive_rate)
        flagged = _uniform(len(made), rng) < rate
        return (_uniform(len(made), rng) + flagged).argsort(stable=True)[:n]


def _rank(values: Tensor) -> Tensor:
    """(N,) in [0, 1): the rank of each value among all, divided by N."""
    rank = torch.empty_like(values)
    rank[values.argsort(stable=True)] = torch.arange(len(values), dtype=values.dtype, device=values.device)
    return rank / len(values)


def _uniform(n: int, rng: torch.Generator) -> Tensor:
    return torch.rand(n, generator=rng, device=rng.device)


def _whole(number: float) -> int:
    """The number rounded up, but for the last bits."""
    return math.ceil(number - 1e-9)


def _within(name: str, value: float, low: float, high: float, *, open_below: bool = False) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or (open_below and value == low) or math.isinf(value):
        raise ValueError(f"{name}={value}: is not a number {'above' if open_below else 'from'} {low:g} to {high:g}")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value}: is not one of {', '.join(known)}")
