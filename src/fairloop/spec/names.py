"""Names of runs and cases, for tables, files and people: every name is made here."""

from __future__ import annotations

OWN_FIELDS = frozenset({"setting", "star.target", "seed"})
"""The fields of a spec that have a place of their own in every name."""


def identity_of(setting: str, star: str, seed: int, *, data: str = "", digest: str = "") -> str:
    """The name of a run in tables and of its directory in a sweep, such as `seqclass.none.seed-3.0a1b2c3d`.

    data: of a loop of one's own objects, its name. digest: tells runs apart that differ in other fields.
    """
    return ".".join(filter(None, (data, setting, star, f"seed-{seed}", digest)))


def case_name(setting: str, star: str, told: str = "", *, data: str = "") -> str:
    """A run's name for people, without its seed, such as `seqclass + STAR on classifier, budget 64`.

    star: the target of STAR. told: the further fields that tell cases apart, in words. data: the data set, if there are
    several.
    """
    before = f"{data}: " if data else ""
    return before + setting + ("" if star == "none" else f" + STAR on {star}") + (f", {told}" if told else "")


def run_name(case: str, seed: int) -> str:
    """A run's name for people: its case and its seed."""
    return f"{case}, seed {seed}"
