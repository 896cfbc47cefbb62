"""Mixtures of the data of several generations, for policies that keep earlier generations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.models.numerics import Numerics
from fairloop.sources import quotas
from fairloop.sources.batch import Batch, join
from fairloop.sources.source import Source, Supply, chunk, passes


@dataclass(frozen=True)
class Pool:
    """Inputs with a share each. In a batch of n, a part of share s has s * n places, rounded up or down at random.

    shares: (P,), sum to 1.
    """

    parts: tuple[Supply, ...]
    shares: NDArray[np.float64]

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        """N samples of all parts, shuffled."""
        shift = torch.rand((), generator=rng, device=rng.device).item()
        sizes = quotas.rounded(*quotas.edges(self.shares, n), shift).tolist()
        drawn = [part.draw(size, rng) for part, size in zip(self.parts, sizes, strict=True) if size]
        return join(*drawn).select(torch.randperm(n, generator=rng, device=rng.device))


@dataclass(frozen=True)
class Kept:
    """Samples that are generated and labelled once, at the first draw, and then kept; pictures have 8 bits, as in a
    file.

    size: number of samples. shape: of one sample. stream: returns their random stream in its initial state.
    naming: returns the random stream of their labels; None: `stream`.
    """

    source: Source
    size: int
    shape: tuple[int, ...]
    stream: Callable[[], torch.Generator]
    numerics: Numerics
    naming: Callable[[], torch.Generator] | None = None

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        """Draw n of the samples, without replacement while enough remain."""
        index = passes(self.size, n, rng).cpu()
        drawn = self._samples.select(index).each(lambda part: part.to(self.numerics.device))
        return drawn._replace(inputs=self.numerics.tensor(drawn.inputs))

    @cached_property
    def _samples(self) -> Batch:
        rng, step = self.stream(), chunk(self.shape)
        naming = self.naming() if self.naming else rng
        sizes = [min(step, self.size - start) for start in range(0, self.size, step)]
        return join(*(_as_in_a_file(self.source.draw(size, rng, naming)) for size in sizes))


def _as_in_a_file(batch: Batch) -> Batch:
    images = batch.inputs
    kept = (images.float() * 255).round().byte() if images.dim() == 4 else images
    return batch._replace(inputs=kept).each(Tensor.cpu)
