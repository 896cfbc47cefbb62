"""Runs beside each other: differences of runs that share their seed, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.data import MINORITIZED as MINORITIZED_BY_DEFAULT
from fairloop.errors import InputError
from fairloop.record import MINORITIZED
from fairloop.report.figures import Measure
from fairloop.report.words import of_fields
from fairloop.setting import SETTINGS

FEWEST_SEEDS = 5
"""With fewer seeds an interval over seeds says nothing, and is left out."""

FEW_SEEDS = 10
"""With fewer, a percentile bootstrap is too narrow: of normal values it covers the mean in about 83 % of cases with 5
seeds and in about 90 % with 10, instead of 95 %.
"""

BAND = (0.05, 0.95)
"""The quantiles over seeds between which a band lies, as the published bands do."""

ACCURACY_BELOW = 0.6
"""Less accuracy is called collapse unless told otherwise; with two labels, a coin has .5."""

SHARE_BELOW = 0.1
"""A smaller share of minoritized groups among generated samples is called collapse unless told otherwise."""

Values = NDArray[np.float64]

_MINORITIZED = "minoritized"
_COLUMNS = 200  # resampled at a time, which bounds memory

_OWN = (
    "setting",
    "star",
    "seed",
    "run",
    "dataset",
    "generation",
    "epoch",
    "role",
    "split",
    "label",
    "group",
    "metric",
    "case",
    "round",
)


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
    """For each row, what its run is called but for the seed: setting, STAR's target, and the fields that vary.

    A run that has no setting, because fairloop did not make it, is a case of its own.
    """
    runs = table.drop_duplicates("run")
    star = runs["star"].astype(str).map(lambda target: "" if target == "none" else f" + STAR on {target}")
    names = runs["setting"].astype(str) + star
    names = names.where(runs["setting"].notna(), runs["run"].astype(str))
    if runs["dataset"].nunique() > 1:
        names = runs["dataset"].astype(str) + ": " + names
    fields = further_fields(table)
    words = [of_fields({field: run[field] for field in fields}) for run in runs.to_dict("records")]
    names = names + [f", {said}" if said else "" for said in words]
    return table["run"].map(dict(zip(runs["run"], names, strict=True)))


def further_fields(table: pd.DataFrame) -> list[str]:
    """The columns that are there because runs differ in these fields of their specs."""
    fields = [name for name in table.columns if name not in (*_OWN, "value", "standard_error")]
    if "curation.steps" not in fields or "curation.target" not in fields:
        return fields
    several_targets = table["curation.target"].replace("none", None).nunique() > 1
    return [name for name in fields if several_targets or name != "curation.target"]  # else the steps say it


def alone_in_its_case(table: pd.DataFrame) -> None:
    """Raise InputError if two runs of one `case` and seed would be taken for one."""
    runs = table.drop_duplicates("run").groupby(["case", "seed"], observed=True)["run"].unique()
    if not (several := runs[runs.map(len) > 1]).empty:
        case, seed = several.index[0]
        raise InputError(
            f"{' and '.join(several.iloc[0][:2])} are both '{case}', seed {seed}; these tables do not "
            "say in which fields they differ; name the runs' directories instead, all at once"
        )


def cased(table: pd.DataFrame) -> pd.DataFrame:
    """The tidy table with `case` as a column.

    Raises InputError if two runs of one case and seed would be taken for one.
    """
    table = table.assign(case=cases(table))
    alone_in_its_case(table)
    return table


def case_names(table: pd.DataFrame) -> list[str]:
    """The cases in a table that is `cased`: loops, loops with STAR, then controls.

    Among these, in the order of `SETTINGS` (runs without a setting after them, in the table's order) and then of the
    fields that vary: what is unset or `none` before what is set, small numbers before large ones.
    """
    cases = table.drop_duplicates("case").astype({"setting": object, "star": object})
    fields = further_fields(table)
    settings = [*SETTINGS]

    def place(case: Mapping[Any, Any]) -> tuple[Any, ...]:
        known = case["setting"] in settings
        which = settings.index(case["setting"]) if known else len(settings)
        kind = 2 * (case["setting"] == "control") + (case["star"] != "none")
        return kind, which, [_rank(case[field]) for field in fields]

    return [str(case["case"]) for case in sorted(cases.to_dict("records"), key=place)]


def _rank(value: Any) -> tuple[int, Any]:
    """Where a field's value comes among others, which may be of other types."""
    if pd.isna(value) or value in ("none", "[]"):
        return 0, ""
    return (2, value) if isinstance(value, str) else (1, value)


def differences(
    table: pd.DataFrame, measures: Sequence[Measure], against: str | None = None, seed: int = 0
) -> pd.DataFrame:
    """Each case less the case `against` (default: the first of `case_names`), paired by seed, at each generation.

    Runs of one seed share random numbers and often models, so their differences vary less than the runs.

    Columns: case, against, measure, generation, seeds (in both), mean, mean_against and difference (over these seeds),
    low and high: a 95 % percentile bootstrap of the difference (NaN with fewer than `FEWEST_SEEDS`). `seed` is of the
    bootstrap.

    Raises InputError if there are not two cases with a seed in common, or none is called `against`.
    """
    table = cased(table)
    base = _base(table, against)
    parts = []
    rng = np.random.default_rng(seed)
    for measure in measures:
        found = measure.rows(table)[["case", "seed", "generation", "value"]]
        theirs = found[found["case"] == base]
        for name, mine in found[found["case"] != base].groupby("case", sort=False):
            both = mine.merge(theirs, on=["generation", "seed"], suffixes=("", "_base"))
            paired = both.assign(difference=both["value"] - both["value_base"]).dropna(subset=["difference"])
            by_seed = paired.pivot(index="seed", columns="generation", values="difference")
            low, high = intervals(by_seed.to_numpy(), rng)
            several = paired.groupby("generation")
            means = several[["value", "value_base", "difference"]].mean()
            means.columns = pd.Index(["mean", "mean_against", "difference"])
            part = means.assign(
                seeds=several.size(), low=low, high=high, case=name, against=base, measure=measure.title
            )
            parts.append(part.reset_index())
    if not (found := pd.concat(parts) if parts else pd.DataFrame()).size:
        raise InputError(
            "compare: needs two cases that share a seed, such as two settings of one sweep, and a measure of both"
        )
    columns = ["case", "against", "measure", "generation", "seeds", "mean", "mean_against", "difference", "low", "high"]
    return found[columns].reset_index(drop=True)


def changes(table: pd.DataFrame, measures: Sequence[Measure], seed: int = 0) -> pd.DataFrame:
    """Each case's last generation less its first, paired by seed. Last: the latest that all its runs have reached.

    Columns: case, measure, first and last (generations), seeds (that have a value in both), before and after (means
    over these), change, low and high (95 %, as in `differences`). `seed` is of the bootstrap. A measure that no run of
    a case has in both generations has no row.
    """
    table = cased(table)
    reached = table.groupby(["case", "seed"], sort=False)["generation"].max().groupby("case").min()
    rng = np.random.default_rng(seed)
    rows = []
    for measure in measures:
        for name, mine in measure.rows(table).groupby("case", sort=False):
            by_seed = mine.set_index(["generation", "seed"])["value"].unstack()
            first, last = by_seed.index.min(), reached[name]
            if last not in by_seed.index:  # such as the loss of a generator that the setting keeps
                continue
            before, after = by_seed.loc[[first, last]].dropna(axis="columns").to_numpy()
            if not len(before):
                continue
            low, high = intervals((after - before)[:, None], rng)
            means = before.mean(), after.mean(), (after - before).mean()
            rows.append([name, measure.title, first, last, len(before), *means, low[0], high[0]])
    columns = ["case", "measure", "first", "last", "seeds", "before", "after", "change", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def departures(table: pd.DataFrame, measures: Sequence[Measure], against: str | None = None) -> pd.DataFrame:
    """When the mean over seeds of each measure, in each case, is first outside a band.

    A band lies between the 5 % and the 95 % quantile over a case's seeds (linear interpolation between values). There
    are two: the case's own of the measure's first generation, which says what seeds alone make of a loop that has not
    turned yet; and that of the case `against` (default: the first of `case_names`), at the same generation. Where fewer
    than `FEWEST_SEEDS` seeds have a value, in the case or in the band, nothing is judged: one seed has no band.

    Columns: case, measure, band ("own", or the other case's name), seeds (fewest in a judged generation; 0: none was),
    low and high (of the own band; else NaN), left (first generation outside; empty: never), stays (the generation from
    which on every judged one is outside, to the last; empty: none), last (generation that is judged; empty: none).
    """
    table = cased(table)
    base = _base(table, against)
    rows = []
    for measure in measures:
        bands = {str(name): _band(mine) for name, mine in measure.rows(table).groupby("case", sort=False)}
        for name, band in bands.items():
            first = band.iloc[:1]
            low, high = first.loc[first["seeds"] >= FEWEST_SEEDS, ["low", "high"]].mean()
            own = band.iloc[np.zeros(len(band), int)].set_axis(band.index).iloc[1:]
            rows.append([name, measure.title, "own", low, high, *_departure(band, own)])
            if name != base and base in bands:
                rows.append([name, measure.title, base, np.nan, np.nan, *_departure(band, bands[base])])
    found = pd.DataFrame(rows, columns=["case", "measure", "band", "low", "high", "seeds", "left", "stays", "last"])
    return found.astype({"seeds": "int64", "left": "Int64", "stays": "Int64", "last": "Int64"})


def collapses(table: pd.DataFrame, measure: Measure, below: float) -> pd.DataFrame:
    """For each run, the first generation where `measure` is less than `below`. What is undefined is less than nothing.

    Columns: case, seed, generations (how many are recorded until the last one in which it is defined), generation
    (empty: never).
    """
    found = measure.rows(cased(table))
    seen = found["generation"].where(found["value"].notna(), -1) + 1
    runs = found.assign(seen=seen).groupby(["case", "seed"], sort=False)["seen"]
    under = found[found["value"] < below].groupby(["case", "seed"])["generation"].min().astype("Int64")
    return pd.concat([runs.max().rename("generations"), under], axis=1).reset_index()


def undefined(table: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """Where a measure is undefined (NaN) in some seeds, which means and intervals leave out there.

    Columns: case, measure, first and last (generations in which that is so), seeds (of which), of (all seeds).
    """
    table = cased(table)
    rows = []
    for measure in measures:
        for name, mine in measure.rows(table).groupby("case", sort=False):
            gone = mine[mine["value"].isna()]
            if len(gone):
                ends = gone["generation"].min(), gone["generation"].max()
                rows.append([name, measure.title, *ends, gone["seed"].nunique(), mine["seed"].nunique()])
    return pd.DataFrame(rows, columns=["case", "measure", "first", "last", "seeds", "of"])


def said_undefined(found: pd.DataFrame) -> str:
    """The rows of `undefined`, of one case, in words; empty if there are none."""
    each = []
    for row in found.to_dict("records"):
        when = f"s {row['first']} to {row['last']}" if row["last"] > row["first"] else f" {row['first']}"
        each.append(f"{row['measure']} in {row['seeds']} of {row['of']} seeds (generation{when})")
    return "; ".join(each)


def typical_collapse(runs: pd.DataFrame) -> str:
    """The runs of one case in `collapses`, in words: the median over seeds, and the range where they differ.

    A run that never collapses counts as later than any that does.
    """
    times = runs["generation"].astype(float).fillna(np.inf).sort_values().to_numpy()
    n, happened = len(times), int(np.isfinite(times).sum())
    median = times[(n - 1) // 2]  # the lower one of two: a generation that occurred
    if np.isinf(median):
        shortest = runs["generations"].min()
        never = f"never within {shortest} generation{'s' if shortest > 1 else ''}"
        return never + (f" in {n - happened} of {n} seeds, else from {times[0]:.0f} on" if happened else "")
    if times[0] == times[-1]:
        return f"{median:.0f}"
    latest = f"{times[-1]:.0f}" if happened == n else f"never, {n - happened} of {n} seeds"
    return f"{median:.0f} ({times[0]:.0f} to {latest})"


def minoritized(table: pd.DataFrame, named: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """The minoritized groups of each run in `table`: those `named`, else those that the run stored with its rows.

    A run is left out that has no minoritized groups, or no shares of groups among generated samples. Runs of fairloop
    0.1.0 stored nothing: there `_unstored` counts.

    Raises InputError for a name that is no group of any run.
    """
    shares = table[(table["role"] == "generator") & (table["metric"] == "group_share")]
    if unknown := [name for name in named if name not in set(shares["group"])]:
        raise InputError(f"--minoritized {unknown[0]}: is no group; there is {', '.join(shares['group'].unique())}")
    stored = _stored(table)
    found = {**_unstored(shares[~shares["run"].isin(list(stored))]), **stored}
    of_runs = shares.groupby("run", sort=False, observed=True)["group"].unique()
    asked = {str(run): tuple(name for name in named if name in set(groups)) for run, groups in of_runs.items()}
    return {run: mine for run, chosen in asked.items() if (mine := chosen or found.get(run, ()))}


def _stored(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The minoritized groups, maybe none, of each run whose rows say them."""
    rows = table[table["metric"] == MINORITIZED]
    by_run = rows.groupby("run", sort=False, observed=True)
    return {str(run): tuple(mine.loc[mine["value"] == 1, "group"].astype(str)) for run, mine in by_run}


def _unstored(shares: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The same of runs of fairloop 0.1.0, from their `shares` of groups: a guess, the one that 0.1.0 made.

    Those of the data set's default that are there; of other data, the group with the smallest share in the first
    generation.
    """
    found: dict[str, tuple[str, ...]] = {}
    for dataset, rows in shares.groupby("dataset", observed=True):
        known = [name for name in MINORITIZED_BY_DEFAULT.get(str(dataset), ()) if name in set(rows["group"])]
        first = rows[rows["generation"] == rows["generation"].min()].groupby("group")["value"].mean()
        found |= dict.fromkeys(map(str, rows["run"].unique()), tuple(known or [str(first.idxmin())]))
    return found


def with_minoritized(table: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The tidy table, and the rows of `minoritized_share`: sums over `groups` (by run), NaN where one share is."""
    if not groups:
        return table
    shares = table[(table["role"] == "generator") & (table["metric"] == "group_share")]
    counted = [group in groups.get(str(run), ()) for run, group in zip(shares["run"], shares["group"], strict=True)]
    of_run = shares[counted].groupby(["run", "generation"], sort=False)
    total = of_run["value"].agg(lambda values: values.sum(skipna=False))
    rows = of_run.first().assign(value=total, standard_error=np.nan, group=_MINORITIZED)
    return pd.concat([table, rows.reset_index()], ignore_index=True)


def minoritized_share(groups: Mapping[str, Sequence[str]]) -> Measure:
    """The measure that `with_minoritized` adds, named after the groups where all runs have the same."""
    different = {tuple(names) for names in groups.values()}
    names = different.pop() if len(different) == 1 else ("the minoritized",)
    title = f"share of {' and '.join(names)}"
    return Measure(title, f"{title}\nin generated data", "generator", "generated", _MINORITIZED, "group_share")


def intervals(values: Values, rng: np.random.Generator, resamples: int = 10_000) -> tuple[Values, Values]:
    """95 % percentile bootstrap intervals of the means over seeds of `values`, (seeds, columns): low, high, (columns,).

    A value that is undefined (NaN) is no value. NaN where fewer than `FEWEST_SEEDS` seeds have one. Columns that the
    same seeds have are resampled alike, as if whole runs were drawn.
    """
    low, high = np.full((2, values.shape[1]), np.nan)
    seeds_of_columns, pattern = np.unique(np.isfinite(values), axis=1, return_inverse=True)
    for place, seeds in enumerate(seeds_of_columns.T):
        columns, n = np.flatnonzero(pattern == place), int(seeds.sum())
        if n < FEWEST_SEEDS:
            continue
        weights = rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n  # how often each seed is drawn
        for some in np.array_split(columns, -(-len(columns) // _COLUMNS)):
            low[some], high[some] = np.quantile(weights @ values[np.ix_(seeds, some)], [0.025, 0.975], axis=0)
    return low, high


def _base(table: pd.DataFrame, against: str | None) -> str:
    """The case that others are compared with: `against`, or the first."""
    names = case_names(table)
    if against is not None and against not in names:
        raise InputError(f"--against {against}: is none of {'; '.join(names)}")
    return names[0] if against is None else against


def _band(of_case: pd.DataFrame) -> pd.DataFrame:
    """By generation: mean, low and high over the seeds that have a value, and how many those are."""
    seeds = of_case.dropna(subset=["value"]).groupby("generation")["value"]
    low, high = (seeds.quantile(q) for q in BAND)
    return pd.DataFrame({"mean": seeds.mean(), "low": low, "high": high, "seeds": seeds.size()})


def _departure(case: pd.DataFrame, band: pd.DataFrame) -> tuple[int, object, object, object]:
    """seeds, left, stays and last, as `departures` has them."""
    both = case.join(band.add_suffix("_band"), how="inner")
    both["fewest"] = both[["seeds", "seeds_band"]].min(axis=1)
    judged = both[both["fewest"] >= FEWEST_SEEDS]
    if judged.empty:
        return 0, None, None, None
    is_inside = judged["mean"].between(judged["low_band"], judged["high_band"])
    inside, outside = judged.index[is_inside], judged.index[~is_inside]
    stays = outside if inside.empty else outside[outside > inside.max()]
    return int(judged["fewest"].min()), min(outside, default=None), min(stays, default=None), judged.index.max()
