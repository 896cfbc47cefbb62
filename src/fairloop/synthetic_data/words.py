"""A comparison for a reader: tables of text, sentences, and a document of plain data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fairloop._util.as_json import plain
from fairloop._util.escape import for_terminal
from fairloop._util.versions import version_of
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.metrics.statistics import FEWEST_SEEDS
from fairloop.report import text
from fairloop.report.text import number
from fairloop.synthetic_data.arms import ARMS
from fairloop.synthetic_data.contrasts import ADDED, SYNTHETIC_FOR_REAL

if TYPE_CHECKING:
    from fairloop.synthetic_data import Comparison

RATES = ("accuracy", "selection_rate", "tpr", "fpr")
FAIRNESS = (("demographic_parity", "difference"), ("equalized_odds", "difference"), ("accuracy", "difference"),
            ("predictive_parity", "difference"))  # fmt: skip
_SHARES = {"group_share": "group", "label_share": "label", "stratum_share": "stratum", "base_rate": "base rate of"}
_FARTHEST = 10  # columns, and pairs of columns, that are listed

METHOD = (
    "Each interval is a 95 % interval of the mean over random splits (Nadeau and Bengio, 2003) and holds alone; "
    "differences are paired by split. An interval without 0 says that two arms differ."
)
LEAK = (
    "If held-out people are in the generator's training data, the synthetic table looks better than it is: compare "
    "with real people outside that data."
)

Change = tuple[float, float, float]
"""A change, and the ends of its interval."""


@dataclass(frozen=True)
class Section:
    """A table. title: above it. scope: the sentence below it. changes: the change in each row, for a picture."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    scope: str = ""
    changes: Sequence[Change] = ()


def head(comparison: Comparison) -> list[str]:
    """Sentences about the tables and the design."""
    pair, design = comparison.pair, comparison.design
    learnt = len(design.held_out(len(pair.real), 0)[0])
    made = len(design.chosen(len(pair.synthetic), learnt, 0))
    own, some = comparison.copies[0], comparison.copies[1]
    name = design.estimator if isinstance(design.estimator, str) else type(design.estimator).__name__
    return [
        f"{pair.called[0]}: {len(pair.real):,} real people. {pair.called[1]}: {len(pair.synthetic):,} synthetic "
        f"people. Label: {pair.label}, good is {pair.label_names[pair.beneficial]}. Groups: {', '.join(pair.groups)}.",
        f"Copies: {own:.1%} of synthetic rows are equal to a real row; {some:.1%} of real rows are equal to another.",
        f"Classifier: {name}, taught by {learnt:,} real people, by {made:,} synthetic ones, and by both; tested on "
        f"{len(pair.real) - learnt:,} real people held out; {design.splits} splits, seed {design.seed}.",
        LEAK,
    ]


def findings(comparison: Comparison) -> list[str]:
    """Whether adding synthetic people, or learning from them alone, changes accuracy and true positive rate."""
    pair, found = comparison.pair, _by_key(comparison)
    absent = [name for code, name in enumerate(pair.group_names) if code not in pair.occurring()]
    lines = [f"{', '.join(absent)}: no real person is in this group; its measures are undefined"] if absent else []
    some = comparison.design.splits >= FEWEST_SEEDS
    nothing = "shows no change" if some else f"cannot be judged by fewer than {FEWEST_SEEDS} splits"
    for contrast, what in ((ADDED, "adding synthetic people"), (SYNTHETIC_FOR_REAL, "synthetic people alone")):
        for metric in ("accuracy", "tpr"):
            changes = {group: found[contrast, group, metric] for group in ("overall", *pair.group_names)}
            clear = {group: value for group, (value, low, high) in changes.items() if low > 0 or high < 0}
            told = [f"{group} {number(value, sign=True)}" for group, value in clear.items()]
            changed = f"changes it: {', '.join(told)}" if told else nothing
            lines.append(f"{CATALOGUE[metric].title}: {what} {changed}")
    return lines


def sections(comparison: Comparison) -> list[Section]:
    """Shares, rates, fairness, distances."""
    return [_shares(comparison), *_rates(comparison), _fairness(comparison), *_distances(comparison)]


