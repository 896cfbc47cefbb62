"""The number of generations that a case keeps its fairness, for each seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.errors import InputError
from fairloop.metrics.statistics import over_seeds
from fairloop.report.compare import cased
from fairloop.report.figures import Measure
from fairloop.report.figures.measures import of_classifier

WITHIN = 0.05
"""The tolerance of the equalized odds difference above that of generation 0."""

FAIRER, LIKE_AT_FIRST = "fairer", "like at first"

_DIFFERENCE = of_classifier("equalized_odds", "difference")


def generations_kept(
    table: pd.DataFrame,
    against: Mapping[str, str],
    within: float = WITHIN,
    measure: Measure = _DIFFERENCE,
) -> pd.DataFrame:
    """The number of generations from the first on that keep their fairness, by two rules; the mean over seeds.

    `fairer`: `measure`, with small values better, is smaller than in the case `against` with the same seed and
    generation. `like at first`: it is at most `within` above that of generation 0. A run loses its fairness in the
    first generation that breaks the rule, regardless of later ones; an undefined value breaks it. against: the other
    case of each case, by names; a case without another case is judged by the second rule alone.

    Columns: case, rule, of (generations, the smallest number of a seed), seeds, never_lost (seeds that keep it in all
    generations), mean, low, high, lowest, highest (from `statistics.over_seeds`; limits are clipped to [0, of]).

    Raises InputError if `against` names a missing case.
    """
    cases = {
        str(case): rows.pivot(index="seed", columns="generation", values="value")
        for case, rows in measure.rows(cased(table)).groupby("case", sort=False)
    }
    if unknown := [other for other in against.values() if other not in cases]:
        raise InputError(f"against={unknown[0]}: is not one of {'; '.join(cases)}")
    found = []
    for case, values in cases.items():
        first = values.iloc[:, 0].to_numpy(float)[:, None]
        rules = {LIKE_AT_FIRST: values.to_numpy(float) <= first + within}
        other = against.get(case, case)
        if other != case:
            rules = {FAIRER: _less(values, cases[other]), **rules}
        found += [{"case": case, "rule": rule, **_counted(kept)} for rule, kept in rules.items()]
    return pd.DataFrame(found)


def _less(values: pd.DataFrame, others: pd.DataFrame) -> NDArray[np.bool_]:
    """(seeds, generations) whether a value is less, for common seeds and generations."""
    seeds = values.index.intersection(others.index)
    generations: Sequence[int] = values.columns.intersection(others.columns)  # type: ignore[assignment]
    less: NDArray[np.bool_] = (values.loc[seeds, generations] < others.loc[seeds, generations]).to_numpy()
    return less


def _counted(kept: NDArray[np.bool_]) -> dict[str, float | int]:
    """The number of generations before the first that is not kept, by seed, from (seeds, generations)."""
    of = kept.shape[1]
    counts = np.where(kept.all(axis=1), of, kept.argmin(axis=1))
    found = over_seeds(counts[:, None].astype(float))
    ends = {name: float(np.clip(getattr(found, name)[0], 0, of)) for name in ("low", "high")}
    seen = {name: float(getattr(found, name)[0]) for name in ("mean", "lowest", "highest")}
    return {"of": of, "seeds": len(counts), "never_lost": int((counts == of).sum()), **seen, **ends}
