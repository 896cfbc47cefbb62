"""The answer that each study's page starts with: its claims, decided by the committed rows."""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from docs.studies import rows
from docs.studies.changes import WHY
from docs.studies.claims import CLAIMS, PAPERS, Claim
from fairloop.report.text import markdown

Verdict = Literal["supported", "refuted", "undecided", "not run"]

_SOURCE = {
    "yes": "The source found this effect.",
    "no": "The source found no such effect.",
    "mixed": "The source found this effect in some cases, and not in others.",
    "": "",
}


class Decided(NamedTuple):
    """A claim with the difference that was measured; None if its arms were not run."""

    claim: Claim
    found: rows.Interval | None

    @property
    def verdict(self) -> Verdict:
        """Supported if the interval lies on the clause's side of 0, refuted if on the other side, else undecided."""
        if self.found is None:
            return "not run"
        ends = sorted((self.claim.way * self.found.low, self.claim.way * self.found.high))
        if ends[0] > 0:
            return "supported"
        return "refuted" if ends[1] < 0 else "undecided"

    @property
    def agreement(self) -> Literal["agrees with", "contradicts", "cannot tell", ""]:
        """The source's claim beside this loop."""
        if self.claim.source in ("", "mixed"):
            return ""
        if self.verdict in ("undecided", "not run"):
            return "cannot tell"
        return "agrees with" if (self.claim.source == "yes") == (self.verdict == "supported") else "contradicts"

    def __str__(self) -> str:
        if self.verdict == "undecided":
            return f"Undecided whether {self.claim.clause}: {self.found}."
        measured = "" if self.found is None else f" ({self.found})"
        return f"{self.verdict.capitalize()}: {self.claim.clause}{measured}."


def decided(name: str, claims: list[Claim] | None = None) -> list[Decided]:
    """The claims of a study, decided by its rows. claims: other claims about the rows of that name."""
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
    head = (
        f"**Answer** from {seeds} seeds, in generations 0 to {end}; each claim with its difference and 95 % interval."
    )
    mixed = sum(of.claim.source == "mixed" for of in found)
    if total := sum(counts.values()) + mixed:
        head += (
            f" The source speaks of {total} claim{'s' if total > 1 else ''}: this loop agrees with it on "
            f"{counts['agrees with']}, contradicts it on {counts['contradicts']}, and leaves {counts['cannot tell']} "
            f"undecided{f'; on {mixed} the results of the source are mixed' if mixed else ''}."
        )
    lines = [f"- {of} {_SOURCE[of.claim.source]}".rstrip() for of in found]
    return "\n\n".join([head, "\n".join(lines)])


def why(name: str) -> str:
    """The claims about the controlled change of a study, decided."""
    return "\n".join(f"- {of}" for of in decided(f"{name}-why", WHY[name]))


def first(name: str) -> str:
    """The first claim, in a sentence for lists of studies."""
    return str(decided(name)[0])


def index() -> str:
    """The list of all studies."""
    return markdown(["study", "question", "first answer"], [
        [f"[{title}](studies/{name}.md)", question, first(name)] for name, title, question in _pages()
    ])  # fmt: skip


def papers() -> str:
    """The list of the studies' papers."""
    return markdown(["paper", "preset", "first answer", "command"], [
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
