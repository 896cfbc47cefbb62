"""Where real people's data come from: one file per data set, one shared type, `Population`.

A data set is a spec (a pydantic model whose `name` is its key here) and `load(spec, seed) -> Population`.
"""

from __future__ import annotations

from fairloop.data import colored_mnist
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.data.population import Population, Split

__all__ = ["DATASETS", "MINORITIZED", "DataSpec", "Population", "Split", "load"]

DataSpec = ColoredMNISTSpec
"""The spec of any known data set."""

DATASETS = {"colored-mnist": colored_mnist.load}

MINORITIZED = {"colored-mnist": colored_mnist.MINORITIZED}
"""The minoritized groups of each data set, for who has its name but not the data."""


def load(spec: DataSpec, seed: int) -> Population:
    """The population that `spec` describes; `seed` is the run's, for specs that name none of their own.

    Raises InputError for files that are missing, damaged or not what the spec needs.
    """
    return DATASETS[spec.name](spec, seed)
