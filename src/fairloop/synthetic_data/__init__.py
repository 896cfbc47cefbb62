"""Comparison of real people with synthetic people: shares, distances, and classifiers trained on each.

The module is not called `synthetic`, because the import of a submodule of that name would replace the public function
`fairloop.synthetic`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from fairloop._util.as_json import as_file
from fairloop._util.directories import claim_free
from fairloop._util.escape import write_csv
from fairloop._util.files import write_text
from fairloop._util.options import called_from_python
from fairloop.synthetic_data import arms, page, words
from fairloop.synthetic_data import shares as counted
from fairloop.synthetic_data.arms import DEFAULT, Arm, Design, Value
from fairloop.synthetic_data.contrasts import contrasts
from fairloop.synthetic_data.distances import Distance, copies, distances
from fairloop.synthetic_data.pair import Pair, paired
from fairloop.tables.values import several

__all__ = ["DEFAULT", "FILES", "Comparison", "Design", "Distance", "compared", "free", "synthetic"]

FILES = ("report.html", "measures.csv", "splits.csv", "shares.csv", "distances.csv", "comparison.md", "comparison.json")
"""The files that `Comparison.write` puts into its directory."""


def synthetic(
    real: Any, synthetic: Any, *, label: Hashable, groups: Hashable | Iterable[Hashable], beneficial: object = None,
    leave_out: Hashable | Iterable[Hashable] = (), estimator: Any = DEFAULT,
    arguments: Mapping[str, Any] | None = None, test: float = 0.3, splits: int = 10, rows: int | None = None,
    seed: int = 0,
) -> Comparison:  # fmt: skip
    """Compare a table of synthetic people with a table of real people, and classifiers trained on each.

    real, synthetic: frames (of pandas, polars, Arrow, Hugging Face's `datasets`, or a dictionary of columns), or the
        paths of .csv, .tsv, .jsonl or .parquet files, with the same columns.
    label: the column of the label. groups: one sensitive column or several, whose combinations are the groups.
    beneficial: the label that is good for the person; 1 if labels are 0 and 1. leave_out: one column or several
        that are not features.
    estimator: a class or an object with `fit` and `predict`, or `module:Name`. arguments: of the class.
    test: the share of real people that each of `splits` random splits holds out. Estimators learn from the other real
        people, from synthetic ones, and from both; all are tested on the people held out.
    rows: synthetic people to learn from; default: as many as real ones, or all if there are fewer. seed: of all draws.

    Held-out real people must not be in the generator's training data. If they are, the synthetic table looks better
    than it is.

    Raises InputError for tables or arguments that cannot be used.

    >>> from fairloop import synthetic
    >>> real = {"income": list(range(40)), "sex": 20 * ["f", "m"], "repaid": 20 * [0] + 20 * [1]}
    >>> generated = {"income": list(range(40)), "sex": 10 * ["f", "m", "m", "m"], "repaid": 20 * [0] + 20 * [1]}
    >>> tree = "sklearn.tree:DecisionTreeClassifier"
    >>> found = synthetic(real, generated, label="repaid", groups="sex", splits=2, estimator=tree)
    >>> shares = found.shares
    >>> shares.loc[shares["measure"] == "group_share", ["name", "real", "synthetic"]].values.tolist()
    [['f', 0.5, 0.25], ['m', 0.5, 0.75]]
    """
    design = Design(estimator, arguments, test, splits, rows, seed)
    with called_from_python():
        pair = paired(real, synthetic, label, several(groups), beneficial, several(leave_out))
        return compared(pair, design)


def compared(pair: Pair, design: Design) -> Comparison:
    """The comparison of two tables. Errors name options of the command line."""
    arms.check(design, pair)
    return Comparison(pair, design, arms.all_measured(design, pair, range(design.splits)))


@dataclass(frozen=True, repr=False)
class Comparison:
    """The comparison of two tables. measured: the measures of each split, by the arm that an estimator learnt from."""

    pair: Pair
    design: Design
    measured: tuple[dict[Arm, dict[Value, float]], ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The measures on held-out real people: one row for each group, metric and training set.

        trained_on: `real`, `synthetic`, `both`, or the difference of two. value, low, high: the mean over splits and
        its 95 % interval; lowest, highest: over splits, where these are too few for an interval. splits: in which the
        value is defined.
        """
        return contrasts(self.measured, self.design.test)

    @cached_property
    def splits(self) -> pd.DataFrame:
        """The measures of each split."""
        return pd.DataFrame(
            [
                (split, arm, group, metric, value)
                for split, found in enumerate(self.measured)
                for arm, values in found.items()
                for (group, metric), value in values.items()
            ],
            columns=["split", "trained_on", "group", "metric", "value"],
        )

    @cached_property
    def shares(self) -> pd.DataFrame:
        """Shares of groups, labels and strata, and base rates of groups, in both tables."""
        return counted.shares(self.pair)

    @cached_property
    def distances(self) -> list[Distance]:
        """The distances of columns, and of pairs of columns."""
        return distances(self.pair)

    @cached_property
    def copies(self) -> tuple[float, float]:
        """The share of synthetic rows that are equal to a real one, and of real rows that are equal to another."""
        return copies(self.pair)

    @property
    def sections(self) -> list[words.Section]:
        """Tables and sentences for a reader."""
        return words.sections(self)

    def __repr__(self) -> str:
        return f"<Comparison of {self.pair.called[1]} with {self.pair.called[0]}>"

    def __str__(self) -> str:
        return words.markdown(self)

    def _repr_markdown_(self) -> str:
        return words.markdown(self)

    def to_json(self) -> str:
        """All values, the design, and the sentences, as JSON."""
        return as_file(words.document(self))

    def write(self, out: str | Path, *, overwrite: bool = False) -> tuple[str, ...]:
        """Write `FILES` into the directory `out`; returns their names. overwrite: whether `out` may hold a comparison.

        Raises InputError if `out` cannot be used.
        """
        out = Path(out)
        free(out, overwrite)
        apart = pd.DataFrame(
            [(one.columns[0], "".join(one.columns[1:]), one.value) for one in self.distances],
            columns=["column", "other", "distance"],
        )
        tables = {"measures": self.table, "splits": self.splits, "shares": self.shares, "distances": apart}
        for name, frame in tables.items():
            write_csv(frame, out / f"{name}.csv")
        write_text(out / "comparison.md", words.markdown(self))
        write_text(out / "comparison.json", self.to_json())
        page.write(self, out / "report.html")
        return FILES


def free(out: Path, overwrite: bool) -> None:
    """Raise InputError if a comparison cannot be written to `out`: it is something else, or holds one."""
    claim_free(out, "a comparison", FILES, overwrite=overwrite)
