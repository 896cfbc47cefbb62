"""The specs of a sweep, from seeds, cases and a grid of fields."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fairloop._util.limits import parsed
from fairloop.errors import InputError
from fairloop.spec.files import with_files_read
from fairloop.spec.run import FREE_TO_CHANGE, RunSpec, from_mapping
from fairloop.spec.schedule import assign
from fairloop.spec.setting import EVERY_SETTING


class SweepSpec(BaseModel):
    """A sweep in a file: `base` (a preset or a spec file's path), and the fields that vary."""

    model_config = ConfigDict(extra="forbid")

    base: str
    seeds: str | int = "0"
    cases: list[dict[str, Any]] = Field([{}], min_length=1)
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}


def sweep_spec(fields: object, where: str) -> SweepSpec:
    """A sweep from plain data. Raises InputError, which begins with `where`, for wrong fields."""
    try:
        return SweepSpec.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(map(str, first["loc"])) or "the whole"
        known = ", ".join(SweepSpec.model_fields)
        raise InputError(f"{where}: {path}: {first['msg'].lower()} (a sweep has {known})") from None


MOST_RUNS = 100_000
"""Largest number of runs of one sweep. A larger number is probably a typing error."""

_SEEDS = re.compile(r"(\d+)(?:-(\d+))?")


@dataclass(frozen=True)
class Sweep:
    """The specs of a sweep.

    base: fields that all runs share. cases: single combinations of fields (`a.b: value`).
    grid: fields with their values; every combination is run for every case and seed.
    """

    base: Mapping[str, Any]
    seeds: Sequence[int] = (0,)
    cases: Sequence[Mapping[str, Any]] = ({},)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def specs(self) -> list[RunSpec]:
        """All runs, each once. Seeds vary fastest, so that concurrent workers need different models.

        Runs with STAR on a generator that the setting keeps fixed are left out.
        Raises InputError for wrong fields or values, or if nothing is left.
        """
        specs: dict[str, RunSpec] = {}
        for path in {*self.grid, *(path for case in self.cases for path in case)}:
            if path == "seed" or path in FREE_TO_CHANGE:
                remedy = "use --seeds" if path == "seed" else "use --set; all runs of a sweep share it"
                raise InputError(f"{path}: does not change an experiment; {remedy}")
        if (n := math.prod([len(self.cases), len(self.seeds), *map(len, self.grid.values())])) > MOST_RUNS:
            raise InputError(f"--grid: makes {n:,} runs of it, more than {MOST_RUNS:,}")
        points = [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]
        for case, point, seed in itertools.product(self.cases, points, self.seeds):
            fields = json.loads(json.dumps(self.base))  # a deep copy that also separates objects joined by YAML anchors
            for path, value in {**case, **point, "seed": seed}.items():
                assign(fields, path, value)
            if not _is_void(fields):
                spec = with_files_read(from_mapping(fields))
                specs.setdefault(spec.identity, spec)
        if not specs:
            raise InputError("--grid: STAR on a generator needs a seqgen setting, so no run is left")
        return list(specs.values())


def parse_seeds(text: str) -> list[int]:
    """`0-24`, `3` or `0,2,5-7` as numbers. Raises InputError for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        match = _SEEDS.fullmatch(part.strip())
        if match is None:
            raise InputError(f"--seeds {text}: write numbers and ranges, such as 0-24 or 0,2,5-7")
        first, last = int(match[1]), int(match[2] or match[1])
        if len(seeds) + last - first >= MOST_RUNS:
            raise InputError(f"--seeds {text}: are more than {MOST_RUNS:,} seeds")
        if last < first:
            raise InputError(f"--seeds {text}: {part.strip()} ends before it begins; write {last}-{first}")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def parse_grid(texts: Iterable[str]) -> dict[str, list[Any]]:
    """`field=value,value,...` by field. Values are YAML; lists need brackets."""
    grid: dict[str, list[Any]] = {}
    for text in texts:
        path, separator, values = text.partition("=")
        try:
            grid[path.strip()] = parsed(f"[{values}]")
        except ValueError:
            raise InputError(f"--grid {text}: the values are not YAML; separate them by commas") from None
        if not separator or not path.strip() or not grid[path.strip()]:
            raise InputError(f"--grid {text}: write it as field=value,value, for example setting=seqclass,control")
    return grid


def _is_void(fields: Mapping[str, Any]) -> bool:
    setting = EVERY_SETTING.get(str(fields.get("setting", RunSpec.model_fields["setting"].default)))
    star = fields.get("star")
    target = star.get("target") if isinstance(star, Mapping) else None
    return setting is not None and setting.generators != "sequential" and target in ("generator", "both")
