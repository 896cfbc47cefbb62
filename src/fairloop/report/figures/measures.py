"""The data of a curve: rows of the tidy table, averaged over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fairloop.errors import InputError
from fairloop.metrics import statistics
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.metrics.entry import PARTS
from fairloop.store.tidy_rows import TRAINING


@dataclass(frozen=True)
class Measure:
    """One value per generation, and its names for readers.

    Fields other than `title` and `axis` select rows of the tidy table; `label` None means rows without a label. `axis`
    is the label of an axis; {split} in it stands for a split of the test data.
    """

    title: str
    axis: str
    role: str
    split: str
    group: str
    metric: str
    label: str | None = None

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Its rows in the tidy table."""
        rows = table[
            (table["role"] == self.role)
            & (table["split"] == self.split)
            & (table["group"] == self.group)
            & (table["metric"] == self.metric)
        ]
        return rows[rows["label"].isna() if self.label is None else rows["label"] == self.label]

    def values(self, table: pd.DataFrame) -> pd.Series[float]:
        """Its mean over the runs in `table`, by generation."""
        return self.rows(table).groupby("generation")["value"].mean()


def of_classifier(metric: str, part: str = "overall", split: str = "test", *, called: str = "") -> Measure:
    """A part of a measure of classifiers from the catalogue. called: another title.

    part: `overall`, `difference`, `ratio`, `min`, `max` or a group's name. Raises KeyError for an unknown metric.

    >>> of_classifier("equalized_odds", "difference").title
    'EO difference'
    """
    title = called or CATALOGUE[metric].called(part, short=True)
    return Measure(title, axis(metric, part, title + " on {split}"), "classifier", split, part, metric)


def axis(metric: str, part: str, name: str) -> str:
    """The label of an axis: a name, and below it the meaning of 0 and 1."""
    meaning = CATALOGUE[metric].meaning(part)
    return f"{name}\n({meaning})" if meaning else name


def over_seeds(rows: pd.DataFrame, x: str = "generation") -> pd.DataFrame:
    """The mean over seeds of one value of one case, at each `x`.

    Columns: x, mean, low, high, lowest, highest (from `statistics.over_seeds`: an interval of the mean, or the spread
    for too few seeds), seeds (with a defined value; the mean is over these), absent
    (seeds with an undefined value, or without the generation).

    Raises InputError if the rows belong to several runs of one seed.
    """
    one_case(rows)
    wide = rows.pivot(index="seed", columns=x, values="value")
    found = statistics.over_seeds(wide.to_numpy(float))
    columns = {name: getattr(found, name) for name in ("mean", "low", "high", "lowest", "highest", "seeds")}
    return pd.DataFrame({"x": wide.columns, **columns, "absent": len(wide) - found.seeds})


def one_case(table: pd.DataFrame) -> None:
    """Raise InputError if `table` holds several runs of one seed, because their mean would mix different runs."""
    runs = table.groupby("seed", observed=True)["run"].unique()
    if not (several := runs[runs.map(len) > 1]).empty:
        first, second = several.iloc[0][:2]
        raise InputError(f"figure: {first} and {second} have seed {several.index[0]} both; draw one case at a time")


def groups(table: pd.DataFrame) -> list[str]:
    """The groups' names, in the data set's order."""
    named = table.loc[table["split"] != TRAINING, "group"].dropna().unique()
    return [name for name in named if name not in PARTS]


def labels(table: pd.DataFrame) -> list[str]:
    """The labels' names, in the data set's order."""
    return list(table.loc[table["split"] != TRAINING, "label"].dropna().unique())


def spread(values: Sequence[int], most: int) -> list[int]:
    """All `values`, or `most` of them at even distances, with the first and the last."""
    places = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return [values[place] for place in places]
