"""Frames of any library as Arrow: pandas, polars, Arrow itself, Hugging Face's data sets, dictionaries of columns.

Frames come through Arrow's C stream interface (`__arrow_c_stream__`), not through narwhals. The audit counts logs in
Arrow, a stream needs no further dependency, its types keep the order of categories, the width of floats and periods,
and DuckDB, cuDF, Ibis and others support it, too. Three kinds have no such stream, or a stream that fails for columns
of mixed types: pandas, Hugging Face's data sets, and dictionaries.

This module imports no torch. It imports pandas and Hugging Face's library only for their frames.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fairloop.errors import InputError
from fairloop.tables.values import name, written

KINDS = "pandas, polars, Arrow, Hugging Face or a dictionary of columns"

Values = Any
"""An Array or a ChunkedArray of Arrow's."""


def names(frame: object) -> list[str]:
    """The names of a frame's columns, as text (see `values.name`). Raises InputError for other objects."""
    return [name(column) for column in _named(held(frame))]


def table(frame: object, wanted: Sequence[str] | None = None) -> pa.Table:
    """The `wanted` columns of `frame`, or all columns, by name, in simple Arrow types.

    frame: of pandas, polars, Arrow (tables, batches, readers), Hugging Face's `datasets`, or anything else with
        `__arrow_c_stream__`; a dictionary of columns (lists, arrays), or a list of dictionaries, one a row.
    wanted: names as in `names(frame)`.

    Categories stay dictionaries, see `plain` and `order`. Intervals, periods and columns of mixed types become text,
    class labels of Hugging Face's their names.

    Raises InputError for an object that is not a frame, for a missing column and for a repeated one.
    """
    frame = held(frame)
    found = names(frame)
    wanted = found if wanted is None else wanted
    for column in wanted:
        if found.count(column) != 1:
            how = "no column" if column not in found else f"{found.count(column)} columns"
            raise InputError(f"the frame has {how} '{column}'; it has {', '.join(map(repr, found[:20]))}")
    places = [found.index(column) for column in wanted]
    return _tried(lambda: _columns(frame, places).rename_columns(list(wanted)))


def understood(read: pa.Table | pa.RecordBatch) -> pa.Table:
    """A table with text in place of intervals and periods, and names in place of class labels."""
    read = pa.Table.from_batches([read]) if isinstance(read, pa.RecordBatch) else read
    labels = _class_labels(read.schema.metadata or {})
    columns = [_understood(read.column(i), field) for i, field in enumerate(read.schema)]
    return pa.table(
        [_named_classes(column, labels.get(field.name)) for column, field in zip(columns, read.schema, strict=True)],
        names=[name(field.name) for field in read.schema],
    )


def plain(values: Values) -> Values:
    """Values in place of dictionary or run-end encodings; one type of text."""
    kind = values.type
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(values))
    if pa.types.is_dictionary(kind):
        chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
        decoded = [plain(chunk.dictionary).take(chunk.indices) for chunk in chunks]
        return pa.chunked_array(decoded, None if decoded else kind.value_type)
    if pa.types.is_string_view(kind):
        return pc.cast(values, pa.large_string())
    return pc.cast(values, pa.large_binary()) if pa.types.is_binary_view(kind) else values


def texts(values: Values) -> list[str | None]:
    """Each value as text, see `values.written`."""
    values = plain(values)
    if pa.types.is_float16(values.type) or pa.types.is_float32(values.type):
        return [written(value) for value in values.to_numpy(zero_copy_only=False)]
    if pa.types.is_nested(values.type) or pa.types.is_null(values.type):
        return [written(value) for value in values.to_pylist()]
    encoded = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    encoded = encoded.dictionary_encode()  # writes each distinct value once
    distinct = np.array([*map(written, encoded.dictionary.to_pylist()), None], dtype=object)
    found: list[str | None] = distinct[encoded.indices.fill_null(len(distinct) - 1).to_numpy()].tolist()
    return found


