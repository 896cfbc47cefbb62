"""The bootstrap: a generator that copies people of its training data."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import feather


class Bootstrap:
    """Samples are people of the training data, drawn at random with replacement, without smoothing."""

    takes = "token ids"  # for data of texts

    def fit(self, X: pd.DataFrame | NDArray[Any]) -> Bootstrap:  # noqa: N803  (as scikit-learn calls it)
        """Keep the people."""
        self._people = X
        return self

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        """N people, in the type of the `X` of `fit`."""
        chosen = rng.integers(len(self._people), size=n)
        return self._people.iloc[chosen] if isinstance(self._people, pd.DataFrame) else self._people[chosen]

    def to_bytes(self) -> bytes:
        """The people as an Arrow file."""
        return as_bytes(self._people)

    def from_bytes(self, content: bytes) -> None:
        """Restore the people of `to_bytes`."""
        self._people = of_bytes(content)


def as_bytes(people: pd.DataFrame | NDArray[Any]) -> bytes:
    """A frame or an array (N, F) as an Arrow file."""
    frame = people if isinstance(people, pd.DataFrame) else pd.DataFrame(people).rename(columns=str)
    table, content = pa.Table.from_pandas(frame, preserve_index=False), io.BytesIO()
    kind = b"frame" if isinstance(people, pd.DataFrame) else b"array"
    feather.write_feather(table.replace_schema_metadata({**table.schema.metadata, b"fairloop": kind}), content, "zstd")
    return content.getvalue()


def of_bytes(content: bytes) -> pd.DataFrame | NDArray[Any]:
    """The content of `as_bytes`."""
    table = feather.read_table(io.BytesIO(content))
    frame: pd.DataFrame = table.to_pandas()
    return frame if table.schema.metadata[b"fairloop"] == b"frame" else frame.to_numpy()
