"""Checks of sizes in users' arguments: of batches, budgets and seeds, and of numbers of rounds, splits and rows."""

from __future__ import annotations

import numpy as np

from fairloop.errors import InputError


def whole(name: str, value: object, least: int = 0) -> int:
    """`value` as a whole number. Raises InputError for any other value, and for a number below `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name}: {value!r} is not a whole number of {least} or more")
    return int(value)
