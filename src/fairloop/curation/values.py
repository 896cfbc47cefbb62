"""Columns of other libraries as Arrow arrays, with one value for each person."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fairloop.data.spelling import by_size
from fairloop.errors import InputError
from fairloop.tables import frames
from fairloop.tables.values import name as called
from fairloop.tables.values import written

Order = Callable[[str], Any]
"""The key by which the values of a column, as text, are sorted."""


class Column(NamedTuple):
    """A column under another name."""

    values: Any
    name: str


def columns_of(given: Any) -> list[Any]:
    """The columns of a frame with several columns, or `given` itself if it is one column."""
    names = _names(given)
    return (
        [given] if names is None or len(names) < 2 else [Column(_picked(given, name), called(name)) for name in names]
    )


def pick(frame: Any, name: Any, where: str) -> Column:
    """Column `name` of a frame: of pandas, polars, Arrow or Hugging Face, or a mapping from names to columns.

    where: the argument that named it, for errors.

    Raises InputError if there is no such column, or more than one.
    """
    if hasattr(frame, "collect_schema") and hasattr(frame, "collect"):
        raise InputError(f"frame: a {type(frame).__name__} holds no values yet; collect it first")
    frame = streamed(frame)
    known = _names(frame)
    if known is None:
        raise InputError(f"frame: {type(frame).__name__} is not a table with named columns; give a frame or a mapping")
    if (times := known.count(name)) != 1:
        close = difflib.get_close_matches(str(name), map(str, known), n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"it has {', '.join(map(str, known))}"
        raise InputError(
            f"{where}: the frame has {times} columns called '{name}'; rename them"
            if times
            else f"{where}: the frame has no column '{name}'; {hint}"
        )
    if type(frame).__module__.partition(".")[0] == "pyarrow":  # fields define the meaning of their values
        return Column(_stored(frame.select([name])), called(name))
    return Column(_picked(frame, name), called(name))


def streamed(frame: Any) -> Any:
    """`frame`, or the table that an object streams, which may work only once."""
    if hasattr(frame, "__arrow_c_stream__") and not hasattr(type(frame), "columns") and _names(frame) is None:
        import pyarrow as pa

        return pa.table(frame)
    return frame


def name_of(column: Any) -> str | None:
    """The name of a column; None without one."""
    if not isinstance(column, Column) and (names := _names(column)) is not None and len(names) == 1:
        return str(names[0])
    name = getattr(column, "name", None) or getattr(column, "column_name", None)
    return name if isinstance(name, str) else None


def array(column: Any) -> tuple[Any, Order]:
    """An Arrow array of plain values, one for each person, and the order of its values as text.

    Raises TypeError, ValueError or an error of Arrow for an object that is not a column.
    """
    import pyarrow as pa

    if isinstance(column, Column):
        column = column.values
    if (names := _names(column)) is not None:
        if len(names) != 1:
            raise TypeError(f"it is a table of {len(names):,} columns; choose one, or use from_frame")
        column = _picked(column, names[0])
    if hasattr(frame := getattr(column, "source", None), "select_columns"):
        column = _picked(frame, column.column_name)
    if isinstance(column, str | bytes | bytearray | set | frozenset):
        raise TypeError(f"it is a {type(column).__name__}; give a list")
    if _holds(column, "interval"):
        return _intervals(column)
    if _holds(column, "period"):
        return pa.array(_texts(column), pa.string()), by_size
    values = _arrow(column)
    return _plain(values), _by_ends if "pandas.interval" in str(values.type) else by_size


def named(values: Any) -> list[str]:
    """The name of each value of an Arrow array without gaps: text unchanged, other values as `written` writes them."""
    import pyarrow as pa

    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return [str(value) for value in values.to_pylist()]
    return [text or "" for text in frames.texts(values)]


def _names(frame: Any) -> list[Any] | None:
    """The names of a table's columns; None for an object that is not a table."""
    if isinstance(frame, Mapping):
        return list(frame)
    if isinstance(names := getattr(frame, "column_names", None), list):  # Arrow, Hugging Face
        return names
    if (names := getattr(frame, "columns", None)) is not None and not callable(names):  # pandas, polars and their kind
        return list(names)
    return None


