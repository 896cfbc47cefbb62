"""The tidy table of any number of runs, with one value per row."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from fairloop._util.directories import claim_file
from fairloop._util.escape import table_for_csv, table_from_csv
from fairloop._util.files import replacing
from fairloop._util.limits import check_parquet
from fairloop.errors import InputError
from fairloop.spec.names import OWN_FIELDS, varied
from fairloop.spec.run import RunSpec
from fairloop.store.directory import RunDirectory, find_runs
from fairloop.store.records import SCHEMA, TEXT, completed
from fairloop.store.records import of_rows as rows_as_table
from fairloop.store.tidy_rows import MINORITIZED, RUN_COLUMNS, Row


def tidy(runs: Sequence[RunDirectory]) -> pa.Table:
    """The tidy table of runs: the contract's columns, and one for each further field in which the runs differ.

    Text is dictionary-encoded; `plain` converts it to strings.

    Raises InputError if a record is damaged or if two directories hold the same run.
    """
    _warn_of_other_maths(runs)
    specs = [run.spec() for run in runs]
    first: dict[str, Path] = {}
    tables = []
    for run, spec, fields in zip(runs, specs, varied(specs), strict=True):
        if spec.identity in first:
            raise InputError(f"{run.root}: holds the same run as {first[spec.identity]}; name only one of them")
        first[spec.identity] = run.root
        more = {path: cell(value) for path, value in fields.items() if path not in OWN_FIELDS}
        tables.append(_with_run(_with_minoritized(run.records(), spec), spec, more))
    return pa.concat_tables(tables, promote_options="permissive")


def _warn_of_other_maths(runs: Sequence[RunDirectory]) -> None:
    examples = {version: run.root for run in runs for version in run.provenance().maths}
    if len(examples) > 1:
        told = ", ".join(f"maths {version}: {examples[version]}" for version in sorted(examples))
        warnings.warn(
            f"these runs were made by versions of fairloop that make other models of the same spec ({told}); "
            "differences between them may come from that",
            stacklevel=3,
        )


def own_columns(spec: RunSpec) -> dict[str, Any]:
    """The columns that are constant in the rows of the run of `spec`."""
    values = (spec.identity, spec.dataset, spec.setting, spec.star.target, spec.seed)
    return dict(zip(RUN_COLUMNS, values, strict=True))


def of_rows(rows: Sequence[Row], own: Mapping[str, Any]) -> pa.Table:
    """Rows of one run, audit or loop in memory as a tidy table. own: the columns that are constant in them."""
    recorded = rows_as_table(rows)
    mine = {name: _constant(value, recorded.num_rows) for name, value in own.items()}
    return pa.table(mine | {name: recorded[name] for name in recorded.column_names})


def plain(table: pa.Table) -> pa.Table:
    """The table with text as strings."""
    return table.cast(
        pa.schema([(field.name, pa.string() if field.type == TEXT else field.type) for field in table.schema])
    )


def gathered(paths: Sequence[Path]) -> pd.DataFrame:
    """The tidy table of all runs, directories of runs, and exported tables in `paths`.

    Raises InputError for another path, and for a run that occurs twice.

    >>> from pathlib import Path
    >>> gathered([Path("run")])["generation"].unique().tolist()  # a directory of `fairloop run`
    [0, 1]
    """
    tables = [_exported(path) for path in paths if _is_table(path)]
    if runs := run_directories(paths):
        tables.append(plain(tidy(runs)))
    seen: set[str] = set()
    for table in tables:
        names = set(table["run"].unique().to_pylist())
        if twice := sorted(names & seen):
            raise InputError(f"{twice[0]}: is in more than one of the tables and directories; name only one of them")
        seen |= names
    try:
        frame: pd.DataFrame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    except pa.ArrowException as error:
        raise InputError(
            f"{paths[0]}: has a column with numbers in one part and text in another ({error}); export its runs again"
        ) from error
    return frame


def run_directories(paths: Sequence[Path]) -> list[RunDirectory]:
    """The runs in those of `paths` that are not exported tables. Raises InputError for a path without runs.

    >>> from pathlib import Path
    >>> [run.root.name for run in run_directories([Path("run")])]
    ['run']
    """
    return find_runs([path for path in paths if not _is_table(path)])


def _is_table(path: Path) -> bool:
    return path.suffix in (".parquet", ".csv") and path.is_file()


def _exported(path: Path) -> pa.Table:
    blank = pa.csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
    types = {field.name: field.type for field in SCHEMA} | {"seed": pa.int64()}
    try:
        if path.suffix == ".parquet":
            check_parquet(path)
            table = pq.read_table(path)
            table.validate(full=True)  # finds invalid text now, and not at its first use
        else:
            table = table_from_csv(pa.csv.read_csv(path, convert_options=blank))
        table = completed(table, SCHEMA)
        wanted = [*RUN_COLUMNS, *SCHEMA.names]
        if missing := [name for name in wanted if name not in table.column_names]:
            raise InputError(f"{path}: is not a table of fairloop's export (it has no column '{missing[0]}')")
        fields = [pa.field(field.name, types.get(field.name, field.type)) for field in table.schema]
        return table.cast(pa.schema(fields))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table ({str(error).splitlines()[0]})") from error


def export(runs: Sequence[RunDirectory], out: Path) -> int:
    """Write the tidy table of `runs` to `out` (.parquet or .csv) and return its number of rows.

    Undefined values are NaN; fields that do not apply are empty.
    """
    if out.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out: {out} ends neither in .parquet nor in .csv")
    claim_file(out)
    table = tidy(runs)
    if not table.num_rows:
        raise InputError(f"{runs[0].root}: no generation is recorded yet")
    with replacing(out) as temporary:
        if out.suffix == ".parquet":
            pq.write_table(table, temporary, store_schema=False)  # readers get plain strings
        else:
            pa.csv.write_csv(table_for_csv(plain(table)), temporary)
    return int(table.num_rows)


def _with_minoritized(records: pa.Table, spec: RunSpec) -> pa.Table:
    """The table, with rows of minoritized groups for a run of fairloop 0.1.0, which did not store them, if its spec
    names them.
    """
    named = getattr(spec.data, "minoritized", None)
    groups = records.filter(pc.equal(records["metric"], "group_share"))["group"].unique().to_pylist()
    if named is None or not groups or pc.any(pc.equal(records["metric"], MINORITIZED)).as_py():
        return records
    rows = [Row(0, None, "group_annotator", None, None, g, MINORITIZED, float(g in named), np.nan) for g in groups]
    return pa.concat_tables([records, rows_as_table(rows).cast(records.schema)])


def _with_run(records: pa.Table, spec: RunSpec, more: dict[str, Any]) -> pa.Table:
    columns = {name: _constant(value, records.num_rows) for name, value in own_columns(spec).items()}
    columns |= {name: records[name] for name in records.column_names}
    columns |= {path: _constant(value, records.num_rows) for path, value in more.items()}
    return pa.table(columns)


def _constant(value: Any, rows: int) -> pa.Array:
    if isinstance(value, str):
        return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), [value])
    return pa.nulls(rows) if value is None else pa.array(np.full(rows, value))


def cell(value: Any) -> Any:
    """A field of a spec as a value of the table."""
    return json.dumps(value) if isinstance(value, list) else value
