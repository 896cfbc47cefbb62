"""The gate of an audit: every limit against its judged round, with a verdict and its reason.

Intervals of a gate have the level 1 - ALPHA; `ALPHA` is divided among its `lower` limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Literal

from fairloop.auditing.gate.limits import RULES, TOLERANCE, Limit
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.references import judged_round
from fairloop.auditing.measures.values import Measure, Value
from fairloop.errors import InputError
from fairloop.metrics.adverse_impact import Verdict, gate_alpha, verdict
from fairloop.metrics.statistics import ALPHA


@dataclass(frozen=True)
class Result:
    """One limit, judged.

    round: the name of the judged round. value: of the measure in it, with an interval of level `level`. With `sided` 2
    each end misses with probability (1 - level) / 2; with `sided` 1 (distant bounds, so only one end can miss) with
    probability 1 - level. words: the measure. reference: the reference group. reason: of the verdict.
    """

    limit: Limit
    round: str
    value: Value
    level: float
    sided: int
    verdict: Verdict
    reason: str
    words: str
    reference: str | None

    @property
    def passed(self) -> bool:
        """Whether the limit is kept. An undefined limit has not passed."""
        return self.verdict == "PASS"


def check(measured: Measured, limits: Sequence[Limit], gate_round: object) -> list[int]:
    """The position of the judged round of each limit. Raises InputError for a limit that no round can judge."""
    missing, names = measured.missing, measured.rounds.names
    usable = (~missing.without & ~missing.immature).tolist()
    default = judged_round(names, usable, gate_round, "--gate-round")
    if gate_round is None and measured.rounds.newer and any(one.round is None for one in limits):
        raise InputError(
            f"--gate-round: in the log's last round, {measured.rounds.newer[-1]}, no row has a prediction; "
            f"name the round to judge, such as {names[-1]}"
        )
    for one in limits:
        measured.check(one.measure, one.where)
        if one.end and _without_interval(measured, one.measure):
            raise InputError(f"{one.where}: {one.measure} has no interval; limit its value, without {one.end}()")
    return [
        default if one.round is None else judged_round(names, usable, one.round, f"{one.where}: round")
        for one in limits
    ]


def _without_interval(measured: Measured, measure: Measure) -> bool:
    """Whether no round with a value has an interval, as for counts and for distances between distributions."""
    found = [one for one in measured.values(measure, ALPHA) if one.identified]
    return not measure.entry.rates and bool(found) and all(isnan(one.low) for one in found)


def judge(measured: Measured, limits: Sequence[Limit], places: Sequence[int]) -> list[Result]:
    """Judge every limit in the round at its position from `check`."""
    lower = {(str(one), place) for one, place in zip(limits, places, strict=True) if one.end == "lower"}
    shy = gate_alpha(ALPHA, len(lower))
    return [
        _result(measured, one, place, shy if one.end == "lower" else ALPHA)
        for one, place in zip(limits, places, strict=True)
    ]


def overall(results: Sequence[Result]) -> Verdict | None:
    """The overall verdict: FAIL if a limit is broken, else UNDEFINED if a limit is undefined, else PASS; None without
    limits.
    """
    said = {one.verdict for one in results}
    return next((verdict for verdict in ("FAIL", "UNDEFINED", "PASS") if verdict in said), None)


def in_words(measure: Measure, reference: str | None = None) -> str:
    """The name of a measure for readers. reference: the reference group."""
    entry, title = measure.entry, measure.entry.title
    if measure.group == "overall":
        return title
    if measure.group in ("min", "max"):
        return f"{title}, {'lowest' if measure.group == 'min' else 'highest'} group"
    if measure.group not in ("difference", "ratio"):
        return f"{title} of {measure.group}"
    name = f"{title} {measure.group}" if entry.worst_of else f"{title}, {measure.group}"
    return f"{name} between groups" if reference is None else f"{name} to {reference}"


def _result(measured: Measured, one: Limit, place: int, alpha: float) -> Result:
    value = measured.value(one.measure, place, alpha, extremes=one.rule is not None)
    if one.measure.group in ("difference", "ratio") and len(measured.kept) < 2:
        why = "there is no other group to compare with"
        value = value._replace(value=nan, low=nan, high=nan, lower=nan, upper=nan, status="undefined", reason=why)
    reference = None
    if one.measure.group in ("difference", "ratio") and one.rule is None:
        reference = measured.compared_with
    said, reason = _ends(one, value) if one.end else _value(one, value)
    words = in_words(one.measure, reference)
    if one.rule in RULES:
        words += " (lowest to highest; a rule of thumb, 29 CFR 1607.4 D)"
    sided = 1 if value.status == "bounded" else 2
    return Result(one, measured.rounds.names[place], value, 1 - alpha, sided, said, reason, words, reference)


def _value(one: Limit, value: Value) -> tuple[Verdict, str]:
    if not value.identified:
        return "UNDEFINED", _open(value)
    if one.broken_by(value.value):
        return "FAIL", f"{value.value:.4g} is {_beyond(one, value.value)} {one.bound:.12g}"
    tie = abs(value.value - one.bound) <= TOLERANCE
    return "PASS", "it is on the limit, which keeps it" if tie else "the value keeps the limit"


def _ends(one: Limit, value: Value) -> tuple[Verdict, str]:
    if value.status in ("undefined", "not mature"):
        return "UNDEFINED", _open(value)
    assert one.end
    said = verdict(value.low, value.high, one.end, one.sign, one.bound)
    end = value.low if one.upwards == (one.end == "lower") else value.high
    if isnan(end):
        return "UNDEFINED", "it has no interval in this round"
    surely = {"FAIL": f"all of its interval is {_beyond(one, end)} {one.bound:.12g}",
              "PASS": f"all of its interval keeps {one.bound:.12g}"}  # fmt: skip
    if (said == "FAIL") == (one.end == "lower"):
        return said, surely[said] + (f"; {_open(value)}" if value.status == "bounded" else "")
    if value.status == "bounded":
        return _both_ends(one, value, surely)
    return said, f"not shown to be {'broken' if one.end == 'lower' else 'kept'}: its interval ends at {end:.4g}"


def _both_ends(one: Limit, value: Value, surely: dict[str, str]) -> tuple[Verdict, str]:
    """The verdict for bounds. A limit between their outer ends is neither kept nor broken."""
    ends: tuple[tuple[Literal["lower", "upper"], Verdict], ...] = (("lower", "FAIL"), ("upper", "PASS"))
    for end, said in ends:
        if verdict(value.low, value.high, end, one.sign, one.bound) == said:
            return said, f"{surely[said]}; {_open(value)}"
    return "UNDEFINED", f"the limit lies between the outer ends of its bounds; {_open(value)}"


def _beyond(one: Limit, number: float) -> str:
    if abs(number - one.bound) <= TOLERANCE:
        return "at"
    return "above" if one.upwards else "below"


def _open(value: Value) -> str:
    """The reason why the log does not identify the value."""
    if value.status == "bounded":
        return f"not identified, between {value.lower:.3f} and {value.upper:.3f}: {value.reason}"
    return f"{value.status}: {value.reason}" if value.reason else value.status