def markdown(comparison: Comparison) -> str:
    """The whole comparison as Markdown."""
    blocks = ["\n".join(head(comparison)), "\n".join(f"- {line}" for line in findings(comparison))]
    for section in sections(comparison):
        blocks += [f"## {section.title}", text.markdown(section.header, section.rows), section.scope]
    return for_terminal("\n\n".join(block for block in [*blocks, METHOD] if block)) + "\n"


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain data; undefined values are null."""
    pair, design = comparison.pair, comparison.design
    estimator = design.estimator if isinstance(design.estimator, str) else repr(design.estimator)
    told: dict[str, Any] = plain({
        "fairloop": version_of(),
        "real": {"name": pair.called[0], "rows": len(pair.real)},
        "synthetic": {"name": pair.called[1], "rows": len(pair.synthetic)},
        "label": pair.label, "beneficial": pair.label_names[pair.beneficial], "groups": list(pair.groups),
        "estimator": estimator, "arguments": {key: str(value) for key, value in (design.arguments or {}).items()},
        "test": design.test, "splits": design.splits, "rows": design.rows, "seed": design.seed,
        "copies": {"synthetic": comparison.copies[0], "real": comparison.copies[1]},
        "shares": comparison.shares.to_dict("records"), "measures": comparison.table.to_dict("records"),
        "distances": [{"columns": list(one.columns), "value": one.value} for one in comparison.distances],
        "findings": findings(comparison), "method": METHOD,
    })  # fmt: skip
    return told


def _shares(comparison: Comparison) -> Section:
    rows, changes = [], []
    for row in comparison.shares.to_dict("records"):
        change = (row["difference"], row["low"], row["high"])
        shown = _written(row["real"]), _written(row["synthetic"]), _changed(*change)
        rows.append((f"{_SHARES[row['measure']]} {row['name']}", *shown))
        changes.append(change)
    good = comparison.pair.label_names[comparison.pair.beneficial]
    scope = f"A base rate is the share of a group with the label {good}. Each interval holds alone."
    header = ("share of", "real", "synthetic", "synthetic less real")
    return Section("Shares in both tables", header, rows, scope, changes)


def _rates(comparison: Comparison) -> list[Section]:
    everybody, found = ("overall", *comparison.pair.group_names), []
    for metric in RATES:
        title = CATALOGUE[metric].title
        asked = [(group, group, metric) for group in everybody]
        found.append(_measured(comparison, f"{title[0].upper()}{title[1:]} on real people held out", asked))
    return found


def _fairness(comparison: Comparison) -> Section:
    asked = [(f"{CATALOGUE[metric].title}, {part}", part, metric) for metric, part in FAIRNESS]
    return _measured(comparison, "Differences between groups, on real people held out", asked)


def _measured(comparison: Comparison, title: str, asked: list[tuple[str, str, str]]) -> Section:
    """asked: words, group and metric of each row."""
    found, rows, changes = _by_key(comparison), [], []
    for words, group, metric in asked:
        values = [_written(found[arm, group, metric][0]) for arm in ARMS]
        contrasts = [found[name, group, metric] for name in (SYNTHETIC_FOR_REAL, ADDED)]
        rows.append((words, *values, *(_changed(*each) for each in contrasts)))
        changes.append(contrasts[1])
    header = ("", "real", "synthetic", "both", "synthetic less real", "both less real")
    return Section(title, header, rows, changes=changes)


def _distances(comparison: Comparison) -> list[Section]:
    found = []
    for size, title in ((1, "Distances of columns"), (2, "Distances of pairs of columns")):
        some = [one for one in comparison.distances if len(one.columns) == size and not math.isnan(one.value)]
        farthest = sorted(some, key=lambda one: -one.value)[:_FARTHEST]
        mean = sum(one.value for one in some) / max(len(some), 1)
        rows = [(" and ".join(one.columns), _written(one.value)) for one in farthest]
        scope = f"The farthest {len(rows)} of {len(some)}; mean {mean:.3f}."
        found.append(Section(title, ("columns", "distance"), rows, scope))
    return found


def _by_key(comparison: Comparison) -> dict[tuple[str, str, str], Change]:
    """The measures by training set, group and metric."""
    table = comparison.table
    keys = zip(table["trained_on"], table["group"], table["metric"], strict=True)
    return dict(zip(keys, zip(table["value"], table["low"], table["high"], strict=True), strict=True))


def _changed(change: float, low: float, high: float) -> str:
    if math.isnan(change):
        return "undefined"
    said, *ends = (number(each, sign=True) for each in (change, low, high))
    return said if math.isnan(low) else f"{said} [{', '.join(ends)}]"


def _written(value: float) -> str:
    return "undefined" if math.isnan(value) else number(value)
