"""The gate in words for a terminal and a notebook. The page and the document use the same words."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isnan

from fairloop.auditing.gate.judging import Result, overall
from fairloop.auditing.gate.power import ASSUMPTIONS, Detectable
from fairloop.auditing.output.text import TOGETHER
from fairloop.metrics.statistics import POWER

COLUMNS = ("verdict", "limit", "measure", "round", "value", "interval", "labelled", "reason", "set by")

_COLOURS = {"PASS": "#1a7f37", "FAIL": "#c0182a", "UNDEFINED": "#8a5a00"}  # 4.5:1 on white


def finding(results: Sequence[Result], last: str) -> str:
    """The gate in a sentence; empty without limits. last: the name of the log's last round."""
    if not results:
        return ""
    counts = {which: sum(one.verdict == which for one in results) for which in ("FAIL", "UNDEFINED", "PASS")}
    words = {"FAIL": "broken", "UNDEFINED": "cannot be judged", "PASS": "kept"}
    parts = [f"{n} {words[which]}" for which, n in counts.items() if n]
    rounds = list(dict.fromkeys(one.round for one in results))
    where = f"round {rounds[0]}" if len(rounds) == 1 else f"rounds {', '.join(rounds)}"
    earlier = "" if rounds == [last] else f"; the log's last round is {last}"
    limits = "1 limit" if len(results) == 1 else f"{len(results)} limits"
    return f"{overall(results)}: of {limits}, {', '.join(parts)} ({where}{earlier})."


def cells(result: Result) -> dict[str, str]:
    """The texts of `COLUMNS` for one result."""
    value, limit = result.value, result.limit
    known = f"{value.value:.4g}" if value.identified else value.status
    if value.status == "bounded":
        known = f"between {value.lower:.4g} and {value.upper:.4g}"
    interval = ""
    if not (isnan(value.low) or isnan(value.high)):
        sides = "two-sided" if result.sided == 2 else "one-sided"
        interval = f"[{value.low:.3f},{TOGETHER}{value.high:.3f}] ({100 * result.level:.4g}{TOGETHER}%, {sides})"
    who = ", ".join(text for text in (limit.set_by, limit.date) if text)
    return {
        "verdict": result.verdict, "limit": str(limit), "measure": result.words, "round": result.round,
        "value": known, "interval": interval, "labelled": f"{value.labelled:,} of {value.people:,}",
        "reason": result.reason, "set by": who + (f": {limit.why}" if who and limit.why else limit.why or ""),
    }  # fmt: skip


def lines(results: Sequence[Result], last: str) -> list[str]:
    """The gate for a terminal: the finding, then each limit with its value and interval; nothing without limits."""
    found = [finding(results, last)] if results else []
    for one in results:
        text = cells(one)
        found.append(f"  {text['verdict']} {text['limit']}: {text['reason']}")
        numbers = f"    {text['measure']}, round {text['round']}: {text['value']}"
        found.append(f"{numbers} {text['interval']}".rstrip() + f", labelled {text['labelled']}")
        if text["set by"]:
            found.append(f"    set by {text['set by']}")
    return found


def power(found: Sequence[Detectable]) -> list[str]:
    """The drifts that the log would have shown, for a terminal."""
    head = f"This log would have shown, with {100 * POWER:.0f} % power, a drift of about (by a verdict; by a warning; "
    head += "-: none):"
    width = max(len(str(one.measure)) for one in found)
    rows = [f"  {one.measure!s:{width}}  {_about(one.by_verdict)}  {_about(one.by_warning)}" for one in found]
    return [head, *rows, f"Smaller ones may be there unseen. Assumed: {ASSUMPTIONS}."]


def html(results: Sequence[Result], last: str, name: str, more: Sequence[str]) -> str:
    """The gate for a notebook: finding, table, and `more` sentences. Text from the log is escaped."""
    head = escape(finding(results, last) or "No limits were given.")
    found = [f'<div class="fairloop-audit"><p><strong>Audit of {escape(name)}</strong>: {head}</p>']
    found += [f"<p>{escape(_plain(sentence))}</p>" for sentence in more]
    if results:
        titles = "".join(f'<th scope="col" style="text-align:left">{title}</th>' for title in COLUMNS)
        rows = "".join(f"<tr>{_row(one)}</tr>" for one in results)
        found.append(f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>")
    return "".join(found) + "</div>"


def _row(one: Result) -> str:
    text = cells(one)
    style = f"text-align:left;font-weight:bold;color:{_COLOURS[one.verdict]};background:#fff"
    rest = "".join(f'<td style="text-align:left">{escape(_plain(text[column]))}</td>' for column in COLUMNS[1:])
    return f'<td style="{style}">{one.verdict}</td>{rest}'


def _about(drift: float) -> str:
    return "    -" if isnan(drift) else f"{drift:.3f}"


def _plain(text: str) -> str:
    return text.replace(TOGETHER, " ")
