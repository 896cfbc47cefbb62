"""The data of C_t: people of past rounds whose labels are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fairloop.curation.interface import Curation, Curator
from fairloop.data import Population
from fairloop.loop.people.rounds import Rounds
from fairloop.models.numerics import Numerics
from fairloop.people.interface import Array
from fairloop.seeding import Role
from fairloop.sources.batch import Batch
from fairloop.sources.origin import REAL
from fairloop.sources.source import passes
from fairloop.training.batches import Feed
from fairloop.training.recipe import Recipe


@dataclass(frozen=True)
class Known:
    """People with known labels. batch: all of them, with weights by which they represent all people."""

    batch: Batch

    def __len__(self) -> int:
        return len(self.batch.labels)

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        """Draw n people for a curator: by weight with replacement, or without replacement while enough remain."""
        weights = self.batch.weights
        if weights is None:
            index = passes(len(self), n, rng)
        else:
            index = torch.multinomial(weights.to(rng.device), n, replacement=True, generator=rng)
        return self.batch._replace(weights=None).select(index)

    def epoch(self, size: int, rng: torch.Generator) -> Iterator[Batch]:
        """All people once, in an order drawn from `rng`; the last batch may be short."""
        order = torch.randperm(len(self), generator=rng, device=rng.device)
        return (self.batch.select(index) for index in torch.split(order, size))


def known(rounds: Rounds, parts: Sequence[int], before: Population, numerics: Numerics, weighs: bool) -> Known | None:
    """The people with known labels of the rounds `parts`; None if there are none.

    before: people from before round 0, for the part `REAL`. weighs: whether the weight of each is divided by its
    propensity.
    """
    found = [_before(before) if part == REAL else _seen(rounds, part) for part in parts]
    if not sum(len(labels) for _, labels, _, _ in found):
        return None
    features, labels, groups, stands_for = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    weights = None
    if weighs and (stands_for != 1).any():
        weights = numerics.sent(torch.from_numpy((stands_for / stands_for.mean()).astype(np.float32)))
    inputs = numerics.sent(torch.from_numpy(features.astype(np.float32)))
    codes, of_groups = (numerics.sent(torch.from_numpy(array)) for array in (labels, groups))
    return Known(Batch(inputs, codes, of_groups, weights=weights))


def feed(known: Known, recipe: Recipe, curator: Curator, numerics: Numerics, *, at_once: bool) -> Feed:
    """The batches of an epoch: each person once, or as many curated samples.

    at_once: for an estimator, one batch, or batches of `star.batch`. The sizes in a recipe's schedule count all
    people; this feed has only people with known labels.
    """
    streams, whole = recipe.streams(numerics.device), at_once and recipe.schedule.steps == 1

    def people(epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
        if at_once:
            return iter([(known.batch, None)])
        return ((batch, None) for batch in known.epoch(recipe.schedule.batch, streams.at(Role.ORDER, epoch)))

    def curated(epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
        size = len(known) if whole else recipe.schedule.batch
        rng = streams.at(Role.LATENTS, epoch)
        return (curator.draw(known, size, rng) for _ in range(-(-len(known) // size)))

    return curated if recipe.curated else people


def _before(people: Population) -> tuple[Array, ...]:
    train = people.train
    return np.asarray(train.inputs[:], np.float64), train.labels, train.groups, np.ones(len(train))


def _seen(rounds: Rounds, number: int) -> tuple[Array, ...]:
    one = rounds[number]
    return *(array[one.seen] for array in (one.people.features, one.outcome, one.people.groups)), one.stands_for
