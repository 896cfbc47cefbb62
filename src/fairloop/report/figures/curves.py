"""Performance and fairness of one case's classifiers over generations: a figure for each measure in the catalogue."""

from __future__ import annotations

from fairloop.metrics.catalogue import OF_CLASSIFIERS
from fairloop.metrics.entry import Entry
from fairloop.report.figures.lines import Lines, Shown, each, each_group
from fairloop.report.figures.measures import axis, of_classifier


def _together(*wanted: tuple[str, str]) -> Shown:
    """The lines of some measures and parts."""
    return each(lambda table, split: [of_classifier(metric, part, split) for metric, part in wanted])


def _of_measure(entry: Entry) -> Lines:
    """The values of each group, or the difference and ratio of a measure that compares groups."""
    title, name = entry.title[:1].upper() + entry.title[1:], entry.title + " on {split}"
    if entry.worst_of:
        return Lines(
            f"{title}: difference and ratio",
            f"{name}\n(difference 0, ratio 1: groups alike)",
            _together((entry.name, "difference"), (entry.name, "ratio")),
            marked=(0.0, 1.0),
        )
    return Lines(f"{title} of each group", axis(entry.name, "group", name), each_group(entry.name))


dp_difference = Lines(
    "Demographic parity difference, and how many are selected at all",
    "rate on {split}\n(difference 0: groups selected alike)",
    _together(("demographic_parity", "difference"), ("selection_rate", "overall")),
    marked=(0.0,),
)
dp_ratio = Lines(
    "Demographic parity ratio",
    "DP ratio on {split}\n(1: groups selected alike, 0: one never)",
    _together(("demographic_parity", "ratio")),
    marked=(0.0, 1.0),
)
accuracy_difference = Lines(
    "Accuracy difference between groups, and overall accuracy",
    "rate on {split}\n(accuracy 1: all right; difference 0: fair)",
    _together(("accuracy", "difference"), ("accuracy", "overall")),
    marked=(0.0,),
)
_ELSEWHERE = ("count", "demographic_parity")
BY_MEASURE = {entry.name: _of_measure(entry) for entry in OF_CLASSIFIERS if entry.name not in _ELSEWHERE}
"""The figures of all other measures, by the measure's name."""

accuracy, selection_rate, equalized_odds = (BY_MEASURE[n] for n in ("accuracy", "selection_rate", "equalized_odds"))
tpr, tnr, fpr, fnr = (BY_MEASURE[name] for name in ("tpr", "tnr", "fpr", "fnr"))
