"""The replay of a log: decisions about each past round by a model of the outcomes known before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing import audited
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError
from fairloop.forecasting.logged import Logged
from fairloop.forecasting.people import past, source
from fairloop.forecasting.setup import Setup, as_options
from fairloop.loop.generations import generations
from fairloop.loop.people.published import PublishedClassifier
from fairloop.loop.trainer import ModelTrainer
from fairloop.store.memory import MemoryModels


class Line(NamedTuple):
    """A measure of one past round, in the log and in the replay.

    difference: replay less log. low, high: ends of its 95 % interval, by sampling of people. NaN where undefined.
    """

    round: str
    measure: Measure
    log: float
    replay: float
    difference: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether the interval of the difference excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Replay:
    """The result of the replay. others: the share of people with a different decision in the replay, by round."""

    lines: tuple[Line, ...]
    others: dict[str, float]

    @property
    def differing(self) -> list[Line]:
        """The lines whose interval excludes the log."""
        return [line for line in self.lines if line.differs]


def replay(log: Logged, setup: Setup, measured: Measured, measures: Sequence[Measure]) -> Replay:
    """The replay of `log`. measured: its measures. Rounds without earlier labels are not replayed."""
    decided = _decided(log, setup)
    known = [place for place, found in enumerate(decided) if found is not None]
    if not known:
        return Replay((), {})
    first, names = known[0], log.told.names
    selected = log.selected.copy()
    for place in known:
        selected[log.places[place]] = decided[place]
    options = {name: name for name in log.more}
    again = audited(
        log.frame(selected, first), round="round", label="label", prediction="prediction", groups=("group",),
        beneficial="1", round_order=list(names[first:]), **options,
    ).measured  # fmt: skip
    there = set(again.rounds.groups)
    usable = [one for one in measures if one.group not in log.told.groups or one.group in there]
    lines = [_line(measured, again, one, place, place - first) for place in known for one in usable]
    others = {names[i]: float((selected != log.selected)[log.places[i]].mean()) for i in known}
    return Replay(tuple(lines), others)


def _decided(log: Logged, setup: Setup) -> list[NDArray[np.bool_] | None]:
    """The decisions of each round by the model that learned from earlier rounds; None without a model."""
    played = past(log)
    people = source(log, setup.pool(log), 0, played)
    decided: list[NDArray[np.bool_] | None] = [None] * log.size
    try:
        trainer = ModelTrainer(setup.spec(log, 0), MemoryModels(), source=people)
        for one in generations(trainer):
            if one.index + 1 < log.size and one.classifier is not None and one.classifier.taught:
                found = PublishedClassifier(one.classifier.module, trainer.numerics, 1, log.features.shape[1])
                there = played[one.index + 1].people
                decided[one.index + 1] = np.asarray(found.accepts(there.features, there.groups), bool)
    except InputError as error:
        raise InputError(as_options(str(error))) from error
    return decided


def _line(measured: Measured, again: Measured, measure: Measure, place: int, there: int) -> Line:
    log, new = measured.value(measure, place), again.value(measure, there)
    ends = [end - log.value if new.identified else np.nan for end in (new.value, new.low, new.high)]
    return Line(measured.rounds.names[place], measure, log.value, new.value, *ends)
