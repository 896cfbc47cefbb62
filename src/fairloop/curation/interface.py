"""Curators, which draw the batches that a model trains on, and curations, the counts that they return."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from fairloop.sources.batch import Batch
from fairloop.sources.source import Supply


class Curation(NamedTuple):
    """The counts of one batch. None: the curator does not count this."""

    redrawn: Tensor | None = None
    """() int64: samples drawn afresh because the candidates did not fill the batch."""
    candidates: Tensor | None = None
    """(K * S,) int64: STAR's candidates in each stratum before any was chosen."""
    offered: Tensor | None = None
    """(K * S,) int64: samples of each stratum that were offered to the first of the other curators."""
    chosen: Tensor | None = None
    """(K * S,) float: samples of each stratum that these curators chose; each counts by its weight."""
    origins: Tensor | None = None
    """(G, L) int64: samples of the batch by generation (0 is `REAL`) and labeller (0 is `NOBODY`)."""


class Curator(Protocol):
    """Draws batches from a source, and counts what that took."""

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """A batch of n samples from `source`, and its curation (None without any count)."""
        ...


class NoCuration:
    """The curator that takes samples as the source yields them."""

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """The next n samples of `source`, without a curation."""
        return source.draw(n, rng), None
