"""Models kept in memory: for tests, notebooks and short runs."""

from __future__ import annotations

from typing import Any

from fairloop.models.estimators.fitted import Fitted
from fairloop.store.interface import Fit, M, Trained, last
from fairloop.training.fitting import State
from fairloop.training.recipe import Recipe


class MemoryModels:
    """A store in memory of the state of networks and of estimators. Several runs may share one store."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self._estimators: dict[str, Trained[Any]] = {}

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`, from memory or fitted now."""
        if (kept := self._estimators.get(recipe.fingerprint)) is not None:
            return kept
        checkpoint = last(fit(self._states.get(recipe.fingerprint)))
        trained = Trained(recipe, checkpoint.module, checkpoint.log)
        if isinstance(checkpoint.module, Fitted):
            self._estimators[recipe.fingerprint] = trained
        else:
            self._states[recipe.fingerprint] = checkpoint.state(resumable=False)
        return trained

    def has(self, recipe: Recipe) -> bool:
        """Whether the model is in memory."""
        return recipe.fingerprint in self._states or recipe.fingerprint in self._estimators

    def busy(self, recipe: Recipe) -> bool:
        """Always false: other processes do not reach this memory."""
        del recipe
        return False


class NoModels:
    """A store that keeps no model. Each request fits a model."""

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`, fitted now."""
        checkpoint = last(fit(None))
        return Trained(recipe, checkpoint.module, checkpoint.log)

    def has(self, recipe: Recipe) -> bool:
        """Always false."""
        del recipe
        return False

    busy = has
