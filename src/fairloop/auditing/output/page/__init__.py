"""The page of an audit: verdict, gate, curves and all values in one HTML file that opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairloop._util.files import write_text
from fairloop.auditing.gate import verdicts
from fairloop.auditing.gate.judging import Result, in_words, overall
from fairloop.auditing.gate.limits import Limit
from fairloop.auditing.gate.power import ASSUMPTIONS, Detectable
from fairloop.auditing.gate.verdicts import Drift
from fairloop.auditing.measures.measured import FEW
from fairloop.auditing.measures.values import Measure
from fairloop.auditing.output import gate_words as shown
from fairloop.auditing.output import text
from fairloop.auditing.output import verdict_json as document
from fairloop.auditing.output.page import content
from fairloop.report.page.shell import rendered

if TYPE_CHECKING:
    from fairloop.auditing import Audit

_STYLES = ("report/page/page.css", "auditing/output/page/audit.css")
_SCRIPTS = (
    "report/page/dom.js", "auditing/output/page/data.js", "auditing/output/page/chart.js",
    "auditing/output/page/figures.js", "auditing/output/page/values.js", "auditing/output/page/audit.js",
)  # fmt: skip
_FAILS = {"": "fails if", "lower": "fails if surely", "upper": "fails unless surely not"}


def write(audit: Audit, out: Path) -> None:
    """Write the page of `audit` to `out`. Names from the log are escaped."""
    write_text(out, rendered("fairloop.auditing.output.page", "audit.html.j2", _STYLES, _SCRIPTS, _parts(audit)))


def charted(audit: Audit) -> list[Measure]:
    """The measures with a chart: those with a limit, or the measures of watched trends."""
    limits = audit.limits or verdicts.watched(audit.measured, [])
    return list(dict.fromkeys(one.measure for one in limits))


def fails(limit: Limit) -> str:
    """The condition that breaks a limit, without its measure."""
    return f"{_FAILS[limit.end]} {limit.sign} {limit.bound:g}"


def _parts(audit: Audit) -> dict[str, Any]:
    measured, names = audit.measured, audit.measured.rounds.names
    head, *facts = text.head(audit.name, audit.columns, measured)
    return {
        "title": f"Audit of {audit.name}",
        "head": head,
        "facts": [*facts, *audit.compared],
        "verdict": overall(audit.gate),
        "told": audit.finding.partition(": ")[2].replace("of ", "Of ", 1),
        "labels": text.labels(measured),
        "gate": _gate(audit.gate),
        "finding": _finding(audit),
        "drifts": [_drift(audit, one) for one in audit.drifts],
        "several": len(names) > 1,
        "since": audit.reference.words,
        "last": names[-1],
        "power": [_power(audit, one) for one in audit.detectable],
        "assumed": ASSUMPTIONS,
        "flags": text.flags(audit.drifts, measured),
        "limited": bool(audit.limits),
        "reading": _reading(audit),
        "origin": document.origin(audit),
        "data": _data(audit),
    }


def _data(audit: Audit) -> content.Json:
    """The data of the page's script. charts: metric, group and title. limits: metric, group, verdict, bound, words."""
    charts, limits = charted(audit), zip(audit.limits, audit.gate, strict=True)
    data = content.packed(audit.measured, content.series(audit.measured, charts))
    data["charts"] = [[one.metric, one.group, _title(audit, one)] for one in charts]
    data["limits"] = [[*one.measure, result.verdict, one.bound, fails(one)] for one, result in limits]
    return data


def _gate(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Rows of the gate's table, without the column `set by` if it is empty."""
    rows = [shown.cells(one) for one in results]
    named = any(row["set by"] for row in rows)
    return [
        {"verdict": row.pop("verdict"), "limit": row.pop("limit"),
         "cells": [(name, cell) for name, cell in row.items() if named or name != "set by"]}
        for row in rows
    ]  # fmt: skip


def _finding(audit: Audit) -> list[str]:
    """Trends, losses of groups, groups that differ from the rest, and scores."""
    names = audit.measured.rounds.names
    lost = text.losses(audit.group_drifts, audit.measured.small, audit.reference.words) if len(names) > 1 else []
    warnings = [text.warning(one, names) for one in audit.crossings] if len(names) > 1 else []
    return [*warnings, *lost, *text.apart(audit.apart), *text.scores(audit.measured)]


def _title(audit: Audit, measure: Measure) -> str:
    return in_words(measure, audit.measured.compared_with if measure.group in ("difference", "ratio") else None)


def _drift(audit: Audit, drift: Drift) -> dict[str, Any]:
    """A row of the table of changes, or only the value without a second round. Empty cells are undefined."""
    interval = "" if isnan(drift.low) else f"{_written(drift.low, '+')} to {_written(drift.high, '+')}"
    change = {"from": _written(drift.first), "last": _written(drift.last), "drift": _written(drift.change, "+"),
              "interval": interval}  # fmt: skip
    cells = change if len(audit.measured.rounds.names) > 1 else {"value": _written(drift.last)}
    return {"title": _title(audit, drift.measure), "cells": list(cells.items()), "verdict": drift.verdict}


def _power(audit: Audit, found: Detectable) -> dict[str, Any]:
    cells = {"by a verdict": _written(found.by_verdict), "by a warning": _written(found.by_warning)}
    return {"title": _title(audit, found.measure), "cells": list(cells.items())}


def _written(value: float, sign: str = "") -> str:
    return "" if isnan(value) else f"{value:{sign}.3f}".replace("-", "\N{MINUS SIGN}")


def _reading(audit: Audit) -> list[tuple[str, str]]:
    """Terms of the page, and their meaning."""
    terms = [
        (
            "PASS, FAIL, UNDEFINED",
            "A limit holds, is broken, or cannot be judged from this log. UNDEFINED is not a pass.",
        ),
        ("95 % interval", "Of one value, by sampling of people; in curves and in the table each holds alone."),
        (
            "bounded",
            "Labels are missing in a way that leaves the value open. Every value between the bounds agrees with the "
            "log; the interval around them allows for sampling, too.",
        ),
        ("weighted", "Estimated from people with a label, of whom each stands for 1 / propensity people."),
        ("not mature", "Labels of the round may still come. Measures that need labels have no value there."),
        ("labelled", "The people with a label, of all people that a measure is about."),
        ("small group*", f"In some round fewer than {FEW} of its people have the beneficial label, or fewer lack it."),
    ]
    methods = [("method", text.METHOD)] if len(audit.measured.rounds.names) > 1 else []
    return [*terms, *methods, *([("weights", text.WEIGHTED)] if audit.columns.weight is not None else [])]
