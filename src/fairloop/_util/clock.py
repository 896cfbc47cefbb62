"""Time: durations in words, and how long a rest will take."""

from __future__ import annotations

import time


def duration(seconds: float) -> str:
    """Seconds in words."""
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 2 else f"{seconds:.0f} s"


class Pace:
    """How fast `total` things get done, of which `done` were done before; counts from now on."""

    def __init__(self, total: int = 0, done: int = 0) -> None:
        self._total, self._before, self.done = total, done, done
        self._began = self._last = time.monotonic()

    def tick(self) -> None:
        """One more is done."""
        self.done += 1
        self._last = time.monotonic()

    @property
    def passed(self) -> float:
        """Seconds until now."""
        return time.monotonic() - self._began

    @property
    def each(self) -> float | None:
        """Seconds that one takes on average; None before the first."""
        return (self._last - self._began) / (self.done - self._before) if self.done > self._before else None

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest will take; None before the first. One that is late counts as about to be done."""
        if self.each is None:
            return None
        left = max(0, self._total - self.done)
        return left * self.each - min(time.monotonic() - self._last, self.each if left else 0.0)
