"""STAR: stratified sampling for algorithmic reparation (arXiv 2403.07857, section 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.curation.interface import Curation
from fairloop.models.numerics import sent
from fairloop.sources import quotas
from fairloop.sources.batch import Batch, Strata, counted, free_to_ask, join
from fairloop.sources.quotas import Rounding
from fairloop.sources.source import Supply, unsorted


@dataclass(frozen=True)
class Star:
    """Curates batches towards a fairness ideal.

    ideal: (K, S) shares that sum to 1.
    budget: the number of extra candidates for each batch.
    rounding: `floor` gives stratum k floor(ideal_k * n) places, as published, and fills the remaining places
    unconditionally; `stochastic` rounds up or down at random, so that quotas cover all n places of a batch and each
    stratum has ideal_k * n places on average, even below one place.

    >>> import numpy as np
    >>> import torch
    >>> class Even:
    ...     def draw(self, n, rng):
    ...         labels, groups = torch.randint(2, (2, n), generator=rng)
    ...         return Batch(torch.rand(n, 1, generator=rng), labels, groups)
    >>> star, rng = Star(np.full((2, 2), 0.25), budget=64), torch.Generator().manual_seed(0)
    >>> star.strata, star.expected(10), star.quotas(8, rng)
    (Strata(labels=2, groups=2), array([2., 2., 2., 2.]), tensor([2, 2, 2, 2]))
    >>> batch, curation = star.draw(Even(), 8, rng)
    >>> torch.bincount(star.strata.index(batch)), curation.redrawn
    (tensor([2, 2, 2, 2]), tensor(0))
    >>> star.warn_if_starved(8)  # no warning: each stratum has places
    """

    ideal: NDArray[np.float64]
    budget: int
    rounding: Rounding = "floor"

    @property
    def strata(self) -> Strata:
        """The strata of the ideal."""
        return Strata(*self.ideal.shape)

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation]:
        """Draw n + budget candidates, and choose n by quota, the first of each stratum. Missing samples are drawn
        afresh.
        """
        candidates = source.draw(n + self.budget, rng)
        stratum = self.strata.index(candidates)
        counts = counted(stratum, len(self.strata))
        position, taken = first_of_each(stratum, counts, self.quotas(n, rng))
        missing = n - taken.sum()
        # An accelerator decodes the largest possible number of missing samples, so that nothing waits for the exact
        # number.
        spare = int(missing) if free_to_ask(stratum) else n
        pool = join(candidates, unsorted(source).draw(spare, rng)) if spare else candidates
        order = torch.randperm(n, generator=rng, device=rng.device)
        return pool.select(filled(position, taken, spare, n)[order]), Curation(missing, counts)

    def quotas(self, n: int, rng: torch.Generator) -> Tensor:
        """(K * S,) int64: the places of each stratum in a batch of n, on the device of `rng`."""
        shares, device = self.ideal.reshape(-1), rng.device
        if self.rounding == "floor":
            return sent(torch.from_numpy(quotas.floored(shares, n)), device)
        whole, part = quotas.edges(shares, n)
        precise = torch.float32 if device.type == "mps" else torch.float64
        places: Tensor = quotas.rounded(
            sent(torch.from_numpy(whole), device),
            sent(torch.from_numpy(part).to(precise), device),
            torch.rand((), generator=rng, device=device),
        )
        return places

    def expected(self, n: int) -> NDArray[np.float64]:
        """(K * S,): the mean places of each stratum over batches of n."""
        return quotas.expected(self.ideal.reshape(-1), n, self.rounding)

    def warn_if_starved(self, n: int) -> None:
        """Warn of strata with a share of the ideal but no place in a batch of n."""
        quotas.warn_if_starved(self.ideal, n, self.rounding, "star.rounding")


def first_of_each(stratum: Tensor, counts: Tensor, quotas: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) int64 positions, stratum by stratum, and (N,) bool: whether each is among the first `quotas[k]` of its k.

    stratum: (N,) int64 in 0..Z-1. counts: (Z,) occurrences of each stratum. quotas: (Z,).
    """
    position = stratum.argsort(stable=True)
    ranked = stratum[position]
    rank = torch.arange(len(position), device=position.device) - (counts.cumsum(0) - counts)[ranked]
    return position, rank < quotas[ranked]


def filled(position: Tensor, taken: Tensor, spare: int, n: int) -> Tensor:
    """(n,) int64: the positions of the chosen samples, and then of `spare` samples for the missing places.

    position, taken: results of `first_of_each`.
    """
    fresh = torch.arange(len(position), len(position) + spare, device=position.device)
    rank = torch.cat([torch.where(taken, 0, 2), torch.ones_like(fresh)])
    return torch.cat([position, fresh])[rank.argsort(stable=True)[:n]]
