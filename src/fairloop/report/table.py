"""The tidy table: one value a row, for any number of runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from fairloop.errors import InputError
from fairloop.spec import RunSpec
from fairloop.store.directory import RunDirectory
from fairloop.store.files import replacing

_OWN_COLUMNS = {"setting", "star.target", "seed"}


def tidy(runs: Sequence[RunDirectory]) -> pa.Table:
    """The contract's columns, and one for each further field in which the runs differ.

    Raises InputError if a record is damaged or if two directories hold the same run.
    """
    specs = [run.spec() for run in runs]
    flat = [_flat(spec.experiment()) for spec in specs]
    paths = sorted({path for fields in flat for path in fields} - _OWN_COLUMNS)
    varied = [path for path in paths if len({_text(fields.get(path)) for fields in flat}) > 1]
    first: dict[str, Path] = {}
    tables = []
    for run, spec, fields in zip(runs, specs, flat, strict=True):
        if spec.identity in first:
            raise InputError(f"{run.root}: holds the same run as {first[spec.identity]}; name only one of them")
        first[spec.identity] = run.root
        tables.append(_with_run(run.records(), spec, {path: fields.get(path) for path in varied}))
    return pa.concat_tables(tables, promote_options="permissive")


def export(runs: Sequence[RunDirectory], out: Path) -> int:
    """Write the tidy table of `runs` to `out` (.parquet or .csv) and return its number of rows.

    Undefined values are NaN; fields that do not apply are empty.
    """
    if out.suffix not in (".parquet", ".csv"):
        raise InputError(f"--out: {out} ends neither in .parquet nor in .csv")
    table = tidy(runs)
    if not table.num_rows:
        raise InputError(f"{runs[0].root}: no generation is recorded yet")
    with replacing(out) as temporary:
        if out.suffix == ".parquet":
            pq.write_table(table, temporary)
        else:
            pa.csv.write_csv(table, temporary)
    return int(table.num_rows)


def _with_run(records: pa.Table, spec: RunSpec, varied: dict[str, Any]) -> pa.Table:
    own = {
        "run": spec.identity,
        "dataset": spec.data.name,
        "setting": spec.setting,
        "star": spec.star.target,
        "seed": spec.seed,
    }
    columns = {name: _constant(value, records.num_rows) for name, value in own.items()}
    columns |= {name: records[name] for name in records.column_names}
    columns |= {path: _constant(_plain(value), records.num_rows) for path, value in varied.items()}
    return pa.table(columns)


def _constant(value: Any, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value), rows)


def _flat(fields: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
