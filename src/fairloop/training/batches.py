"""The batches of one epoch: real people, curated samples, or a mixture. A feed maps an epoch to its batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fairloop.curation.interface import Curation, Curator
from fairloop.seeding import Role
from fairloop.sources import quotas
from fairloop.sources.batch import Batch, counted, join
from fairloop.sources.origin import NOBODY, REAL
from fairloop.sources.source import RealData, Supply
from fairloop.training.streams import Streams

Feed = Callable[[int], Iterator[tuple[Batch, Curation | None]]]


class Remembered:
    """A feed that keeps the inputs of its first epoch, once a model has passed over it."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._first: list[Tensor] | None = None

    def __call__(self, epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
        """The batches of an epoch."""
        return self._feed(epoch) if epoch else self._kept()

    def inputs(self) -> Iterable[Tensor]:
        """Those of the first epoch, batch by batch; drawn again, by the same random numbers, if none are kept."""
        return self._first if self._first is not None else (batch.inputs for batch, _ in self._feed(0))

    def _kept(self) -> Iterator[tuple[Batch, Curation | None]]:
        kept = []
        for batch, curation in self._feed(0):
            kept.append(batch.inputs.cpu())
            yield batch, curation
        self._first = kept


class Schedule(NamedTuple):
    """The sizes of an epoch's batches: `steps` batches of `batch` samples; the last batch has `last` samples."""

    steps: int
    batch: int
    last: int

    def sizes(self) -> Iterator[int]:
        """The size of each batch."""
        return (self.batch if step < self.steps - 1 else self.last for step in range(self.steps))


def real(data: RealData, batch: int, streams: Streams) -> Feed:
    """Every real person once per epoch."""
    return lambda epoch: ((drawn, None) for drawn in data.epoch(batch, streams.at(Role.ORDER, epoch)))


def synthetic(source: Supply, curator: Curator, schedule: Schedule, streams: Streams) -> Feed:
    """Fresh samples for every step, as the curator draws them."""

    def epoch_of(epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
        rng = streams.at(Role.LATENTS, epoch)
        drawn = (curator.draw(source, n, rng) for n in schedule.sizes())
        return ((batch, _with_origins(batch, curation, streams.generation)) for batch, curation in drawn)

    return epoch_of


def synthetic_part(share: float, batch: int) -> int:
    """floor(share * batch), with the rounding of quotas."""
    return int(quotas.floored(np.array(share), batch))


def mixed(source: Supply, curator: Curator, data: RealData, share: float, schedule: Schedule, streams: Streams) -> Feed:
    """Batches with floor(share * n) curated samples, the rest real people, shuffled."""

    def epoch_of(epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
        order, latents = streams.at(Role.ORDER, epoch), streams.at(Role.LATENTS, epoch)
        made = synthetic_part(share, schedule.batch)
        people = data.endless(schedule.batch - made, order) if made < schedule.batch else None
        for _ in range(schedule.steps):
            parts, curation = [] if people is None else [next(people)], None
            if made:
                curated, curation = curator.draw(source, made, latents)
                parts.insert(0, curated)
            batch = join(*parts)
            shuffled = torch.randperm(len(batch.labels), generator=order, device=order.device)
            yield batch.select(shuffled), _with_origins(batch, curation, streams.generation)

    return epoch_of


def _with_origins(batch: Batch, curation: Curation | None, generation: int) -> Curation | None:
    """`curation`, with the number of samples of each origin if the batch has origins.

    generation: of the model that learns from the batch.
    """
    if batch.origins is None:
        return curation
    made_by, labelled_by = batch.origins.unbind(1)
    size = generation + 1 - NOBODY  # its own generation and labeller are the latest ones in the batch
    cells = counted((made_by - REAL) * size + labelled_by - NOBODY, size * size)
    return (curation or Curation())._replace(origins=cells.reshape(size, size))
