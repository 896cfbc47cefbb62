"""The records of a round: measures of all people, measures by the decision maker's data, and the log."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fairloop.data import Population
from fairloop.loop.people.rounds import Round
from fairloop.metrics import group_rates as perf
from fairloop.metrics.group_rates import Rate
from fairloop.metrics.population import shares
from fairloop.people.interface import Array, Codes, Flags
from fairloop.seeding import ModelRole
from fairloop.store.tidy_rows import RoundLog, Row

TRUE, OBSERVED = "true", "observed"
"""The splits of a round: all people with true labels; people with known labels, with decisions about all people."""


def rows(i: int, one: Round, population: Population) -> Iterator[Row]:
    """All measures of the decisions of round i, and of the population in it."""
    names = population.group_names
    for group, share, error in zip(names, *shares(one.people.groups, len(names)), strict=True):
        yield Row(i, None, ModelRole.CLASSIFIER, "people", None, group, "group_share", float(share), float(error))
    predicted = _predicted(one, population)
    rates = _rates(one, predicted, population, slice(None))
    everybody = observed = [*perf.flatten(rates, names)]
    if not one.seen.all():
        # Decisions are known for all people, so measures without labels are equal in both splits.
        seen = _rates(one, predicted, population, one.seen) | {"selection_rate": rates["selection_rate"]}
        observed = [*perf.flatten(seen, names)]
    for split, found in ((TRUE, everybody), (OBSERVED, observed)):
        for group, metric, value, error in found:
            yield Row(i, None, ModelRole.CLASSIFIER, split, None, group, metric, value, error)
    for metric, measured in one.measures.items():
        yield from _of_kind(i, metric, np.asarray(measured, np.float64), names)


def log_of(one: Round, population: Population) -> RoundLog:
    """The decision maker's log of a round."""
    people, numbered = one.people, np.arange(len(one.people))
    return RoundLog(
        person=numbered if people.identity is None else people.identity,
        group=people.groups,
        prediction=_predicted(one, population),
        score=one.score,
        accepted=one.accepted,
        label=np.where(one.seen, one.outcome, RoundLog.UNKNOWN),
        propensity=one.propensity,
        observed_at=np.where(one.seen, one.known_at, RoundLog.UNKNOWN),
        label_names=population.label_names,
        group_names=population.group_names,
        beneficial=population.label_names[population.beneficial],
    )


def _rates(one: Round, predicted: Codes, population: Population, among: Flags | slice) -> dict[str, Rate]:
    labels, groups = len(population.label_names), len(population.group_names)
    outcome, group, decided = (array[among] for array in (one.outcome, one.people.groups, predicted))
    return perf.performance(perf.confusion(outcome, group, decided, labels, groups), population.beneficial)


def _predicted(one: Round, population: Population) -> Codes:
    """(n,) codes of predicted labels: the beneficial one for people who are accepted before exploration."""
    beneficial = population.beneficial
    other = 0 if beneficial else 1
    return np.asarray(other + (beneficial - other) * one.decided.astype(np.int64))


def _of_kind(i: int, metric: str, value: Array, names: tuple[str, ...]) -> Iterator[Row]:
    for group, number in zip(("overall",) if value.ndim == 0 else names, value.reshape(-1).tolist(), strict=True):
        yield Row(i, None, "people", TRUE, None, group, metric, number, np.nan)
