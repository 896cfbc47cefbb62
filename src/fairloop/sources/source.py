"""The sources of batches: real people, or a generator with a labeller and a grouper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.data.population import Split
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.sources.batch import UNNAMED, Batch
from fairloop.sources.labelling import BY_LABELLER, Labelling
from fairloop.sources.origin import REAL, TRUTH, Origin

_CHUNK, _CHUNK_VALUES = 1024, 2**22


def chunk(shape: tuple[int, ...]) -> int:
    """The number of samples of `shape` in one step of decoding or prediction outside training.

    Steps above 1024 gain no speed. Steps of large inputs are smaller, so that a model's activations fit into memory.
    """
    return max(1, min(_CHUNK, _CHUNK_VALUES // math.prod(shape)))


class Supply(Protocol):
    """A source of batches."""

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        """N fresh samples."""
        ...


@dataclass(frozen=True)
class Source:
    """A generator, a labeller and a grouper, all in evaluation mode.

    Without a labeller or grouper, labels or groups are `UNNAMED`.

    labelling: the labelling of samples. temperature: the standard deviation of latents.
    origin: of every sample; None: not recorded.
    groups_only_sort: whether only curators need the groups.

    >>> import torch
    >>> from fairloop.models import build_classifier, build_generator
    >>> from fairloop.models.numerics import Numerics
    >>> generator = build_generator("conv-vae", (3, 28, 28), {"widths": [4, 8], "latent": 2}).eval()
    >>> classifier = build_classifier("simple-cnn", (3, 28, 28), 2, {}).eval()
    >>> source = Source(generator, Numerics(), labeller=classifier)
    >>> batch = source.draw(4, torch.Generator().manual_seed(0))
    >>> batch.inputs.shape, batch.groups  # without a grouper
    (torch.Size([4, 3, 28, 28]), tensor([-1, -1, -1, -1]))
    """

    generator: Generator
    numerics: Numerics
    labeller: Classifier | None = None
    grouper: Classifier | None = None
    labelling: Labelling = BY_LABELLER
    temperature: float = 1.0
    origin: Origin | None = None
    groups_only_sort: bool = False

    @torch.no_grad()
    def draw(self, n: int, rng: torch.Generator, naming: torch.Generator | None = None) -> Batch:
        """Draw n fresh samples. By default, label and group are the argmax of the labeller's and the grouper's logits.

        naming: the random stream of labels, separate from that of inputs; None: `rng`.
        """
        with self.numerics.autocast():
            inputs = self._inputs(n, rng)
            groups = _group(self.grouper, inputs)
            labeller = self.origin.labeller if self.origin else 0
            labels, who = self.labelling.label(self.labeller, labeller, inputs, groups, naming or rng)
        if self.origin is None:
            return Batch(inputs, labels, groups)
        return Batch(inputs, labels, groups, torch.stack([torch.full_like(who, self.origin.generation), who], dim=1))

    def _inputs(self, n: int, rng: torch.Generator) -> Tensor:
        if self.temperature == 1:
            return self.generator.sample(n, rng)
        return self.generator.sample_at(self.temperature, n, rng)


def unsorted(supply: Supply) -> Supply:
    """`supply` for samples without a curator: it omits groups that only a curator would need."""
    if isinstance(supply, Source) and supply.groups_only_sort and not supply.labelling.differs_by_group:
        return replace(supply, grouper=None)
    return supply


def _group(grouper: Classifier | None, inputs: Tensor) -> Tensor:
    if grouper is None:
        return torch.full((len(inputs),), UNNAMED, device=inputs.device)
    return grouper.decided(inputs)


class RealData:
    """People of a split, or stored samples in their place, in batches on the device.

    Data on disk are read batch by batch.
    """

    def __init__(
        self,
        split: Split,
        numerics: Numerics,
        positions: NDArray[np.int64] | None = None,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        """positions: (M,) in the split; None: all. weights: (M,) weights in `draw`; None: equal."""
        self._split = split
        self._numerics = numerics
        self._positions = np.arange(len(split)) if positions is None else positions
        self._weights = None if weights is None else torch.from_numpy(weights)

    def __len__(self) -> int:
        return len(self._positions)

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        """Draw n people with their true labels: without replacement while enough remain; by weight with replacement."""
        if self._weights is not None:
            index = torch.multinomial(self._weights.to(rng.device), n, replacement=True, generator=rng)
        else:
            index = passes(len(self), n, rng)
        drawn = self._take(index.cpu())
        return _of_people(_mirrored(drawn, rng) if self._split.mirror else drawn)

    def epoch(self, batch: int, rng: torch.Generator) -> Iterator[Batch]:
        """All people once, in an order drawn from `rng`; the last batch holds the rest and may be short.

        If the split allows it, each image is mirrored with probability 1/2.
        """
        order = torch.randperm(len(self), generator=rng, device=rng.device).cpu()
        for index in torch.split(order, batch):
            drawn = self._take(index)
            yield _mirrored(drawn, rng) if self._split.mirror else drawn

    def endless(self, batch: int, rng: torch.Generator) -> Iterator[Batch]:
        """Full batches without end. Each pass has a new order; people who do not fill a batch are dropped.

        With fewer people than places in a batch, or with weights, each batch is one `draw`.
        """
        while self._weights is not None or len(self) < batch:
            yield self.draw(batch, rng)
        while True:
            for drawn in self.epoch(batch, rng):
                if len(drawn.labels) == batch:
                    yield _of_people(drawn)

    def in_order(self, *, at_once: bool = False) -> Iterator[Batch]:
        """All people once, in file order. at_once: rows of a table in one batch; pictures take too much memory."""
        shape = self._split.inputs.shape[1:]
        for index in torch.split(torch.arange(len(self)), len(self) if at_once and len(shape) == 1 else chunk(shape)):
            yield self._take(index)

    def _take(self, index: Tensor) -> Batch:
        positions = self._positions[index.numpy()]
        return Batch(
            self._numerics.tensor(torch.from_numpy(self._split.inputs[positions])),
            self._numerics.sent(torch.from_numpy(self._split.labels[positions])),
            self._numerics.sent(torch.from_numpy(self._split.groups[positions])),
        )


def passes(size: int, n: int, rng: torch.Generator) -> Tensor:
    """(n,) int64 positions in 0..size-1. Positions repeat only after all have come."""
    rounds = [torch.randperm(size, generator=rng, device=rng.device) for _ in range(-(-n // size))]
    return torch.cat(rounds)[:n] if rounds else torch.zeros(0, dtype=torch.long, device=rng.device)


def _of_people(batch: Batch) -> Batch:
    """The batch with the origin of real people."""
    origin = torch.tensor(Origin(REAL, TRUTH), device=batch.labels.device)
    return batch._replace(origins=origin.expand(len(batch.labels), 2))


def _mirrored(batch: Batch, rng: torch.Generator) -> Batch:
    chosen = torch.rand(len(batch.labels), generator=rng, device=rng.device) < 0.5
    inputs = torch.where(chosen[:, None, None, None].to(batch.inputs.device), batch.inputs.flip(-1), batch.inputs)
    return batch._replace(inputs=inputs)


@torch.no_grad()
def probabilities(classifier: Classifier, batches: Iterable[Tensor], numerics: Numerics) -> Tensor:
    """(N, K) float32 class probabilities on the CPU, for all inputs of `batches`."""
    with numerics.autocast():
        parts = [classifier(inputs).float().softmax(dim=1).cpu() for inputs in batches]
    return torch.cat(parts)


@torch.no_grad()
def decisions(
    classifier: Classifier, batches: Iterable[Tensor], numerics: Numerics, groups: Tensor | None = None
) -> Tensor:
    """(N,) int64 classes on the CPU, for all inputs of `batches`. groups: (N,) codes, of real people."""
    if not classifier.at_once:
        return probabilities(classifier, batches, numerics).argmax(dim=1)
    parts, done = [], 0
    for inputs in batches:
        known = None if groups is None else groups[done : done + len(inputs)]
        parts.append(classifier.decided(inputs, known).cpu())
        done += len(inputs)
    return torch.cat(parts)
