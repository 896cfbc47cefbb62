"""Batches of people or of samples of a model, and their strata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

UNNAMED = -1
"""Label or group of a sample without a labeller or grouper."""


class Batch(NamedTuple):
    """B samples. All of fairloop uses these shapes and ranges.

    >>> import torch
    >>> batch = Batch(torch.rand(3, 2), torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]))
    >>> batch.select(torch.tensor([2, 0]))
    Batch of 2: inputs (2, 2) float32 on cpu
    labels 0 x 1, 1 x 1; groups 0 x 1, 1 x 1
    >>> batch.each(lambda part: part[:1]).labels
    tensor([0])
    """

    inputs: Tensor
    """(B, C, H, W) float in [0, 1] for pictures; (B, F) float for rows of a table; (B, L) int64 ids for texts."""
    labels: Tensor
    """(B,) int64, 0..K-1, or `UNNAMED`."""
    groups: Tensor
    """(B,) int64, 0..S-1 (intersectional groups already multiplied out), or `UNNAMED`."""
    origins: Tensor | None = None
    """(B, 2) int64: the generation and the labeller of each sample, in the codes of `origin.Origin`; None if all
    samples have one origin."""
    weights: Tensor | None = None
    """(B,) float, 1 on average: the weight of each sample in a classifier's loss; None for equal weights."""

    def __repr__(self) -> str:
        """Two lines: the shapes, and the counts of labels and groups."""
        shape, kind = tuple(self.inputs.shape), str(self.inputs.dtype).removeprefix("torch.")
        more = [name for name in ("origins", "weights") if getattr(self, name) is not None]
        first = ", with ".join([f"Batch of {len(self.labels)}: inputs {shape} {kind} on {self.inputs.device}", *more])
        return f"{first}\nlabels {_tally(self.labels)}; groups {_tally(self.groups)}"

    @property
    def images(self) -> Tensor:
        """The former name of `inputs`. The next release removes it.

        >>> import torch
        >>> Batch(torch.zeros(3, 2), torch.zeros(3), torch.zeros(3)).images.shape
        torch.Size([3, 2])
        """
        return self.inputs

    def select(self, index: Tensor) -> Batch:
        """The samples at `index` ((M,) int64), in that order."""
        return self.each(lambda part: part[index])

    def each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with `change` applied to each of its tensors."""
        inputs, labels, groups, *rest = self
        origins, weights = (None if part is None else change(part) for part in rest)
        return Batch(change(inputs), change(labels), change(groups), origins, weights)


def join(*batches: Batch) -> Batch:
    """Join one or more batches in their order. Origins and weights stay if all batches have them."""
    inputs, labels, groups, origins, weights = zip(*batches, strict=True)
    return Batch(torch.cat(inputs), torch.cat(labels), torch.cat(groups), _all_or_none(origins), _all_or_none(weights))


def _tally(codes: Tensor) -> str:
    """The count of each code in words: `0 x 5, 1 x 3`."""
    found, times = torch.unique(codes, return_counts=True)
    counts = zip(found.tolist(), times.tolist(), strict=True)
    return ", ".join(f"{'unnamed' if code == UNNAMED else code} x {count}" for code, count in counts) or "none"


def _all_or_none(parts: Sequence[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if len(there) == len(parts) else None


@dataclass(frozen=True)
class Strata:
    """The K x S cells of (label, group). Cell (k, s) has index `k * S + s`.

    >>> import torch
    >>> strata = Strata(labels=2, groups=2)
    >>> len(strata), strata.index(Batch(torch.rand(3, 2), torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1])))
    (4, tensor([1, 2, 3]))
    """

    labels: int
    groups: int

    def __len__(self) -> int:
        return self.labels * self.groups

    def index(self, batch: Batch) -> Tensor:
        """(B,) int64: the stratum of each sample."""
        return batch.labels * self.groups + batch.groups


def counted(codes: Tensor, size: int) -> Tensor:
    """(size,) int64: the count of each of 0..size-1 in `codes` ((N,) int64); `bincount` would wait for the device."""
    return torch.zeros(size, dtype=torch.long, device=codes.device).index_add_(0, codes, torch.ones_like(codes))


def free_to_ask(tensor: Tensor) -> bool:
    """Whether the values of a tensor can be read without waiting for a device."""
    return tensor.device.type == "cpu"
