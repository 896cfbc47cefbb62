"""Escaping of names from users' files for terminals and CSV files. The templates of pages escape HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# Control characters except line ends and tabs, Unicode line separators, marks that change the direction of text,
# and lone surrogates.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-](inf|nan)")


def for_terminal(text: str) -> str:
    """`text` with each character that would steer a terminal replaced by its Python escape."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def for_csv(text: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would take for a formula. Numbers stay unchanged."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def from_csv(text: str) -> str:
    """The inverse of `for_csv`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def table_for_csv(table: pa.Table) -> pa.Table:
    """`for_csv` of every text in a table, and of its columns' names."""
    return _mapped(table, for_csv).rename_columns([for_csv(name) for name in table.column_names])


def table_from_csv(table: pa.Table) -> pa.Table:
    """The inverse of `table_for_csv`, for columns of text."""
    return _mapped(table, from_csv).rename_columns([from_csv(name) for name in table.column_names])


def frame_for_csv(frame: pd.DataFrame) -> pd.DataFrame:
    """`for_csv` of every text in a frame, and of its columns' names."""
    safe = frame.map(lambda cell: for_csv(cell) if isinstance(cell, str) else cell)
    return safe.rename(columns=lambda name: for_csv(str(name)))


def _mapped(table: pa.Table, change: Callable[[str], str]) -> pa.Table:
    import pyarrow as pa

    def changed(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
        if not pa.types.is_string(column.type) or not len(column):
            return column
        words = column.combine_chunks().dictionary_encode()  # escapes each distinct text once
        others = pa.array([change(word) for word in words.dictionary.to_pylist()], pa.string())
        return pa.DictionaryArray.from_arrays(words.indices, others).cast(pa.string())

    return pa.table([changed(column) for column in table.columns], names=table.column_names)
