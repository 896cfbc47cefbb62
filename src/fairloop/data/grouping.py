"""Names of groups: several sensitive columns multiplied out into intersectional groups."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.data.population_from_columns import AND, RESERVED


def intersections(columns: pd.DataFrame) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(N,) codes 0..S-1 of the rows' groups, and the S names of the groups in natural order.

    columns: one text column for each sensitive attribute. A group is a combination of values that occurs. Its name
    joins the values, as in `Female & Black`, or `sex=Female & race=Black` if the values alone would be ambiguous.
    """
    codes = pd.MultiIndex.from_frame(columns)
    distinct = sorted(codes.unique(), key=lambda values: [natural(value) for value in values])
    names = [AND.join(values) for values in distinct]
    if len(set(names)) < len(names) or RESERVED.intersection(names):
        names = [AND.join(f"{c}={v}" for c, v in zip(columns, values, strict=True)) for values in distinct]
    where = pd.MultiIndex.from_tuples(distinct).get_indexer(codes)
    return where.astype(np.int64), tuple(names)


def natural(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts numbers in text by their size: 2, 10, "10 to 19", "20 to 29"."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name) if part]