def order(values: Values) -> list[str] | None:
    """The categories of an ordered categorical, in their order, as text; None for other columns."""
    if not (pa.types.is_dictionary(values.type) and values.type.ordered):
        return None
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    longest = max((chunk.dictionary for chunk in chunks), key=len, default=())
    return [text for text in texts(longest) if text is not None] if len(longest) else None


def held(frame: Any) -> Any:
    """`frame` in a form that can be read twice: a table for a stream that can be read only once.

    Raises InputError for an object that is not a frame.
    """
    library = _library(frame)
    if isinstance(frame, Mapping) and library != "datasets":
        return frame
    if isinstance(frame, list) and frame and all(isinstance(row, Mapping) for row in frame):
        return {column: [row.get(column) for row in frame] for column in dict.fromkeys(c for row in frame for c in row)}
    if library in ("pandas", "polars") and hasattr(frame, "__arrow_c_stream__") and hasattr(frame, "columns"):
        return frame
    if library == "datasets" and not isinstance(frame, Mapping) and hasattr(frame, "__getitem__"):
        return frame
    if library not in ("pandas", "polars", "datasets") and hasattr(frame, "__arrow_c_stream__"):
        return frame if isinstance(frame, pa.Table) else _tried(lambda: pa.table(frame))
    raise InputError(f"this is {_kind(frame)}, not a frame; give one of {KINDS}, or a file{_remedy(frame)}")


def _library(frame: object) -> str:
    return type(frame).__module__.partition(".")[0]


def _named(frame: Any) -> list[object]:
    if isinstance(frame, Mapping):
        return list(frame)
    return list(frame.columns if _library(frame) in ("pandas", "polars") else frame.column_names or ())


def _columns(frame: Any, places: Sequence[int]) -> pa.Table:
    library = _library(frame)
    if isinstance(frame, Mapping):
        values = list(frame.values())
        return _aligned([_array(values[i]) for i in places])
    if library == "pandas":
        return _aligned([_array(frame.iloc[:, i]) for i in places])
    wanted = [_named(frame)[i] for i in places]
    if library == "datasets":
        return understood(frame.select_columns(wanted).with_format("arrow")[:].select(wanted))
    return understood(pa.table(frame.select(wanted)) if library == "polars" else frame.select(list(places)))


def _tried(read: Callable[[], pa.Table]) -> pa.Table:
    try:
        return read()
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InputError(f"the frame cannot be read as a table ({_line(error)})") from error


def _aligned(columns: Sequence[pa.Array]) -> pa.Table:
    sizes = {len(column) for column in columns}
    if len(sizes) > 1:
        raise InputError(f"the frame has columns of {min(sizes):,} and of {max(sizes):,} values; give each row one")
    fields = [pa.field(str(i), column.type) for i, column in enumerate(columns)]
    return pa.table([_understood(column, field) for column, field in zip(columns, fields, strict=True)],
                    names=[field.name for field in fields])  # fmt: skip


def _array(values: Any) -> pa.Array:
    """Values of any container as Arrow; text if their types are mixed."""
    if isinstance(values, str | bytes):
        raise ValueError(f"a column is the text {values[:20]!r}; give a list")
    frame: Any = getattr(values, "source", None)
    if hasattr(frame, "select_columns"):  # Hugging Face, which widens floats
        values = frame.select_columns([values.column_name]).with_format("arrow")[:].column(0)
    if hasattr(values, "cpu"):  # a tensor, perhaps on a device
        values = values.detach().cpu().numpy()
    if isinstance(values, list | tuple) and values and hasattr(values[0], "detach"):
        values = [value.tolist() for value in values]
    if isinstance(values, np.ndarray) and values.ndim != 1:
        if values.ndim != 2 or values.shape[1] != 1:
            raise ValueError(f"a column has the shape {values.shape}; give each row one value")
        values = values[:, 0]
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if hasattr(values, "cat") and hasattr(values.cat, "codes"):
        categories = _understood(_array(values.cat.categories), None)
        codes = values.cat.codes.to_numpy()
        return pa.DictionaryArray.from_arrays(
            pa.array(codes, pa.int32(), mask=codes < 0), categories, ordered=bool(values.cat.ordered)
        )
    try:
        if hasattr(values, "__arrow_c_stream__"):
            return pa.chunked_array(values).combine_chunks()
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):
        return pa.array([written(value) for value in values], pa.string())


