"""Curation of a table towards a fairness ideal: rows are kept, left out or repeated, and cells never change."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fairloop._util.directories import claim_file
from fairloop._util.files import replacing
from fairloop._util.limits import check_parquet
from fairloop._util.sizes import whole
from fairloop.curation.columns import people
from fairloop.curation.finite_star import Deal, Tally, wanted
from fairloop.curation.ideal import Shares
from fairloop.errors import InputError
from fairloop.seeding import Role, numpy_stream
from fairloop.tables.decimals import always
from fairloop.tables.delimited import ENDINGS, ending, surveyed
from fairloop.tables.values import spelt


class Curated(NamedTuple):
    """The counts of a curated table."""

    tally: Tally
    ideal: Shares
    """(K, S): the shares of the ideal."""
    largest: int
    """The largest number of rows without a repetition."""
    said: str | None = None
    """A note on the dialect of the table, if it was a guess."""


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
    """Write rows of `source` that meet `ideal` to `out`, in their order: STAR with the whole table as one batch.

    All rows are candidates. Each stratum gets its quota, `ideal_k * size` rows, rounded. A stratum with
    fewer rows than its quota repeats them about equally often. A stratum with more rows discards some at random.

    source, out: both .parquet, or both .csv, .tsv, .csv.gz or .tsv.gz (see `tables.delimited`). Columns, types and
        cells stay as they are; in CSV to the letter.
    label, groups: names of columns. ideal: see `fairloop.curation.ideal`.
    size: rows of `out`. budget: rows of `source` less rows of `out`. Give at most one of both; by default the budget is
    a quarter of the size.
    skip_empty: whether the ideal's share of an empty stratum goes to the others, in proportion.
    seed: of the choice. overwrite: whether `out` may exist.
    Raises InputError, before anything is written, for unusable arguments or files.
    """
    _check_paths(source, out, overwrite)
    kind = _kind(source)
    assert kind is not None
    table = kind(source, [label, *groups])
    folk = people(table.columns, [label, *groups])
    shares = wanted(ideal, folk, skip_empty, "--ideal")
    deal = Deal(folk, shares, "stochastic", numpy_stream(whole("--seed", seed), Role.ORDER))
    rows = deal.batch(_size(len(folk.stratum), size, budget))
    rows.sort()
    with replacing(out) as temporary:
        table.write(rows, temporary)
    asked = shares > 0
    return Curated(deal.tally(), shares, int((folk.counts()[asked] / shares[asked]).min() + 1e-9), table.said)


class _Table(Protocol):
    columns: Sequence[Any]
    """The label and group columns, N values each."""
    said: str | None
    """A note on its dialect, if that was a guess."""

    def write(self, rows: NDArray[np.int64], path: Path) -> None: ...


class _Parquet:
    said = None

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
    """A type without views, which Arrow cannot take rows of."""
    if pa.types.is_string_view(kind):
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(kind) else kind


class _Csv:
    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._file = surveyed(path)
        self.said = self._file.said
        positions = _positions(self._file.header, names, path)
        cells: list[list[str | None]] = [[] for _ in names]
        self._rows = []
        for row, record in self._file.records():
            for column, i in zip(cells, positions, strict=True):
                column.append(row[i] or None)
            self._rows.append(record)
        self.columns = [_with_points(column) for column in cells]

    def write(self, rows: NDArray[np.int64], path: Path) -> None:
        header = self._file.first()
        end = "\r\n" if header.endswith("\r\n") else "\n"
        encoding = self._file.encoding
        packed = self._file.path.suffix.lower() == ".gz"
        with path.open("wb") as raw, io.TextIOWrapper(_packer(raw) if packed else raw, encoding, newline="") as file:
            file.write("\ufeff" * self._file.mark + header)
            file.writelines(
                record if record.endswith(("\n", "\r")) else record + end
                for record in map(self._rows.__getitem__, rows)
            )


def _packer(file: IO[bytes]) -> IO[bytes]:
    return gzip.GzipFile("", "wb", fileobj=file, mtime=0)  # type: ignore[return-value]  # without name and time, for equal bytes


def _with_points(cells: list[str | None]) -> list[str | None]:
    """Names with decimal points in place of decimal commas, as in other formats."""
    if not always(set(cells)):
        return cells
    return [None if cell is None else spelt(cell.replace(",", ".")) for cell in cells]


def _kind(path: Path) -> type[_Parquet] | type[_Csv] | None:
    return _Csv if ending(path) in ENDINGS else _Parquet if ending(path) == ".parquet" else None


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
    if _kind(source) is None:
        raise InputError(f"{source}: ends neither in .parquet nor in {', '.join(ENDINGS)}")
    if ending(out) != ending(source):
        raise InputError(f"--out: {out} does not end in {ending(source)}, but cells stay as they are in {source}")
    claim_file(out)
    if not source.is_file():
        raise InputError(f"{source}: there is no such file")
    if out.exists() and out.samefile(source):
        raise InputError(f"--out: {out} is the table itself; choose another path")
    if out.exists() and not overwrite:
        raise InputError(f"--out: {out} exists; choose another path, or say --overwrite")


def _size(rows: int, size: int | None, budget: int | None) -> int:
    if size is not None and budget is not None:
        raise InputError("--size, --budget: give one of both; the budget is the number of rows to leave out")
    if size is not None:
        return whole("--size", size, least=1)
    extra = rows // 5 if budget is None else whole("--budget", budget)
    if extra >= rows:
        raise InputError(f"--budget: {extra} leaves no row of {rows}; give fewer")
    return rows - extra
