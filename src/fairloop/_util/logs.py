"""Warnings in place of the log lines of other libraries."""

from __future__ import annotations

import sys
import warnings
from functools import cache

_HARMLESS = "No further splits with positive gain"  # a line for each small tree


class _Warnings:
    """A logger for LightGBM, which hands all messages of its native code to `info`."""

    def info(self, message: str) -> None:
        if "[Warning]" in message and _HARMLESS not in message:
            self.warning(message)

    def warning(self, message: str) -> None:
        warnings.warn(" ".join(message.split()), stacklevel=2)


def warn_in_place_of_logs() -> None:
    """Make LightGBM, if it is imported, raise warnings in place of printing a line for each tree."""
    if "lightgbm" in sys.modules:
        _register()


@cache
def _register() -> None:
    import lightgbm

    lightgbm.register_logger(_Warnings())
