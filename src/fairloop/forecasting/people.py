"""The people of a forecast: people of a log's last rounds, drawn anew, with known or modelled outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairloop.data import Population, Split
from fairloop.errors import InputError
from fairloop.forecasting.logged import Logged
from fairloop.loop.people.population import People as Source
from fairloop.loop.people.rounds import Round
from fairloop.people.base import Drawn
from fairloop.people.interface import Names, People
from fairloop.people.selective_labels import SelectiveLabels
from fairloop.seeding import numpy_stream

Floats = NDArray[np.float64]

_LATE = 0.05
"""Largest difference between shares of missing labels that is not a sign of late labels."""


@dataclass(frozen=True, eq=False)
class Pool:
    """People to draw with replacement. chance: (n,) P(beneficial label); 0 or 1 for a known label."""

    features: Floats
    groups: NDArray[np.int64]
    chance: Floats
    names: Names

    def draw(self, n: int, rng: np.random.Generator) -> Drawn:
        """N people."""
        rows = rng.integers(len(self.groups), size=n)
        return Drawn(self.features[rows], self.groups[rows], self.chance[rows])

    def probability(self, features: Floats, groups: NDArray[np.int64]) -> None:
        """None, because probabilities are known only for people in the pool."""


def names_of(log: Logged) -> Names:
    """The names of a log's features, groups and labels."""
    good = log.told.beneficial
    others = [label for label in log.told.labels if label != good]
    return Names(log.feature_names, log.told.groups, (" or ".join(others) or f"not {good}", good))


def past(log: Logged) -> tuple[Round, ...]:
    """The rounds of a log in the form of rounds of the loop."""
    return tuple(_round(log, number, rows) for number, rows in enumerate(log.places))


def _round(log: Logged, number: int, rows: NDArray[np.int64]) -> Round:
    labelled = log.label[rows] >= 0
    chance = np.ones(len(rows)) if log.propensity is None else log.propensity[rows]
    return Round(
        people=People(log.features[rows], log.group[rows]),
        decided=log.selected[rows],
        accepted=log.selected[rows],
        score=np.full(len(rows), np.nan),
        outcome=np.maximum(log.label[rows], 0),
        seen=labelled,
        propensity=np.where(labelled, chance, 1.0),
        weight=None if log.weight is None else log.weight[rows],
        known_at=number,
        measures={},
    )


def source(log: Logged, rows: NDArray[np.int64], seed: int, played: tuple[Round, ...]) -> Source:
    """The people of one seed: a bootstrap sample of `rows`, by weight, and the rounds that were `played` before."""
    rng = numpy_stream(seed, "forecast: population")
    if log.weight is None:
        chosen = rows[rng.integers(len(rows), size=len(rows))]
    else:
        chosen = rng.choice(rows, size=len(rows), p=log.weight[rows] / log.weight[rows].sum())
    pool = Pool(log.features[chosen], log.group[chosen], chances(log, chosen), names_of(log))
    labelled = np.flatnonzero(log.label >= 0)
    before = Split(log.features[labelled].astype(np.float32), log.label[labelled], log.group[labelled])
    names = pool.names
    population = Population(log.name, names.labels, names.groups, (), before, {})
    return Source(SelectiveLabels(pool), population, played)


def chances(log: Logged, rows: NDArray[np.int64]) -> Floats:
    """(n,) P(beneficial label) of `rows`: 0 or 1 where the label is known, by a logistic regression on features and
    group where it is not. The regression learns from the rows with a label, each weighted by weight / propensity.
    """
    known = log.label[rows] >= 0
    found = np.maximum(log.label[rows], 0).astype(np.float64)
    if known.all():
        return found
    inputs = np.hstack([log.features[rows], log.group[rows, None] == np.arange(1, len(log.told.groups))])
    labels = log.label[rows][known]
    if labels.min() == labels.max():
        found[~known] = labels[0]
        return found
    from fairloop.forecasting.estimators import Standardised

    weights = None if log.propensity is None else 1 / log.propensity[rows][known]
    if log.weight is not None:
        weights = log.weight[rows][known] * (1.0 if weights is None else weights)
    model = Standardised(max_iter=1000).fit(inputs[known], labels, weights)
    found[~known] = model.predict_proba(inputs[~known])[:, 1]
    return found


def check_labels(log: Logged, rows: NDArray[np.int64]) -> None:
    """Raise InputError if outcomes of a group cannot be modelled, or if labels of the last round seem late."""
    _check_late(log)
    if log.weight is not None and not log.weight[rows].any():
        raise InputError("--weight: is 0 in all rows of the last rounds, so nobody can be drawn; give more with --last")
    for place, name in enumerate(log.told.groups):
        mine = rows[log.group[rows] == place]
        if len(mine) and not (log.label[mine] >= 0).any():
            raise InputError(f"--label: no label of group {name!r} is known in the last rounds, so its outcomes are "
                             "unknown; give some, or more rounds with --last")  # fmt: skip
    known = log.label[rows] >= 0
    if len(np.unique(log.label[rows][known])) < 2:
        raise InputError(
            "--label: the known labels of the last rounds are all the same; more rounds with --last may help"
        )


def _check_late(log: Logged) -> None:
    """Raise InputError if selected people lack labels far more often in the last round than in earlier rounds."""
    selected = [rows[log.selected[rows]] for rows in log.places]
    now, before = selected[-1], np.concatenate(selected[:-1])
    if not len(now) or not len(before):
        return
    lacking, usual = ((log.label[rows] < 0).mean() for rows in (now, before))
    error = np.sqrt(usual * (1 - usual) * (1 / len(now) + 1 / len(before)))
    if lacking - usual > max(_LATE, 4 * error):
        raise InputError(f"--label: {lacking:.1%} of the selected people of round {log.told.names[-1]!r} have no "
                         f"label, {usual:.1%} of those before. A forecast does not model delays of labels; leave out "
                         "the rounds with labels still to come")  # fmt: skip
