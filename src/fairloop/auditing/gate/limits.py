"""The limits of a gate: from expressions such as `upper(tpr_difference)>0.1`, or from a YAML file of them."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import yaml

from fairloop._util.limits import parsed
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError
from fairloop.metrics.adverse_impact import FOUR_FIFTHS
from fairloop.metrics.catalogue import CATALOGUE, LIMITS
from fairloop.metrics.entry import AGGREGATES, PARTS

TOLERANCE = 1e-9
"""Numbers within this distance are equal: a tie breaks `>=` and `<=`, and keeps `>` and `<`."""

End = Literal["", "lower", "upper"]

RULES = {"four_fifths": ("selection_rate_ratio", "<", FOUR_FIFTHS)}
"""Named limits. `four_fifths` is a rule of thumb of US employment law (29 CFR 1607.4 D)."""

SYNTAX = (
    "write a measure, one of > >= < <=, and a number, such as 'equalized_odds_difference>0.1', 'tpr[Female]<0.5' or "
    "'upper(tpr_difference)>0.1'"
)

_MEASURE = re.compile(r"\s*(\w+)\s*(?:\[(.*)\])?\s*", re.S)
_EXPRESSION = re.compile(r"(?P<what>.*?)(?P<sign>>=|<=|>|<)\s*(?P<bound>[^<>=\s]+)\s*", re.S)
_PLAIN = re.compile(r"[-+.0-9eE]+")
_WRAPPED = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.S)
_KEYS = ("limit", "round", "set_by", "date", "why")


@dataclass(frozen=True)
class Limit:
    """A line that a measure must not cross, such as `equalized_odds_difference>0.1` or `lower(tpr[Female])<0.5`.

    end: the compared end of the measure's interval: `lower`, so that the limit is broken only if the whole interval
    breaks it; `upper`, so that it is kept only if the whole interval keeps it; empty for the value. rule: its name in
    `RULES`, or None. round: the judged round; None for the round of all limits. set_by, date, why: its author, its day,
    and its reason.
    where: its source, for errors.
    """

    measure: Measure
    sign: str
    bound: float
    end: End = ""
    rule: str | None = None
    round: str | None = None
    set_by: str | None = None
    date: str | None = None
    why: str | None = None
    where: str = field(default="--fail-on", compare=False)

    @property
    def upwards(self) -> bool:
        """Whether large values break the limit."""
        return self.sign.startswith(">")

    def broken_by(self, value: float) -> bool:
        """Whether `value` is beyond the limit; a value within `TOLERANCE` is on it. NaN counts as a violation."""
        beyond = value - self.bound if self.upwards else self.bound - value
        return math.isnan(value) or (beyond >= -TOLERANCE if self.sign.endswith("=") else beyond > TOLERANCE)

    def __str__(self) -> str:
        what = self.rule or str(self.measure)
        wrapped = f"{self.end}({what})" if self.end else what
        return wrapped if self.rule else f"{wrapped}{self.sign}{self.bound:.12g}"


def limit(expression: str, where: str | None = None) -> Limit:
    """The limit of `expression`. where: its source, for errors; default: `--fail-on` with it.

    Raises InputError for an expression that is not a limit.
    """
    place = where or f"--fail-on {expression!r}"
    if (rule := _rule(expression, place)) is not None:
        return rule
    found = _EXPRESSION.fullmatch(expression)
    bound = _number(found["bound"]) if found else math.nan
    if found is None or not math.isfinite(bound):
        raise InputError(f"{place}: {SYNTAX}")
    end, what = _end(found["what"], place)
    asked = Limit(_measure(what, place), found["sign"], bound, end, where=place)
    low, high = asked.measure.entry.bounds(asked.measure.group)
    if bound > high if asked.upwards else bound < low:
        raise InputError(f"{place}: no value can break it, because {asked.measure} lies between {low:g} and {high:g}")
    return asked


def limits(fail_on: str | Sequence[str], file: str | Path | None) -> tuple[Limit, ...]:
    """The limits of both sources, those of `fail_on` first. Raises InputError for an unusable limit."""
    expressions = [fail_on] if isinstance(fail_on, str) else fail_on
    if not isinstance(expressions, Sequence) or not all(isinstance(one, str) for one in expressions):
        raise InputError(f"--fail-on {fail_on!r}: is neither a limit nor a list of limits; {SYNTAX}")
    return (*map(limit, expressions), *(() if file is None else read(Path(file))))


def read(path: Path) -> tuple[Limit, ...]:
    """The limits of a YAML file: a list of mappings with `limit`, and optionally `round`, `set_by`, `date` and `why`.

    Raises InputError, with the line, for other content.
    """
    if not path.is_file():
        raise InputError(f"--limits: {path} is not a file; give the path of a YAML file with a list of limits")
    try:
        text = path.read_text(encoding="utf-8")
        parsed(text)
    except (ValueError, OSError) as error:
        raise InputError(f"--limits: {path} cannot be read ({' '.join(str(error).split())})") from error
    top = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(top, yaml.SequenceNode) or not top.value:
        raise InputError(f"--limits: {path} holds no list of limits; write each as '- limit: tpr_difference>0.1'")
    return tuple(_entry(node, f"--limits {path}, line {node.start_mark.line + 1}") for node in top.value)


def _entry(node: yaml.Node, where: str) -> Limit:
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{where}: write a limit as 'limit: tpr_difference>0.1', with {', '.join(_KEYS[1:])} if known")
    given: dict[str, str] = {}
    for key, value in node.value:
        if key.value not in _KEYS:
            close = difflib.get_close_matches(str(key.value), _KEYS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(_KEYS)}"
            raise InputError(f"{where}: a limit has no '{key.value}'; {hint}")
        if key.value in given:
            raise InputError(f"{where}: '{key.value}' is given twice")
        if not isinstance(value, yaml.ScalarNode) or not value.value.strip():
            raise InputError(f"{where}: '{key.value}' takes text")
        given[key.value] = " ".join(value.value.split())
    if "limit" not in given:
        raise InputError(f"{where}: there is no 'limit'; write it as 'limit: tpr_difference>0.1'")
    if "date" in given:
        _check_date(given["date"], where)
    found = limit(given["limit"], f"{where}: {given['limit']!r}")
    about = {key: given.get(key) for key in _KEYS[1:]}
    return Limit(found.measure, found.sign, found.bound, found.end, found.rule, **about, where=found.where)


def _check_date(text: str, where: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{where}: the date {text!r} is invalid; write it as 2026-01-31") from None


def _rule(expression: str, where: str) -> Limit | None:
    """The limit that a name in `RULES` stands for, alone or in `lower()` or `upper()`; None for other expressions."""
    wrapped = _WRAPPED.fullmatch(expression)
    name = (wrapped[2] if wrapped else expression).strip()
    if name not in RULES:
        return None
    end, _ = _end(expression, where)
    measure, sign, bound = RULES[name]
    return Limit(_measure(measure, where), sign, bound, end, name, where=where)


def _end(what: str, where: str) -> tuple[End, str]:
    """The end of the interval in the text, and the measure."""
    found = _WRAPPED.fullmatch(what)
    if found is None:
        return "", what
    if found[1] in ("lower", "upper"):
        return "lower" if found[1] == "lower" else "upper", found[2]
    close = difflib.get_close_matches(found[1], ("lower", "upper"), n=1)
    hint = f"did you mean {close[0]}()?" if close else "there are lower() and upper(), the ends of an interval"
    raise InputError(f"{where}: there is no {found[1]}(); {hint}")


def _measure(written: str, where: str) -> Measure:
    found = _MEASURE.fullmatch(written)
    if found is None:
        raise InputError(f"{where}: {SYNTAX}")
    name, group = found.groups()
    if name in RULES:
        raise InputError(f"{where}: '{name}' has its own limit, {RULES[name][0]}<{RULES[name][2]}; write it alone")
    if name not in LIMITS:
        known = [*LIMITS, *RULES]
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(known)}"
        raise InputError(f"{where}: there is no measure '{name}'; {hint}")
    metric, part = LIMITS[name]
    if group is not None and (part in AGGREGATES or "group" not in CATALOGUE[metric].parts):
        raise InputError(f"{where}: '{name}' is about all groups; leave out [{group}]")
    if group in PARTS:
        plain = name if group == "overall" else f"{name}_{group}"
        raise InputError(f"{where}: write {plain} for {PARTS[group]}; a group called '{group}' is COLUMN={group} here")
    return Measure(metric, part if group is None else group)


def _number(written: str) -> float:
    try:
        return float(written) if _PLAIN.fullmatch(written) else math.nan
    except ValueError:
        return math.nan
