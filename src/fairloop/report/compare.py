"""Comparisons of runs: differences paired by seed, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fairloop.data import MINORITIZED as MINORITIZED_BY_DEFAULT
from fairloop.errors import InputError
from fairloop.metrics.catalogue import HEADLINE
from fairloop.metrics.statistics import FEWEST_SEEDS, OverSeeds, over_seeds, seeds_needed, simultaneous_band
from fairloop.report.case_names import of_fields
from fairloop.report.figures import Measure
from fairloop.report.figures.measures import of_classifier
from fairloop.spec.names import case_name, run_name
from fairloop.spec.setting import EVERY_SETTING
from fairloop.store.tidy_rows import MINORITIZED, RUN_COLUMNS, Row

ACCURACY_BELOW = 0.6
"""The default limit of collapse in accuracy; a coin has .5 with two labels."""

SHARE_BELOW = 0.1
"""The default limit of collapse in the share of minoritized groups among generated samples."""

_SPREAD = ("std", "low", "high", "lowest", "highest")
_MINORITIZED = "minoritized"
_SHARED = {"generated": "generator", "people": "classifier"}  # the role whose rows hold the shares of a split
_OWN = (*RUN_COLUMNS, *Row._fields, "case", "round")


def fairness(split: str = "test") -> tuple[Measure, ...]:
    """The default measures of comparisons: performance and disparities of the classifiers on `split`."""
    return tuple(of_classifier(metric, part, split) for metric, part in HEADLINE)


def split_in(table: pd.DataFrame, wanted: str = "test") -> str | None:
    """The split for comparing classifiers: `wanted`, even if the table has no values of it.

    Without values of the default: `true` for runs with rounds of people, or the first split; None without classifiers.
    """
    if wanted != "test":
        return wanted
    measured = table[(table["role"] == "classifier") & (table["metric"] == "accuracy")]
    splits = list(measured["split"].dropna().unique())
    return next((split for split in ("test", "true", *splits) if split in splits), None)


def cases(table: pd.DataFrame) -> pd.Series[str]:
    """For each row, the name of its run without the seed: setting, STAR's target, and the fields that vary.

    A run without a setting, from another source than fairloop, is a separate case.
    """
    runs, fields = table.drop_duplicates("run"), further_fields(table)
    several = runs["dataset"].nunique() > 1
    by_run = {}
    for run in runs.to_dict("records"):
        known = not pd.isna(run["setting"])
        setting, star = (str(run["setting"]), str(run["star"])) if known else (str(run["run"]), "none")
        told = of_fields({field: run[field] for field in fields})
        by_run[run["run"]] = case_name(setting, star, told, data=str(run["dataset"]) if several else "")
    return table["run"].map(by_run)


def further_fields(table: pd.DataFrame) -> list[str]:
    """The columns of fields in which the specs of runs differ."""
    fields = [name for name in table.columns if name not in _OWN]
    if "curation.steps" not in fields or "curation.target" not in fields:
        return fields
    several_targets = table["curation.target"].replace("none", None).nunique() > 1
    return [name for name in fields if several_targets or name != "curation.target"]  # otherwise the steps include it


def alone_in_its_case(table: pd.DataFrame) -> None:
    """Raise InputError if two runs have the same case and seed."""
    runs = table.drop_duplicates("run").groupby(["case", "seed"], observed=True)["run"].unique()
    if not (several := runs[runs.map(len) > 1]).empty:
        case, seed = several.index[0]
        raise InputError(
            f"{' and '.join(several.iloc[0][:2])} are both '{run_name(case, seed)}'; these tables do not "
            "have the fields in which they differ; name the runs' directories instead, all at once"
        )


def cased(table: pd.DataFrame) -> pd.DataFrame:
    """The tidy table with `case` as a column.

    Raises InputError if two runs have the same case and seed.
    """
    table = table.assign(case=cases(table))
    alone_in_its_case(table)
    return table


def case_names(table: pd.DataFrame) -> list[str]:
    """The cases in a table that is `cased`: loops, loops with STAR, then controls.

    Each of these is in the order of `EVERY_SETTING`, followed by runs without a setting in the table's order, and then
    in
    the order of the fields that vary: unset values and `none` first, small numbers before large numbers.
    """
    cases = table.drop_duplicates("case").astype({"setting": object, "star": object})
    fields = further_fields(table)
    settings = [*EVERY_SETTING]

    def place(case: Mapping[Any, Any]) -> tuple[Any, ...]:
        known = case["setting"] in settings
        which = settings.index(case["setting"]) if known else len(settings)
        kind = 2 * (case["setting"] == "control") + (case["star"] != "none")
        return kind, which, [_rank(case[field]) for field in fields]

    return [str(case["case"]) for case in sorted(cases.to_dict("records"), key=place)]


def _rank(value: Any) -> tuple[int, Any]:
    """The sort key of a field's value among values of any types."""
    if pd.isna(value) or value in ("none", "[]"):
        return 0, ""
    return (2, value) if isinstance(value, str) else (1, value)


