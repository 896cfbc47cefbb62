"""The values of an audit, the common input of its text, gate, page, figures, JSON and tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from fairloop.metrics.catalogue import CATALOGUE
from fairloop.metrics.entry import AGGREGATES, Entry

Status = Literal["measured", "weighted", "bounded", "undefined", "not mature"]

MODEL_MADE = "model_made_share"

ORDER: tuple[Status, ...] = ("not mature", "undefined", "bounded", "weighted", "measured")
"""Statuses in order. A measure of several groups has the first status among them."""


def first(statuses: Iterable[Status]) -> Status:
    """The first status of several values."""
    return min(statuses, key=ORDER.index)


class Measure(NamedTuple):
    """One number per round. metric: of the tidy table. group: `overall`, a group's name, or an aggregate.

    >>> str(Measure("tpr", "Female")), str(Measure("tpr", "difference")), Measure("tpr", "difference").is_difference
    ('tpr[Female]', 'tpr_difference', True)
    >>> Measure("tpr").entry.title
    'true positive rate'
    """

    metric: str
    group: str = "overall"

    @property
    def entry(self) -> Entry:
        """The entry of its metric in the catalogue."""
        return CATALOGUE[self.metric]

    @property
    def is_difference(self) -> bool:
        """Whether it is a distance between groups."""
        return self.group == "difference"

    def __str__(self) -> str:
        if self.group == "overall":
            return self.metric
        return f"{self.metric}_{self.group}" if self.group in AGGREGATES else f"{self.metric}[{self.group}]"


class Value(NamedTuple):
    """A measure of a log in a round.

    round: its position among the rounds. value: NaN unless the status is `measured` or `weighted`. low, high: ends of
    the interval; for a bounded measure, the lower end of the lower bound's interval and the upper end of the upper
    bound's; NaN without an interval. lower, upper: the smallest and the largest value that missing labels allow; NaN
    unless `bounded`. people: the rows of the measure (for precision, the selected rows). labelled: those of them with
    a label; all, if the measure needs no label. status: `measured`, from the rows themselves; `weighted`, by
    propensities; `bounded`, if missing labels leave the value open; `undefined`, without any
    estimate; `not mature`, if labels may be incomplete. reason: one sentence for every status but `measured`.
    """

    round: int
    measure: Measure
    value: float
    low: float
    high: float
    lower: float
    upper: float
    labelled: int
    people: int
    status: Status
    reason: str = ""

    @property
    def explained(self) -> str:
        """The status, with its reason if there is one."""
        return f"{self.status}: {self.reason}" if self.reason else self.status

    @property
    def identified(self) -> bool:
        """Whether the log identifies the value."""
        return self.status in ("measured", "weighted")
