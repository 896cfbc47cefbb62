"""What decides which samples of a source a model trains on."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from fairloop.sources.batch import Batch
from fairloop.sources.source import Supply


class Curation(NamedTuple):
    """What making one batch took. None: not worth saying."""

    redrawn: Tensor | None = None
    """() int64: samples drawn afresh because the candidates could not fill the batch."""
    candidates: Tensor | None = None
    """(K * S,) int64: STAR's candidates in each stratum before any was chosen."""
    offered: Tensor | None = None
    """(K * S,) int64: samples of each stratum that other curations began with."""
    chosen: Tensor | None = None
    """(K * S,) float: what these made of them; samples count by their weights."""
    origins: Tensor | None = None
    """(G, L) int64: samples of the batch by generation (0 is `REAL`) and labeller (0 is `NOBODY`)."""


class Curator(Protocol):
    """A policy for batches."""

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """A batch of n samples from `source`, and what it took (None if nothing was curated)."""
        ...


class NoCuration:
    """Batches as they come."""

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """N samples as `source` makes them."""
        return source.draw(n, rng), None
