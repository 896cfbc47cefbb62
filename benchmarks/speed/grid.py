"""The published grid on ColoredMNIST: six pairs of setting and STAR's target, 40 generations, 25 seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.speed.people import population
from fairloop.models.numerics import Numerics
from fairloop.presets import fields, sweep
from fairloop.sweep.grid import Sweep
from fairloop.training.plan import plan
from fairloop.training.recipe import Recipe

SEEDS = 25


class Grid(NamedTuple):
    """generations: of all runs. alone, shared: models that the runs train, each for itself and with a common store."""

    generations: int
    alone: Counter[str]
    shared: Counter[str]


def published() -> Grid:
    """Counted from the plans of one seed, which stands for all: seeds have no model in common."""
    grid, people = sweep("paper-colored-mnist"), population()
    specs = Sweep(fields(grid.base), cases=grid.cases).specs()
    recipes = [recipe for spec in specs for recipe in plan(spec, people, Numerics())]
    once = {recipe.fingerprint: recipe for recipe in recipes}.values()
    return Grid(SEEDS * sum(spec.generations for spec in specs), _counted(recipes), _counted(once))


def _counted(recipes: Iterable[Recipe]) -> Counter[str]:
    return Counter({role: SEEDS * n for role, n in Counter(str(recipe.role) for recipe in recipes).items()})
