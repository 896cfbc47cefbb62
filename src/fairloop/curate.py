"""A table curated towards a fairness ideal: rows come or not, or come again; no cell is changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fairloop.curation.columns import people
from fairloop.curation.deal import Deal, Tally, wanted
from fairloop.curation.ideal import Shares
from fairloop.curation.sizes import whole
from fairloop.errors import InputError
from fairloop.limits import check_parquet
from fairloop.seeding import Role, numpy_stream
from fairloop.store.files import replacing
from fairloop.store.kinds import claim_file


class Curated(NamedTuple):
    """What curating a table took."""

    tally: Tally
    ideal: Shares
    """(K, S): what was asked for."""
    largest: int
    """As many rows could there be without any coming twice."""


def curate(
    source: Path,
    out: Path,
    label: str,
    groups: Sequence[str],
    ideal: object = "uniform",
    *,
    size: int | None = None,
    budget: int | None = None,
    skip_empty: bool = False,
    seed: int = 0,
    overwrite: bool = False,
) -> Curated:
    """Write the rows of `source` that meet `ideal` to `out`, in their order: STAR with one batch, the whole table.

    All rows are candidates. Each stratum gets its quota, `ideal_k * size` rows, rounded. Rows of a stratum that has
    fewer come again, all about as often; of one that has more, some are discarded at random.

    source, out: both .parquet, or both .csv (UTF-8 or Latin-1, with a header). Columns, types and cells stay as they
        are; in CSV to the letter.
    label, groups: names of columns. ideal: see `fairloop.curation.ideal`.
    size: rows of `out`. budget: how many fewer `out` has than `source`. One of both; if neither, the budget is a
        quarter of the size.
    skip_empty: whether the ideal's share of a stratum in which nobody is goes to the others, in proportion.
    seed: of the choice. overwrite: whether `out` may exist.

    Raises InputError, before anything is written, for what cannot be.
    """
    _check_paths(source, out, overwrite)
    table = _KINDS[source.suffix](source, [label, *groups])
    folk = people(table.columns, [label, *groups])
    shares = wanted(ideal, folk, skip_empty, "--ideal")
    deal = Deal(folk, shares, "stochastic", numpy_stream(whole("--seed", seed), Role.ORDER))
    rows = deal.batch(_size(len(folk.stratum), size, budget))
    rows.sort()
    with replacing(out) as temporary:
        table.write(rows, temporary)
    asked = shares > 0
    return Curated(deal.tally(), shares, int((folk.counts()[asked] / shares[asked]).min() + 1e-9))


class _Table(Protocol):
    columns: Sequence[Any]
    """The columns that were asked for, N values each."""

    def write(self, rows: NDArray[np.int64], path: Path) -> None: ...


class _Parquet:
    def __init__(self, path: Path, names: Sequence[str]) -> None:
        try:
            check_parquet(path)
            self._table = pq.read_table(path)
            self._table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read as parquet ({str(error).splitlines()[0]})") from error
        self.columns = [self._table.column(i) for i in _positions(self._table.column_names, names, path)]

    def write(self, rows: NDArray[np.int64], path: Path) -> None:
        schema = self._table.schema
        plain = pa.schema([field.with_type(_without_views(field.type)) for field in schema], schema.metadata)
        pq.write_table(self._table.cast(plain).take(pa.array(rows)).cast(schema), path)


def _without_views(kind: pa.DataType) -> pa.DataType:
    """The type that Arrow can take rows of, where it cannot of views."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(kind) else kind


class _Csv:
    def __init__(self, path: Path, names: Sequence[str]) -> None:
        content = path.read_bytes()
        try:
            text, self._encoding = content.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:  # any bytes are Latin-1, and come out as they went in
            text, self._encoding = content.decode("latin-1"), "latin-1"
        records = _records(text, path)
        header, self._header = next(records, ([], ""))
        found = [header[0].removeprefix("\ufeff"), *header[1:]] if header else []
        positions = _positions(found, names, path)
        cells: list[list[str | None]] = [[] for _ in names]
        self._rows = []
        for number, (row, record) in enumerate(records, start=1):
            if len(row) != len(header):
                raise InputError(f"{path}: row {number} has {len(row)} cells, but the header has {len(header)}")
            for column, i in zip(cells, positions, strict=True):
                column.append(row[i] or None)
            self._rows.append(record)
        self.columns = cells

    def write(self, rows: NDArray[np.int64], path: Path) -> None:
        end = "\r\n" if self._header.endswith("\r\n") else "\n"
        with path.open("w", encoding=self._encoding, newline="") as file:
            file.write(self._header)
            file.writelines(
                record if record.endswith(("\n", "\r")) else record + end
                for record in map(self._rows.__getitem__, rows)
            )


_KINDS: dict[str, type[_Parquet] | type[_Csv]] = {".parquet": _Parquet, ".csv": _Csv}


def _records(text: str, path: Path) -> Iterator[tuple[list[str], str]]:
    """The cells of each row, and the row to the letter; a cell in quotes may hold several lines."""
    lines: list[str] = []

    def remembered() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):  # splits nowhere but at line ends, and keeps them
            lines.append(line)
            yield line

    try:
        for row in csv.reader(remembered(), strict=True):
            if row:  # no blank line
                yield row, "".join(lines)
            lines.clear()
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error


def _positions(found: Sequence[str], names: Iterable[str], path: Path) -> list[int]:
    positions = []
    for name in names:
        if found.count(name) != 1:
            how = "has no column" if name not in found else "has more than one column"
            raise InputError(f"{path}: {how} '{name}'; it has {', '.join(found) or 'none'}")
        if (position := found.index(name)) in positions:
            raise InputError(f"--label, --group: '{name}' is named twice")
        positions.append(position)
    return positions


def _check_paths(source: Path, out: Path, overwrite: bool) -> None:
    if source.suffix not in _KINDS:
        raise InputError(f"{source}: ends neither in .parquet nor in .csv")
    if out.suffix != source.suffix:
        raise InputError(f"--out: {out} does not end in {source.suffix}, but cells stay as they are in {source}")
    claim_file(out)
    if not source.is_file():
        raise InputError(f"{source}: there is no such file")
    if out.exists() and out.samefile(source):
        raise InputError(f"--out: {out} is the table itself; choose another path")
    if out.exists() and not overwrite:
        raise InputError(f"--out: {out} exists; choose another path, or say --overwrite")


def _size(rows: int, size: int | None, budget: int | None) -> int:
    if size is not None and budget is not None:
        raise InputError("--size, --budget: give one of both; the budget is how many rows fewer there will be")
    if size is not None:
        return whole("--size", size, least=1)
    extra = rows // 5 if budget is None else whole("--budget", budget)
    if extra >= rows:
        raise InputError(f"--budget: {extra} leaves nothing of {rows} rows")
    return rows - extra
