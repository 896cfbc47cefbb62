"""The tables of docs/performance.md, from committed results: of `make bench`, and of one GPU.

python -m docs.performance.tables            prints them
python -m docs.performance.tables --write    puts them into the page
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.speed.measuring import Finding
from benchmarks.speed.page import row
from docs.pages import Tables, command
from fairloop.report.text import markdown

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results"


def found() -> str:
    """Everything that has a target, and the ratios and shares beside it."""
    shown = [finding for finding in _findings() if finding.target is not None or not finding.unit]
    return "\n".join(["| | median | quartiles | range | target | |", "|---|---:|---|---|---|---|", *map(row, shown)])


def _findings() -> Iterator[Finding]:
    for told in json.loads((RESULTS / "speed.json").read_text())["findings"]:
        finding = Finding(*(told[name] for name in ("section", "name", "unit", "rounds", "target", "at_most")))
        disturbed = finding.verdict != told["verdict"]  # the one thing that a record does not say
        yield replace(finding, disturbed=disturbed)


def gpu() -> str:
    """The medians of the steps on a GPU."""
    steps = json.loads((RESULTS / "gpu.json").read_text())["steps"]
    lines = []
    for model in ("generator", "classifier"):
        rate, launched, single, peak = (
            steps[f"{model}: {name}"][0]
            for name in (
                "steps/s replayed as a graph, bf16",
                "to steps launched one by one",
                "to steps launched one by one, fp32",
                "share of the peak",
            )
        )
        lines.append([model, str(rate), f"{launched:.2f}", f"{single:.2f}", f"{100 * peak:.1f} %"])
    of_launched = ["ratio to steps launched one by one", "ratio to these in fp32"]
    return markdown(["step in bf16", "steps per second", *of_launched, "share of the fastest matrix product"], lines)


TABLES: Tables = {"found": found, "gpu": gpu}

if __name__ == "__main__":
    command(PAGE, TABLES, __doc__)
