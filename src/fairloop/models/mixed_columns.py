"""Columns of numbers and of texts beside each other, as generators of rows read them, give them back and keep them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def holds_numbers(kind: Any) -> bool:
    """Whether a column of this type has an order and distances, unlike truth values."""
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind))


def people_like(like: Any, columns: Sequence[NDArray[Any]]) -> Any:
    """Columns of (N,) values as a frame or an array (N, F) of the kind, with the types, of `like`.

    Values are rounded where the type holds no fractions.
    """
    import pandas as pd

    if not isinstance(like, pd.DataFrame):
        return np.column_stack(columns).astype(like.dtype)
    return pd.DataFrame(
        {name: _typed(column, kind) for name, kind, column in zip(like, like.dtypes, columns, strict=True)}
    )


def _typed(column: NDArray[Any], kind: Any) -> pd.Series[Any]:
    import pandas as pd

    whole = holds_numbers(kind) and not pd.api.types.is_float_dtype(kind)
    return pd.Series(np.rint(column) if whole else column).astype(kind)


def archive(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays by name as one compressed file, without pickle."""
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()


def as_array(text: str) -> NDArray[np.uint8]:
    """Text as an array."""
    return np.frombuffer(text.encode(), np.uint8)


def kept_values(values: NDArray[Any], place: int) -> dict[str, NDArray[Any]]:
    """The values of the column at `place`, by their name in an archive; texts become JSON."""
    if values.dtype == object:
        return {f"texts-{place}": as_array(json.dumps(values.tolist()))}
    return {f"values-{place}": values}


def values_kept(arrays: Mapping[str, NDArray[Any]], place: int) -> NDArray[Any]:
    """The values that `kept_values` gave."""
    if (name := f"texts-{place}") in arrays:
        return np.array(json.loads(arrays[name].tobytes()), object)
    return arrays[f"values-{place}"]
