"""Reading of a log of any size: its needed columns, chunk by chunk."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fairloop.auditing.log.columns import Columns
from fairloop.auditing.log.counting import Counter, Tally
from fairloop.auditing.log.dates import horizon
from fairloop.errors import InputError
from fairloop.tables import frames
from fairloop.tables.delimited import ENDINGS, ending, surveyed
from fairloop.tables.values import name

_BLOCK = 4 << 20  # bytes of CSV at a time
_ROWS = 1 << 18  # of parquet or of a frame at a time


def tally(log: object, columns: Columns, mature_after: object = None, as_of: object = None) -> Tally:
    """The counts of rows of `log` by combination of values. log: the path of a file, or a frame (`tables.frames`).

    mature_after, as_of: see `dates.horizon`.

    Raises InputError for a log that cannot be read, is empty, or lacks a column.
    """
    called = str(log) if isinstance(log, Path) else "the frame"
    counter = Counter(called, columns, horizon(columns, called, mature_after, as_of))
    if isinstance(log, Path) and not log.is_file():
        raise InputError(f"{log}: is not a file; give the path of a .parquet or .csv file")
    try:
        for chunk in _chunks(log, columns, counter):
            counter.add(chunk)
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        raise InputError(f"{called}: cannot be read ({(str(error).splitlines() or ['?'])[0]})") from error
    return counter.tally()


def rows(log: object, columns: Columns) -> pa.Table:
    """The needed columns of `log`, row by row. Raises InputError as `tally` does."""
    called = str(log) if isinstance(log, Path) else "the frame"
    counter = Counter(called, columns, horizon(columns, called, None, None))
    try:
        return pa.concat_tables(list(_chunks(log, columns, counter)), promote_options="permissive")
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        raise InputError(f"{called}: cannot be read ({(str(error).splitlines() or ['?'])[0]})") from error


def _chunks(log: object, columns: Columns, counter: Counter) -> Iterator[pa.Table]:
    """The needed columns of the log, a chunk at a time."""
    wanted = columns.named
    if not isinstance(log, Path):
        frame = frames.held(log)
        columns.check("the frame", frames.names(frame))
        table = frames.table(frame, wanted)
        for start in range(0, len(table), _ROWS):
            yield table.slice(start, _ROWS)
    elif ending(log) == ".parquet":
        with pq.ParquetFile(log, read_dictionary=_dictionaries(log, columns)) as file:
            stored = {name(column): column for column in file.schema_arrow.names}
            columns.check(str(log), [name(column) for column in file.schema_arrow.names])
            for chunk in file.iter_batches(_ROWS, columns=[stored[column] for column in wanted]):
                chunk.validate(full=True)
                yield frames.understood(chunk.replace_schema_metadata(file.schema_arrow.metadata))
    elif ending(log) in ENDINGS:
        found = surveyed(log, bounded=False)
        columns.check(str(log), found.header)
        counter.said = found.said
        for batch in found.batches([found.header.index(column) for column in wanted], _BLOCK):
            yield pa.Table.from_batches([batch.rename_columns(wanted)])
    else:
        raise InputError(f"{log}: does not end in one of .parquet, {', '.join(ENDINGS)}")


def _dictionaries(log: Path, columns: Columns) -> list[str]:
    """Columns of names that are read in dictionary encoding, with each distinct name once.

    This saves most of the time of reading and counting. Rounds are read one by one, because their order in the log
    counts.
    """
    named = {columns.label, columns.prediction, columns.provenance, *columns.groups}
    return [field.name for field in pq.read_schema(log) if name(field.name) in named and pa.types.is_string(field.type)]
