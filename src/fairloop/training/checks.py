"""Whether a spec fits its data, in every generation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from fairloop.curation import ideal as ideals
from fairloop.data import Population
from fairloop.errors import InputError
from fairloop.spec.run import RunSpec


def check_against(spec: RunSpec, population: Population) -> None:
    """Raise InputError if an ideal or a regime of any generation does not fit the data."""
    everybody = len(population.train)
    needed = (spec.policy.people or 0) * (spec.generations if spec.policy.real == "fresh" else 1)
    if needed > everybody:
        raise InputError(
            f"policy.people={spec.policy.people}: {spec.generations} generations need {needed} real people, and the "
            f"training set has {everybody}; lower policy.people or generations, or set policy.real=fixed"
            if spec.policy.real == "fresh"
            else f"policy.people={needed}: the training set has {everybody}"
        )
    for _, where, span in told_spans(spec):
        with where:
            _check_span(span, population)


def told_spans(spec: RunSpec) -> Iterator[tuple[int, AbstractContextManager[None], RunSpec]]:
    """Each spec of the run: the first generation in which it holds, a context whose errors name the entry of the
    schedule, and the spec.
    """
    yield 0, nullcontext(), spec
    for generation in sorted(spec.schedule):
        yield generation, _scheduled(generation), spec.at(generation)


@contextmanager
def _scheduled(generation: int) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"schedule.{generation}: {error}") from error


def _check_span(spec: RunSpec, population: Population) -> None:
    ideals.shares_for(spec.star.ideal, population)
    for chosen in (spec.policy.generator, spec.policy.classifier):
        chosen.policy()
    labels, groups = len(population.label_names), len(population.group_names)
    if len(spec.labels.error) not in (0, 1, groups):
        raise InputError(f"labels.error={spec.labels.error}: give one number, or one for each of {groups} groups")
    if spec.response.on and [len(row) for row in spec.response.retention] != [labels] * groups:
        raise InputError(
            f"response.retention={spec.response.retention}: needs a row for each of {groups} groups "
            f"({', '.join(population.group_names)}), with a probability for each of {labels} labels "
            f"({', '.join(population.label_names)})"
        )
