"""Differences of means over a user's seeds from the published means, with intervals from the spread of both sides.

Each difference is computed twice: as it is, and less A_L on the same test data. All published runs of ColoredMNIST
share one draw of the test data, but each of the user's runs has its own. A draw shifts accuracy and DP difference of a
classifier in the direction of A_L, so the second difference removes a part of it; the interval of the first includes
the draws of both sides (`DRAW_STD`). A draw shifts the EO difference of late classifiers otherwise than that of A_L
(measured in docs/reproduction/annotators.md), so there the second difference is the noisier one on average.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from fairloop.metrics.statistics import ALPHA, FEWEST_SEEDS, Values, pooled, welch
from fairloop.report.published import laid_over, measures, models, published

AS_IS = "as it is"
LESS_ANNOTATOR = "less A_L"

TOLERANCE = 1.645
"""The tolerance of agreement in published standard deviations: half the width of a normal band of 90 %."""

LIKENESS = 7.0
"""A_L is subtracted only if that of each seed is at most this far from the published mean.

In published standard deviations. The distances of eight annotators with the published settings, each on its own draw,
are at most 4.1 (accuracy, DP and EO difference; docs/reproduction/annotators.md).
"""

SHIFTED_ALIKE = ("accuracy", "demographic_parity_difference")
"""The measures of which A_L is subtracted for a verdict."""

DRAW_STD = {"accuracy": 0.003, "demographic_parity_difference": 0.009, "equalized_odds_difference": 0.012}
"""The standard deviation of a classifier's measure over draws of the test data (docs/reproduction/annotators.md)."""

_DRAWS = 200  # of which it is known

LIMITS = (0.85, 0.75, 0.65)
"""The limits of accuracy in `falls`."""

_CURVE = ["setting", "star", "metric", "title"]
_TOLD = ["less", "annotator", "seeds", "generations", "verdict", "largest", "at", "low", "high"]
_TOLD += ["apart", "apart_as_is", "apart_at_once"]


def departures(table: pd.DataFrame) -> pd.DataFrame:
    """For each curve of `table` (the tidy table) and each generation: the mean over seeds less the published mean.

    Columns: setting, star, metric, title, generation, less (`as it is`, or `less A_L` where its value was published),
    seeds, mean, std (ours), published_seeds, published, published_std, difference, low, high (95 %, this generation
    alone), low_all, high_all (95 % for all generations of the curve at once, by Bonferroni), annotator_farthest (the
    largest distance of a seed's A_L from the published mean, in published standard deviations of A_L; empty for `as it
    is`).

    Fewer than `FEWEST_SEEDS` seeds do not show their own spread, so their intervals assume the published one
    (`pooled`). Other intervals are the wider of these and Welch's. At the level of 40 generations at once, Welch's
    alone is too narrow for few seeds: for equal curves it excludes 0 in 14 % of simulations with five seeds. The pooled
    one is too narrow where seeds spread more than the published ones.

    Less A_L, the user's values are differences for each seed. The published values are a mean over seeds and a mean of
    A_L over its runs. They count as independent, which makes the interval too wide if a classifier resembles its A_L.

    Raises InputError if nothing was published for these runs.
    """
    cells = laid_over(table).assign(less=AS_IS, annotator=0.0, annotator_std=0.0, annotator_runs=np.inf)
    found = pd.concat([cells, _less_annotator(cells, table)], ignore_index=True)
    found["own"] = found["value"] - found["annotator"]
    found["farthest"] = ((found["annotator"] - found["annotator_mean"]) / found["annotator_std"]).abs()
    rows = (
        found.groupby([*_CURVE, "generation", "less"], sort=True, observed=True)
        .agg(
            seeds=("own", "count"), mean=("own", "mean"), std=("own", "std"), published_seeds=("seeds", "first"),
            published_mean=("mean", "first"), published_std=("std", "first"), annotator=("annotator_mean", "first"),
            annotator_std=("annotator_std", "first"), annotator_runs=("annotator_runs", "first"),
            annotator_farthest=("farthest", "max"),
        )
        .reset_index()
    )  # fmt: skip
    rows["published"] = rows["published_mean"] - rows["annotator"].fillna(0.0)
    rows["difference"] = rows["mean"] - rows["published"]
    return _with_intervals(rows)


