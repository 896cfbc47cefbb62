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
"""Trains a model from a state (None: from its beginning) to its end, one checkpoint an epoch.

From a state at the end, it only builds the model. So loading and training are one function.
"""


@dataclass(frozen=True)
class Trained(Generic[M]):
    """A finished model, in evaluation mode, with the log of its training."""

    recipe: Recipe
    module: M
    log: Log

    @property
    def diverged(self) -> bool:
        """Whether numbers of the model, or of a parent, stopped being finite."""
        return "diverged" in self.log

    @property
    def taught(self) -> bool:
        """Whether it has learned anything: there was somebody with a known label, and all numbers stayed finite."""
        return "untaught" not in self.log and not self.diverged


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
