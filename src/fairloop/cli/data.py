"""The command `data`: lists, prepares and inspects data sets."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairloop.cli.options import Changes, Json, Output, Quiet
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from fairloop.data import Population
    from fairloop.spec.run import RunSpec

app = typer.Typer(
    help="List data sets, decode their pictures ahead of a run, look into them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME|SPEC.yaml", help="a data set, a preset or a spec file")]
Root = Annotated[Path | None, typer.Option("--root", help="short for --set data.root=DIR")]


@app.command("list")
def list_(quiet: Quiet = False, json_: Json = False) -> None:
    """List the data sets, and the files that each is read from."""
    from fairloop.data import DATASETS

    output, told = Output(quiet, json_), {}
    for name, dataset in DATASETS.items():
        about = (dataset.spec.__doc__ or "").splitlines()[0]
        known = dataset.spec.model_fields
        files = {field: known[field].description for field in ("table", "root") if field in known}
        output.say(f"{name}: {about}")
        for field, words in files.items():
            output.say(f"  data.{field}: {words}")
        told[name] = {"about": about, "files": files}
    output.give(data=told)


@app.command()
def prepare(
    name: Name,
    root: Root = None,
    out: Annotated[Path | None, typer.Option("--out", help="short for --set data.cache=DIR")] = None,
    set_: Changes = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Read a data set, and decode its pictures into the cache, once for all runs."""
    output = Output(quiet, json_)
    import time

    from fairloop._util.directories import claim

    if out is not None:
        claim(out, "decoded pictures")
    began = time.perf_counter()
    spec = _spec(name, [*_shorthand("root", root), *_shorthand("cache", out), *(set_ or ())])
    output.say(f"{spec.data.name}: reading data ...")
    population = _load(spec)
    seconds = time.perf_counter() - began
    output.say(f"{_headline(population)}; ready after {seconds:.1f} s")
    output.give(**_told(population), seconds=seconds)


@app.command()
def inspect(
    name: Name,
    root: Root = None,
    out: Annotated[Path | None, typer.Option("--out", help="directory for examples of each stratum")] = None,
    set_: Changes = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Print counts per stratum and base rates per group; with --out, show examples of each stratum."""
    output = Output(quiet, json_)
    from fairloop._util.directories import claim_alone
    from fairloop.cli.inspect import KIND, base_rates, counts, write_examples
    from fairloop.report.text import show

    if out is not None:
        claim_alone(out, KIND)
    population = _load(_spec(name, [*_shorthand("root", root), *(set_ or ())]))
    people, rates = counts(population), base_rates(population)
    output.say(_headline(population))
    output.say(f"minoritized: {', '.join(population.minoritized) or 'no group'}")
    output.say("people per stratum:")
    show(*_wide(people, "count", "{:,}"), "terminal", output.console)
    output.say(f"share with the beneficial label, {population.label_names[population.beneficial]}:")
    show(*_wide(rates, "base_rate", "{:.3f}"), "terminal", output.console)
    files = write_examples(population, out) if out is not None else []
    if files:
        output.say(f"{out}: examples of {len(files)} strata, such as {files[0].name}")
    tables = {"counts": people.to_dict("records"), "base_rates": rates.to_dict("records")}
    output.give(**_told(population), **tables, files=files)


def _spec(name: str, overrides: list[str]) -> RunSpec:
    from fairloop import presets
    from fairloop.data import DATASETS
    from fairloop.spec.run import from_file, from_mapping

    if Path(name).suffix in (".yaml", ".yml", ".json"):
        return from_file(Path(name), overrides)
    if name in DATASETS:
        return from_mapping({"data": {"name": name}}, overrides)
    if name in presets.names():
        return from_mapping(presets.fields(name), overrides)
    raise InputError(
        f"'{name}' is no data set ({', '.join(DATASETS)}), no preset ({', '.join(presets.names())}) and no spec file"
    )


def _shorthand(field: str, value: Path | None) -> list[str]:
    return [] if value is None else [f"data.{field}={value}"]


def _load(spec: RunSpec) -> Population:
    from fairloop import data

    return data.load(spec.data, spec.seed)


def _told(population: Population) -> dict[str, Any]:
    return {
        "name": population.name,
        "splits": {name: len(split) for name, split in population.splits.items()},
        "shape": population.shape,
        "labels": population.label_names,
        "groups": population.group_names,
        "minoritized": population.minoritized,
    }


def _headline(population: Population) -> str:
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in population.splits.items())
    return f"{population.name}: {sizes}; each {' x '.join(map(str, population.shape))}"


def _wide(table: pd.DataFrame, value: str, form: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows with one column a split; a dash stands for an undefined value."""
    names = [column for column in ("label", "group") if column in table]
    splits = list(dict.fromkeys(table["split"]))
    rows = []
    for key, part in table.groupby(names, sort=False):
        cells = dict(zip(part["split"], part[value], strict=True))
        said = ["-" if isnan(cells[split]) else form.format(cells[split]) for split in splits]
        rows.append([*map(str, key), *said])
    return [*names, *splits], rows
