"""The next rounds under each policy: runs of the loop over seeds, their fans, and the limits that they break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.auditing.gate.limits import Limit
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError
from fairloop.forecasting.logged import Logged
from fairloop.forecasting.people import past, source
from fairloop.forecasting.policies import Policy
from fairloop.forecasting.setup import Setup, as_options
from fairloop.loop.generations import Generation, generations
from fairloop.loop.people.rounds import Round
from fairloop.loop.trainer import ModelTrainer
from fairloop.metrics import statistics
from fairloop.metrics.catalogue import CATALOGUE, OF_CLASSIFIERS
from fairloop.store.memory import MemoryModels

SHARE = "group_share"

Paths = NDArray[np.float64]
"""(P, seeds, rounds, M) values by policy, seed, round ahead and measure."""

COLUMNS = ["policy", "seed", "ahead", "metric", "group", "value"]


class Broken(NamedTuple):
    """The number of `seeds` seeds with a broken limit in one of the first `ahead` rounds."""

    policy: str
    limit: str
    ahead: int
    broken: int
    seeds: int


def check(limits: Sequence[Limit]) -> None:
    """Raise InputError for a limit on a measure that the loop does not have."""
    known = {entry.name for entry in OF_CLASSIFIERS}
    for one in limits:
        if one.measure.metric not in known:
            raise InputError(f"{one.where}: a forecast has no {one.measure.metric}; it has {', '.join(sorted(known))}")


def measures(log: Logged, limits: Sequence[Limit]) -> tuple[Measure, ...]:
    """The measures of a forecast: rates of groups, gaps, accuracy, those with limits, and shares of groups."""
    groups = log.told.groups
    found = [Measure("selection_rate", group) for group in groups]
    found += [Measure("tpr", "difference"), Measure("fpr", "difference"), Measure("accuracy")]
    found += [one.measure for one in limits] + [Measure(SHARE, group) for group in groups]
    return tuple(dict.fromkeys(found))


def check_estimator(log: Logged, setup: Setup) -> None:
    """Raise InputError for an estimator of yours that cannot follow one of the policies, before anything is trained."""
    for policy in setup.policies if setup.estimator else ():
        _trainer(log, setup, policy, 0, past(log))


def paths(log: Logged, setup: Setup, wanted: Sequence[Measure], tell: Callable[[str], None]) -> Paths:
    """The values of all policies. Policies share people, outcomes and the random numbers of models, seed by seed."""
    found = np.full((len(setup.policies), setup.seeds, setup.rounds, len(wanted)), np.nan)
    played = past(log)
    for place, policy in enumerate(setup.policies):
        tell(f"{policy.name}: {setup.rounds} rounds, {setup.seeds} seeds")
        for seed in range(setup.seeds):
            for ahead, one in enumerate(_rounds(log, setup, policy, seed, played)):
                found[place, seed, ahead] = [_value(one, measure) for measure in wanted]
    return found


def _rounds(log: Logged, setup: Setup, policy: Policy, seed: int, played: tuple[Round, ...]) -> list[Generation]:
    trainer = _trainer(log, setup, policy, seed, played)
    try:
        return list(generations(trainer, start=log.size))
    except InputError as error:
        raise InputError(as_options(str(error))) from error


def _trainer(log: Logged, setup: Setup, policy: Policy, seed: int, played: tuple[Round, ...]) -> ModelTrainer:
    people = source(log, setup.pool(log), seed, played)
    try:
        return ModelTrainer(setup.spec(log, seed, policy), MemoryModels(), source=people)
    except InputError as error:
        raise InputError(as_options(str(error))) from error


def _value(one: Generation, measure: Measure) -> float:
    return one.value(measure.metric, measure.group, split="people" if measure.metric == SHARE else None)


def fans(found: Paths, policies: Sequence[Policy], wanted: Sequence[Measure]) -> pd.DataFrame:
    """One row for each policy, round ahead and measure: the mean over seeds, and `low` and `high`.

    They are the ends of Student's prediction interval, clipped to the measure's range: it covers the next value with
    95 % under the assumptions. NaN for a single seed, and if a seed's value is undefined.
    """
    seeds, rows = found.shape[1], []
    mean, low, high = statistics.of_next_value(found.swapaxes(0, 1))
    for i, policy in enumerate(policies):
        for j, measure in enumerate(wanted):
            least, most = CATALOGUE[measure.metric].bounds(measure.group)
            for k in range(found.shape[2]):
                ends = np.clip((low[i, k, j], high[i, k, j]), least, most)  # NaN stays
                rows.append((policy.name, k + 1, *measure, mean[i, k, j], *ends.tolist(), seeds))
    return pd.DataFrame(rows, columns=["policy", "ahead", "metric", "group", "mean", "low", "high", "seeds"])


def table(found: Paths, policies: Sequence[Policy], wanted: Sequence[Measure]) -> pd.DataFrame:
    """One row for each value: its policy, seed, round ahead, metric and group."""
    rows = [
        (policies[i].name, seed, ahead + 1, *wanted[j], found[i, seed, ahead, j])
        for i, seed, ahead, j in np.ndindex(*found.shape)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def broken(
    found: Paths, policies: Sequence[Policy], wanted: Sequence[Measure], limits: Sequence[Limit]
) -> list[Broken]:
    """The seeds with a broken limit up to each round, by policy and limit. An undefined value breaks a limit."""
    told = []
    for i, policy in enumerate(policies):
        for limit in limits:
            values = found[i, :, :, wanted.index(limit.measure)]
            beyond = np.vectorize(limit.broken_by, otypes=[bool])(values)
            by_then = np.maximum.accumulate(beyond, axis=1).sum(axis=0)
            told += [Broken(policy.name, str(limit), k + 1, int(n), len(values)) for k, n in enumerate(by_then)]
    return told
