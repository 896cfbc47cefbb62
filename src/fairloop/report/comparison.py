"""Differences of cases from one case, as an object with a view for notebooks."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fairloop.report import compare, notebook
from fairloop.report.compare_text import difference


@dataclass(frozen=True, repr=False)
class Comparison:
    """Cases less the case `against`, paired by seed, at the last generation that they share.

    table: a row for each case, measure and generation, with the columns of `fairloop.report.compare.differences`.
    """

    table: pd.DataFrame
    against: str
    split: str

    def __repr__(self) -> str:
        lines = [f"{self._title()}:", *("  ".join(row) for row in self._cells()[1])]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The differences in the last generation, with intervals over seeds, for a notebook."""
        note = (
            f"Means over seeds that both cases have, measured on {self.split}. In square brackets a 95 % interval of "
            "the mean; in round brackets the lowest and the highest seed's difference."
        )
        return notebook.block(self._title(), *self._cells(), note=note)

    def _title(self) -> str:
        return f"Each case less '{self.against}'"

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        ends = compare.at_the_end(self.table)
        measures = list(ends["measure"].unique())
        rows = []
        for (case, generation), cells in ends.groupby(["case", "generation"], sort=False):
            by_measure = {row["measure"]: row for row in cells.to_dict("records")}
            values = [difference(by_measure.get(measure)) for measure in measures]
            rows.append([str(case), f"generation {generation}", *values])
        return ["case", "", *measures], rows


def compared(table: pd.DataFrame, against: str | None = None, split: str | None = None) -> Comparison:
    """The comparison of the cases in a tidy table. against: a case; default: the first. split: default `test`.

    Raises InputError if there are not two cases with a seed in common, or none is called `against`.
    """
    measured = compare.split_in(table, split or "test") or "test"
    found = compare.differences(table, compare.fairness(measured), against)
    return Comparison(found, str(found["against"].iloc[0]), measured)
