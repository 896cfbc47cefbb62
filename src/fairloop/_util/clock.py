"""Time: durations in words, and estimates of the time that remains."""

from __future__ import annotations

import time


def duration(seconds: float) -> str:
    """Seconds in words."""
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 2 else f"{seconds:.0f} s"


class Pace:
    """The pace of `total` steps, `done` of them completed before; the clock starts now."""

    def __init__(self, total: int = 0, done: int = 0) -> None:
        self._total, self._before, self.done = total, done, done
        self._began = self._last = time.monotonic()

    def tick(self) -> None:
        """Count one more completed step."""
        self.done += 1
        self._last = time.monotonic()

    @property
    def passed(self) -> float:
        """Seconds until now."""
        return time.monotonic() - self._began

    @property
    def each(self) -> float | None:
        """Mean seconds of a step; None before the first."""
        return (self._last - self._began) / (self.done - self._before) if self.done > self._before else None

    @property
    def remaining(self) -> float | None:
        """Estimated seconds of the remaining steps; None before the first. A late step counts as almost complete."""
        if self.each is None:
            return None
        left = max(0, self._total - self.done)
        return left * self.each - min(time.monotonic() - self._last, self.each if left else 0.0)
