"""The classifier of data with a single label."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Constant:
    """The classifier of data with a single label. It predicts that label."""

    def __init__(self, label: Hashable) -> None:
        self.label = label

    def predict(self, people: Any) -> list[Hashable]:
        """The label, for each of `people`."""
        return [self.label] * len(people)

    def to_bytes(self) -> bytes:
        """Nothing: the label is stored beside the bytes."""
        return b""
