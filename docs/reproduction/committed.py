"""The committed tables, read once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from fairloop.report.published import models as known
from fairloop.report.table import gathered

__all__ = ["HERE", "annotated", "drawn", "known", "runs", "spread"]

HERE = Path(__file__).parent


@cache
def runs(name: str) -> pd.DataFrame:
    """A tidy table beside this file."""
    return gathered([HERE / f"{name}.parquet"])


@cache
def annotated() -> pd.DataFrame:
    """What annotators.py measured: seed, epoch, split, draw, metric, value, variant."""
    return pd.read_parquet(HERE / "annotators.parquet")


@cache
def drawn() -> pd.DataFrame:
    """The values that draws.py measured."""
    return pd.read_parquet(HERE / "draws.parquet")


def spread(values: Iterable[float]) -> str:
    """Mean and standard deviation over seeds."""
    array = np.fromiter(values, float)
    return f"{array.mean():.4f} ± {array.std(ddof=1):.4f}"
