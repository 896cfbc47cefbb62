"""STAR: stratified sampling for algorithmic reparation (arXiv 2403.07857, section 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.batch import Batch, Strata, join
from fairloop.curation import quotas
from fairloop.curation.interface import Curation
from fairloop.curation.quotas import Rounding
from fairloop.source import Supply


@dataclass(frozen=True)
class Star:
    """Curates batches towards a fairness ideal.

    ideal: (K, S) shares that sum to 1.
    budget: how many extra candidates are drawn for each batch.
    rounding: `floor` gives stratum k floor(ideal_k * n) places, as published, and fills what is left over
        unconditionally; `stochastic` rounds up or down at random so that a batch has all its n places in quotas
        and each stratum has ideal_k * n places on average, also where that is less than one.
    """

    ideal: NDArray[np.float64]
    budget: int
    rounding: Rounding = "floor"

    @property
    def strata(self) -> Strata:
        """The cells that the ideal is about."""
        return Strata(*self.ideal.shape)

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation]:
        """N of n + budget candidates by quota, the first of each stratum; what is missing is drawn afresh."""
        candidates = source.draw(n + self.budget, rng)
        stratum = self.strata.index(candidates)
        counts = torch.bincount(stratum, minlength=len(self.strata))
        chosen = first_of_each(stratum, counts, self.quotas(n, rng).to(stratum.device))
        batch = candidates.select(chosen)
        missing = n - len(chosen)
        if missing:
            batch = join(batch, source.draw(missing, rng))
        order = torch.randperm(n, generator=rng, device=rng.device)
        return batch.select(order), Curation(torch.tensor(missing), counts)

    def quotas(self, n: int, rng: torch.Generator) -> Tensor:
        """(K * S,) int64: the places of each stratum in a batch of n."""
        shares = self.ideal.reshape(-1)
        if self.rounding == "floor":
            return torch.from_numpy(quotas.floored(shares, n))
        shift = torch.rand((), generator=rng, device=rng.device).item()
        return torch.from_numpy(quotas.rounded(shares, n, shift))

    def warn_if_starved(self, n: int) -> None:
        """Warn of strata that the ideal wants but that get no place in a batch of n."""
        quotas.warn_if_starved(self.ideal, n, self.rounding, "star.rounding")


def first_of_each(stratum: Tensor, counts: Tensor, quotas: Tensor) -> Tensor:
    """(M,) int64 positions of the first `quotas[k]` samples of every stratum k, as far as there are any.

    stratum: (N,) int64 in 0..Z-1. counts: (Z,) how often each occurs in it. quotas: (Z,).
    """
    order = stratum.argsort(stable=True)
    ranked = stratum[order]
    rank = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[ranked]
    return order[rank < quotas[ranked]]
