"""Trends: a weighted line through a measure over rounds, with intervals of its slope and level."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

FEWEST = 3
"""Smallest number of rounds for a line with an error."""


@dataclass(frozen=True)
class Trend:
    """The line `middle + slope * (x - centre)`, with `reach`: half the widths of the intervals of slope and middle."""

    slope: float
    middle: float
    centre: float
    slope_reach: float
    middle_reach: float

    @property
    def certain(self) -> bool:
        """Whether the interval of the slope excludes 0."""
        return abs(self.slope) > self.slope_reach

    def at(self, x: float) -> float:
        """The line's value."""
        return self.middle + self.slope * (x - self.centre)

    def crosses(self, bound: float) -> tuple[float, float, float]:
        """The position where the line crosses `bound`, and its limits (Fieller, 1954); only for a certain slope."""
        gap = self.middle - bound
        steep = self.slope**2 - self.slope_reach**2
        turn = sqrt((self.slope_reach * gap) ** 2 + steep * self.middle_reach**2)
        low, high = ((-self.slope * gap + side * turn) / steep for side in (-1, 1))
        return self.centre - gap / self.slope, self.centre + low, self.centre + high


def fit(x: NDArray[np.float64], values: NDArray[np.float64], errors: NDArray[np.float64], alpha: float) -> Trend | None:
    """The least squares line through (R,) `values` with standard `errors`, with intervals of level 1 - alpha.

    Rounds are weighted by their errors, or equally without errors. If the values scatter around the line more than
    their errors explain (models vary, too), all errors are enlarged by that factor (Birge, 1932).
    Limits are Student's, with R - 2 degrees of freedom. Undefined rounds are left out.

    None if fewer than `FEWEST` rounds are left.
    """
    known = np.isfinite(errors) & (errors > 0)
    weights = np.where(known, 1 / np.where(known, errors, 1) ** 2, 0) if known.any() else np.ones_like(values)
    use = np.isfinite(values) & (weights > 0)
    if use.sum() < FEWEST:
        return None
    from scipy.special import stdtrit  # slow to import

    x, values, weights = x[use], values[use], weights[use]
    centre, middle = np.average(x, weights=weights), np.average(values, weights=weights)
    spread = (weights * (x - centre) ** 2).sum()
    slope = (weights * (x - centre) * values).sum() / spread
    scatter = (weights * (values - middle - slope * (x - centre)) ** 2).sum() / (len(x) - 2)
    scale = sqrt(max(1.0, scatter) if known.any() else scatter)
    reach = float(stdtrit(len(x) - 2, 1 - alpha / 2)) * scale
    return Trend(float(slope), float(middle), float(centre), reach / sqrt(spread), reach / sqrt(weights.sum()))
