"""STAR: stratified sampling for algorithmic reparation (arXiv 2403.07857, section 5)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.batch import Batch, Strata, join
from fairloop.curation.interface import Curation
from fairloop.source import Source

_ROUNDING_SLACK = 1e-9  # 0.29 * 100 is 28.999999999999996 in floating point, but 29 people

Rounding = Literal["floor", "stochastic"]


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

    def draw(self, source: Source, n: int, rng: torch.Generator) -> tuple[Batch, Curation]:
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
        wanted = torch.from_numpy(self.ideal.reshape(-1) * n)
        if self.rounding == "floor":
            return (wanted + _ROUNDING_SLACK).floor().long()
        # Systematic sampling: one shift of the cumulated places, so that they sum to n and keep their means.
        shift = torch.rand((), generator=rng, device=rng.device).cpu().double()
        edges = torch.cat([torch.zeros(1), wanted.cumsum(0) + _ROUNDING_SLACK])
        edges[-1] = n
        return (edges + shift).floor().diff().long()

    def warn_if_starved(self, n: int) -> None:
        """Warn of strata that the ideal wants but that get no place in a batch of n."""
        places = np.floor(self.ideal * n + _ROUNDING_SLACK)
        starved = int(((places == 0) & (self.ideal > 0)).sum())
        if self.rounding == "floor" and starved:
            warnings.warn(
                f"star: {starved} of {self.ideal.size} strata get no place in a batch of {n}; enlarge the batch "
                "or set star.rounding=stochastic",
                stacklevel=2,
            )


def first_of_each(stratum: Tensor, counts: Tensor, quotas: Tensor) -> Tensor:
    """(M,) int64 positions of the first `quotas[k]` samples of every stratum k, as far as there are any.

    stratum: (N,) int64 in 0..Z-1. counts: (Z,) how often each occurs in it. quotas: (Z,).
    """
    order = stratum.argsort(stable=True)
    ranked = stratum[order]
    rank = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[ranked]
    return order[rank < quotas[ranked]]
