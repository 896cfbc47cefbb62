"""The command `data`: lists, fetches, prepares and inspects data sets."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fairloop._util.lookup import meant
from fairloop.cli.options import (
    Changes,
    Json,
    Output,
    Quiet,
    Root,
    complete_data,
    complete_published,
    shorthand,
)
from fairloop.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from fairloop.data import Population
    from fairloop.data.publishers import Publisher
    from fairloop.spec.run import RunSpec

app = typer.Typer(
    help="List the data sets, download their files, decode their pictures ahead of a run, show their content.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME|SPEC.yaml", help="a data set, a preset or a spec file", autocompletion=complete_data),
]


@app.command("list")
def list_(quiet: Quiet = False, json_: Json = False) -> None:
    """List the data sets, their files and their publishers."""
    from fairloop.data import DATASETS
    from fairloop.data.publishers import PUBLISHERS

    output, told = Output(quiet, json_), {}
    for name, dataset in DATASETS.items():
        about, known = (dataset.spec.__doc__ or "").splitlines()[0], dataset.spec.model_fields
        files = {field: known[field].description for field in ("table", "root") if field in known}
        output.say(f"{name}: {about}")
        for field, words in files.items():
            output.say(f"  data.{field}: {words}")
        publisher = PUBLISHERS.get(name)
        if publisher is not None:
            fetched = f"; fairloop data fetch {name} --out DIR" if publisher.files else ""
            output.say(f"  publisher: {publisher.page} ({publisher.terms}){fetched}")
        told[name] = {"about": about, "files": files, "publisher": publisher and _told_of_publisher(publisher)}
    output.give(data=told)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a data set", autocompletion=complete_published)],
    out: Annotated[Path, typer.Option("--out", help="directory of the files, for --root")],
    mirror: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="folder with the same files, such as https://... or file:///..."),
    ] = None,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Download the files of a data set from its publisher, if that is allowed, and check them."""
    output = Output(quiet, json_)
    from fairloop.data.fetching import fetch as fetch_files
    from fairloop.data.publishers import PUBLISHERS

    for line in fetch_files(name, out, mirror):
        output.say(line)
    publisher = PUBLISHERS[name]
    after = f"next: fairloop data inspect {name} --root {out}"
    output.say(f"terms: {publisher.terms} ({publisher.page}); {after}")
    told = _told_of_publisher(publisher)
    output.give(name=name, out=out, **{**told, "files": [out / file for file in told["files"]]})


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
    spec = _spec(name, [*shorthand({"data.root": root, "data.cache": out}), *(set_ or ())])
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
    from fairloop.metrics.texts import floor
    from fairloop.report.text import show
    from fairloop.tables.token_ids import PAD

    if out is not None:
        claim_alone(out, KIND)
    population = _load(_spec(name, [*shorthand({"data.root": root}), *(set_ or ())]))
    people, rates = counts(population), base_rates(population)
    output.say(_headline(population))
    output.say(f"minoritized: {', '.join(population.minoritized) or 'no group'}")
    if (bits := population.texts.bits) is not None:
        tokens = float((population.train.inputs[:] != PAD).sum()) / len(population.train)
        output.say(f"entropy: {bits:.2f} bits a text, so the perplexity per token is {floor(bits, tokens):.3f} or more")
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
    from fairloop.spec.run import from_mapping

    if name in DATASETS:
        return from_mapping({"data": {"name": name}}, overrides)
    if presets.is_file(name) or name in presets.names():
        return presets.read(name, overrides)
    raise InputError(
        f"'{name}' is not a data set ({', '.join(DATASETS)}), a preset ({', '.join(presets.names())}) or a spec file"
        f"{meant(name, [*DATASETS, *presets.names()])}"
    )


def _load(spec: RunSpec) -> Population:
    from fairloop import data

    if spec.setting == "people":
        from fairloop.loop.people.population import source_of

        return source_of(spec).population
    return data.load(spec.data, spec.seed)


def _told_of_publisher(publisher: Publisher) -> dict[str, Any]:
    return {"page": publisher.page, "terms": publisher.terms, "files": [file.name for file in publisher.files]}


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
    """Header and rows with one column for each split. A dash marks an undefined value."""
    names = [column for column in ("label", "group") if column in table]
    splits = list(dict.fromkeys(table["split"]))
    rows = []
    for key, part in table.groupby(names, sort=False):
        cells = dict(zip(part["split"], part[value], strict=True))
        said = ["-" if isnan(cells[split]) else form.format(cells[split]) for split in splits]
        rows.append([*map(str, key), *said])
    return [*names, *splits], rows
