"""The page of a forecast: the log's rounds, and fans of the next rounds, in one HTML file that opens offline."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fairloop._util.files import write_text
from fairloop.auditing.gate.judging import in_words
from fairloop.auditing.measures.values import Measure
from fairloop.forecasting import words
from fairloop.report.page.shell import rendered

if TYPE_CHECKING:
    from fairloop.forecasting import WhatIf

_STYLES = ("report/page/page.css", "forecasting/whatif.css")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _EDGE = 420, 190, 44, 12, 22
_COLOURS = 6


def write(found: WhatIf, out: Path) -> None:
    """Write the page to `out`. Names from the log are escaped."""
    header, body = words.rows(found)
    parts = {
        "title": f"What if: {found.log.name}",
        "head": words.head(found),
        "assumptions": words.assumptions(found),
        "replay": words.replayed(found),
        "outlook": words.outlook(found),
        "fans": words.FANS,
        "header": header,
        "rows": body,
        "keys": [(one.name, place % _COLOURS) for place, one in enumerate(found.setup.policies)],
        "charts": [_chart(found, measure) for measure in found.measures],
        "width": _WIDTH,
        "height": _HEIGHT,
    }
    write_text(out, rendered("fairloop.forecasting", "whatif.html.j2", _STYLES, (), parts))


class _Scale(NamedTuple):
    """Places in a chart of `steps` rounds and of values from `low` to `high`."""

    steps: int
    low: float
    high: float

    def x(self, step: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * step / max(self.steps - 1, 1), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * share, 1)


def _chart(found: WhatIf, measure: Measure) -> dict[str, Any]:
    """The places of lines, bands, limits and ticks of one measure."""
    past = found.history(measure)
    fans = found.fans[(found.fans["metric"] == measure.metric) & (found.fans["group"] == measure.group)]
    limits = [one for one in found.limits if one.measure == measure]
    shown = [*(v for row in past for v in row), *fans[["mean", "low", "high"]].to_numpy().ravel().tolist(),
             *(one.bound for one in limits)]  # fmt: skip
    scale = _scale(len(past) + found.setup.rounds, [v for v in shown if isfinite(v)])
    names = found.log.told.names
    return {
        "title": in_words(measure),
        "past": [(scale.x(i), scale.y(value)) for i, (value, _, _) in enumerate(past) if isfinite(value)],
        "whiskers": [(scale.x(i), scale.y(low), scale.y(high)) for i, (_, low, high) in enumerate(past)
                     if isfinite(low) and isfinite(high)],
        "now": scale.x(len(past) - 0.5),
        "fans": [_fan(fans[fans["policy"] == one.name], scale, len(past), place)
                 for place, one in enumerate(found.setup.policies)],
        "limits": [(scale.y(one.bound), str(one)) for one in limits],
        "values": [(scale.y(v), f"{v:.2f}") for v in (scale.low, (scale.low + scale.high) / 2, scale.high)],
        "steps": [(scale.x(0), names[0], "start"), (scale.x(len(past) - 1), names[-1], "middle"),
                  (scale.x(scale.steps - 1), f"+{found.setup.rounds}", "end")],
        "said": in_words(measure) + ", " + "; ".join(_said(fans[fans["policy"] == one.name], one.name)
                                                         for one in found.setup.policies),
    }  # fmt: skip


def _fan(rows: Any, scale: _Scale, first: int, place: int) -> dict[str, Any]:
    """The mean as a line, and the band around it, of one policy."""
    there = [(scale.x(first + row.ahead - 1), row) for row in rows.itertuples() if isfinite(row.mean)]
    banded = [(x, row) for x, row in there if isfinite(row.low)]
    edge = [*((x, scale.y(row.high)) for x, row in banded), *((x, scale.y(row.low)) for x, row in reversed(banded))]
    return {
        "colour": place % _COLOURS,
        "line": " ".join(f"{x},{scale.y(row.mean)}" for x, row in there),
        "band": " ".join(f"{x},{y}" for x, y in edge),
    }


def _said(rows: Any, policy: str) -> str:
    last = rows.iloc[-1]
    return f"{policy} ends at {last['mean']:.3f}" if isfinite(last["mean"]) else f"{policy} is undefined"


def _scale(steps: int, values: list[float]) -> _Scale:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = max(0.06 * (high - low), 0.005)
    return _Scale(steps, low - room, high + room)
