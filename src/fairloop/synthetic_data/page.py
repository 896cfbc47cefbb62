"""The page of a comparison: one HTML file that opens offline, without a script."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairloop._util.files import write_text
from fairloop.report.page.shell import rendered
from fairloop.synthetic_data import words

if TYPE_CHECKING:
    from fairloop.synthetic_data import Comparison

_STYLES = ("report/page/page.css", "synthetic_data/comparison.css")
_WIDTH = 160


def write(comparison: Comparison, out: Path) -> None:
    """Write the page to `out`. Every name in the tables is shown as text."""
    title = f"{Path(comparison.pair.called[1]).name} beside {Path(comparison.pair.called[0]).name}"
    sections = comparison.sections
    scale = _scale(sections)
    parts = {
        "title": title,
        "head": words.head(comparison),
        "findings": words.findings(comparison),
        "sections": [_told(section, scale) for section in sections],
        "method": words.METHOD,
        "width": _WIDTH,
    }
    write_text(out, rendered("fairloop.synthetic_data", "comparison.html.j2", _STYLES, (), parts))


def _scale(sections: list[words.Section]) -> float:
    """The largest end of an interval in any section, so that all pictures have one scale."""
    ends = [abs(end) for section in sections for change in section.changes for end in change if math.isfinite(end)]
    return max(ends, default=0.0) or 1.0


def _told(section: words.Section, scale: float) -> dict[str, Any]:
    pictures = [_picture(change, scale) for change in section.changes] or [None] * len(section.rows)
    return {
        "title": section.title,
        "scope": section.scope,
        "header": section.header,
        "rows": list(zip(section.rows, pictures, strict=True)),
        "pictured": section.header[-1] if section.changes else "",
        "scale": f"{scale:.2g}",
    }


def _picture(change: tuple[float, float, float], scale: float) -> dict[str, float] | None:
    """Places of a change and the ends of its interval; None if it is undefined."""
    value, low, high = change
    if not math.isfinite(value):
        return None
    ends = (low, high) if math.isfinite(low) else (value, value)
    at, first, last = (round(_WIDTH / 2 * (1 + 0.95 * place / scale), 1) for place in (value, *ends))
    return {"at": at, "first": first, "last": last}
