"""The measures of a run on a log of someone's own retraining rounds, and what to make of them.

The module is called so because the public function is `fairloop.audit`: a submodule of that name would take its place
as soon as anything imported it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from fairloop._util.directories import claim
from fairloop._util.escape import frame_for_csv, table_for_csv
from fairloop._util.files import replacing, write_text
from fairloop.auditing import text, verdicts
from fairloop.auditing.log import Columns, tally
from fairloop.auditing.measures import MODEL_MADE, Limit, Measured, limit
from fairloop.auditing.rounds import rounds
from fairloop.auditing.verdicts import Crossing, Drift
from fairloop.metrics.fairness import flatten
from fairloop.report import page
from fairloop.report.table import of_rows, plain
from fairloop.store.rows import Row
from fairloop.tables.values import name

FILES = ("report.html", "table.parquet", "table.csv", "drift.csv", "verdict.txt")
"""What `Audit.write` puts into its directory."""


def audit(
    log: Any,
    *,
    round: Hashable,
    label: Hashable,
    groups: Hashable | Sequence[Hashable],
    prediction: Hashable = None,
    score: Hashable = None,
    threshold: float | None = None,
    weight: Hashable = None,
    round_order: str | Sequence[object] | None = None,
    provenance: Hashable = None,
    model_made: Sequence[object] = (),
    beneficial: object = None,
    min_size: int = 0,
    fail_on: Sequence[str] = (),
) -> Audit:
    """Measure a log of past rounds: one row for each person and round.

    log: a frame (of pandas, polars, Arrow, Hugging Face's `datasets`, or a dictionary of columns), or the path of a CSV
        or parquet file of any size; only the columns named below are read. Their names may be text, numbers or tuples.
    round: numbers, versions, dates in one format, periods, or categories in order. round_order: `given`, `natural`,
        `number`, `date:FORMAT` or the rounds in their order, where their names do not tell.
    label, prediction: the true and the predicted label, of one spelling. Or score: a number, where `threshold`
        (default 0.5) and more predict the beneficial label.
    weight: how many people each row stands for, or a multiple of that: in all rates, intervals and trends, see
        `metrics.weighted`. Counts, and what makes groups small, stay in rows.
    groups: one sensitive column or several, whose combinations are the groups. Who has no value is `(missing)`.
    provenance: who made the label; model_made: which of its values mean a model, if it does not say so itself.
    beneficial: the label that is good for the person; 1 if labels are 0 and 1.
    min_size: leaves groups out of what compares groups if in some round fewer of their people have, or fewer lack, the
        beneficial label. Smaller groups than 30 are named in any case, and the rates of all groups are in the table.
    fail_on: limits such as `equalized_odds_difference>0.1` or `tpr[Female]<0.5`; `Audit.failures` says which the last
        round breaks.

    Raises InputError for a log or an argument that cannot be used.
    """
    limits = [limit(expression) for expression in fail_on]
    names = tuple(groups) if isinstance(groups, Sequence) and not isinstance(groups, str) else (groups,)
    said = [None if column is None else name(column) for column in (prediction, score, provenance, weight)]
    columns = Columns(
        name(round), name(label), tuple(map(name, names)), prediction=said[0], score=said[1], threshold=threshold,
        provenance=said[2], weight=said[3],
    )  # fmt: skip
    place = Path(log) if isinstance(log, str | Path) else log
    measured = Measured(rounds(tally(place, columns), columns, beneficial, model_made, round_order), min_size)
    for one in limits:
        measured.check(one.measure)
    return Audit(place.name if isinstance(place, Path) else "log", columns, measured, tuple(limits))


@dataclass(frozen=True)
class Audit:
    """What a log says. name: of the log. limits: those that were named."""

    name: str
    columns: Columns
    measured: Measured
    limits: tuple[Limit, ...]

    @cached_property
    def drifts(self) -> list[Drift]:
        """What changed between the first and the last round, by measure."""
        return verdicts.headline(self.measured)

    @cached_property
    def group_drifts(self) -> list[Drift]:
        """What changed for each group in selection rate, true positive rate and accuracy."""
        return verdicts.groups(self.measured)

    @cached_property
    def crossings(self) -> list[Crossing]:
        """Trends that are more than noise and that cross a limit, or soon will."""
        return verdicts.crossings(self.measured, self.limits)

    @property
    def failures(self) -> list[str]:
        """Which named limits the last round breaks, each in words; undefined measures break theirs."""
        last = self.measured.rounds.names[-1]
        values = [(one, self.measured.values(one.measure)[-1]) for one in self.limits]
        return [
            f"{one}: {one.measure} is {'undefined' if np.isnan(value) else f'{value:.4g}'} in round {last}"
            for one, value in values
            if one.broken_by(value)
        ]

    @property
    def table(self) -> pd.DataFrame:
        """The tidy table, with the columns of `fairloop export`; a round is a generation."""
        frame: pd.DataFrame = plain(self._table).to_pandas()
        return frame

    @property
    def drift(self) -> pd.DataFrame:
        """One row for each measure, and for each group's: first, last, drift, low, high, verdict, small."""
        small = set(self.measured.small)
        return pd.DataFrame(
            [
                {"metric": one.measure.metric, "group": one.measure.group, "first": one.first, "last": one.last,
                 "drift": one.change, "low": one.low, "high": one.high, "verdict": one.verdict,
                 "small": one.measure.group in small}
                for one in (*self.drifts, *self.group_drifts)
            ]
        )  # fmt: skip

    @property
    def verdict(self) -> str:
        """All of it in words, for a terminal of 80 columns."""
        return "\n\n".join(
            map(text.filled, self._blocks(text.table(self.drifts, len(self.measured.rounds.names) == 1)))
        )

    def _blocks(self, measures: list[str]) -> list[list[str]]:
        """The verdict; `measures` say what became of them."""
        names = self.measured.rounds.names
        several = len(names) > 1
        blocks = [text.head(self.name, self.columns, self.measured), measures]
        if several:
            blocks.append(text.losses(self.group_drifts, self.measured.small))
            blocks += [[text.warning(one, names)] for one in self.crossings]
        blocks += [[flag] for flag in text.flags(self.drifts, self.measured)]
        method = [text.METHOD] * several + [text.WEIGHTED] * (self.columns.weight is not None)
        return [*blocks, method] if method else blocks

    def write(self, out: Path) -> None:
        """Write `FILES` into the directory `out`; files of those names are replaced."""
        claim(out, "an audit")
        with replacing(out / "table.parquet") as temporary:
            pq.write_table(self._table, temporary, store_schema=False)
        with replacing(out / "table.csv") as temporary:
            pa.csv.write_csv(table_for_csv(plain(self._table)), temporary)
        with replacing(out / "drift.csv") as temporary:
            frame_for_csv(self.drift).to_csv(temporary, index=False)
        write_text(out / "verdict.txt", self.verdict + "\n")
        lead = [line.strip() for block in self._blocks(text.sentences(self.drifts)) for line in block]
        page.write(self.table, out / "report.html", title=f"Audit of {self.name}", lead=lead)

    @property
    def _table(self) -> pa.Table:
        own = {"run": self.name, "dataset": self.name, "setting": "audit", "star": "none", "seed": 0}
        table = of_rows(list(self._rows()), own)
        names = dict(zip(self.measured.rounds.generations.tolist(), self.measured.rounds.names, strict=True))
        if all(str(number) == name for number, name in names.items()):
            return table
        return table.append_column("round", pa.array([names[i] for i in table["generation"].to_pylist()]))

    def _rows(self) -> Iterator[Row]:
        rounds_, measured = self.measured.rounds, self.measured
        for i, generation in enumerate(rounds_.generations.tolist()):
            rates = flatten(measured.rates[i], rounds_.groups, measured.compared[i])
            for group, metric, value, error in rates:
                yield Row(generation, None, "classifier", "log", None, group, metric, value, error)
            if rounds_.known is None:
                continue
            made = measured.made[i]
            values = np.append(made.overall, made.by_group)
            for group, value, error in zip(("overall", *rounds_.groups), values, made.standard_errors(), strict=True):
                yield Row(generation, None, "labeller", "log", None, group, MODEL_MADE, float(value), float(error))
