"""Errors of predictions that are numbers, in one round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairloop.auditing.measures.rates import RoundRates
from fairloop.auditing.measures.readings import Reading, certain, reading
from fairloop.auditing.measures.shares import BOTH
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Estimate
from fairloop.metrics.propensity import FEWEST

ERRORS: Mapping[str, str] = {"mean_error": "e", "mean_absolute_error": "a"}
"""Measures, and the sums of their means; see `numbers.errors`."""

Floats = NDArray[np.float64]


def errors(metric: str, one: RoundRates) -> Reading:
    """The errors of all people and of each group in a round.

    A mean has Student's interval, with Kish's number of people less one as degrees of freedom. There are no worst-case
    bounds, because a missing label may be any number.
    """
    labelled, people = one.counts[:, :, 1].sum(axis=1), one.counts.sum(axis=(1, 2))
    status, reason = one.status(metric, BOTH)
    sums = {name: table.sum(axis=(1, 2)) for name, table in one.cells.items()}
    sums = {name: np.append(values.sum(), values) for name, values in sums.items()}
    if "w" not in sums:
        sums |= {"w": labelled.astype(np.float64), "ww": labelled.astype(np.float64)}
    else:
        known = {name: one.cells[name][:, :2].sum(axis=(1, 2)) for name in ("w", "ww")}
        sums |= {name: np.append(values.sum(), values) for name, values in known.items()}
    if one.propensities is not None:
        explored = (sums["n"] - sums["sure"]) - (people - labelled)
        fits = (one.propensities.refused == "") & (explored >= FEWEST)
        gone = people > labelled
        status[gone & fits], reason[gone & fits] = (
            "weighted",
            "people with a label stand for 1 / propensity people each",
        )
    open_ = status == "bounded"
    status[open_], reason[open_] = "undefined", reason[open_] + "; a missing label may be any number"
    plain, inverse = _mean(ERRORS[metric], "w", "", sums), _mean(ERRORS[metric], "v", "v", sums)
    chosen = np.where(status == "weighted", inverse, plain)

    def estimate(alpha: float) -> Estimate:
        from scipy.special import stdtrit  # slow to import

        value, error, freedom = chosen
        reach = stdtrit(np.where(freedom > 0, freedom, np.nan), 1 - alpha / 2) * error
        return Estimate(value, value - reach, value + reach)

    known_ends = certain(estimate)
    return reading({"measured": known_ends, "weighted": known_ends}, status, reason, labelled, people, chosen[1])


def _mean(name: str, weight: str, prefix: str, sums: Mapping[str, Any]) -> Floats:
    """(3, S + 1): the mean of an error, its standard error by linearisation, degrees of freedom."""
    if weight not in sums:
        return np.full((3, len(sums["n"])), np.nan)
    total, square = sums[weight], sums[weight * 2]
    value = divide(sums[prefix + name], total)
    spread = sums[f"{prefix}wee"] - 2 * value * sums[f"{prefix}w{name}"] + value**2 * square
    people = divide(total**2, square)
    variance = divide(spread.clip(0), total**2) * divide(people, people - 1)
    return np.stack([value, np.sqrt(variance), people - 1])
