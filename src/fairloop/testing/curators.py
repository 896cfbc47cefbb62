"""Checks of curators: the properties of batches that feeds and measures need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fairloop.curation.interface import Curation, Curator
from fairloop.sources.batch import Batch, Strata
from fairloop.testing.streams import no_global_randomness, stream


@dataclass(frozen=True)
class CuratorCase:
    """A curator to check, for batches of `labels` x `groups` strata.

    repeats: whether it may take a sample more than once.

    >>> from fairloop.curation.interface import NoCuration
    >>> batch, curation, urn = CuratorCase(NoCuration()).draw(6)
    >>> len(batch.labels), curation
    (6, None)
    """

    curator: Curator
    labels: int = 2
    groups: int = 2
    repeats: bool = False

    def draw(self, n: int, seed: int = 0) -> tuple[Batch, Curation | None, Urn]:
        """A batch of n from a source with strata of decreasing frequency, and the source."""
        urn = Urn(Strata(self.labels, self.groups))
        source: Any = urn
        return *self.curator.draw(source, n, stream(seed)), urn


class Urn:
    """A source of numbered samples, which can be identified in a batch.

    The first stratum is the most frequent, the last the rarest.
    """

    def __init__(self, strata: Strata) -> None:
        self.strata = strata
        self.chances = 1 / torch.arange(1.0, len(strata) + 1)
        self.drawn: list[int] = []
        self.names = torch.empty(0, dtype=torch.long)

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        """Draw n fresh samples; the image of each is its number."""
        stratum = torch.multinomial(self.chances, n, replacement=True, generator=rng)
        numbers = torch.arange(n) + sum(self.drawn)
        self.drawn.append(n)
        self.names = torch.cat([self.names, stratum])
        return Batch(numbers.float()[:, None], stratum // self.strata.groups, stratum % self.strata.groups)


def fills_every_batch(case: CuratorCase) -> None:
    """A batch of n holds exactly n, of every size."""
    for n in (1, 7, 64):
        batch, _, _ = case.draw(n)
        sizes = [len(part) for part in (batch.inputs, batch.labels, batch.groups)]
        assert sizes == [n] * 3, f"a batch of {n} has {sizes[0]} images, {sizes[1]} labels and {sizes[2]} groups"


def takes_each_sample_from_the_source_once(case: CuratorCase) -> None:
    """Samples keep the labels and groups of the source, and no sample occurs twice."""
    batch, _, urn = case.draw(64)
    numbers = batch.inputs[:, 0].long()
    assert case.repeats or len(set(numbers.tolist())) == len(numbers), "a sample is in the batch twice"
    named: Tensor = urn.strata.index(batch)
    assert torch.equal(named, urn.names[numbers]), "a sample has another label or group than the source gave it"


def counts_what_it_took(case: CuratorCase) -> None:
    """`candidates` or `offered` count the first draw by stratum, `redrawn` the later draws."""
    _, curation, urn = case.draw(64)
    if curation is None:
        return
    first, later = urn.drawn[0], sum(urn.drawn[1:])
    counts = torch.bincount(urn.names[:first], minlength=len(urn.strata))
    for name, told in (("candidates", curation.candidates), ("offered", curation.offered)):
        assert told is None or torch.equal(told, counts), f"{name} are {told.tolist()}, not {counts.tolist()}"
    if curation.redrawn is None:
        assert later == 0, f"{later} were drawn after the first draw, but `redrawn` does not say so"
        return
    assert curation.redrawn.shape == (), f"redrawn has the shape {tuple(curation.redrawn.shape)}, not ()"
    assert int(curation.redrawn) == later, (
        f"redrawn is {int(curation.redrawn)}, but {later} were drawn after the first draw"
    )


def follows_its_rng(case: CuratorCase) -> None:
    """The same state of `rng` gives the same batch, and global random numbers stay as they are."""
    with no_global_randomness("curating"):
        first, second = case.draw(64)[0], case.draw(64)[0]
    assert _same(first, second), "the same state of `rng` gives another batch"
    assert not _same(first, case.draw(64, seed=1)[0]), "batches do not depend on `rng`"


def _same(first: Batch, second: Batch) -> bool:
    return all(map(torch.equal, first[:3], second[:3]))


CURATOR_CHECKS: tuple[Callable[[CuratorCase], None], ...] = (
    fills_every_batch,
    takes_each_sample_from_the_source_once,
    counts_what_it_took,
    follows_its_rng,
)
