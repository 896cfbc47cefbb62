"""Measures for one kind of data, beside rates, fairness and shares. `measures_of` selects them."""

from __future__ import annotations

from fairloop.data.population import Population
from fairloop.evaluation.interface import KindMeasures, Value


def measures_of(population: Population) -> KindMeasures:
    """The measures for the population's kind of data. Pictures and tables have no measures of their own."""
    if population.tokens is None:
        return KindMeasures()
    from fairloop.evaluation.texts import TextMeasures

    return TextMeasures(population, population.tokens)


__all__ = ["KindMeasures", "Value", "measures_of"]
