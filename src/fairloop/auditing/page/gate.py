"""The lines of the gate's table on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from fairloop.auditing.page import content
from fairloop.auditing.values import Measure

if TYPE_CHECKING:
    from fairloop.auditing import Audit

Verdict = Literal["PASS", "FAIL", "UNDEFINED"]


class GateRow(NamedTuple):
    """A limit and its verdict, in text for the page. sign, bound: of the limit, as charts draw it."""

    limit: str
    measure: Measure
    sign: str
    bound: float
    title: str
    round: str
    value: str
    interval: str
    labelled: str
    verdict: Verdict
    reason: str


def gate_rows(audit: Audit) -> list[GateRow]:
    """A line for each limit."""
    rows = []
    for limit in audit.limits:
        value = audit.measured.value(limit.measure, -1)
        broken = limit.broken_by(value.value)
        verdict: Verdict = "UNDEFINED" if np.isnan(value.value) else "FAIL" if broken else "PASS"
        known = f"{value.lower:.3f} to {value.upper:.3f} (bounds)" if value.status == "bounded" else value.status
        rows.append(
            GateRow(
                str(limit), limit.measure, limit.sign, limit.bound, content.title(limit.measure),
                audit.measured.rounds.names[-1], f"{value.value:.4f}" if value.identified else known,
                "" if np.isnan(value.low) else f"{value.low:.3f} to {value.high:.3f} (95 %)",
                f"{value.labelled:,} of {value.people:,}", verdict, value.reason,
            )
        )  # fmt: skip
    return rows


def overall(rows: list[GateRow]) -> Verdict | None:
    """FAIL if a limit is broken, else UNDEFINED if one cannot be decided, else PASS; None without limits."""
    found = {row.verdict for row in rows}
    order: tuple[Verdict, ...] = ("FAIL", "UNDEFINED", "PASS")
    return next((verdict for verdict in order if verdict in found), None)
