"""An audit in words. All but `filled` gives lines of any length; those that belong to the one before are indented."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from fairloop.auditing.log import Columns
from fairloop.auditing.measures import FEW, MODEL_MADE, Measure, Measured
from fairloop.auditing.verdicts import ALPHA, Crossing, Drift
from fairloop.metrics.fairness import Rate

WIDTH = 80
TOGETHER = "\xa0"
"""A space at which no line ends."""

_MOST = 10  # groups that are named one by one


def filled(lines: Sequence[str]) -> str:
    """The lines, none longer than a terminal is wide; what goes on below is indented more."""
    return "\n".join(map(_filled, lines)).replace(TOGETHER, " ")


def head(title: str, columns: Columns, measured: Measured) -> list[str]:
    """What was audited."""
    rounds, groups = measured.rounds, measured.rounds.groups
    said = f"{title}: {rounds.counts.sum():,} rows, {_rounds(rounds.names)}, {_number(len(groups), 'group')}"
    predicted = f"predictions '{columns.prediction}'"
    if columns.score is not None:
        predicted = f"scores '{columns.score}' from {columns.threshold_or_default:g} on"
    labels = f"label '{columns.label}', of which '{rounds.beneficial}' is the beneficial one"
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
    return [*lines, *rounds.said]


def _effective(rate: Rate) -> float:
    return float(rate.members[0] if rate.effective is None else np.nan_to_num(rate.effective[0]))


def table(drifts: Sequence[Drift], single: bool) -> list[str]:
    """The measures, in the first and in the last round."""
    width = max(len(str(drift.measure)) for drift in drifts)
    if single:
        values = [f"{drift.measure!s:{width}}  {_value(drift.last)}" for drift in drifts]
        return [*values, "", "One round: there is no drift to tell."]
    lines = [f"{'':{width}}  first   last   drift  {f'{100 * (1 - ALPHA):.0f} % interval':16}  verdict"]
    for drift in drifts:
        interval = "" if np.isnan(drift.low) else f"[{drift.low:+.3f}, {drift.high:+.3f}]"
        change = "" if np.isnan(drift.change) else f"{drift.change:+.3f}"
        lines.append(
            f"{drift.measure!s:{width}}  {_value(drift.first)}  {_value(drift.last)}  {change:6}  {interval:16}  "
            f"{drift.verdict}"
        )
    return lines


def sentences(drifts: Sequence[Drift]) -> list[str]:
    """The same for a page: what rose, what fell, what is unclear."""
    by_verdict: dict[str, list[str]] = {}
    for drift in drifts:
        by_verdict.setdefault(drift.verdict, []).append(f"{drift.measure} {_moved(drift)}")
    return [f"{verdict.capitalize()}: {'; '.join(measures)}." for verdict, measures in by_verdict.items()]


def _moved(drift: Drift) -> str:
    if np.isnan(drift.change):
        return _value(drift.last).strip()
    interval = f"[{drift.low:+.3f},{TOGETHER}{drift.high:+.3f}]"
    return f"{drift.first:.3f} > {drift.last:.3f} ({drift.change:+.3f} {interval})"


def losses(drifts: Sequence[Drift], small: Sequence[str]) -> list[str]:
    """Which group lost what; who lost most first."""
    by_group: dict[str, list[Drift]] = {}
    for drift in sorted((drift for drift in drifts if drift.high < 0), key=lambda drift: drift.change):
        by_group.setdefault(drift.measure.group, []).append(drift)
    if not by_group:
        return ["Which group lost what: none lost more than chance explains."]
    lines = ["Which group lost what since the first round:"]
    for group, lost in list(by_group.items())[:_MOST]:
        words = ", ".join(f"{drift.measure.metric} {_moved(drift)}" for drift in lost)
        lines.append(f"  {group}{'*' if group in small else ''}: {words}")
    if len(by_group) > _MOST:
        lines.append(f"  and {len(by_group) - _MOST} more groups; all are in drift.csv")
    return lines


def warning(crossing: Crossing, names: Sequence[str]) -> str:
    """A trend that is beyond a limit or on its way there. names: of the rounds."""
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
    return f"EARLY WARNING: {moves}; it crosses {limit.bound:g} in about {_number(k, 'round')} ({soonest} to {latest})"


def flags(drifts: Sequence[Drift], measured: Measured) -> list[str]:
    """What a reader of the numbers has to know."""
    found = []
    if measured.small:
        found.append(
            f"* small: {_listed(measured.small)}. In some round fewer than {FEW} of their people have the beneficial "
            f"label, or fewer than {FEW} have another: their rates are noisy."
            + (
                " They are left out of what compares groups (--min-size)."
                if measured.left_out == measured.small
                else ""
            )
        )
    if measured.left_out and measured.left_out != measured.small:
        found.append(f"Left out of what compares groups (--min-size): {_listed(measured.left_out)}.")
    if any(np.isnan(drift.first + drift.last) and drift.measure.is_difference for drift in drifts):
        rounds, members = measured.rounds, measured.rounds.weighty
        empty = [f"{rounds.groups[s]} in round {rounds.names[r]}" for r, s in np.argwhere((members == 0).any(axis=2))]
        found.append(
            f"Undefined where a group has nobody with, or nobody without, the beneficial label: {_listed(empty)}. "
            "--min-size 1 leaves such groups out of what compares groups."
        )
    made = [drift for drift in drifts if drift.measure == Measure(MODEL_MADE)]
    if made and made[0].last > 0:
        found.append(
            f"{made[0].last:.1%} of the last round's labels were made by a model: there, accuracy, tpr and fpr say how "
            "far predictions agree with that model, not how far they are right."
        )
    return found


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
    return "    -" if np.isnan(value) else f"{value:.3f}"


def _rounds(names: Sequence[str]) -> str:
    return f"1 round ({names[0]})" if len(names) == 1 else f"{len(names)} rounds ({names[0]} to {names[-1]})"


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