def differences(table: pd.DataFrame, measures: Sequence[Measure], against: str | None = None) -> pd.DataFrame:
    """Each case less the case `against` (default: the first of `case_names`), paired by seed, at each generation.

    Runs of one seed share random numbers and often models, so their differences vary less than the runs.

    Columns: case, against, measure, generation, seeds (with a defined difference), of (common seeds of both cases),
    mean, mean_against and difference (over `seeds`), std, low, high, lowest, highest (of the difference, from
    `statistics.over_seeds`), seeds_needed (to show a difference of this size, from `statistics.seeds_needed`).
    A generation without a defined difference has no row.

    Raises InputError without two cases with a common seed, and for an unknown `against`.
    """
    table = cased(table)
    base = _base(table, against)
    parts = []
    for measure in measures:
        found = measure.rows(table)[["case", "seed", "generation", "value"]]
        theirs = found[found["case"] == base]
        for name, mine in found[found["case"] != base].groupby("case", sort=False):
            both = mine.merge(theirs, on=["generation", "seed"], suffixes=("", "_base"))
            both = both.assign(difference=both["value"] - both["value_base"])
            by_seed = both.pivot(index="seed", columns="generation", values="difference")
            several = both.dropna(subset=["difference"]).groupby("generation")
            means = several[["value", "value_base"]].mean().set_axis(["mean", "mean_against"], axis=1)
            part = _columns(over_seeds(by_seed.to_numpy()), "difference").set_index(by_seed.columns)
            part = part.assign(of=both.groupby("generation").size(), case=name, against=base, measure=measure.title)
            parts.append(means.join(part).reset_index())
    if not (found := pd.concat(parts) if parts else pd.DataFrame()).size:
        raise InputError(
            "compare: needs two cases that share a seed, such as two settings of one sweep, and a measure of both"
        )
    columns = ["case", "against", "measure", "generation", "seeds", "of", "mean", "mean_against", "difference"]
    return found[[*columns, *_SPREAD, "seeds_needed"]].reset_index(drop=True)


def at_the_end(found: pd.DataFrame) -> pd.DataFrame:
    """The rows of `differences` at each case's last generation.

    The last generation is the latest that all seeds have reached, or enough seeds for an interval. So a seed that is
    ahead of the others does not represent them.
    """
    reached = found.groupby(["case", "generation"])["of"].transform("max")
    enough = reached >= found.groupby("case")["of"].transform("max").clip(upper=FEWEST_SEEDS)
    last = found["generation"].where(enough).groupby(found["case"]).transform("max")
    return found[found["generation"] == last]


