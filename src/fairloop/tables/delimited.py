"""CSV files in any dialect: one reader for every command.

Two parsers read the same records. Arrow's is fast, and correct for regular quotes. Python's takes over for files with
irregular quotes, names the row of an error, and returns each record verbatim.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from fairloop._util.limits import opened
from fairloop.errors import InputError
from fairloop.tables.values import name

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
"""Endings of the names of CSV files, in small or capital letters."""

_DELIMITERS = ",;\t|"
_SPACE = " \t\xa0"  # around cells
_BLOCK = 4 << 20  # bytes in one step
_ROWS = 1 << 16  # records in one step of Python's parser
_LOOK = 20  # records for the choice of a delimiter
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def ending(path: Path) -> str:
    """The ending of a table's file name, in small letters: one of `ENDINGS`, or its last part."""
    lower = path.name.lower()
    return next((end for end in sorted(ENDINGS, key=len, reverse=True) if lower.endswith(end)), path.suffix.lower())


@dataclass(frozen=True)
class Csv:
    """A CSV file and its dialect, determined by reading it once.

    header: names of columns. delimiter: comma, semicolon, tab or bar. encoding: of Python. mark: whether a byte order
        mark comes first. regular: whether Arrow reads the same records as Python. bounded: whether the size of
        its unpacked content is limited.
    """

    path: Path
    header: tuple[str, ...]
    delimiter: str
    encoding: str
    mark: bool
    regular: bool
    bounded: bool

    @property
    def said(self) -> str | None:
        """A note on the encoding of the file, for readers of the results; None for UTF-8 and UTF-16."""
        return f"{self.path.name} is not UTF-8 and was read as Latin-1" if self.encoding == "latin-1" else None

    def records(self) -> Iterator[tuple[list[str], str]]:
        """The cells of each record after the header, without surrounding spaces, and the record verbatim.

        Raises InputError for malformed records, and for records with another number of cells than the header.
        """
        with _unpacked(self.path, self.bounded) as file:
            records = _records(_text(file, self.encoding), self.delimiter, self.path)
            next(records)
            for number, (cells, record) in enumerate(records, start=1):
                if len(cells) != len(self.header):
                    raise InputError(
                        f"{self.path}: row {number} has {len(cells)} cells, but the header has {len(self.header)}"
                    )
                yield [cell.strip(_SPACE) for cell in cells], record

    def first(self) -> str:
        """The header, verbatim."""
        with _unpacked(self.path, self.bounded) as file:
            return next(_records(_text(file, self.encoding), self.delimiter, self.path))[1]

    def batches(self, places: Sequence[int], block: int = _BLOCK) -> Iterator[pa.RecordBatch]:
        """The columns at `places` as text, in blocks of `block` bytes. Empty cells are empty text; surrounding spaces
        may stay.

        Raises InputError like `records`.
        """
        done = 0
        try:
            for batch in self._fast(places, block) if self.regular else ():
                yield batch
                done += len(batch)
        except pa.ArrowInvalid:  # a malformed record, or one longer than a block
            yield from self._slow(places, done)
        else:
            if not self.regular:
                yield from self._slow(places, 0)

    def table(self) -> pa.Table:
        """The whole table as text; empty cells are missing. Repeated names get a number, such as `age.1`."""
        names = _numbered(self.header)
        schema = pa.schema([(column, pa.string()) for column in names])
        batches = [batch.rename_columns(names) for batch in self.batches(range(len(names)))]
        whole = pa.Table.from_batches(batches, schema)
        columns = [pc.utf8_trim(column, _SPACE) for column in whole.columns]
        return pa.table([pc.if_else(pc.equal(column, ""), None, column) for column in columns], names)

    def _fast(self, places: Sequence[int], block: int) -> Iterator[pa.RecordBatch]:
        names = [str(i) for i in range(len(self.header))]
        wanted = [names[i] for i in places]
        with _unpacked(self.path, self.bounded) as file:
            # All columns are text, because types that are inferred from the first rows fail on later rows.
            yield from pa.csv.open_csv(
                file,
                read_options=pa.csv.ReadOptions(
                    block_size=block, column_names=names, skip_rows_after_names=1, encoding=self.encoding
                ),
                parse_options=pa.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
                ),
            )

    def _slow(self, places: Sequence[int], done: int) -> Iterator[pa.RecordBatch]:
        records = islice(self.records(), done, None)
        while part := [[cells[i] for i in places] for cells, _ in islice(records, _ROWS)]:
            columns = [pa.array(column, pa.string()) for column in zip(*part, strict=True)]
            yield pa.RecordBatch.from_arrays(columns, [str(i) for i in places])


def surveyed(path: Path, *, bounded: bool = True) -> Csv:
    """The dialect of a CSV file: its encoding (UTF-8, UTF-16 with a byte order mark, or Latin-1), delimiter and header.

    bounded: whether a file above `limits.MOST_BYTES` is refused; false for reading in batches.

    Raises InputError for an empty file, a damaged file, and a file that is not text.
    """
    try:
        return _surveyed(path, bounded)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({str(error).strip() or type(error).__name__})") from error


