"""Limits for files from elsewhere: a file with more content is refused before it fills the memory."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import IO, Any

import yaml

from fairloop.errors import InputError

MOST_BYTES = 4 * 2**30
"""Largest number of bytes of a table: unpacked, or as the footer of a parquet file declares."""

MOST_CELLS = 10**9
"""Largest number of rows times columns of a parquet file, in which a few bytes can repeat a value a billion times."""

MOST_PIXELS = 50_000_000
"""Largest number of pixels of one picture."""

MOST_VALUES = 100_000
"""Largest number of names and values in YAML, counting each repetition by a reference."""

DEEPEST = 100
"""Deepest nesting of lists and mappings in YAML."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where PyYAML was built with libyaml


def parsed(text: str) -> Any:
    """The content of YAML or JSON text as plain data; dates stay text. Raises ValueError with one line."""
    try:
        _refuse_depth(text)
        value = yaml.load(text, _LOADER)
    except Exception as error:  # PyYAML's constructors raise many kinds of errors for malformed values
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error
    if _size(value, MOST_VALUES) > MOST_VALUES:
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    return value


def opened(path: Path, *, packed: bool | None = None) -> IO[bytes]:
    """Open a file of bytes, and unpack a .gz file. Reading more than `MOST_BYTES` unpacked bytes raises OSError.

    packed: whether it is a .gz file; None: decide by its name.
    """
    packed = path.suffix.lower() == ".gz" if packed is None else packed
    file = gzip.open(path) if packed else path.open("rb")  # noqa: SIM115  # closed by its reader
    return io.BufferedReader(_Bounded(file))


def check_parquet(path: Path) -> None:
    """Raise InputError if the footer of a parquet file declares more than the limits of a table."""
    import pyarrow.parquet as pq

    about = pq.read_metadata(path)
    size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
    if size > MOST_BYTES or about.num_rows * about.num_columns > MOST_CELLS:
        raise InputError(
            f"{path}: would take {size / 1e9:,.1f} GB in {about.num_rows:,} rows; a table may have "
            f"{MOST_BYTES / 1e9:.1f} GB and {MOST_CELLS:,} cells"
        )


class _Bounded(io.RawIOBase):
    """A file that raises OSError when more than `MOST_BYTES` are read."""

    def __init__(self, file: Any) -> None:
        self._file, self._left = file, MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._file.readinto(buffer))
        self._left -= count
        if self._left < 0:
            raise OSError(f"it unpacks to more than {MOST_BYTES / 1e9:.1f} GB")
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _refuse_depth(text: str) -> None:
    """Raise ValueError if values are nested too deep: the loader recurses for each level, and would crash."""
    depth = 0
    for event in yaml.parse(text, _LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it nests more than {DEEPEST} levels deep")


def _size(value: Any, most: int) -> int:
    """The number of values in `value`; counting stops above `most`."""
    waiting, count = [value], 0
    while waiting and count <= most:
        item = waiting.pop()
        count += 1
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set)):
            waiting += item
    return count
