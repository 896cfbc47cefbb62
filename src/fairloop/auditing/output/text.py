"""An audit in words. All functions but `filled` return lines of any length. Continuations of a line are indented."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.gate.verdicts import Crossing, Drift
from fairloop.auditing.log.columns import Columns
from fairloop.auditing.measures.groups_against_rest import Apart
from fairloop.auditing.measures.measured import FEW, Measured
from fairloop.auditing.measures.missing import Missing
from fairloop.auditing.measures.values import MODEL_MADE, Measure, Value
from fairloop.metrics.group_rates import Rate
from fairloop.metrics.statistics import ALPHA
from fairloop.report.text import counted

WIDTH = 80
TOGETHER = "\xa0"
"""A space without a line break."""

_PRECISION = Measure("ppv")
_MOST = 10  # groups with their own lines


def filled(lines: Sequence[str]) -> str:
    """The lines, wrapped to the width of a terminal. Continuations have a deeper indentation."""
    return "\n".join(map(_filled, lines)).replace(TOGETHER, " ")


def head(title: str, columns: Columns, measured: Measured) -> list[str]:
    """The subject of the audit."""
    rounds, groups = measured.rounds, measured.rounds.groups
    said = f"{title}: {rounds.people.sum():,} rows, {_rounds(rounds.names)}, {counted(len(groups), 'group')}"
    predicted = f"predictions '{columns.prediction}'"
    if columns.prediction is None:
        predicted = f"scores '{columns.score}' from {columns.threshold_or_default:g} on"
    labels = f"label '{columns.label}'"
    labels += ", a number" if rounds.regression else f", of which '{rounds.beneficial}' is the beneficial one"
    if len(rounds.labels) > 2:
        labels += f" against {len(rounds.labels) - 1} others"
    lines = [f"{said} by {', '.join(columns.groups)}", f"{labels}; {predicted}"]
    if rounds.sums is not None:
        every = measured.rates[-1]["selection_rate"]
        lines.append(
            f"weights '{columns.weight}' in every rate; counts are rows: in round {rounds.names[-1]} "
            f"{every.members[0]:,} rows say as much as {_effective(every):,.0f} without weights"
        )
    if rounds.left_out:
        lines.append("left out: " + ", ".join(f"{n:,} rows without '{name}'" for name, n in rounds.left_out.items()))
    return [*lines, *as_read(measured)]


def as_read(measured: Measured) -> list[str]:
    """The reading of the log: the date of the extract, the order of its rounds, and further notes."""
    rounds = measured.rounds
    return [*([] if rounds.dates is None else [rounds.dates.said()]), *rounds.said]


def told(value: Value) -> str:
    """A value in a sentence, or the bounds of a value that is not identified."""
    if value.identified:
        return f"{value.value:.4g}"
    if value.status == "bounded":
        return f"not identified, between {value.lower:.3f} and {value.upper:.3f},"
    return value.status


def because(value: Value) -> str:
    """The reason in brackets; empty without a reason."""
    return f" ({value.reason})" if value.reason and not value.identified else ""


def labels(measured: Measured) -> list[str]:
    """The pattern of missing labels and its consequences, and rounds in which nobody is rejected."""
    rounds, missing = measured.rounds, measured.missing
    known, people = rounds.labelled.sum(), rounds.people.sum()
    counted = "Selection rates and scores count all rows, other measures rows with a label"
    if rounds.regression:
        counted = "Errors are of rows with a label"
    nobody = "Nobody is rejected, so TPR and FPR are 1; rejected people belong in the log, even without labels"
    lines = []
    if known < people:
        lines = [
            f"Labels are known for {known:,} of {people:,} rows. {counted}.",
            *_selective(measured, missing),
        ]
    for which, words in (
        (missing.immature, "Not yet mature, their labels may still come"),
        (missing.without & ~missing.immature, "Without any label"),
        (missing.nobody_rejected & (not rounds.regression), nobody),
    ):
        if which.any():
            names = [rounds.names[i] for i in np.nonzero(which)[0]]
            lines.append(f"{words}: {'rounds' if len(names) > 1 else 'round'} {_listed(names)}.")
    return lines


def _selective(measured: Measured, missing: Missing) -> list[str]:
    """The findings on the dependence of missing labels on the decision, the score or the group."""
    if not missing.partly.any():
        return []
    alone = np.nonzero(missing.depends.any(axis=1) | missing.selected_only)[0].tolist()
    if not (alone or missing.throughout.any()):
        on = "prediction or group" if measured.rounds.regression else "prediction, score or group"
        words = f"No dependence of missing labels on {on} was found"
        if np.isnan(missing.could_be_missed):
            return [f"{words}."]
        return [f"{words}; a difference in label rates below {missing.could_be_missed:.3f} could have been missed."]
    together = [_throughout(measured, missing)] if missing.throughout.any() else []
    lines = [*together, *([_of_last(measured, missing, alone)] if alone else [])]
    if not missing.throughout[[0, 2]].any():  # dependence on the group alone follows from decisions
        lines.reverse()
    return lines + _consequences(measured, missing)


def _throughout(measured: Measured, missing: Missing) -> str:
    """The findings of many rounds together that no single round shows."""
    which = missing.throughout
    rounds = missing.partly & ~missing.depends[:, which].any(axis=1)
    known = _known(measured, missing.counts[rounds].sum(axis=0))
    why = f"{_p(missing.pooled[which].min())}, Holm over {np.isfinite(missing.pooled).sum()}, doubled"
    return (
        f"Over {rounds.sum()} rounds together labels are known for {known}: it depends on {_parts(measured, which)} "
        f"whether a label is known, though none of these rounds shows it alone (test over rounds and groups, {why})."
    )


def _of_last(measured: Measured, missing: Missing, alone: Sequence[int]) -> str:
    """The dependence of labels in the last round that shows it alone."""
    names, last = measured.rounds.names, alone[-1]
    why = (
        f"test over groups, {_p(np.nanmin(np.append(missing.p[last], 1.0)))}, Holm over {np.isfinite(missing.p).sum()}"
    )
    where = "" if len(names) == 1 else f"In {len(alone)} of {len(names)} rounds, the last of them {names[last]}: "
    selected = missing.selected_only[last]
    on = "the decision" if selected else _parts(measured, missing.depends[last])
    known = _known(measured, missing.counts[last])
    return (
        f"{where}{'l' if where else 'L'}abels are known for {known}: it depends on {on} "
        f"whether a label is known ({'labels exist for the selected only' if selected else why})."
    )


def _consequences(measured: Measured, missing: Missing) -> list[str]:
    """The measures that known labels identify, or do not, in rounds with dependence on the decision or the score."""
    found = np.nonzero(missing.by_decision)[0]
    if not len(found) or measured.rounds.regression:
        return []
    chances, tpr = "", measured.value(Measure("tpr"), int(found[-1]))
    if "pi" in measured.rounds.cells and tpr.status == "weighted":
        chances = "; those of people with known propensities are weighted"
    elif "pi" in measured.rounds.cells:
        chances = f"; propensities do not help in round {measured.rounds.names[tpr.round]}: {tpr.reason}"
    lines = [
        "TPR, FPR, equalized odds and AUC of all people do not follow from these rows; other values are printed, "
        f"the rest is bounded or undefined{chances}."
    ]
    if measured.value(_PRECISION, int(found[-1])).identified:
        lines.append(
            "Precision (ppv) among the selected follows from them. It is an outcome test: a lower precision of a group "
            "hints at a lower bar for it, no more; equal precision does not show equal treatment (infra-marginality)."
        )
    return lines


def _parts(measured: Measured, which: NDArray[np.bool_]) -> str:
    score = "the prediction" if measured.rounds.regression else "the score"
    parts = [part for part, one in zip(("the decision", "the group", score), which, strict=True) if one]
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _p(p: float) -> str:
    return "p < .001" if p < 0.001 else f"p = {p:.3f}"


def _known(measured: Measured, counts: NDArray[np.int64]) -> str:
    """The numbers of selected and rejected people of each group with a known label, from (S, 2, 2) counts."""
    words = [
        f"{two[1, 1]:,} of {two[1].sum():,} selected and {two[0, 1]:,} of {two[0].sum():,} rejected people of {name}"
        for name, two in zip(measured.rounds.groups, counts, strict=True)
    ]
    if measured.rounds.regression:
        words = [
            f"{two[1, 1]:,} of {two[1].sum():,} people of {name}"
            for name, two in zip(measured.rounds.groups, counts, strict=True)
        ]
    return "; ".join(words[:3]) + (f"; and {len(words) - 3} more groups" if len(words) > 3 else "")


def bounds(measured: Measured, measures: Sequence[Measure]) -> list[str]:
    """The bounds in the last round of measures that it does not identify, and of precision beside them."""
    values = [measured.value(measure, -1) for measure in measures]
    open_ = [value for value in values if value.status in ("bounded", "weighted")]
    if not open_:
        return []
    groups = measured.rounds.groups[:_MOST]
    metrics = [metric for metric in ("tpr", "fpr", "ppv") if metric in measured.metrics()]
    more = [measured.value(Measure(metric, group), -1) for metric in metrics for group in groups]
    lines = [f"Round {measured.rounds.names[-1]}, with 95 % intervals:"]
    return lines + [f"  {value.measure}: {_stated(value)}" for value in (*open_, *more)]


def _stated(value: Value) -> str:
    interval = "" if np.isnan(value.low) else f" [{value.low:.3f},{TOGETHER}{value.high:.3f}]"
    rows = f"{value.labelled:,} of {value.people:,} rows"
    if value.status == "bounded":
        return f"bounded, {value.lower:.3f} to {value.upper:.3f}{interval}, {rows}: {value.reason}"
    if value.identified:
        return f"{value.value:.3f}{interval}, {value.status}, {rows}"
    return f"{value.status}, {rows}: {value.reason}"


def _effective(rate: Rate) -> float:
    return float(rate.members[0] if rate.effective is None else np.nan_to_num(rate.effective[0]))


def table(drifts: Sequence[Drift], single: bool, before: str = "first") -> list[str]:
    """The measures, in the reference and in the last round. before: the head of the reference's column."""
    if single:
        width = max(len(str(drift.measure)) for drift in drifts)
        values = [
            f"{drift.measure!s:{width}}  {_value(drift.last)}" + f"  {drift.verdict}" * (drift.status != "measured")
            for drift in drifts
        ]
        return [*values, "", "One round: there is no drift to tell."]
    head = ("", f"{before:5}", " last", " drift", f"{f'{100 * (1 - ALPHA):.0f} % interval':16}", "verdict")
    rows = [head, *map(_cells, drifts)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = " " * (2 if sum(widths) + 10 <= WIDTH else 1)
    aligned = ("<", "<" if widths[1] == 5 else ">", ">", "<", "<", "<")
    return [
        gap.join(f"{cell:{side}{width}}" for cell, side, width in zip(row, aligned, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cells(drift: Drift) -> tuple[str, ...]:
    """A row of the table of drifts."""
    interval = "" if np.isnan(drift.low) else f"[{_digits(drift.low, '+')}, {_digits(drift.high, '+')}]"
    change = "" if np.isnan(drift.change) else _digits(drift.change, "+")
    said = drift.verdict.replace("not mature", "immature")  # as wide as other verdicts
    return str(drift.measure), _value(drift.first), _value(drift.last), change, interval, said


def _digits(value: float, sign: str = "") -> str:
    return f"{value:{sign}.3f}" if abs(value) < 10 else f"{value:{sign}.4g}"


def _moved(drift: Drift) -> str:
    if np.isnan(drift.change):
        return _value(drift.last).strip()
    interval = f"[{drift.low:+.3f},{TOGETHER}{drift.high:+.3f}]"
    return f"{drift.first:.3f} > {drift.last:.3f} ({drift.change:+.3f} {interval})"


def losses(drifts: Sequence[Drift], small: Sequence[str], since: str = "the first round") -> list[str]:
    """The losses of groups, the largest loss first. since: the reference."""
    if not drifts:
        return []
    by_group: dict[str, list[Drift]] = {}
    for drift in sorted((drift for drift in drifts if drift.high < 0), key=lambda drift: drift.change):
        by_group.setdefault(drift.measure.group, []).append(drift)
    if not by_group:
        open_ = sorted(
            {drift.measure.metric for drift in drifts if drift.status != "measured" and np.isnan(drift.change)}
        )
        untold = f" It cannot be told for {', '.join(open_)}." if open_ else ""
        return [f"Which group lost what: none lost more than chance explains.{untold}"]
    lines = [f"Which group lost what since {since}:"]
    for group, lost in list(by_group.items())[:_MOST]:
        words = ", ".join(f"{drift.measure.metric} {_moved(drift)}" for drift in lost)
        lines.append(f"  {group}{'*' if group in small else ''}: {words}")
    if len(by_group) > _MOST:
        lines.append(f"  and {len(by_group) - _MOST} more groups; all are in drift.csv")
    return lines


def apart(found: Sequence[Apart]) -> list[str]:
    """The groups, more than two, that differ from all the others; the most certain first."""
    if len({one.measure.group for one in found}) < 3:
        return []
    lines = ["Each group against all the others, in the last round (Holm over groups):"]
    differ = sorted((one for one in found if one.differs), key=lambda one: one.p)
    for one in differ[:_MOST]:
        p = "< .001" if one.p < 0.001 else f"= {one.p:.3f}"
        lines.append(f"  {one.measure} {one.difference:+.3f} [{one.low:+.3f},{TOGETHER}{one.high:+.3f}], p {p}")
    if not differ:
        lines.append("  none differs more than chance explains")
    if len(differ) > _MOST:
        lines.append(f"  and {len(differ) - _MOST} more; all are in groups.csv")
    for metric in dict.fromkeys(one.measure.metric for one in found if one.too_small):
        small = [one.measure.group for one in found if one.too_small and one.measure.metric == metric]
        lines.append(f"  too small to tell in {metric}: {_listed(small)}")
    return lines


def scores(measured: Measured) -> list[str]:
    """The measures of scores in the last round, and the distances between groups."""
    if "auc" not in measured.metrics():
        return []
    groups = measured.rounds.groups
    lines = [f"Scores in round {measured.rounds.names[-1]}, with 95 % intervals:"]
    for metric in ("auc", "brier", "calibration_error"):
        found = [measured.value(Measure(metric, group), -1) for group in ("overall", *groups[:_MOST])]
        lines += [f"  {value.measure}: {_stated(value)}" for value in found]
    for group in groups[:_MOST]:
        value = measured.value(Measure("score_ks", group), -1)
        if group != measured.reference_group and value.identified:
            lines.append(f"  {value.measure} from {measured.reference_group}: {value.value:.3f}; {value.reason}")
    return lines


def warning(crossing: Crossing, names: Sequence[str]) -> str:
    """The warning about a trend that has crossed a limit or approaches it. names: of the rounds."""
    limit, last = crossing.limit, len(names) - 1
    low, high = sorted(map(abs, (crossing.low, crossing.high)))
    moves = f"{limit.measure} {'rises' if crossing.slope > 0 else 'falls'} by {abs(crossing.slope):.3f} "
    moves += f"[{low:.3f},{TOGETHER}{high:.3f}] a round"
    if np.isinf(crossing.rounds):
        return f"WARNING: {moves}; it was beyond {limit.bound:g} from the first round on"
    if crossing.rounds <= 0:
        place = min(last, round(last + crossing.rounds))
        return f"WARNING: {moves}; it crossed {limit.bound:g} about round {names[place]}"
    k = max(1, round(crossing.rounds))
    soonest, latest = min(k, max(0, round(crossing.earliest))), max(k, round(crossing.latest))
    return f"EARLY WARNING: {moves}; it crosses {limit.bound:g} in about {counted(k, 'round')} ({soonest} to {latest})"


def flags(drifts: Sequence[Drift], measured: Measured) -> list[str]:
    """The warnings for a reader of the numbers."""
    found = []
    if measured.small:
        found.append(
            f"* small: {_listed(measured.small)}. In some round fewer than {FEW} of their people have the beneficial "
            f"label, or fewer than {FEW} have another: their rates are noisy."
            + (
                " They are left out of comparisons of groups (--min-size)."
                if measured.left_out == measured.small
                else ""
            )
        )
    if measured.left_out and measured.left_out != measured.small:
        found.append(f"Left out of comparisons of groups (--min-size): {_listed(measured.left_out)}.")
    undefined = any(drift.status == "undefined" and drift.measure.is_difference for drift in drifts)
    if undefined and (empty := _empty_sides(measured)):
        found.append(
            f"Undefined where a group has nobody with, or nobody without, the beneficial label: {_listed(empty)}. "
            "--min-size 1 leaves these groups out of comparisons of groups."
        )
    made = [drift for drift in drifts if drift.measure == Measure(MODEL_MADE)]
    if made and made[0].last > 0:
        found.append(
            f"{made[0].last:.1%} of the last round's labels were made by a model: there, accuracy, tpr and fpr say how "
            "far predictions agree with that model, not how far they are right."
        )
    return found


def _empty_sides(measured: Measured) -> list[str]:
    """Groups without people with, or without, the beneficial label, in mature rounds with labels."""
    rounds, missing = measured.rounds, measured.missing
    if rounds.regression:
        return []
    empty = (rounds.weighty == 0).any(axis=2) & ~(missing.without | missing.immature)[:, None]
    return [f"{rounds.groups[s]} in round {rounds.names[r]}" for r, s in np.argwhere(empty)]


METHOD = (
    "Intervals hold for all lines of a block together (Bonferroni): Wilson's of rates, Newcombe's of drift; those of "
    "differences allow for having picked the extreme groups. Each round is taken as a sample of its own: with the same "
    "people in every round the intervals are too wide. Warnings come from weighted straight lines; in a loop rounds "
    "depend on each other, so take a forecast as a reason to look."
)


WEIGHTED = (
    "With weights, an interval takes as many people as would be as certain without: the smaller of Kish's number and "
    "the linearised one. Groups are small by rows."
)


def _filled(line: str) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _value(value: float) -> str:
    return "    -" if np.isnan(value) else _digits(value)


def _rounds(names: Sequence[str]) -> str:
    return f"1 round ({names[0]})" if len(names) == 1 else f"{len(names)} rounds ({names[0]} to {names[-1]})"


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
