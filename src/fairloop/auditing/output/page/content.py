"""The data of an audit's page: every value of every round, packed for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.values import Measure, Value
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.metrics.entry import AGGREGATES, GOOD, PARTS
from fairloop.metrics.statistics import ALPHA
from fairloop.report.page.content import number

Json = dict[str, Any]
Series = dict[Measure, list[Value]]

MOST_PAIRED = 200
"""Largest number of groups for intervals of differences without a limit, which would take minutes for more."""

_NUMBERS = ("value", "low", "high", "lower", "upper")


def series(measured: Measured, shown: Iterable[Measure]) -> Series:
    """Every measure in every round, with 95 % intervals; measures in `shown`, with curves, come first."""
    found = {measure: measured.values(measure) for measure in shown}
    given = set(found)
    alpha = ALPHA if len(measured.kept) <= MOST_PAIRED else None
    for value, _ in measured.all(alpha):
        if value.measure not in given:
            found.setdefault(value.measure, []).append(value)
    return found


def marks(measured: Measured) -> list[str]:
    """For each round `no labels`, `not mature`, or empty text."""
    missing = measured.missing
    return [
        "not mature" if immature else "no labels" if without else ""
        for immature, without in zip(missing.immature, missing.without, strict=True)
    ]


def packed(measured: Measured, found: Series) -> Json:
    """The page's data.

    rounds, marks: (R,) names, and the states of labels. groups: (S,) names; small: positions of small groups. metrics:
    title, sentence and direction by name. parts: titles of aggregates. statuses, reasons: lists that series refer to.
    series: metric, group, then `_NUMBERS`, labelled, people, status and reason: each a list by round, or one value for
    all rounds. An undefined number is null. Numbers have six significant digits.
    """
    statuses: dict[str, int] = {}
    reasons: dict[str, int] = {"": 0}
    rows = []
    for measure, values in found.items():
        columns: list[list[Any]] = [[number(getattr(one, name)) for one in values] for name in _NUMBERS]
        columns += [[one.labelled for one in values], [one.people for one in values]]
        columns.append([statuses.setdefault(one.status, len(statuses)) for one in values])
        columns.append([reasons.setdefault(one.reason, len(reasons)) for one in values])
        rows.append([measure.metric, measure.group, *map(_short, columns)])
    groups = list(measured.rounds.groups)
    return {
        "rounds": list(measured.rounds.names),
        "marks": marks(measured),
        "groups": groups,
        "small": [groups.index(name) for name in measured.small],
        "metrics": {metric: _described(metric) for metric in dict.fromkeys(one.metric for one in found)},
        "parts": {part: PARTS[part] for part in ("overall", *AGGREGATES)},
        "statuses": list(statuses),
        "reasons": list(reasons),
        "series": rows,
    }


def _described(metric: str) -> list[str]:
    """Title, sentence, and the direction of its values in a group; of differences; of ratios."""
    entry = CATALOGUE.get(metric)
    if entry is None:
        return [metric.replace("_", " "), "", "", GOOD["to 0"], GOOD["to 1"]]
    return [entry.title, entry.sentence, *(GOOD[entry.good(part)] for part in ("overall", "difference", "ratio"))]


def _short(column: Sequence[Any]) -> Any:
    """The column, or a single value if all rounds are equal."""
    return column[0] if all(cell == column[0] for cell in column) else list(column)
