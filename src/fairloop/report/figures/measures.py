"""The content of a curve: rows of the tidy table, averaged over seeds."""

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
    """One value per generation, and its names for a reader.

    Fields other than `title` and `axis` select rows of the tidy table; `label` None means rows without a label. `axis`
    is the label of an axis, in which {split} stands for a split of the test data.
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
    """A part of a measure of classifiers, as the catalogue names it. called: its title, if that is another one."""
    title = called or CATALOGUE[metric].called(part, short=True)
    return Measure(title, axis(metric, part, title + " on {split}"), "classifier", split, part, metric)


def axis(metric: str, part: str, name: str) -> str:
    """The label of an axis: a name, and below it the meaning of 0 and 1."""
    meaning = CATALOGUE[metric].meaning(part)
    return f"{name}\n({meaning})" if meaning else name


def over_seeds(rows: pd.DataFrame, x: str = "generation") -> pd.DataFrame:
    """The mean over seeds of one value of one case, at each `x`.

    Columns: x, mean, low, high, lowest, highest (as `statistics.over_seeds` has them: an interval of the mean, or where
    there are too few seeds for one their spread), seeds (in which the value is defined; the mean is over those), absent
    (seeds in which it is undefined, or that have not come that far).

    Raises InputError if the rows are of several runs of one seed.
    """
    one_case(rows)
    wide = rows.pivot(index="seed", columns=x, values="value")
    found = statistics.over_seeds(wide.to_numpy(float))
    columns = {name: getattr(found, name) for name in ("mean", "low", "high", "lowest", "highest", "seeds")}
    return pd.DataFrame({"x": wide.columns, **columns, "absent": len(wide) - found.seeds})


def one_case(table: pd.DataFrame) -> None:
    """Raise InputError if `table` holds several runs of one seed: their mean would mix different runs."""
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
    """All `values`, or `most` of them, as evenly as can be, the first and the last among them."""
    places = np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)
    return [values[place] for place in places]
