"""A data set of your own: a function in an importable module."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from pydantic import Field

from fairloop.data.population import Population
from fairloop.data.shared_fields import DataFields
from fairloop.errors import InputError


class ElsewhereSpec(DataFields):
    """Your own function, in an importable module, that returns a Population."""

    name: str = Field(description="module:function; it is called as function(seed=..., **arguments) -> Population")
    root: Path | None = Field(None, description="passed to the function if it is set")
    arguments: dict[str, Any] = Field({}, description="keyword arguments of the function")


def load(spec: ElsewhereSpec, seed: int) -> Population:
    """The population that the function returns. Raises InputError if the call fails or returns another type."""
    module, _, attribute = spec.name.partition(":")
    arguments = spec.arguments if spec.root is None else {**spec.arguments, "root": spec.root}
    try:
        population = getattr(importlib.import_module(module), attribute)(seed=spec.seed_of(seed), **arguments)
    except InputError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise InputError(f"data.name: '{spec.name}' gave no data: {type(error).__name__}: {error}") from error
    if not isinstance(population, Population):
        raise InputError(f"data.name: '{spec.name}' returned {type(population).__name__}, not a fairloop.Population")
    return population
