"""Runs beside each other: differences of runs that share their seed, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fairloop.errors import InputError
from fairloop.report.figures import Measure

FEWEST_SEEDS = 5
"""With fewer seeds an interval over seeds says nothing, and is left out."""

FEW_SEEDS = 10
"""With fewer, a percentile bootstrap is too narrow: of normal values it covers the mean in about 83 % of cases with 5
seeds and in about 90 % with 10, instead of 95 %.
"""

_RESAMPLES = 10_000
_OWN = ("setting", "star", "seed", "run", "dataset", "generation", "epoch", "role", "split", "label", "group", "metric")


def fairness(split: str = "test") -> tuple[Measure, ...]:
    """What comparisons show unless told otherwise: performance and disparities of the classifiers on `split`."""
    kinds = (
        ("accuracy", "overall", "accuracy"),
        ("accuracy difference", "difference", "accuracy"),
        ("DP difference", "difference", "demographic_parity"),
        ("EO difference", "difference", "equalized_odds"),
    )
    return tuple(Measure(title, title, "classifier", split, group, metric) for title, group, metric in kinds)


def cases(table: pd.DataFrame) -> pd.Series[str]:
    """For each row, what its run is called but for the seed: setting, STAR's target, and the fields that vary."""
    more = [name for name in table.columns if name not in (*_OWN, "value", "standard_error")]
    star = table["star"].astype(str).map(lambda target: "" if target == "none" else f" + STAR on {target}")
    names = table["setting"].astype(str) + star
    if table["dataset"].nunique() > 1:
        names = table["dataset"].astype(str) + ": " + names
    for name in more:
        names = names + ", " + name + "=" + table[name].astype(str)
    return names


def alone_in_its_case(table: pd.DataFrame) -> None:
    """Raise InputError if two runs of one `case` and seed would be taken for one."""
    runs = table.groupby(["case", "seed"], observed=True)["run"].unique()
    if not (several := runs[runs.map(len) > 1]).empty:
        case, seed = several.index[0]
        raise InputError(
            f"compare: {' and '.join(several.iloc[0][:2])} are both '{case}', seed {seed}; these tables do not "
            "say in which fields they differ; name the runs' directories instead, all at once"
        )


def differences(
    table: pd.DataFrame, measures: Sequence[Measure], against: str | None = None, seed: int = 0
) -> pd.DataFrame:
    """Each case less the case `against` (default: the first), paired by seed, at each generation.

    Runs of one seed share random numbers and often models, so their differences vary less than the runs.

    Columns: case, against, measure, generation, seeds (in both), difference (mean over them), low and high: a 95 %
    percentile bootstrap over seeds (NaN with fewer than `FEWEST_SEEDS`). `seed` is of the bootstrap.

    Raises InputError if there are not two cases with a seed in common, or none is called `against`.
    """
    table = table.assign(case=cases(table))
    alone_in_its_case(table)
    names = list(dict.fromkeys(table["case"]))
    base = names[0] if against is None else against
    if base not in names:
        raise InputError(f"--against {base}: is none of {'; '.join(names)}")
    rows: list[dict[str, object]] = []
    rng = np.random.default_rng(seed)
    for measure in measures:
        wide = measure.rows(table).pivot_table(
            index=["generation", "seed"], columns="case", values="value", observed=True, dropna=False
        )
        for name in names:
            if name == base or name not in wide or base not in wide:
                continue
            paired = (wide[name] - wide[base]).dropna()
            for generation, values in paired.groupby(level="generation"):
                low, high = _interval(values.to_numpy(), rng)
                rows.append(
                    {"case": name, "against": base, "measure": measure.title, "generation": generation,
                     "seeds": len(values), "difference": values.mean(), "low": low, "high": high}
                )  # fmt: skip
    if not rows:
        raise InputError("compare: needs two cases that share a seed, such as two settings of one sweep")
    return pd.DataFrame(rows)


def _interval(values: np.ndarray[tuple[int], np.dtype[np.float64]], rng: np.random.Generator) -> tuple[float, float]:
    if len(values) < FEWEST_SEEDS:
        return np.nan, np.nan
    drawn = rng.choice(values, (_RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
