"""Time in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds in words."""
    minutes, hours = seconds / 60, seconds / 3600
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 2 else f"{seconds:.0f} s"