def changes(table: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """Each case's last generation less its first, paired by seed. The last generation is the latest that all runs have
    reached.

    Columns: case, measure, first and last (generations), seeds (with a value in both), of (all its seeds), before
    and after (means over `seeds`), change, std, low, high, lowest, highest, seeds_needed (as in `differences`). A
    measure that no run of a case has in both generations has no row.
    """
    table = cased(table)
    reached = table.groupby(["case", "seed"], sort=False)["generation"].max().groupby("case").min()
    parts = []
    for measure in measures:
        for name, mine in measure.rows(table).groupby("case", sort=False):
            by_seed = mine.set_index(["generation", "seed"])["value"].unstack()
            first, last = by_seed.index.min(), reached[name]
            if last not in by_seed.index:  # such as the loss of a generator that the setting keeps
                continue
            before, after = by_seed.loc[[first, last]].dropna(axis="columns").to_numpy()
            if not len(before):
                continue
            part = _columns(over_seeds((after - before)[:, None]), "change")
            means = {"before": before.mean(), "after": after.mean(), "of": by_seed.shape[1]}
            parts.append(part.assign(case=name, measure=measure.title, first=first, last=last, **means))
    columns = ["case", "measure", "first", "last", "seeds", "of", "before", "after", "change", *_SPREAD, "seeds_needed"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def departures(table: pd.DataFrame, measures: Sequence[Measure], against: str | None = None) -> pd.DataFrame:
    """The first generation outside a simultaneous band, for each measure and case.

    The bands are from `statistics.simultaneous_band`, around a difference of 0, for differences paired by seed. There
    are
    two: the case less itself in the measure's first generation; and less the case `against` (default: the first of
    `case_names`) at the same generation. Without any change, at most 5 % of studies leave a band anywhere.
    Generations with fewer than `statistics.FEWEST_IN_BAND` paired values are not judged.

    Columns: case, measure, band ("own", or the other case's name), seeds (fewest in a judged generation; 0: none was),
    most (seeds in any generation), left (first generation outside; empty: never), stays (the generation from which on
    every judged one is outside, to the last; empty: none), last (generation that is judged; empty: none).
    """
    table = cased(table)
    base = _base(table, against)
    rows = []
    for measure in measures:
        found = measure.rows(table)
        wide = {
            str(name): mine.pivot(index="seed", columns="generation", values="value")
            for name, mine in found.groupby("case", sort=False)
        }
        for name, values in wide.items():
            own = values.iloc[:, 1:].sub(values.iloc[:, 0], axis="index")
            rows.append([name, measure.title, "own", *_departure(own)])
            if name != base and base in wide:
                both = values.columns.intersection(wide[base].columns)
                rows.append([name, measure.title, base, *_departure((values - wide[base])[both])])
    found = pd.DataFrame(rows, columns=["case", "measure", "band", "seeds", "most", "left", "stays", "last"])
    return found.astype({"seeds": "int64", "most": "int64", "left": "Int64", "stays": "Int64", "last": "Int64"})


def is_clear(row: Mapping[Any, Any]) -> bool:
    """Whether a row of `differences` or `changes` is distinguishable from 0: its interval excludes 0."""
    return bool(row["low"] > 0 or row["high"] < 0)  # without an interval both are NaN


def collapses(table: pd.DataFrame, measure: Measure, below: float) -> pd.DataFrame:
    """For each run, the first generation with `measure` less than `below`. An undefined value never counts as less.

    Columns: case, seed, generations (number up to the last defined value), generation (empty: never).
    """
    found = measure.rows(cased(table))
    seen = found["generation"].where(found["value"].notna(), -1) + 1
    runs = found.assign(seen=seen).groupby(["case", "seed"], sort=False)["seen"]
    under = found[found["value"] < below].groupby(["case", "seed"])["generation"].min().astype("Int64")
    return pd.concat([runs.max().rename("generations"), under], axis=1).reset_index()


def undefined(table: pd.DataFrame, measures: Sequence[Measure]) -> pd.DataFrame:
    """The undefined values (NaN) of each measure, which means and intervals leave out.

    Columns: case, measure, first and last (generations with undefined values), seeds (with them), of (all seeds).
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
    """The rows of `undefined` of one case in words; empty without rows."""
    each = []
    for row in found.to_dict("records"):
        when = f"s {row['first']} to {row['last']}" if row["last"] > row["first"] else f" {row['first']}"
        each.append(f"{row['measure']} in {row['seeds']} of {row['of']} seeds (generation{when})")
    return "; ".join(each)


def typical_collapse(runs: pd.DataFrame) -> str:
    """The runs of one case in `collapses`, in words: the median over seeds, and the range where they differ.

    A run without collapse counts as later than all runs with collapse.
    """
    times = runs["generation"].astype(float).fillna(np.inf).sort_values().to_numpy()
    n, happened = len(times), int(np.isfinite(times).sum())
    median = times[(n - 1) // 2]  # the lower of two medians, a generation that occurred
    if np.isinf(median):
        shortest = runs["generations"].min()
        never = f"never within {shortest} generation{'s' if shortest > 1 else ''}"
        return never + (f" in {n - happened} of {n} seeds, else {times[0]:.0f} at the earliest" if happened else "")
    if times[0] == times[-1]:
        return f"{median:.0f}"
    latest = f"{times[-1]:.0f}" if happened == n else f"never, {n - happened} of {n} seeds"
    return f"{median:.0f} ({times[0]:.0f} to {latest})"


def minoritized(table: pd.DataFrame, named: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """The minoritized groups of each run in `table`: `named`, or the groups that the run stored with its rows.

    Runs without minoritized groups, or without shares of groups among generated samples, are left out. For runs of
    fairloop 0.1.0, which stored no groups, `_unstored` gives them.

    Raises InputError for a name that is not a group of any run.
    """
    shares = table[(table["role"] == "generator") & (table["metric"] == "group_share")]
    if unknown := [name for name in named if name not in set(shares["group"])]:
        raise InputError(f"--minoritized {unknown[0]}: is not a group; there is {', '.join(shares['group'].unique())}")
    stored = _stored(table)
    found = {**_unstored(shares[~shares["run"].isin(list(stored))]), **stored}
    of_runs = shares.groupby("run", sort=False, observed=True)["group"].unique()
    asked = {str(run): tuple(name for name in named if name in set(groups)) for run, groups in of_runs.items()}
    return {run: mine for run, chosen in asked.items() if (mine := chosen or found.get(run, ()))}


def _stored(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The minoritized groups, possibly none, of each run with rows about them."""
    rows = table[table["metric"] == MINORITIZED]
    by_run = rows.groupby("run", sort=False, observed=True)
    return {str(run): tuple(mine.loc[mine["value"] == 1, "group"].astype(str)) for run, mine in by_run}


def _unstored(shares: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The minoritized groups of runs of fairloop 0.1.0, from their `shares` of groups, by the guess of version 0.1.0.

    These are the default groups of the data set that occur; for other data, the group with the smallest share in the
    first generation.
    """
    found: dict[str, tuple[str, ...]] = {}
    for dataset, rows in shares.groupby("dataset", observed=True):
        known = [name for name in MINORITIZED_BY_DEFAULT.get(str(dataset), ()) if name in set(rows["group"])]
        first = rows[rows["generation"] == rows["generation"].min()].groupby("group")["value"].mean()
        found |= dict.fromkeys(map(str, rows["run"].unique()), tuple(known or [str(first.idxmin())]))
    return found


def with_minoritized(table: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The tidy table with rows of `minoritized_share`: sums over `groups` (by run), NaN if one share is NaN."""
    if not groups:
        return table
    shares = table[table["role"].isin([*_SHARED.values()]) & (table["metric"] == "group_share")]
    counted = [group in groups.get(str(run), ()) for run, group in zip(shares["run"], shares["group"], strict=True)]
    of_run = shares[counted].groupby(["run", "generation", "role", "split"], sort=False)
    total = of_run["value"].agg(lambda values: values.sum(skipna=False))
    rows = of_run.first().assign(value=total, standard_error=np.nan, group=_MINORITIZED)
    return pd.concat([table, rows.reset_index()], ignore_index=True)


def minoritized_share(groups: Mapping[str, Sequence[str]], split: str = "generated") -> Measure:
    """The measure that `with_minoritized` adds, named after the groups if they are the same in all runs.

    split: `generated`, the samples of the generator; or `people`, the people that the classifier learns from.
    """
    different = {tuple(names) for names in groups.values()}
    names = different.pop() if len(different) == 1 else ("the minoritized",)
    title = f"share of {' and '.join(names)}"
    named = title if split == "generated" else f"{title} among people"
    where = "in generated data" if split == "generated" else "among people"
    return Measure(named, f"{title}\n{where}", _SHARED[split], split, _MINORITIZED, "group_share")


def _base(table: pd.DataFrame, against: str | None) -> str:
    """The reference case of comparisons: `against`, or the first."""
    names = case_names(table)
    if against is not None and against not in names:
        raise InputError(f"--against {against}: is not one of {'; '.join(names)}")
    return names[0] if against is None else against


def _columns(found: OverSeeds, name: str) -> pd.DataFrame:
    """`found` as columns; the mean is called `name`."""
    columns = {column: getattr(found, column) for column in ("seeds", *_SPREAD)}
    needed = [seeds_needed(mean, std) for mean, std in zip(found.mean, found.std, strict=True)]
    return pd.DataFrame({**columns, name: found.mean, "seeds_needed": needed})


def _departure(differences: pd.DataFrame) -> tuple[int, int, object, object, object]:
    """The columns seeds, most, left, stays and last of `departures`, from (seeds, generations) differences."""
    band = simultaneous_band(differences.to_numpy(float))
    most = int(max(band.seeds, default=0))
    if not band.judged.any():
        return 0, most, None, None, None
    judged, is_outside = differences.columns[band.judged], band.outside[band.judged]
    inside, outside = judged[~is_outside], judged[is_outside]
    stays = outside if inside.empty else outside[outside > inside.max()]
    return int(band.seeds[band.judged].min()), most, min(outside, default=None), min(stays, default=None), judged.max()
