"""The forms in which estimators see texts: a frame, an array of strings, token ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fairloop.data.tokens import Vocabulary
from fairloop.errors import InputError

if TYPE_CHECKING:  # pandas is slow to import
    import pandas as pd

COLUMN = "text"
"""The column of a frame of texts."""


class Form(Protocol):
    """The protocol of `models.estimators.contract.Features`, which this package does not import."""

    @property
    def kind(self) -> str: ...

    @property
    def remedy(self) -> str: ...

    def encode(self, features: Any, whose: str) -> NDArray[Any]:
        """(N, L) ids."""

    def decode(self, numbers: NDArray[Any]) -> Any:
        """The texts of `numbers`."""


def forms(vocabulary: Vocabulary, length: int) -> tuple[Form, ...]:
    """The forms, in the order in which `fit` of an estimator receives them."""
    return Frame(vocabulary, length), Strings(vocabulary, length), Ids(vocabulary, length)


class Strings:
    """An array of N strings."""

    kind = "texts"
    remedy = "; it does not take a frame with a column text, either"

    def __init__(self, vocabulary: Vocabulary, length: int) -> None:
        self._vocabulary, self._length = vocabulary, length

    def encode(self, features: Any, whose: str) -> NDArray[np.int64]:
        """(N, L) ids. Raises InputError, which names `whose`, for anything but strings."""
        texts = list(features)
        if not all(isinstance(text, str) for text in texts):
            raise InputError(f"{whose}: gives values that are no texts; return strings")
        return self._vocabulary.encode(texts, self._length)

    def decode(self, numbers: NDArray[Any]) -> Any:
        """(N,) strings."""
        return np.array(self._vocabulary.decode(numbers), object)


class Frame(Strings):
    """A frame whose only column is `text`."""

    kind = "a frame with a column text"
    remedy = ""

    def encode(self, features: Any, whose: str) -> NDArray[np.int64]:
        """(N, L) ids. Raises InputError, which names `whose`, for a frame without that column."""
        import pandas as pd

        if not isinstance(features, pd.DataFrame) or COLUMN not in features:
            raise InputError(f"{whose}: gives no frame with a column {COLUMN}; return one")
        return super().encode(features[COLUMN], whose)

    def decode(self, numbers: NDArray[Any]) -> pd.DataFrame:
        """N rows."""
        import pandas as pd

        return pd.DataFrame({COLUMN: super().decode(numbers)})


class Ids:
    """An array of token ids, the input of language models."""

    kind = "token ids"
    remedy = "; it does not take texts, either"

    def __init__(self, vocabulary: Vocabulary, length: int) -> None:
        self._size, self._length = len(vocabulary), length

    def encode(self, features: Any, whose: str) -> NDArray[np.int64]:
        """(N, L). Raises InputError, which names `whose`, for ids that the vocabulary does not have."""
        rows = np.asarray(features)
        if rows.ndim != 2 or rows.shape[1] != self._length or rows.dtype.kind not in "iu":
            raise InputError(f"{whose}: gives an array of shape {rows.shape}; return (N, {self._length}) whole numbers")
        if rows.size and not 0 <= rows.min() <= rows.max() < self._size:
            raise InputError(f"{whose}: gives ids {rows.min()} to {rows.max()}; return 0 to {self._size - 1}")
        return rows.astype(np.int64)

    def decode(self, numbers: NDArray[Any]) -> NDArray[np.int64]:
        """(N, L) int64."""
        return numbers.astype(np.int64)
