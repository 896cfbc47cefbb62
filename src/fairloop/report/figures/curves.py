"""Performance and fairness of one case's classifiers over generations."""

from __future__ import annotations

from fairloop.report.figures.lines import Lines, Shown, each, each_group
from fairloop.report.figures.measures import Measure


def _overall(*wanted: tuple[str, str, str]) -> Shown:
    """wanted: the name of each line, and its group and metric."""
    return each(lambda table, split: [Measure(name, name, "classifier", split, *which) for name, *which in wanted])


dp_difference = Lines(
    "Demographic parity difference, and how many are selected at all",
    "rate on {split}\n(difference 0: groups selected alike)",
    _overall(("DP difference", "difference", "demographic_parity"), ("selection rate", "overall", "selection_rate")),
    marked=(0.0,),
)
dp_ratio = Lines(
    "Demographic parity ratio",
    "DP ratio on {split}\n(1: groups selected alike, 0: one never)",
    _overall(("DP ratio", "ratio", "demographic_parity")),
    marked=(0.0, 1.0),
)
selection_rate = Lines(
    "Selection rate of each group",
    "selection rate on {split}\n(0: nobody selected, 1: everybody)",
    each_group("selection_rate"),
)
accuracy_difference = Lines(
    "Accuracy difference between groups, and overall accuracy",
    "rate on {split}\n(accuracy 1: all right; difference 0: fair)",
    _overall(("accuracy difference", "difference", "accuracy"), ("accuracy", "overall", "accuracy")),
    marked=(0.0,),
)
accuracy = Lines("Accuracy of each group", "accuracy on {split}\n(0: all wrong, 1: all right)", each_group("accuracy"))
fpr = Lines(
    "False positive rate of each group",
    "false positive rate on {split}\n(0: nobody wrongly selected)",
    each_group("fpr"),
)
fnr = Lines(
    "False negative rate of each group",
    "false negative rate on {split}\n(0: nobody wrongly passed over)",
    each_group("fnr"),
)
tpr = Lines(
    "True positive rate of each group",
    "true positive rate on {split}\n(1: all selected who should be)",
    each_group("tpr"),
)
tnr = Lines(
    "True negative rate of each group",
    "true negative rate on {split}\n(1: all passed over who should be)",
    each_group("tnr"),
)
equalized_odds = Lines(
    "Equalized odds: difference and ratio",
    "equalized odds on {split}\n(difference 0, ratio 1: groups alike)",
    _overall(("EO difference", "difference", "equalized_odds"), ("EO ratio", "ratio", "equalized_odds")),
    marked=(0.0, 1.0),
)