def _less_annotator(cells: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The cells of measures with a published value of A_L, with A_L of the same seed and the published A_L."""
    parts = []
    for dataset, rows in table.groupby("dataset", observed=True):
        for name, measure in measures(str(dataset)).items():
            if ("A_L test", measure.title) not in models().index:
                continue
            own = replace(measure, role="label_annotator").rows(rows)
            own = own.drop_duplicates(["setting", "star", "seed"])[["setting", "star", "seed", "value"]]
            theirs = models().loc[[("A_L test", measure.title)]].iloc[0]
            mine = cells[cells["metric"] == name].drop(columns=["annotator", "annotator_std", "annotator_runs"])
            both = mine.merge(own.rename(columns={"value": "annotator"}), on=["setting", "star", "seed"])
            told = {"annotator_mean": theirs["mean"], "annotator_std": theirs["std"], "annotator_runs": theirs["runs"]}
            parts.append(both.assign(less=LESS_ANNOTATOR, **told))
    return pd.concat(parts) if parts else cells.iloc[:0].assign(annotator_mean=np.nan)


def _with_intervals(rows: pd.DataFrame) -> pd.DataFrame:
    rows["low"], rows["high"] = _interval(rows, ALPHA)
    judged = (
        rows["low"].notna().groupby([rows[name] for name in ("setting", "star", "metric", "less")]).transform("sum")
    )
    rows["low_all"], rows["high_all"] = _interval(rows, ALPHA / judged.clip(lower=1).to_numpy(float))
    columns = ["generation", "less", "seeds", "mean", "std", "published_seeds", "published", "published_std"]
    intervals = ["difference", "low", "high", "low_all", "high_all"]
    return rows[[*_CURVE, *columns, *intervals, "annotator_farthest"]]


def _interval(rows: pd.DataFrame, alpha: Values | float) -> tuple[Values, Values]:
    """(low, high) about each difference. A seed less its own A_L counts as two independent values."""
    stds = rows[["std", "published_std", "annotator_std"]].fillna(0.0).to_numpy(float).T
    seeds = rows[["seeds", "published_seeds", "annotator_runs"]].to_numpy(float).T
    value, (own, *others), (n, *runs) = rows["difference"].to_numpy(float), stds, seeds
    spread, error = np.hypot(*others), np.hypot(*(std / np.sqrt(m) for std, m in zip(others, runs, strict=True)))
    draw = np.where(rows["less"] == AS_IS, rows["metric"].map(DRAW_STD).fillna(0.0), 0.0)
    # Each of our seeds has its own draw. All published runs share one, so their spread lacks it, and their error too.
    few = pooled(value, own, n, np.hypot(spread, draw), runs[0], np.hypot(error, draw), alpha)
    shared = draw * np.sqrt(_DRAWS), np.full(len(rows), _DRAWS)  # a mean with the error `draw`
    many = welch(value, np.vstack([stds, shared[0]]), np.vstack([seeds, shared[1]]), alpha)
    wider = np.minimum(few[0], many[0]), np.maximum(few[1], many[1])
    low, high = (np.where(n < FEWEST_SEEDS, *ends) for ends in zip(few, wider, strict=True))
    return low, high


def verdicts(found: pd.DataFrame) -> pd.DataFrame:
    """For each curve of `departures`, whether it agrees with the published curve.

    Judged are differences less A_L, for measures in `SHIFTED_ALIKE`, if A_L is known in every seed and like the
    published one (`LIKENESS`). If it is unlike, an error of A_L would cancel. Then, and if A_L is unknown in some
    seed, differences are judged as they are, like those of other measures.

    *differs*: the simultaneous interval of some generation excludes 0. *agrees*: the interval of every generation
    is within `TOLERANCE` published standard deviations of 0, and no simultaneous interval excludes 0 as it is, because
    a common shift of a curve and its A_L is subtracted. *cannot tell*: neither of the two.

    Columns: setting, star, metric, title, less (the judged differences), annotator (A_L: *like* the published one,
    *unlike* it, or *unknown*; empty for measures judged as they are), seeds (fewest), generations, verdict, largest
    (difference by size) and at (its generation), low, high (its interval), apart (the generations whose own interval
    excludes 0: about 1 in 20 for equal curves), apart_as_is (the same without subtracting A_L) and apart_at_once (those
    whose simultaneous interval excludes 0, as it is). Curves without any defined difference are left out.
    """
    rows = []
    for curve, of_curve in found.groupby(_CURVE, sort=False, observed=True):
        annotator = _annotator(of_curve) if curve[2] in SHIFTED_ALIKE else ""
        less = LESS_ANNOTATOR if annotator == "like" else AS_IS
        as_is, mine = (of_curve[of_curve["less"] == one].dropna(subset=["difference"]) for one in (AS_IS, less))
        if mine.empty:
            continue
        judged = mine.dropna(subset=["low"])
        largest = mine.iloc[int(mine["difference"].abs().to_numpy().argmax())]
        rows.append(
            dict(zip(_CURVE, curve, strict=True))
            | {"less": less, "annotator": annotator, "seeds": int(mine["seeds"].min())}
            | {"generations": len(mine), "verdict": _verdict(judged, as_is)}
            | {"largest": largest["difference"], "at": int(largest["generation"])}
            | {"low": largest["low"], "high": largest["high"]}
            | {"apart": _apart(judged), "apart_as_is": _apart(as_is), "apart_at_once": _apart(as_is, "_all")}
        )
    return pd.DataFrame(rows, columns=[*_CURVE, *_TOLD])


def _annotator(of_curve: pd.DataFrame) -> str:
    """Whether A_L is *like* the published one in every seed, *unlike* it in one, or *unknown* in one."""
    seeds = of_curve.pivot(index="generation", columns="less", values="seeds")
    if LESS_ANNOTATOR not in seeds or (seeds[LESS_ANNOTATOR] != seeds[AS_IS]).any():
        return "unknown"
    return "unlike" if (of_curve["annotator_farthest"] > LIKENESS).any() else "like"


def _apart(rows: pd.DataFrame, ends: str = "") -> tuple[int, ...]:
    """The generations whose interval excludes 0. ends: `_all` for the simultaneous one."""
    away = (rows[f"low{ends}"] > 0) | (rows[f"high{ends}"] < 0)
    return tuple(map(int, rows.loc[away, "generation"]))


def _verdict(judged: pd.DataFrame, as_is: pd.DataFrame) -> str:
    if _apart(judged, "_all"):
        return "differs"
    reach = TOLERANCE * judged["published_std"]
    close = (judged["low"] >= -reach) & (judged["high"] <= reach)
    return "agrees" if len(judged) and close.all() and not _apart(as_is, "_all") else "cannot tell"


def falls(table: pd.DataFrame) -> pd.DataFrame:
    """The first generation with an accuracy below each of `LIMITS`, for the runs and the published curves.

    Judged are the generations that more than half of the seeds have, and these seeds. Columns: setting, star, limit,
    seeds (judged), of_seeds (all), generations (judged), ours (of the mean over the judged seeds), earliest, latest (of
    these seeds, in all of their generations), published (of the mean), published_earliest, published_latest (of the 5
    and the 95 % quantile). Empty: never, within the available generations.
    """
    cells = laid_over(table)
    theirs = _of_accuracy(table)
    rows = []
    for case, of_curve in cells[cells["metric"] == "accuracy"].groupby(["setting", "star"], sort=False, observed=True):
        wide = of_curve.pivot(index="generation", columns="seed", values="value")
        setting, star = map(str, case)
        common = _of_most_seeds(wide)
        curve = theirs[(theirs["setting"] == setting) & (theirs["star"] == star)].set_index("generation").sort_index()
        for limit in LIMITS:
            by_seed = [_first_below(wide[seed], limit) for seed in common]
            ends = (_first_below(common.mean(axis=1), limit), min(by_seed), max(by_seed))
            published = (_first_below(curve[part], limit) for part in ("mean", "p05", "p95"))
            rows.append([setting, star, limit, common.shape[1], wide.shape[1], len(common), *ends, *published])
    names = ["ours", "earliest", "latest", "published", "published_earliest", "published_latest"]
    found = pd.DataFrame(rows, columns=["setting", "star", "limit", "seeds", "of_seeds", "generations", *names])
    return found.assign(**{name: found[name].replace(np.inf, np.nan).astype("Int64") for name in names})


def _of_most_seeds(wide: pd.DataFrame) -> pd.DataFrame:
    """The generations that more than half of the seeds have, and the seeds that have them. wide: a column per seed."""
    lengths = wide.count()
    most = lengths.sort_values(ascending=False).iloc[len(lengths) // 2]
    return wide.loc[:, lengths >= most].dropna()


def _of_accuracy(table: pd.DataFrame) -> pd.DataFrame:
    """The complete published curves of accuracy."""
    curves = published()
    return curves[(curves["metric"] == "accuracy") & curves["dataset"].isin(table["dataset"].unique())]


def _first_below(values: pd.Series[float], limit: float) -> float:
    """The first generation of a curve below `limit`; infinite without one."""
    below = values.index[values < limit]
    return float(below.min()) if len(below) else np.inf
