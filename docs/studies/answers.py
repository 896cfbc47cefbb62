"""The answer that each study's page starts with: its claims, decided by the committed rows."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from docs.studies import rows
from docs.studies.claims import CLAIMS, PAPERS, WHY, Claim
from fairloop.report.text import markdown

Verdict = Literal["holds", "reverse", "open", "not run"]

EARLIER = (
    "> **Numbers of fairloop 0.1.0**: {seeds} seeds, {generations} generations, and\n"
    "> [an earlier network](../studies.md#made-with-an-earlier-network). The sweep below has not been run since."
)
_SOURCE = {"yes": "The source says so.", "no": "The source does not see this.", "": ""}


class Decided(NamedTuple):
    """A claim with the difference that was measured; None if its arms were not run."""

    claim: Claim
    found: rows.Interval | None

    @property
    def verdict(self) -> Verdict:
        """Whether the interval lies on the clause's side of 0, on the other side, or holds 0."""
        if self.found is None:
            return "not run"
        ends = sorted((self.claim.way * self.found.low, self.claim.way * self.found.high))
        if ends[0] > 0:
            return "holds"
        return "reverse" if ends[1] < 0 else "open"

    @property
    def agreement(self) -> Literal["agrees with", "contradicts", "cannot tell", ""]:
        """The source's claim beside this loop."""
        if not self.claim.source:
            return ""
        if self.verdict in ("open", "not run"):
            return "cannot tell"
        return "agrees with" if (self.claim.source == "yes") == (self.verdict == "holds") else "contradicts"

    def __str__(self) -> str:
        clause = self.claim.clause
        if self.verdict == "not run":
            return f"Not run yet: whether {clause}."
        if self.verdict == "holds":
            return f"{clause[0].upper()}{clause[1:]}: {self.found}."
        if self.verdict == "reverse":
            return f"The reverse was seen of this: {clause} ({self.found})."
        return f"{self.found.seeds if self.found else 0} seeds cannot tell whether {clause} ({self.found})."


def decided(name: str, claims: list[Claim] | None = None) -> list[Decided]:
    """The claims of a study, and what its rows say. claims: others on rows of that name."""
    claims = CLAIMS[name] if claims is None else claims
    if not (rows.HERE / f"{name}.parquet").exists():
        return [Decided(claim, None) for claim in claims]
    table = rows.read(name)
    return [Decided(claim, _found(claim, table)) for claim in claims]


def _found(claim: Claim, table: pd.DataFrame) -> rows.Interval | None:
    wide, end = rows.by_place(table, claim.measure), rows.last(table)
    pairs = [(claim.one, claim.other), *([claim.beyond] if claim.beyond else [])]
    values = [rows.difference(wide, rows.place(one, end), rows.place(other, end)) for one, other in pairs]
    if any(value is None for value in values):
        return None
    total = values[0] if len(values) == 1 else values[0] - values[1]
    return rows.interval(np.asarray(total, float))


def answer(name: str) -> str:
    """The claims of a study as a list, after a line that counts those of its source."""
    found, table = decided(name), rows.read(name)
    counts = Counter(of.agreement for of in found if of.agreement)
    seeds, end = int(table["seed"].nunique()), rows.last(table)
    head = f"**Answer** ({seeds} seeds; the last generation is {end}; differences with 95 % intervals)."
    if total := sum(counts.values()):
        head += (
            f" Of {total} claim{'s' if total > 1 else ''} of the source this loop agrees with {counts['agrees with']}, "
            f"contradicts {counts['contradicts']} and cannot tell {counts['cannot tell']}."
        )
    lines = [f"- {of} {_SOURCE[of.claim.source]}".rstrip() for of in found]
    earlier = [EARLIER.format(seeds=seeds, generations=end + 1)] if rows.is_earlier(table) else []
    return "\n\n".join([head, "\n".join(lines), *earlier])


def why(name: str) -> str:
    """What the controlled change of a study showed."""
    return "\n".join(f"- {of}" for of in decided(f"{name}-why", WHY[name]))


def first(name: str) -> str:
    """The first claim, in a sentence for lists of studies."""
    told = str(decided(name)[0])
    return f"{told} (fairloop 0.1.0)" if rows.is_earlier(rows.read(name)) else told


def index() -> str:
    """The list of all studies."""
    return markdown(["study", "question", "first answer"], [
        [f"[{title}](studies/{name}.md)", question, first(name)] for name, title, question in _pages()
    ])  # fmt: skip


def papers() -> str:
    """The list of the studies' papers."""
    return markdown(["paper", "preset", "what was seen", "command"], [
        [paper, f"[`study-{name}`](../studies/{name}.md)", first(name), f"`fairloop sweep study-{name} --out {name}`"]
        for name, paper in PAPERS.items()
    ])  # fmt: skip


def _pages() -> list[tuple[str, str, str]]:
    """The name, the title and the question of each page."""
    found = []
    for name in CLAIMS:
        lines = (rows.HERE / f"{name}.md").read_text(encoding="utf-8").splitlines()
        found.append((name, lines[0].removeprefix("# "), lines[2].split("*")[1]))
    return found
