"""An entry of the catalogue of measures: its fields, and the parts of a measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fairloop.metrics.formulas import Formula

Direction = Literal["up", "down", "to 0", "to 1", "none"]

PARTS = {
    "overall": "overall",
    "difference": "difference between groups",
    "ratio": "ratio between groups",
    "min": "lowest group",
    "max": "highest group",
}
"""The values of the column `group` that are not the name of a group, and their titles."""

AGGREGATES = ("difference", "ratio", "min", "max")
"""Parts over all groups: the largest difference, the smallest ratio, the lowest and the highest value."""

GOOD: dict[Direction, str] = {
    "up": "Higher is better.",
    "down": "Lower is better.",
    "to 0": "0 is best.",
    "to 1": "1 is best.",
    "none": "",
}

_CLASSIFIERS = ("classifier", "label_annotator", "group_annotator")
_TESTS = ("valid", "test", "test_balanced", "log", "true", "observed")
_OF_GROUPS = ("overall", "group", *AGGREGATES)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One measure.

    name: its `metric` in tables and its name in `--fail-on`. title, short: its name for readers; short for narrow
    columns. sentence: its meaning. detail: further text in docs/metrics, in Markdown.
    roles, splits: of its rows; a row about training has no split. parts: the subjects of its rows: `overall`, each
    `group`, each `label`, each `stratum`, each `origin`, and `AGGREGATES` over groups.
    low, high: its range. zero, one: the meaning of these values. undefined: the case of NaN.
    direction: of its values overall and in a group.
    formula: of confusion counts. share: whether it is a share of people, or a mean over people, with a standard
    error and an interval.
    worst_of: measures; this measure is their largest difference and smallest ratio between groups.
    headline: parts at the head of comparisons, summaries and pages about runs. judged: parts with a verdict in every
    audit. benefit: whether a higher value is a benefit for the group; audits name groups with losses.
    source: the paper that defines it.
    """

    name: str
    title: str
    sentence: str
    roles: tuple[str, ...] = _CLASSIFIERS
    splits: tuple[str, ...] = _TESTS
    parts: tuple[str, ...] = _OF_GROUPS
    low: float = 0
    high: float = 1
    zero: str = ""
    one: str = ""
    undefined: str = ""
    direction: Direction = "none"
    formula: Formula | None = None
    share: bool = False
    worst_of: tuple[str, ...] = ()
    headline: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    benefit: bool = False
    short: str = ""
    detail: str = ""
    source: str = ""

    @property
    def rates(self) -> tuple[str, ...]:
        """The shares with differences between groups that this measure summarises; none if it is not a share of
        people.
        """
        return self.worst_of or ((self.name,) if self.share else ())

    def called(self, part: str = "overall", *, short: bool = False) -> str:
        """Its title with the title of a part, such as `equalized odds difference` or, short, `EO difference`."""
        title = (self.short or self.title) if short else self.title
        if part not in ("difference", "ratio"):
            return title
        between = "" if short or self.worst_of else " between groups"
        return f"{title} {part}{between}"

    def good(self, part: str = "overall") -> Direction:
        """The direction of good values of a part."""
        if part == "difference":
            return "to 0"
        return "to 1" if part == "ratio" else self.direction

    def meaning(self, part: str = "overall") -> str:
        """The meaning of 0 and 1, such as `0: nobody, 1: everybody`; empty if the entry gives none."""
        if part in ("difference", "ratio"):
            return f"{0 if part == 'difference' else 1}: groups alike"
        return ", ".join(f"{value}: {word}" for value, word in ((0, self.zero), (1, self.one)) if word)

    def bounds(self, part: str = "overall") -> tuple[float, float]:
        """The range of a part."""
        if part == "ratio":
            return 0, 1
        return (0, self.high - self.low) if part == "difference" else (self.low, self.high)
