"""The plan of a reproduction on disk, so that the same command goes on with the same plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt, ValidationError

from fairloop._util.files import write_text
from fairloop.errors import InputError
from fairloop.reproducing import MOST_SECONDS, Planned, Wanted, curve_name, planning
from fairloop.reproducing.planning import Curve, Plan, Run
from fairloop.sweep.estimate import Piece

PLAN = "plan.json"
"""The file of the plan in the sweep's directory."""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


_Run = tuple[tuple[str, str], NonNegativeInt, PositiveInt]
_Piece = tuple[str | None, NonNegativeInt, Annotated[float, Field(ge=0, lt=MOST_SECONDS)]]


class _Plan(_Form):
    runs: Annotated[list[_Run], Field(min_length=1)]
    seconds: NonNegativeFloat
    left_out: list[_Run]


class _Inputs(_Form):
    base: dict[str, Any]
    curves: list[tuple[str, str]]
    seeds: list[NonNegativeInt]
    budget: NonNegativeFloat
    workers: PositiveInt | None


class _File(_Form):
    """The content of `PLAN`."""

    wanted: _Inputs
    plan: _Plan
    costs: dict[str, list[_Piece]]


def kept(out: Path, wanted: Wanted) -> Planned | None:
    """The plan that `out` holds, if its inputs are equal; None for other inputs, or without a plan.

    Its time is computed anew, for the number of runs that go at a time now.

    Raises InputError if the runs in `out` are of another spec, or the file is damaged.
    """
    path = out / PLAN
    if not path.exists():
        return None
    try:
        held = _File.model_validate_json(path.read_bytes())
        found = _planned(held, wanted) if held.wanted.model_dump(mode="json") == wanted.as_plain() else None
    except (ValueError, OSError) as error:
        raise InputError(
            f"--out: {path} is damaged, or not fairloop's ({_first_of(error)}); choose another directory, or delete "
            "the file if fairloop wrote it, and the next call plans anew"
        ) from None
    before, now = ({**base, "generations": None} for base in (held.wanted.base, wanted.as_plain()["base"]))
    if before != now:
        told = _first(before, now)
        raise InputError(f"--out: {out} holds runs with other fields ({told}); choose another directory")
    return found


def keep(out: Path, found: Planned) -> None:
    """Write the plan to `out`."""
    costs = {curve_name(curve): [list(piece) for piece in of_curve] for curve, of_curve in found.costs.items()}
    told = {"wanted": found.wanted.as_plain(), "plan": asdict(found.plan), "costs": costs}
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / PLAN, json.dumps(told, indent=1) + "\n")


def _planned(held: _File, wanted: Wanted) -> Planned:
    """The plan in `held`. Raises ValueError if it is no plan of the runs that are wanted."""
    runs, left_out = _runs(held.plan.runs), _runs(held.plan.left_out)
    costs = {curve: [Piece(*piece) for piece in held.costs.get(curve_name(curve), [])] for curve in wanted.curves}
    if len({(run.curve, run.seed) for run in runs}) < len(runs):
        raise ValueError("plan.runs: a run is there twice")
    if {*held.costs} != {curve_name(curve) for curve in wanted.curves}:
        raise ValueError("costs: are not of the curves asked for")
    longest = {(run.curve, run.seed): run.generations for run in sorted([*runs, *left_out], key=lambda run: run[-1])}
    if longest != {(curve, seed): _length(wanted) for curve in wanted.curves for seed in wanted.seeds}:
        raise ValueError("plan: its runs, with those left out, are not the runs asked for")
    for curve, pieces in costs.items():
        named = [piece.name for piece in pieces if piece.name is not None]
        if len({*named}) < len(named):
            raise ValueError(f"costs.{curve_name(curve)}: a model is there twice")
        generations = [piece.generation for piece in pieces]
        if sorted({*generations}) != [*range(_length(wanted))] or sorted(generations) != generations:
            raise ValueError(f"costs.{curve_name(curve)}: are not of the generations, in their order")
    return Planned(wanted, Plan(runs, planning.seconds_of(runs, costs, wanted.at_a_time), left_out), costs)


def _first_of(error: ValueError | OSError) -> str:
    """The reason in one line; pydantic's errors have several."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return ": ".join([".".join(map(str, first["loc"])), first["msg"]]).removeprefix(": ")


def _length(wanted: Wanted) -> int:
    return wanted.base.generations


def _runs(held: Sequence[_Run]) -> tuple[Run, ...]:
    return tuple(Run(Curve(*curve), seed, generations) for curve, seed, generations in held)


def _first(before: dict[str, Any], now: dict[str, Any], path: str = "") -> str:
    """The first field in which two specs differ, in words."""
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            if said := _first(old, new, f"{path}{name}."):
                return said
        elif old != new:
            return f"{path}{name}={old}, not {new}"
    return ""
