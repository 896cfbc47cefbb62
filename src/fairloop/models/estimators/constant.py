"""The classifier where all people have one label."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Constant:
    """The classifier of people who all have one label: it predicts that label."""

    def __init__(self, label: Hashable) -> None:
        self.label = label

    def predict(self, people: Any) -> list[Hashable]:
        """The label, for each of `people`."""
        return [self.label] * len(people)

    def to_bytes(self) -> bytes:
        """Nothing: what is told beside the bytes names the label."""
        return b""
