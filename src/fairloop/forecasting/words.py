"""A forecast in words: its assumptions, the distance of the replay from the log, and the results of each policy."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from fairloop.auditing.gate.judging import in_words
from fairloop.report.text import aligned

if TYPE_CHECKING:
    from fairloop.forecasting import WhatIf

FANS = (
    "Each fan holds the next value with 95 % if the assumptions hold: the interval of prediction (Student's t) over "
    "seeds. Each seed draws the population anew, by bootstrap. Error of the assumptions themselves is not in it."
)
_WIDTH = 100


def head(found: WhatIf) -> list[str]:
    """The log, and the method of the forecast."""
    log, setup, names = found.log, found.setup, found.log.told.names
    model = "logistic regression" if setup.estimator is None else setup.estimator
    learned = "all rounds so far" if setup.learn_from == "all" else "the last round"
    lines = [
        f"{log.name}: {len(log.round):,} people in {log.size} rounds, {names[0]} to {names[-1]}; groups "
        f"{', '.join(log.told.groups)}; beneficial label {log.told.beneficial}",
        f"decisions: by {model} on {', '.join(log.feature_names)}, retrained after each round on the known outcomes of "
        f"{learned}",
        f"forecast: {setup.rounds} rounds, {setup.seeds} seeds, the same people and outcomes for all policies",
    ]
    return [*lines, *log.told.said, *(f"policy {one.name}: {one.meaning}" for one in setup.policies)]


def assumptions(found: WhatIf) -> list[str]:
    """The assumptions of the forecast."""
    log, setup = found.log, found.setup
    rows = setup.pool(log)
    missing = int((log.label[rows] < 0).sum())
    which = "the last round" if setup.last == 1 else f"the last {setup.last} rounds"
    by_weight = "" if log.weight is None else " by their weights, which also count in every fit and measure of the log"
    lines = [f"People of later rounds are exchangeable with those of {which}: {len(rows):,} rows, drawn with "
             f"replacement{by_weight}. Nobody responds to decisions."]  # fmt: skip
    if missing:
        weighted = ", each row weighted by 1 / propensity" if log.propensity is not None else (
            ", without weights: no propensity was given, so the model holds for the rejected only if decisions depend "
            "on these features alone")  # fmt: skip
        lines.append(f"Outcomes of {missing:,} of these rows are missing. A model gives them: logistic regression on "
                     f"features and group, fitted on the rows with a label{weighted}.")  # fmt: skip
    else:
        lines.append("Outcomes of all these rows are known.")
    lines += _left_out(found, which)
    if setup.revealed(log) == "all":
        idle = " and ".join(one.name for one in setup.policies if one.share)
        more = f", so {idle} can reveal no more: decisions go on as under as-is." if idle else "."
        lines.append("Outcomes of everybody become known, as in the log" + more)
    else:
        e = setup.explored(log)
        lines.append("As-is, outcomes of accepted people become known" + (
            f"; {e:.1%} of the rejected are accepted at random, the median propensity of the rejected in the log."
            if e else ", and no others."))  # fmt: skip
    return [*lines, "Outcomes are known by the end of their round. Measures count everybody, with outcomes as drawn, "
            "and decisions before exploration."]  # fmt: skip


def _left_out(found: WhatIf, which: str) -> list[str]:
    """The groups without people, and the features with one value. which: the rounds to draw people from."""
    log = found.log
    present, lines = set(log.group[found.setup.pool(log)].tolist()), []
    if gone := [name for place, name in enumerate(log.told.groups) if place not in present]:
        lines.append(f"Nobody of {', '.join(gone)} is in {which}, so nobody of it comes later, and its measures are "
                     "undefined. Draw people from more rounds (last) if it is to come.")  # fmt: skip
    if log.alike:
        lines.append(f"All rows have the same {', '.join(log.alike)}, which is uninformative and not a feature of the "
                     "model.")  # fmt: skip
    return lines


def replayed(found: WhatIf) -> list[str]:
    """The differences between the replay and the log."""
    told = found.replay
    if not told.others:
        return ["No round is replayed: no outcome was known before any of them."]
    shares = ", ".join(f"{name}: {share:.1%}" for name, share in told.others.items())
    lines = [f"People with another decision in the replay than in the log, by round: {shares}."]
    compared = [line for line in told.lines if isfinite(line.difference)]
    if not told.differing:
        return [*lines, f"No interval of {len(compared)} differences between replay and log excludes 0."]
    lines.append(
        f"WARNING: {len(told.differing)} of {len(compared)} differences between replay and log are more than sampling "
        "of people explains (1 in 20 by chance). The log's decisions were made otherwise, and as-is is no forecast of "
        "that decision maker."
    )
    worst = sorted(told.differing, key=lambda line: -abs(line.difference))[:6]
    return lines + [
        f"round {line.round}: {in_words(line.measure)} is {line.replay:.3f} in the replay, {line.log:.3f} in the log; "
        f"difference {line.difference:+.3f} ({line.low:+.3f} to {line.high:+.3f})"
        for line in worst
    ]


def outlook(found: WhatIf) -> list[str]:
    """The limits that policies break."""
    lines = []
    for limit in map(str, found.limits):
        for policy in found.setup.policies:
            told = [one for one in found.broken if (one.policy, one.limit) == (policy.name, limit)]
            last, first = told[-1], next((one.ahead for one in told if one.broken), None)
            since = f", the first of them in round +{first}" if first else ""
            lines.append(f"{limit} under {policy.name}: {last.broken} of {last.seeds} seeds break it by round "
                         f"+{last.ahead}{since}")  # fmt: skip
    return lines


def rows(found: WhatIf) -> tuple[list[str], list[list[str]]]:
    """A table: each measure in the log's last round, and in the last round of the forecast under each policy."""
    fans, setup = found.fans, found.setup
    last = fans[fans["ahead"] == setup.rounds].to_dict("records")
    ends = {(row["policy"], row["metric"], row["group"]): row for row in last}
    header = ["measure", "log", *(f"{one.name} +{setup.rounds}" for one in setup.policies)]
    body = [
        [in_words(one), found.cell(one), *(_interval(ends[policy.name, *one]) for policy in setup.policies)]
        for one in found.measures
    ]
    return header, body


def _interval(row: Mapping[Any, float]) -> str:
    if not isfinite(row["mean"]):
        return "undefined"
    return f"{row['mean']:.3f}" + (f" ({row['low']:.3f} to {row['high']:.3f})" if isfinite(row["low"]) else "")


def text(found: WhatIf) -> str:
    """The forecast for a terminal."""
    blocks = [
        _filled(head(found)), "It assumes:\n" + _filled(assumptions(found)), "Replay:\n" + _filled(replayed(found)),
        "\n".join(aligned(*rows(found))), _filled(outlook(found)), _filled([FANS]),
    ]  # fmt: skip
    return "\n\n".join(block for block in blocks if block)


def _filled(lines: Sequence[str]) -> str:
    return "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False) for line in lines)
