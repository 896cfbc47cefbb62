"""Batches of people (or of what a model made of people), and the strata that they fall into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

UNNAMED = -1
"""Label or group of a sample that nobody was asked to name."""


class Batch(NamedTuple):
    """B samples. Shapes and ranges hold everywhere in fairloop."""

    images: Tensor
    """(B, C, H, W) float in [0, 1]; (B, F) float for tabular data."""
    labels: Tensor
    """(B,) int64, 0..K-1, or `UNNAMED`."""
    groups: Tensor
    """(B,) int64, 0..S-1 (intersectional groups already multiplied out), or `UNNAMED`."""

    def select(self, index: Tensor) -> Batch:
        """The samples at `index` ((M,) int64), in that order."""
        return Batch(self.images[index], self.labels[index], self.groups[index])


def join(*batches: Batch) -> Batch:
    """All batches, at least one, as one, in their order."""
    return Batch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


@dataclass(frozen=True)
class Strata:
    """The K x S cells of (label, group). Cell (k, s) has index `k * S + s`."""

    labels: int
    groups: int

    def __len__(self) -> int:
        return self.labels * self.groups

    def index(self, batch: Batch) -> Tensor:
        """(B,) int64: the stratum of each sample."""
        return batch.labels * self.groups + batch.groups
