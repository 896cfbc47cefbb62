"""Contenders that take turns, ratios with their spread, and what counts as a pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

T = TypeVar("T")
Verdict = Literal["pass", "fail", "inconclusive", "measured"]
STEADY = 0.15
RULE = (
    "A value is the median over rounds. `pass`: the quartile on the wrong side meets the target, too; `fail`: the "
    f"quartile on the right side misses it; else, or where the quartiles lie apart by more than {STEADY:.0%} of the "
    "median and the target between the smallest and the largest round, `inconclusive`; so, too, where other "
    "programs took more than a tenth of the cores from ours. `measured`: no target was set."
)


@dataclass(frozen=True)
class Finding:
    """One line of the results.

    rounds: the value in each round. target: what it should at least (or, `at_most`, at most) be.
    disturbed: whether the machine did too much else for a verdict.
    """

    section: str
    name: str
    unit: str
    rounds: Sequence[float]
    target: float | None = None
    at_most: bool = False
    disturbed: bool = False

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """The lower one, the median, the upper one."""
        low, middle, high = np.quantile(self.rounds, [0.25, 0.5, 0.75]).tolist()
        return low, middle, high

    @property
    def verdict(self) -> Verdict:
        """By `RULE`."""
        if self.target is None:
            return "measured"
        if self.disturbed:
            return "inconclusive"
        low, middle, high = self.quartiles
        worse, better = (high, low) if self.at_most else (low, high)
        if high - low > STEADY * abs(middle) and min(self.rounds) < self.target < max(self.rounds):
            return "inconclusive"
        if self._meets(worse):
            return "pass"
        return "inconclusive" if self._meets(better) else "fail"

    def record(self) -> dict[str, Any]:
        """As plain data."""
        low, middle, high = self.quartiles
        return {
            "section": self.section,
            "name": self.name,
            "unit": self.unit,
            "median": middle,
            "quartiles": [low, high],
            "range": [min(self.rounds), max(self.rounds)],
            "target": self.target,
            "at_most": self.at_most,
            "verdict": self.verdict,
            "rounds": list(self.rounds),
        }

    def _meets(self, value: float) -> bool:
        assert self.target is not None
        return value <= self.target if self.at_most else value >= self.target


def seconds(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """That one call takes."""
    began = clock()
    call()
    return clock() - began


def fastest(call: Callable[[], object], times: int, clock: Callable[[], float] = time.process_time) -> float:
    """Seconds of the fastest of some calls; of the processor, if nothing else is said, as in `mean`."""
    return min(seconds(call, clock) for _ in range(times))


def mean(call: Callable[[], object], times: int) -> float:
    """Seconds that a call takes of the processor, over some in a row.

    On one thread these are the seconds of a clock, less those in which the machine did something else.
    """
    return seconds(lambda: [call() for _ in range(times)], time.process_time) / times


def alternating(contenders: Mapping[str, Callable[[], T]], rounds: int) -> Iterator[dict[str, T]]:
    """What every contender measures in each round, one after the other; a first round warms up and is not counted."""
    for number in range(rounds + 1):
        measured = {name: contender() for name, contender in contenders.items()}
        if number:
            yield measured
