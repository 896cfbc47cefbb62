"""The protocol between the loop and a store of models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from torch import nn

from fairloop.training.fitting import Checkpoint, Log, State
from fairloop.training.recipe import Recipe

M = TypeVar("M", bound=nn.Module)

Fit = Callable[[State | None], Iterator[Checkpoint[M]]]
"""A function that trains a model from a state (None: from the beginning) to the end, and yields a checkpoint per epoch.

From a final state, it only builds the model. So the same function loads and trains models.
"""


@dataclass(frozen=True)
class Trained(Generic[M]):
    """A finished model, in evaluation mode, with the log of its training."""

    recipe: Recipe
    module: M
    log: Log

    @property
    def diverged(self) -> bool:
        """Whether values of the model, or of a parent, are no longer finite."""
        return "diverged" in self.log

    @property
    def taught(self) -> bool:
        """Whether the model has learned: some label was known, and all values stayed finite."""
        return "untaught" not in self.log and not self.diverged


class Models(Protocol):
    """Trained models by recipe."""

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`, loaded from the store, or fitted now and stored."""
        ...

    def has(self, recipe: Recipe) -> bool:
        """Whether the store holds the complete model of `recipe`."""
        ...

    def busy(self, recipe: Recipe) -> bool:
        """Whether another process is fitting the model now."""
        ...


def last(checkpoints: Iterator[Checkpoint[M]]) -> Checkpoint[M]:
    """Train to the end. The last checkpoint is the result."""
    checkpoint = next(checkpoints)
    for later in checkpoints:
        checkpoint = later
    return checkpoint
