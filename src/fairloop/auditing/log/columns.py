"""The columns of a log: their meanings, and the options that name them."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from numbers import Real

from fairloop.errors import InputError


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isnan(value)


@dataclass(frozen=True)
class Columns:
    """The needed columns of a log. Raises InputError if they contradict each other.

    round, label: of each row. groups: one or more sensitive columns. prediction: a label. score: a number; without
    predictions, `threshold` and more predict the beneficial label. provenance: the maker of the label. weight: of
    each row. propensity: the known probability that the row's label is observed. decided_at, observed_at: the
    dates of the decision and of the label. regression: whether labels and predictions are numbers. features: columns
    for decisions, which may include groups.
    """

    round: str
    label: str
    groups: tuple[str, ...]
    prediction: str | None = None
    score: str | None = None
    threshold: float | None = None
    provenance: str | None = None
    weight: str | None = None
    propensity: str | None = None
    decided_at: str | None = None
    observed_at: str | None = None
    regression: bool = False
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.prediction is None and self.score is None:
            raise InputError("--prediction, --score: name at least one, the column with predictions or with scores")
        if self.threshold is not None and (self.score is None or self.prediction is not None):
            raise InputError("--threshold: is for scores without predictions; name --score and no --prediction")
        if self.threshold is not None and not _is_number(self.threshold):
            raise InputError(f"--threshold: {self.threshold!r} is not a number")
        if self.regression and (self.prediction is None or self.score is not None):
            raise InputError("--regression: needs --prediction with numbers, and takes no --score")
        if not self.groups:
            raise InputError("--group: name at least one sensitive column")
        for option, column in self.by_option():
            if self.named.count(column) > 1:
                raise InputError(f"{option}: the column '{column}' is named twice; name each column once")

    def by_option(self) -> list[tuple[str, str]]:
        """(option of the command line, column) of all needed columns."""
        named = [
            ("--round", self.round), ("--label", self.label), ("--prediction", self.prediction),
            ("--score", self.score), ("--provenance", self.provenance), ("--weight", self.weight),
            ("--propensity", self.propensity), ("--decided-at", self.decided_at), ("--observed-at", self.observed_at),
            *(("--group", name) for name in self.groups),
            *(("--features", name) for name in self.features if name not in self.groups),
        ]  # fmt: skip
        return [(option, name) for option, name in named if name is not None]

    @property
    def threshold_or_default(self) -> float:
        """The lowest score that predicts the beneficial label."""
        return 0.5 if self.threshold is None else self.threshold

    @property
    def named(self) -> list[str]:
        """The columns that are needed."""
        return [name for _, name in self.by_option()]

    @property
    def predicted(self) -> str:
        """The column with predictions or scores."""
        return self.prediction or self.score or ""

    def check(self, name: str, header: Sequence[str]) -> None:
        """Raise InputError unless each needed column is in the `header` of the log called `name`, once."""
        often = Counter(header)
        for option, column in self.by_option():
            if often[column] == 1:
                continue
            if often[column] > 1:
                raise InputError(f"{option}: {name} has {often[column]} columns '{column}'; rename all but one")
            close = difflib.get_close_matches(column, header, n=3)
            known = ", ".join(map(repr, header[:20])) + (", ..." if len(header) > 20 else "")
            hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"it has {known}"
            raise InputError(f"{option}: {name} has no column '{column}'; {hint}")
