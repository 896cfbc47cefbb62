"""Reproduction of the published curves on the user's machine: a plan for a time budget, a sweep, and a comparison.

`planning` computes the runs that fit the budget. This module has the runs and their timing. `stored` keeps the plan, so
that the same command goes on with it. `page` writes the results.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fairloop._util.lookup import meant
from fairloop.errors import FairloopError, InputError
from fairloop.models.numerics import resolve
from fairloop.reproducing import planning
from fairloop.reproducing.planning import CURVES, Costs, Curve, Plan, Run
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.sweep.estimate import pieces
from fairloop.sweep.job import Job, jobs_in, run_in
from fairloop.sweep.local import default_workers

SEEDS = 25
"""The published number of seeds."""

MOST_SECONDS = 100 * 365 * 86_400.0
"""A budget is less."""

_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_BUDGET = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(s|min|m|h|d)")


def seconds_of(budget: str) -> float:
    """Seconds of a duration such as `90m`, `6h` or `1.5d`. Raises InputError for another text."""
    match = _BUDGET.fullmatch(budget.strip())
    if not match:
        raise InputError(f"--budget {budget}: write a number and a unit (s, m, h or d), such as 90m, 6h or 1d")
    seconds = float(match[1]) * _UNITS[match[2]]
    if not 0 < seconds < MOST_SECONDS:
        raise InputError(f"--budget {budget}: must be more than 0 and less than 100 years, such as 90m, 6h or 1d")
    return seconds


def curve_name(curve: Curve) -> str:
    """The name of a curve in options, such as `seqclass+classifier`."""
    return curve.setting if curve.star == "none" else f"{curve.setting}+{curve.star}"


def curves_named(text: str | None) -> tuple[Curve, ...]:
    """Curves by their names, separated by commas; None: all. Raises InputError for an unknown one."""
    if text is None:
        return CURVES
    known = {curve_name(curve): curve for curve in CURVES}
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise InputError(f"--curves: names no curve; there is {', '.join(known)}")
    for name in names:
        if name not in known:
            raise InputError(f"--curves {name}: was not published; there is {', '.join(known)}{meant(name, known)}")
    return tuple(curve for name, curve in known.items() if name in names)


@dataclass(frozen=True)
class Wanted:
    """The runs that a user requests.

    base: the spec of every run except setting, STAR target and seed; its generations are the length of a whole run.
    budget: seconds. workers: runs at a time; None: as many as this machine holds now.
    """

    base: RunSpec
    curves: tuple[Curve, ...]
    seeds: tuple[int, ...]
    budget: float
    workers: int | None

    @cached_property
    def at_a_time(self) -> int:
        """The number of runs at a time: one on a GPU, otherwise limited by cores and memory, if it was not set."""
        spec = self.base
        if self.workers is not None:
            return self.workers
        on_cpu = resolve(spec.precision, spec.device, spec.threads).device == "cpu"
        return default_workers(spec.threads) if on_cpu else 1

    def spec(self, run: Run) -> RunSpec:
        """The spec of a run. Raises InputError if the base does not fit its curve."""
        fields = self.base.model_dump(mode="json")
        fields["star"]["target"] = run.curve.star
        changed = {"setting": run.curve.setting, "seed": run.seed, "generations": run.generations}
        return from_mapping({**fields, **changed})

    def as_plain(self) -> dict[str, Any]:
        """The inputs of the plan, as plain data."""
        experiment = {**self.base.experiment(), "generations": self.base.generations}
        return json.loads(json.dumps({**asdict(self), "base": experiment}))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Planned:
    """A plan, its inputs, and its timing."""

    wanted: Wanted
    plan: Plan
    costs: Costs

    @property
    def rows(self) -> list[planning.Row]:
        """The plan as a table."""
        wanted = self.wanted
        return planning.rows(self.plan, wanted.curves, wanted.seeds, self.costs, wanted.base.generations)

    def specs(self, out: Path) -> list[RunSpec]:
        """The specs of the planned runs. A run that is longer in `out` keeps its length."""
        specs = [self.wanted.spec(run) for run in self.plan.runs]
        done = [run_in(out, spec).committed() for spec in specs]
        return [
            spec.model_copy(update={"generations": max(spec.generations, has)})
            for spec, has in zip(specs, done, strict=True)
        ]

    def jobs(self, out: Path) -> list[Job]:
        """The runs as jobs of the sweep in `out`. Raises InputError if it cannot hold them."""
        return jobs_in(out, self.specs(out))


def timed(wanted: Wanted) -> Costs:
    """Time a few steps of each kind of model on the device of the runs, and estimate whole runs.

    Raises InputError if the spec does not fit its data or this machine.
    """
    specs = [wanted.spec(Run(curve, wanted.seeds[0], wanted.base.generations)) for curve in wanted.curves]
    return dict(zip(wanted.curves, pieces(specs), strict=True))


def planned(wanted: Wanted, costs: Costs) -> Planned:
    """The runs that fit the budget. Raises InputError if the first generation of the first curve does not fit."""
    wishes = list(planning.wishes(wanted.curves, wanted.seeds, wanted.base.generations))
    plan = planning.planned(wishes, costs, wanted.budget * (1 - planning.RESERVE), wanted.at_a_time)
    if not plan.runs:
        from fairloop._util.clock import duration

        first = wishes[0]._replace(generations=1)
        needs = sum(seconds for _, seconds in planning.work_of(first, costs)) / (1 - planning.RESERVE)
        raise InputError(
            f"--budget: the first generation of {curve_name(first.curve)} takes about {duration(needs)}, more than "
            f"{duration(wanted.budget)}; give more"
        )
    return Planned(wanted, plan, costs)


def runs_of(wanted: Wanted, out: Path) -> tuple[list[RunDirectory], int]:
    """The begun runs in `out` of published curves with the fields of `wanted`, of any plan; the number of other runs.

    Runs of another sweep in this directory, such as with other labels, would count as further seeds of a curve.

    Raises InputError for a run whose spec cannot be read, and for one in a directory of another name, such as a copy.
    """
    begun = [run for root in sorted((out / "runs").glob("*")) if (run := RunDirectory(root)).exists and run.committed()]
    specs = {run.root: _spec_of(run) for run in begun}
    mine = [run for run in begun if _is_of(wanted, specs[run.root])]
    for run in mine:
        if run.root.name != (name := specs[run.root].identity):
            raise InputError(f"--out: {run.root} holds the run {name}; give it this name, or move it elsewhere")
    return mine, len(begun) - len(mine)


def _spec_of(run: RunDirectory) -> RunSpec:
    try:
        return run.spec()
    except InputError as error:
        raise InputError(f"--out: {run.root} cannot be read ({error}); repair it, or move it elsewhere") from None


def _is_of(wanted: Wanted, spec: RunSpec) -> bool:
    curve = Curve(spec.setting, spec.star.target)
    if curve not in CURVES:
        return False
    try:
        return spec.experiment() == wanted.spec(Run(curve, spec.seed, spec.generations)).experiment()
    except FairloopError:
        return False
