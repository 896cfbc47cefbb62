"""The table of docs/performance.md, from what `make bench` committed.

python -m docs.performance.tables            prints it
python -m docs.performance.tables --write    puts it into the page
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.speed.measuring import Finding
from benchmarks.speed.page import row
from docs.pages import Tables, command

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"


def found() -> str:
    """Everything that has a target, and the ratios and shares beside it."""
    shown = [finding for finding in _findings() if finding.target is not None or not finding.unit]
    return "\n".join(["| | median | quartiles | range | target | |", "|---|---:|---|---|---|---|", *map(row, shown)])


def _findings() -> Iterator[Finding]:
    for told in json.loads((ROOT / "benchmarks" / "results" / "speed.json").read_text())["findings"]:
        finding = Finding(*(told[name] for name in ("section", "name", "unit", "rounds", "target", "at_most")))
        disturbed = finding.verdict != told["verdict"]  # the one thing that a record does not say
        yield replace(finding, disturbed=disturbed)


TABLES: Tables = {"found": found}

if __name__ == "__main__":
    command(PAGE, TABLES, __doc__)
