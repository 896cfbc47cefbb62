"""The page of an audit: verdict, gate, curves and all values in one HTML file that opens offline."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairloop._util.files import write_text
from fairloop.auditing import text, verdicts
from fairloop.auditing.measured import FEW
from fairloop.auditing.page import content
from fairloop.auditing.page.gate import GateRow, gate_rows, overall
from fairloop.auditing.values import Measure
from fairloop.auditing.verdicts import Drift
from fairloop.report.page.shell import rendered

if TYPE_CHECKING:
    from fairloop.auditing import Audit

_STYLES = ("report/page/page.css", "auditing/page/audit.css")
_SCRIPTS = (
    "report/page/dom.js", "auditing/page/data.js", "auditing/page/chart.js", "auditing/page/figures.js",
    "auditing/page/values.js", "auditing/page/audit.js",
)  # fmt: skip


def write(audit: Audit, out: Path) -> None:
    """Write the page of `audit` to `out`. Every name in the log is shown as text."""
    write_text(out, rendered("fairloop.auditing.page", "audit.html.j2", _STYLES, _SCRIPTS, _parts(audit)))


def shown(audit: Audit) -> list[Measure]:
    """The measures that get a chart: those with a limit, or else the distances between groups that audits judge."""
    limited = [one.measure for one in audit.limits]
    return list(dict.fromkeys(limited or [one.measure for one in verdicts.WATCHED]))


def _parts(audit: Audit) -> dict[str, Any]:
    measured, rows, charts = audit.measured, gate_rows(audit), shown(audit)
    found = content.series(measured, charts)
    names = measured.rounds.names
    head, *facts = text.head(audit.name, audit.columns, measured)
    data = content.packed(measured, found)
    data["charts"] = [[one.metric, one.group, content.title(one)] for one in charts]
    data["limits"] = [[row.measure.metric, row.measure.group, row.sign, row.bound, row.verdict] for row in rows]
    return {
        "title": f"Audit of {audit.name}",
        "head": head,
        "facts": facts,
        "verdict": overall(rows),
        "told": _told(rows, names[-1]),
        "labels": text.labels(measured),
        "gate": rows,
        "warnings": [text.warning(one, names) for one in audit.crossings],
        "losses": text.losses(audit.group_drifts, measured.small) if len(names) > 1 else [],
        "drifts": [_drift(one, len(names) > 1) for one in audit.drifts],
        "several": len(names) > 1,
        "first": names[0],
        "last": names[-1],
        "flags": text.flags(audit.drifts, measured),
        "limited": bool(audit.limits),
        "reading": _reading(audit),
        "data": data,
    }


def _told(rows: list[GateRow], last: str) -> str:
    """The verdict in a sentence."""
    if not rows:
        return "No limit was named, so nothing passes or fails. fairloop audit --fail-on names limits."
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("FAIL", "UNDEFINED", "PASS")}
    words = {"FAIL": "broken", "UNDEFINED": "not decided", "PASS": "kept"}
    some = ", ".join(f"{n} {words[verdict]}" for verdict, n in counts.items() if n)
    return f"{len(rows)} {'limits' if len(rows) > 1 else 'limit'} in round {last}: {some}."


def _drift(drift: Drift, several: bool) -> dict[str, Any]:
    """A line of the table of changes; without a second round only the value. Empty cells are undefined."""
    interval = "" if isnan(drift.low) else f"{_written(drift.low, '+')} to {_written(drift.high, '+')}"
    change = {"first": _written(drift.first), "last": _written(drift.last), "drift": _written(drift.change, "+"),
              "interval": interval}  # fmt: skip
    cells = change if several else {"value": _written(drift.last)}
    return {"title": content.title(drift.measure), "cells": list(cells.items()), "verdict": drift.verdict}


def _written(value: float, sign: str = "") -> str:
    return "" if isnan(value) else f"{value:{sign}.3f}".replace("-", "\N{MINUS SIGN}")


def _reading(audit: Audit) -> list[tuple[str, str]]:
    """Terms of the page, and their meaning."""
    terms = [
        ("PASS, FAIL, UNDEFINED", "A limit is kept, broken, or cannot be decided from this log. UNDEFINED is no pass."),
        ("95 % interval", "Of one value, by sampling of people; in curves and in the table each holds alone."),
        (
            "bounded",
            "Labels are missing in a way that leaves the value open. Every value between the bounds agrees with the "
            "log; the interval around them allows for sampling, too.",
        ),
        ("weighted", "Estimated from people with a label, who stand for 1 / propensity people each."),
        ("not mature", "Labels of the round may still come. Measures that need labels have no value there."),
        ("labelled", "The people with a label, of all people that a measure is about."),
        ("small group*", f"In some round fewer than {FEW} of its people have the beneficial label, or fewer lack it."),
    ]
    methods = [("method", text.METHOD)] if len(audit.measured.rounds.names) > 1 else []
    return [*terms, *methods, *([("weights", text.WEIGHTED)] if audit.columns.weight is not None else [])]