def _understood(values: Values, field: pa.Field | None) -> Values:
    """Intervals, periods and UUIDs as text, also in categories; for other extension types, their storage."""
    kind, about = values.type, (field.metadata or {} if field is not None else {})
    if pa.types.is_dictionary(kind) and isinstance(kind.value_type, pa.BaseExtensionType):
        chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
        parts = [
            pa.DictionaryArray.from_arrays(chunk.indices, _understood(chunk.dictionary, None), ordered=kind.ordered)
            for chunk in chunks
        ]
        return pa.chunked_array(parts, None if parts else pa.dictionary(kind.index_type, pa.string(), kind.ordered))
    extended = isinstance(kind, pa.BaseExtensionType)
    extension = kind.extension_name if extended else about.get(b"ARROW:extension:name", b"").decode()
    if not extension:
        return values
    said = about.get(b"ARROW:extension:metadata", b"")
    if extension.startswith("pandas."):
        said = kind.__arrow_ext_serialize__() if extended else said
    storage = pc.cast(values, kind.storage_type) if extended else values
    storage = storage.combine_chunks() if isinstance(storage, pa.ChunkedArray) else storage
    if extension == "pandas.interval":
        return _intervals(storage, json.loads(said)["closed"])
    if extension == "pandas.period":
        return _periods(storage, json.loads(said)["freq"])
    if extension == "arrow.uuid":
        return pa.array([None if value is None else str(UUID(bytes=value)) for value in storage.to_pylist()])
    return storage


def _intervals(values: pa.StructArray, closed: str) -> pa.Array:
    opening = "[" if closed in ("left", "both") else "("
    closing = "]" if closed in ("right", "both") else ")"
    edges = [edge.dictionary_encode() for edge in values.flatten()]
    codes = [edge.indices.fill_null(-1).to_numpy() for edge in edges]
    low, high = ([written(value) for value in edge.dictionary.to_pylist()] for edge in edges)
    pairs = codes[0].astype(np.int64) * (len(high) + 1) + codes[1]

    def text(pair: int) -> str | None:
        one, other = divmod(pair, len(high) + 1)
        return f"{opening}{low[one]}, {high[other]}{closing}" if one >= 0 and other < len(high) else None

    return _by_distinct(pairs, text)


def _periods(values: pa.Array, frequency: str) -> pa.Array:
    import pandas as pd

    missing = pc.is_null(values).to_numpy(zero_copy_only=False)
    ordinals = values.fill_null(0).to_numpy()
    texts = _by_distinct(ordinals, lambda ordinal: written(pd.Period(ordinal=ordinal, freq=frequency)))
    return pc.if_else(pa.array(missing), None, texts)


def _by_distinct(codes: NDArray[np.int64], text: Callable[[int], str | None]) -> pa.Array:
    distinct, inverse = np.unique(codes, return_inverse=True)
    return pa.array([text(int(code)) for code in distinct], pa.string()).take(pa.array(inverse))


def _class_labels(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The names of classes by column, from the metadata of Hugging Face's tables."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {column: feature["names"] for column, feature in features.items() if feature["_type"] == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _named_classes(values: Values, classes: Sequence[str] | None) -> Values:
    if classes is None or not pa.types.is_integer(values.type):
        return values
    codes = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    within = pc.and_(pc.greater_equal(codes, 0), pc.less(codes, len(classes)))
    return pa.array(classes, pa.string()).take(pc.if_else(within, codes, None))


def _kind(frame: object) -> str:
    return f"{_library(frame)}.{type(frame).__name__}".replace("builtins.", "of type ")


def _remedy(frame: object) -> str:
    if hasattr(frame, "collect"):
        return "; of a lazy frame give what .collect() returns"
    return "; choose one of its splits" if type(frame).__name__.endswith("DatasetDict") else ""


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
