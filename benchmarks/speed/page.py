"""Findings as lines and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from benchmarks.speed.measuring import RULE, Finding


def line(finding: Finding) -> str:
    """For the terminal."""
    low, middle, high = map(short, finding.quartiles)
    spread = f" ({low} to {high})" if len(finding.rounds) > 1 else ""
    value = f"{middle}{spread} {finding.unit}".strip()
    wanted = f"{finding.verdict}, wanted {target(finding)}" if finding.target is not None else ""
    return f"{finding.section:10} {finding.name:75} {value:32} {wanted}".rstrip()


def markdown(about: dict[str, Any], findings: Sequence[Finding]) -> str:
    """A table for each section, after the machine."""
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
    told = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in about.items() if name != "packages")
    parts = ["# Speed of this machine", f"{told}. {packages}.", RULE]
    for section, rows in groupby(findings, key=lambda finding: finding.section):
        parts.append(f"## {section[0].upper()}{section[1:]}")
        parts.append(
            "\n".join(["| | median | quartiles | range | target | |", "|---|---:|---|---|---|---|", *map(row, rows)])
        )
    return "\n\n".join(parts) + "\n"


def row(finding: Finding) -> str:
    """Of a table."""
    low, middle, high = map(short, finding.quartiles)
    unit = f" {finding.unit}" if finding.unit else ""
    several = len(finding.rounds) > 1
    spread = f"{low} to {high}" if several else ""
    reach = f"{short(min(finding.rounds))} to {short(max(finding.rounds))}" if several else ""
    verdict = "" if finding.target is None else finding.verdict
    return f"| {finding.name} | {middle}{unit} | {spread} | {reach} | {target(finding)} | {verdict} |"


def target(finding: Finding) -> str:
    """In words."""
    if finding.target is None:
        return ""
    return f"at {'most' if finding.at_most else 'least'} {finding.target:g}"


def short(value: float) -> str:
    """With three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
