"""What batches are drawn from: real people, or a generator with somebody who names what it made."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fairloop.batch import UNNAMED, Batch
from fairloop.data.population import Split
from fairloop.models.interface import Classifier, Generator
from fairloop.numerics import Numerics

_CHUNK, _CHUNK_VALUES = 1024, 2**22


def chunk(shape: tuple[int, ...]) -> int:
    """How many samples of `shape` are decoded or predicted at once outside training.

    More than 1024 gain no speed; of large images fewer fit into memory with all that a model makes of them.
    """
    return max(1, min(_CHUNK, _CHUNK_VALUES // math.prod(shape)))


@dataclass(frozen=True)
class Source:
    """A generator, a labeller and a grouper, all in evaluation mode.

    Who is absent names nobody: a batch then holds `UNNAMED` labels or groups.
    """

    generator: Generator
    numerics: Numerics
    labeller: Classifier | None = None
    grouper: Classifier | None = None

    @torch.no_grad()
    def draw(self, n: int, rng: torch.Generator) -> Batch:
        """N fresh samples; label and group are the argmax of the labeller's and the grouper's logits."""
        with self.numerics.autocast():
            images = self.generator.sample(n, rng)
            return Batch(images, _name(self.labeller, images), _name(self.grouper, images))


def _name(classifier: Classifier | None, images: Tensor) -> Tensor:
    if classifier is None:
        return torch.full((len(images),), UNNAMED, device=images.device)
    labels: Tensor = classifier(images).argmax(dim=1)
    return labels


class RealData:
    """A split, served in batches on the device. What lies on disk is read batch by batch."""

    def __init__(self, split: Split, numerics: Numerics) -> None:
        self._split = split
        self._numerics = numerics

    def epoch(self, batch: int, rng: torch.Generator) -> Iterator[Batch]:
        """Everybody once, in an order drawn from `rng`; the last batch holds the rest and may be short.

        Where the split allows it, each image is mirrored with probability 1/2.
        """
        order = torch.randperm(len(self._split), generator=rng, device=rng.device).cpu()
        for index in torch.split(order, batch):
            drawn = self._take(index)
            yield _mirrored(drawn, rng) if self._split.mirror else drawn

    def endless(self, batch: int, rng: torch.Generator) -> Iterator[Batch]:
        """Full batches without end: each pass over everybody in a new order; what does not fill one is dropped."""
        while True:
            for drawn in self.epoch(batch, rng):
                if len(drawn.labels) == batch or len(self._split) < batch:
                    yield drawn

    def in_order(self) -> Iterator[Batch]:
        """Everybody once, in file order."""
        for index in torch.split(torch.arange(len(self._split)), chunk(self._split.images.shape[1:])):
            yield self._take(index)

    def _take(self, index: Tensor) -> Batch:
        device, positions = self._numerics.device, index.numpy()
        return Batch(
            self._numerics.tensor(torch.from_numpy(self._split.images[positions])),
            torch.from_numpy(self._split.labels[positions]).to(device),
            torch.from_numpy(self._split.groups[positions]).to(device),
        )


def _mirrored(batch: Batch, rng: torch.Generator) -> Batch:
    chosen = torch.rand(len(batch.labels), generator=rng, device=rng.device) < 0.5
    images = torch.where(chosen[:, None, None, None].to(batch.images.device), batch.images.flip(-1), batch.images)
    return batch._replace(images=images)


@torch.no_grad()
def probabilities(classifier: Classifier, batches: Iterable[Tensor], numerics: Numerics) -> Tensor:
    """(N, K) float32 class probabilities on the CPU, for all images of `batches`."""
    with numerics.autocast():
        parts = [classifier(images).float().softmax(dim=1).cpu() for images in batches]
    return torch.cat(parts)
