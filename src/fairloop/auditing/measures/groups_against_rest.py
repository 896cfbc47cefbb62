"""Groups that differ from all the others in the last round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairloop.auditing.gate.verdicts import BENEFITS
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.values import Measure
from fairloop.metrics.groups_against_rest import against_rest
from fairloop.metrics.statistics import ALPHA


@dataclass(frozen=True)
class Apart:
    """A group's rate less that of all other groups together, with a simultaneous interval for all groups.

    p: by Holm's method over the groups; NaN for a group that is `too_small`.
    """

    measure: Measure
    difference: float
    low: float
    high: float
    p: float
    too_small: bool

    @property
    def differs(self) -> bool:
        """Whether the difference is significant."""
        return self.p <= ALPHA


def apart(measured: Measured) -> list[Apart]:
    """Each compared group against the rest, in the rates that benefit a group.

    Only rates that the labels of every group identify are compared. With weights, each group counts as its number of
    unweighted people with equal certainty.
    """
    names, kept = [measured.rounds.groups[i] for i in measured.kept], measured.kept
    found: list[Apart] = []
    for metric in [metric for metric in BENEFITS if metric in measured.metrics()] if len(kept) > 1 else []:
        if (measured.reading(metric, -1).status[kept + 1] != "measured").any():
            continue
        rate = measured.rates[-1][metric]
        members = (rate.members if rate.effective is None else np.nan_to_num(rate.effective))[kept + 1]
        every = against_rest(np.nan_to_num(rate.by_group[kept]) * members, members, ALPHA)
        columns = (every.difference.value, every.difference.low, every.difference.high, every.adjusted, every.too_small)
        rows = zip(names, *(column.tolist() for column in columns), strict=True)
        found += [Apart(Measure(metric, name), *row) for name, *row in rows]
    return found
