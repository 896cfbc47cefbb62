"""Classic baselines that balance strata, by repeating samples or by weighting a classifier's loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from fairloop.curation.chain import Critics
from fairloop.curation.interface import Curation
from fairloop.sources.batch import Batch, counted
from fairloop.sources.source import Supply


@dataclass(frozen=True)
class Oversample:
    """Random oversampling. On average every stratum that occurs has the same number of places."""

    critics: Critics

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation]:
        """N places, filled from n samples; some of these several times."""
        strata = self.critics.strata
        samples = source.draw(n, rng)
        stratum = strata.index(samples)
        counts = counted(stratum, len(strata))
        taken = torch.multinomial(1 / counts[stratum].float(), n, replacement=True, generator=rng)
        chosen = counted(stratum[taken], len(strata))
        return samples.select(taken), Curation(offered=counts, chosen=chosen.float())


@dataclass(frozen=True)
class Weighing(ABC):
    """All samples in their order, with weights in the classifier's loss. Generators cannot use weights."""

    critics: Critics
    weighs = True

    @abstractmethod
    def weights(self, counts: Tensor) -> Tensor:
        """(K, S) weight of a sample, from (K, S) counts of the batch. The weight of an empty stratum is arbitrary."""

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation]:
        """N samples with weights that are 1 on average."""
        strata = self.critics.strata
        batch = source.draw(n, rng)
        stratum = strata.index(batch)
        counts = counted(stratum, len(strata))
        table = self.weights(counts.reshape(strata.labels, strata.groups).float()).reshape(-1)
        weights = table[stratum] * (n / table[stratum].sum())
        chosen = torch.zeros(len(strata), device=weights.device).index_add_(0, stratum, weights)
        return batch._replace(weights=weights), Curation(offered=counts, chosen=chosen)


class Reweigh(Weighing):
    """Weights that make labels and groups of a batch independent (Kamiran and Calders, 2012, Reweighing)."""

    def weights(self, counts: Tensor) -> Tensor:
        """P(label) * P(group) / P(label, group)."""
        expected = counts.sum(dim=1, keepdim=True) * counts.sum(dim=0, keepdim=True) / counts.sum()
        return expected / counts.clamp_min(1)


class GroupBalanced(Weighing):
    """Weights by which the loss is the mean over groups of each group's mean loss."""

    def weights(self, counts: Tensor) -> Tensor:
        """1 / (samples of the group)."""
        return (1 / counts.sum(dim=0, keepdim=True).clamp_min(1)).expand_as(counts)
