"""Recorded rows as parquet files. Each file is sealed and names its run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fairloop._util.files import BLANK, SEAL, damaged, is_sealed, replacing, sealed
from fairloop.store.tidy_rows import Row

_TYPES = {int: pa.int32(), int | None: pa.int32(), str: pa.string(), str | None: pa.string(), float: pa.float64()}
SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind in get_type_hints(Row).items()])
"""The columns of a run's records: the fields of a `Row`."""

TEXT = pa.dictionary(pa.int32(), pa.string())
"""The type of text in memory: dictionary-encoded, so that a thousand runs fit."""

HELD = pa.schema([(field.name, TEXT if field.type == pa.string() else field.type) for field in SCHEMA])


def of_rows(rows: Sequence[Row]) -> pa.Table:
    """The rows as a table."""
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    return pa.table([list(column) for column in columns], schema=SCHEMA)


def completed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table, completed by the defaults of columns that are newer than its file: fields of `Row` with a default."""
    for name, default in Row._field_defaults.items():
        if name not in table.column_names:
            column = schema.field(name)
            table = table.append_column(column, pa.array([default] * table.num_rows, column.type))
    return table


def write(path: Path, table: pa.Table, run: str, more: Mapping[str, str] | None = None, **options: Any) -> None:
    """Write the rows of `table` to `path`. run: the name of their run.

    more: metadata of the file. options: of `pyarrow.parquet.ParquetWriter`.
    """
    content = pa.BufferOutputStream()
    with pq.ParquetWriter(content, table.schema, write_page_checksum=True, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"seal": SEAL + BLANK, "run": run, **(more or {})})
    with replacing(path) as temporary:
        temporary.write_bytes(sealed(content.getvalue().to_pybytes()))


def read(path: Path, generations: range, runs: Collection[str]) -> pa.Table:
    """The rows that `write` wrote, text as `TEXT`. Raises FileNotFoundError; InputError for a damaged or foreign file.

    generations: of the file. runs: the current and the earlier names of its run. Files of versions without seals name
    no run; their pages have checksums.
    """
    table = completed(whole(path, runs), HELD)
    if not table.schema.equals(HELD):
        raise damaged(path, "its columns are not those of fairloop's records")
    found = pc.min_max(table["generation"]).as_py()
    if table.num_rows and (found["min"], found["max"]) != (generations[0], generations[-1]):
        raise damaged(path, f"it holds generations {found['min']} to {found['max']}")
    return table


def whole(path: Path, runs: Collection[str]) -> pa.Table:
    """The rows of a sealed file, text as `TEXT`. Raises FileNotFoundError; InputError for a damaged or foreign file."""
    content = path.read_bytes()
    if is_sealed(content) is False:
        raise damaged(path, "its checksum does not match")
    try:
        footer = pq.read_metadata(pa.BufferReader(content))
        options = {"metadata": footer, "page_checksum_verification": True}
        words = [field.name for field in footer.schema.to_arrow_schema() if field.type == pa.string()]
        with pq.ParquetFile(pa.BufferReader(content), read_dictionary=words, **options) as file:
            table = file.read(use_threads=False)  # threads cost more than they save for a small file
            run = (file.metadata.metadata or {}).get(b"run", b"").decode(errors="replace")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, str(error).splitlines()[0]) from error
    if run and run not in runs:
        raise damaged(path, f"it belongs to another run, {run}")
    return table.replace_schema_metadata(None)
