"""The command `reproduce`: a reproduction of the published curves within a time budget."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairloop.cli.options import Changes, Json, Output, Quiet, shorthand
from fairloop.errors import FairloopError, InputError

if TYPE_CHECKING:
    from fairloop.reproducing import Planned, Wanted

_PUBLISHED = "colored-mnist"
_PAGE = "page"
_DECIDED = {"setting": "--curves", "star.target": "--curves", "seed": "--seeds"}
_SECTIONS = {"star": "set its fields; --curves chooses STAR's target", "data": "set its fields, such as data.root"}

What = Annotated[str, typer.Argument(metavar=_PUBLISHED, help="the data set whose curves were published")]
Out = Annotated[Path, typer.Option("--out", help="directory of the runs; the same command again goes on there")]
Curves = Annotated[
    str | None, typer.Option(metavar="NAME,...", help="such as seqclass,seqclass+classifier; default: all five")
]
Seeds = Annotated[str, typer.Option(help="such as 0-2; as many seeds as fit the budget")]
Budget = Annotated[str, typer.Option(metavar="TIME", help="such as 90m, 6h or 1d, for all runs together")]
Data = Annotated[
    Path | None, typer.Option("--data", "--root", metavar="DIR", help="MNIST's files; default: from the hub")
]
Workers = Annotated[int | None, typer.Option(min=1, help="runs at a time; default: as many as fit, one on a GPU")]
OnlyPlan = Annotated[bool, typer.Option("--plan", "--dry-run", help="print the plan only")]


def reproduce(
    what: What, out: Out = Path("reproduction"), curves: Curves = None, seeds: Seeds = "0-24", budget: Budget = "6h",
    data: Data = None, set_: Changes = None, workers: Workers = None, only_plan: OnlyPlan = False,
    quiet: Quiet = False, json_: Json = False,
) -> None:  # fmt: skip
    """Reproduce the published curves within a time budget, and compare."""
    output = Output(quiet, json_)
    from fairloop import reproducing
    from fairloop._util.directories import claim
    from fairloop.reproducing import page, stored

    if data is not None and not data.is_dir():
        raise InputError(f"--data: {data} is not a directory; give the one with MNIST's files")
    changes = [*(set_ or ()), *shorthand({"data.root": data})]
    wanted = _wanted(what, curves, seeds, budget, changes, workers)
    claim(out, "a sweep")
    page.claim(out / _PAGE)
    reproducing.runs_of(wanted, out)
    found = stored.kept(out, wanted)
    if found is None:
        output.say("timing a few steps of each kind of model ...")
        found = reproducing.planned(wanted, reproducing.timed(wanted))
    else:
        output.say(f"{out / stored.PLAN}: going on with the stored plan")
    _show(found, output)
    if not only_plan:
        _run(found, out, output, _changed(changes))
    output.give(out=out, seconds=found.plan.seconds, runs=[run._asdict() for run in found.plan.runs])


def _wanted(what: str, curves: str | None, seeds: str, budget: str, changes: list[str], workers: int | None) -> Wanted:
    from fairloop import presets, reproducing
    from fairloop.spec.files import with_files_read
    from fairloop.sweep.grid import parse_seeds

    if what != _PUBLISHED:
        raise InputError(f"'{what}': fairloop has no published curves of it; use {_PUBLISHED}")
    for change in changes:
        field, _, value = (part.strip() for part in change.partition("="))
        if field == "data.name" and value.strip("'\"") != _PUBLISHED:
            raise InputError(f"--set {change}: fairloop has no published curves of it")
        if field in _SECTIONS and not value.startswith("{"):
            raise InputError(f"--set {change}: is a section of fields; {_SECTIONS[field]}")
        if (option := _DECIDED.get(field)) is not None:
            raise InputError(f"--set {change}: is fixed by the published curves; use {option}")
    named, numbers, seconds = reproducing.curves_named(curves), parse_seeds(seeds), reproducing.seconds_of(budget)
    base, usual = with_files_read(presets.read(what, changes)), presets.preset(what)
    if base.data.name != usual.data.name:
        raise InputError(f"--set data.name={base.data.name}: fairloop has no published curves of it")
    for decided, option in _DECIDED.items():  # a whole section may hold one, as in star={target: both}
        if _at(base, decided) != _at(usual, decided):
            raise InputError(f"--set {decided}={_at(base, decided)}: is fixed by the published curves; use {option}")
    if base.generations > usual.generations:
        raise InputError(f"--set generations={base.generations}: the published curves have {usual.generations}")
    return reproducing.Wanted(base, named, tuple(numbers), seconds, workers)


def _at(spec: object, field: str) -> object:
    return reduce(getattr, field.split("."), spec)


def _show(found: Planned, output: Output) -> None:
    """Print the plan as a table: runs that fit, their time, and runs that do not fit."""
    from fairloop._util.clock import duration
    from fairloop.report.published.words import ranges
    from fairloop.report.text import show
    from fairloop.reproducing import curve_name, planning

    wanted, length = found.wanted, found.wanted.base.generations
    rows = [
        [
            curve_name(row.curve), ranges(row.seeds), f"{row.generations} of {length}",
            duration(row.seconds) if row.generations else "",
            f"{row.missing} generations" if row.missing else "",
        ]
        for row in found.rows
    ]  # fmt: skip
    show(["curve", "seeds", "generations", "on one core", "does not fit"], rows, "terminal", output.console)
    together = f"{wanted.at_a_time} run{'s' if wanted.at_a_time > 1 else ''} at a time"
    output.say(
        f"expected, from the start: {duration(found.plan.seconds)} with {together}, of {duration(wanted.budget)}, of "
        f"which {planning.RESERVE:.0%} is kept in reserve"
    )


def _run(found: Planned, out: Path, output: Output, changed: str) -> None:
    """Run the plan, and write the page about all complete generations, also after an interruption."""
    from fairloop.reproducing import stored
    from fairloop.sweep.local import run_all
    from fairloop.sweep.view import SweepLines, sweep_view

    jobs = found.jobs(out)
    stored.keep(out, found)
    if all(job.state == "done" for job in jobs):
        output.say(f"{out}: all runs of the plan are complete")
    seen = not (output.quiet or output.as_json)
    try:
        with sweep_view(output.console, out) if seen else SweepLines() as view:
            run_all(jobs, out, out / "models", found.wanted.at_a_time, view)
    except BaseException:
        with suppress(FairloopError):  # the reason why the runs ended is the one to tell
            _write_page(found, out, output, changed)
        raise
    _write_page(found, out, output, changed)


def _write_page(found: Planned, out: Path, output: Output, changed: str) -> None:
    from fairloop import reproducing
    from fairloop.report.table import gathered
    from fairloop.report.text import counted
    from fairloop.reproducing import page

    runs, others = reproducing.runs_of(found.wanted, out)
    if others:
        output.say(f"{out}: {counted(others, 'run')} of other experiments left out of the page")
    if runs:
        page.write(gathered([run.root for run in runs]), out / _PAGE, [changed] if changed else [])
        output.say(f"{out / _PAGE / page.PAGE}: {counted(len(runs), 'run')} beside the published curves")


def _changed(changes: list[str]) -> str:
    """The fields that differ from the published experiment, in words."""
    told = [change for change in changes if not change.startswith(("data.root=", "data.cache=", "device=", "threads="))]
    fields = ", ".join(f"`{change}`" for change in told)
    return f"**These runs are not the published experiment.** Fields that were changed: {fields}." if told else ""
