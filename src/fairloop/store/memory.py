"""Models kept in memory: for tests, notebooks and short runs."""

from __future__ import annotations

from typing import Any

from fairloop.models.estimators.fitted import Fitted
from fairloop.store.interface import Fit, M, Trained, last
from fairloop.training.fitting import State
from fairloop.training.recipe import Recipe


class MemoryModels:
    """Keeps every network's state, and every estimator, for as long as it lives. Several runs may share one."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self._estimators: dict[str, Trained[Any]] = {}

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`, kept from before or fitted now."""
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
        """Whether it is kept."""
        return recipe.fingerprint in self._states or recipe.fingerprint in self._estimators

    def busy(self, recipe: Recipe) -> bool:
        """No: other processes do not reach this memory."""
        del recipe
        return False


class NoModels:
    """Keeps nothing: each model is fitted whenever it is asked for."""

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        """The model of `recipe`, fitted now."""
        checkpoint = last(fit(None))
        return Trained(recipe, checkpoint.module, checkpoint.log)

    def has(self, recipe: Recipe) -> bool:
        """No."""
        del recipe
        return False

    busy = has