def _stored(table: Any) -> Any:
    """The single column of an Arrow table, decoded according to its field. Classes of Hugging Face stay numbers."""
    return frames.understood(table.replace_schema_metadata()).column(0)


def _picked(frame: Any, name: Any) -> Any:
    try:
        if hasattr(frame, "select_columns") and hasattr(frame, "with_format"):  # Hugging Face widens floats
            return _stored(frame.select_columns([name]).with_format("arrow")[:])
        return frame[name]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"frame: a {type(frame).__name__} gives no column by its name; collect it first") from error


def _arrow(column: Any) -> Any:
    """The column as an Arrow array of any type."""
    import pyarrow as pa

    if isinstance(column, pa.Array):
        return column
    if hasattr(column, "detach"):
        column = _from_tensor(column)
    elif not isinstance(column, pa.ChunkedArray) and hasattr(column, "__arrow_c_stream__") and not _of_pandas(column):
        column = pa.chunked_array(column)
    if isinstance(column, pa.ChunkedArray):
        return column.combine_chunks()
    if isinstance(column, np.ndarray) and column.ndim == 2 and column.shape[1] == 1:
        column = column[:, 0]
    if isinstance(column, Sequence) and not isinstance(column, range):
        column = [
            value.tolist() if hasattr(value, "detach") or isinstance(value, np.ndarray) else value for value in column
        ]
    if _of_pandas(column) and hasattr(column.dtype, "fill_value"):  # sparse
        column = np.asarray(column)
    return pa.array(column, from_pandas=True)


def _from_tensor(column: Any) -> Any:
    """The values of a tensor on any device, (N,) or (N, 1), as NumPy array; types that NumPy lacks become float32."""
    column = column.detach().cpu()
    try:
        return column.numpy()
    except TypeError:
        return column.float().numpy()


def _plain(values: Any) -> Any:
    """Numbers, text, truth values or times without dictionaries and views; negative zeros become zeros."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        return _plain(values.dictionary).take(values.indices)
    if isinstance(values, pa.ExtensionArray):
        return _plain(frames.understood(pa.table({"": values})).column(0).combine_chunks())
    if pa.types.is_run_end_encoded(values.type):
        values = pc.run_end_decode(values)
    if pa.types.is_float16(values.type):
        return pa.array(frames.texts(values), pa.string())
    if pa.types.is_floating(values.type):
        return pc.add(values, pa.scalar(0, values.type))
    if "binary" in str(values.type) or "string_view" in str(values.type):
        return _text(values)
    return values


def _text(values: Any) -> Any:
    import pyarrow as pa

    try:
        return values.cast(pa.large_binary()).cast(pa.large_string())
    except pa.ArrowException as error:
        raise ValueError("it holds bytes that are not UTF-8 text") from error


def _of_pandas(column: Any) -> bool:
    return type(column).__module__.partition(".")[0] == "pandas"


def _holds(column: Any, kind: str) -> bool:
    """Whether a column of pandas holds intervals or periods, as values or as categories."""
    if not _of_pandas(column):
        return False
    dtype = getattr(column, "dtype", None)
    dtype = getattr(getattr(dtype, "categories", None), "dtype", dtype)
    return str(dtype).startswith(kind)


def _texts(column: Any) -> list[str | None]:
    """The name of each value of a column of pandas; None for a missing value."""
    missing = column.isna()
    return [None if gap else written(value) for value, gap in zip(column, missing, strict=True)]


def _by_ends(interval: str) -> Any:
    return [by_size(end.strip("[()]")) for end in interval.split(", ")]


def _intervals(column: Any) -> tuple[Any, Order]:
    """Intervals as text, in the order of their ends."""
    import pyarrow as pa

    texts = _texts(column)
    ends = {text: (value.left, value.right) for value, text in zip(column, texts, strict=True) if text is not None}
    return pa.array(texts, pa.string()), ends.__getitem__
