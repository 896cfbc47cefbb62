"""Curators, which draw the batches that a model trains on, and curations, the counts that they return."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from fairloop.sources.batch import Batch
from fairloop.sources.source import Supply


class Curation(NamedTuple):
    """The counts of one batch; None for counts that the curator does not keep.

    >>> import torch
    >>> Curation(redrawn=torch.tensor(2)).redrawn  # two samples did not come from the candidates
    tensor(2)
    """

    redrawn: Tensor | None = None
    """() int64: samples drawn afresh because the candidates did not fill the batch."""
    candidates: Tensor | None = None
    """(K * S,) int64: STAR's candidates in each stratum before the choice."""
    offered: Tensor | None = None
    """(K * S,) int64: candidates in each stratum of the first of the other curators."""
    chosen: Tensor | None = None
    """(K * S,) float: weighted count of the samples of each stratum that these curators chose."""
    origins: Tensor | None = None
    """(G, L) int64: samples of the batch by generation (0 is `REAL`) and labeller (0 is `NOBODY`)."""


class Curator(Protocol):
    """Draws batches from a source, and counts candidates and choices."""

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """A batch of n samples from `source`, and its curation (None without any count)."""
        ...


class NoCuration:
    """The curator that passes on the samples of the source unchanged.

    >>> import torch
    >>> from fairloop import Batch
    >>> class Zeros:
    ...     def draw(self, n, rng):
    ...         return Batch(torch.zeros(n, 2), torch.zeros(n, dtype=torch.int64), torch.zeros(n, dtype=torch.int64))
    >>> batch, curation = NoCuration().draw(Zeros(), 3, torch.Generator())
    >>> batch.inputs.shape, curation
    (torch.Size([3, 2]), None)
    """

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """The next n samples of `source`, without a curation."""
        return source.draw(n, rng), None
