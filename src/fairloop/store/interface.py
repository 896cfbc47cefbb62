"""What the loop asks of a store, and what it gets back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from torch import nn

from fairloop.training.fitting import Checkpoint, Log, State
from fairloop.training.recipe import Recipe

M = TypeVar("M", bound=nn.Module)

Fit = Callable[[State | None], Iterator[Checkpoint[M]]]
"""Trains a model from a state (None: from its beginning) to its end, one checkpoint an epoch.

From a state that is at the end already it only builds the model, so that loading and training are one thing.
"""


@dataclass(frozen=True)
class Trained(Generic[M]):
    """A finished model, in evaluation mode, with everything that its training recorded."""

    recipe: Recipe
    module: M
    log: Log

    @property
    def diverged(self) -> bool:
        """Whether its numbers stopped being finite, or those of a model that it would have learned from."""
        return "diverged" in self.log


class Models(Protocol):
    """Trained models by recipe."""

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`: kept from before, or fitted now and kept."""
        ...

    def has(self, recipe: Recipe) -> bool:
        """Whether the model of `recipe` is kept, whole."""
        ...

    def busy(self, recipe: Recipe) -> bool:
        """Whether another process is fitting it at this moment."""
        ...


def last(checkpoints: Iterator[Checkpoint[M]]) -> Checkpoint[M]:
    """Train to the end. The last checkpoint is the result."""
    checkpoint = next(checkpoints)
    for later in checkpoints:
        checkpoint = later
    return checkpoint