def _surveyed(path: Path, bounded: bool) -> Csv:
    with _unpacked(path, bounded) as file:
        start = file.read(1 << 20)
    encoding = next((code for mark, code in _MARKS.items() if start.startswith(mark)), None)
    if encoding is None and b"\0" in start[:1024]:
        raise InputError(f"{path}: is not text, or is UTF-16 without a byte order mark; save it as UTF-8")
    for code in (encoding,) if encoding else ("utf-8", "latin-1"):
        delimiter, header = _head(start.decode(code, "replace").removeprefix("\ufeff"), path)
        try:
            regular = _regular(path, code, delimiter, bounded)
        except UnicodeDecodeError as error:
            if code == "latin-1" or encoding:
                raise InputError(f"{path}: begins as {code.upper()}, but is not ({error.reason})") from error
            continue
        return Csv(path, header, delimiter, code, encoding is not None, regular, bounded)
    raise AssertionError("any bytes are Latin-1")


def _head(start: str, path: Path) -> tuple[str, tuple[str, ...]]:
    """The delimiter that gives the first records the largest constant number of cells, and the header."""
    best: tuple[bool, int] = (False, 0)
    found: tuple[str, tuple[str, ...]] = (",", ())
    cut = len(start) >= 1 << 19
    for delimiter in _DELIMITERS:
        rows = []
        try:
            for row, _ in islice(_records(io.StringIO(start, newline=""), delimiter, path), _LOOK):
                rows.append(row)
        except InputError:
            pass
        rows = rows[:-1] if cut and len(rows) > 1 else rows
        if not rows:
            continue
        alike = len({len(row) for row in rows}) == 1 < len(rows[0])
        if (alike, len(rows[0])) > best:
            best, found = (alike, len(rows[0])), (delimiter, tuple(name(cell.strip()) for cell in rows[0]))
    if not found[1]:
        if start.strip():
            next(_records(io.StringIO(start, newline=""), ",", path))  # raises an error with the row
        raise InputError(f"{path}: is empty; it needs a header that names the columns")
    return found


def _regular(path: Path, encoding: str, delimiter: str, bounded: bool) -> bool:
    """Whether Arrow and Python read the quotes of the file equally. Raises UnicodeDecodeError for another encoding."""
    decoder, quotes, regular = codecs.getincrementaldecoder(encoding)(), _Quotes(delimiter), True
    with _unpacked(path, bounded) as file:
        for number, block in enumerate(iter(lambda: file.read(_BLOCK), b"")):
            text = decoder.decode(block)
            if number == 0:
                text = text.removeprefix("\ufeff")
                regular = text[:1] not in ("\r", "\n")
            regular = regular and quotes.regular(text)
        decoder.decode(b"", True)
    return regular and quotes.regular("\n") and not quotes.within


class _Quotes:
    """Tracks quotes through a file. They are regular if they open a cell after a separator, close it before one, or are
    doubled.
    """

    def __init__(self, delimiter: str) -> None:
        self._separators = np.frombuffer(f"{delimiter}\r\n".encode(), np.uint8)
        self._before = "\n"  # the last character that is not a quote, and the quotes after it
        self.within = False

    def regular(self, text: str) -> bool:
        """Whether all quotes up to now are regular."""
        whole = self._before + text
        known = whole.rstrip('"')
        self._before = known[-1:] + whole[len(known) :]
        if '"' not in known:
            return True
        codes = np.frombuffer(known.encode("utf-8", "replace"), np.uint8)
        steps = np.diff((codes == ord('"')).astype(np.int8))
        starts, ends = np.flatnonzero(steps == 1) + 1, np.flatnonzero(steps == -1) + 1
        inside = (np.cumsum(ends - starts) + self.within) % 2 == 1  # after each run
        outside_before = ~np.append(self.within, inside[:-1])
        self.within = bool(inside[-1])
        opened_well = np.isin(codes[starts - 1], self._separators) | ~outside_before
        closed_well = np.isin(codes[ends], self._separators) | inside
        return bool(opened_well.all() and closed_well.all())


def _records(lines: Any, delimiter: str, path: Path) -> Iterator[tuple[list[str], str]]:
    """The cells of each record, and the record verbatim. A cell in quotes may hold several lines."""
    read: list[str] = []

    def remembered() -> Iterator[str]:
        for line in lines:
            read.append(line)
            yield line

    try:
        for cells in csv.reader(remembered(), delimiter=delimiter, skipinitialspace=True, strict=True):
            if cells:  # skips blank lines
                yield cells, "".join(read)
            read.clear()
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error


def _text(file: IO[bytes], encoding: str) -> Iterator[str]:
    """Lines with their ends, split only at line ends, without the byte order mark."""
    for number, line in enumerate(io.TextIOWrapper(file, encoding, newline="")):
        yield line if number else line.removeprefix("\ufeff")


def _unpacked(path: Path, bounded: bool) -> IO[bytes]:
    if bounded:
        return opened(path)
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _numbered(header: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in header:
        ways = (column, *(f"{column}.{i}" for i in range(1, len(header) + 1)))
        names.append(next(way for way in ways if way not in names))
    return names
