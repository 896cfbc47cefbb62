"""Names of runs and cases for tables, files and readers, and the fields that distinguish them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fairloop.spec.run import RunSpec

OWN_FIELDS = frozenset({"setting", "star.target", "seed"})
"""The fields of a spec that every name shows."""


def identity_of(setting: str, star: str, seed: int, *, data: str = "", digest: str = "") -> str:
    """The name of a run in tables and of its directory in a sweep, such as `seqclass.none.seed-3.0a1b2c3d`.

    data: the name of a loop of one's own objects. digest: distinguishes runs that differ in other fields.
    """
    return ".".join(filter(None, (data, setting, star, f"seed-{seed}", digest)))


def case_name(setting: str, star: str, told: str = "", *, data: str = "") -> str:
    """A run's name for readers, without its seed, such as `seqclass + STAR on classifier, budget 64`.

    star: the target of STAR. told: further fields that distinguish cases, in words. data: the data set, if runs have
    several.
    """
    before = f"{data}: " if data else ""
    return before + setting + ("" if star == "none" else f" + STAR on {star}") + (f", {told}" if told else "")


def run_name(case: str, seed: int) -> str:
    """A run's name for readers: its case and its seed."""
    return f"{case}, seed {seed}"


def varied(specs: Sequence[RunSpec]) -> list[dict[str, Any]]:
    """For each spec, the fields that differ between specs; None for a field that the spec lacks."""
    flat = [spec.flat() for spec in specs]
    paths = sorted({path for fields in flat for path in fields})
    differ = [path for path in paths if len({json.dumps(fields.get(path)) for fields in flat}) > 1]
    return [{path: fields.get(path) for path in differ} for fields in flat]
