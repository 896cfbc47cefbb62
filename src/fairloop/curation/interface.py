"""What decides which samples of a source a model trains on."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from fairloop.batch import Batch
from fairloop.source import Source


class Curation(NamedTuple):
    """What curating one batch took."""

    redrawn: Tensor
    """() int64: samples drawn afresh because the candidates could not fill the batch."""
    candidates: Tensor
    """(K * S,) int64: candidates in each stratum before any was chosen."""


class Curator(Protocol):
    """A policy for batches."""

    def draw(self, source: Source, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """A batch of n samples from `source`, and what it took (None if nothing was curated)."""
        ...


class NoCuration:
    """Batches as they come."""

    def draw(self, source: Source, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """N samples as `source` makes them."""
        return source.draw(n, rng), None
