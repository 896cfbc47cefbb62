"""The measures of a run on a log of someone's own retraining rounds, and what to make of them.

The module is called so because the public function is `fairloop.audit`: a submodule of that name would take its place
as soon as anything imported it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from fairloop._util.directories import claim
from fairloop._util.escape import frame_for_csv, table_for_csv
from fairloop._util.files import replacing, write_text
from fairloop.auditing import page, text, tidy, verdicts
from fairloop.auditing.columns import Columns, in_python
from fairloop.auditing.log import tally
from fairloop.auditing.measured import Measured
from fairloop.auditing.measures import Limit, limit
from fairloop.auditing.rounds import rounds
from fairloop.auditing.values import Measure, Status, Value
from fairloop.auditing.verdicts import Crossing, Drift
from fairloop.errors import InputError
from fairloop.report.table import plain
from fairloop.tables.values import name

__all__ = ["FILES", "Audit", "Crossing", "Drift", "Limit", "Measure", "Measured", "Status", "Value", "audit", "audited"]

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
    propensity: Hashable = None,
    decided_at: Hashable = None,
    observed_at: Hashable = None,
    mature_after: object = None,
    as_of: object = None,
    assume: str | None = None,
    round_order: str | Sequence[object] | None = None,
    provenance: Hashable = None,
    model_made: Sequence[object] = (),
    beneficial: object = None,
    min_size: int = 0,
    fail_on: Sequence[str] = (),
    regression: bool = False,
) -> Audit:
    """Measure a log of past rounds: one row for each person and round.

    log: a frame (of pandas, polars, Arrow, Hugging Face's `datasets`, or a dictionary of columns), or the path of a CSV
        or parquet file of any size; only the columns named below are read. Their names may be text, numbers or tuples.
    round: numbers, versions, dates in one format, periods, or categories in order. round_order: `given`, `natural`,
        `number`, `date:FORMAT` or the rounds in their order, where their names do not tell.
    label: the true label; rows without one count in measures that need no label. prediction: the predicted label, spelt
        alike. score: a number; without `prediction`, `threshold` (default 0.5) and more predict the beneficial label.
    weight: how many people each row stands for, or a multiple of that: in all rates, intervals and trends, see
        `metrics.weighted`. Counts, and the smallness of groups, stay in rows.
    propensity: the known probability that the row's label is observed, given all that was known at the decision.
    decided_at, observed_at: dates of the decision and of the label. mature_after: the time after a decision in which
        its label may come, such as `90d`; rounds with younger decisions have no measures that need labels. as_of: the
        day from which the log is seen; default: its latest date.
    assume: `no-better-rejected` narrows bounds: rejected people are on average no better than selected ones.
    groups: one sensitive column or several, whose combinations are the groups. A missing value is `(missing)`.
    provenance: who made the label; model_made: which of its values mean a model, if they do not say so themselves.
    beneficial: the label that is good for the person; 1 if labels are 0 and 1.
    min_size: leaves groups out of what compares groups if in some round fewer of their people have, or fewer lack, the
        beneficial label. Smaller groups than 30 are named in any case, and the rates of all groups are in the table.
    fail_on: limits such as `equalized_odds_difference>0.1` or `tpr[Female]<0.5`; `Audit.failures` says which the last
        round breaks.
    regression: whether labels and predictions are numbers: then their errors are measured.

    Raises InputError for a log or an argument that cannot be used.
    """
    given = {key: value for key, value in locals().items() if key != "log"}
    try:
        return audited(log, **given)
    except InputError as error:
        raise InputError(in_python(str(error))) from error


def audited(
    log: Any,
    *,
    groups: Hashable | Sequence[Hashable],
    threshold: float | None = None,
    mature_after: object = None,
    as_of: object = None,
    assume: str | None = None,
    round_order: str | Sequence[object] | None = None,
    model_made: Sequence[object] = (),
    beneficial: object = None,
    min_size: int = 0,
    fail_on: Sequence[str] = (),
    regression: bool = False,
    **named: Hashable,
) -> Audit:
    """As `audit`, with errors that name options of the command line. named: the other columns of `audit`."""
    limits = [limit(expression) for expression in fail_on]
    sensitive = tuple(groups) if isinstance(groups, Sequence) and not isinstance(groups, str) else (groups,)
    called = {part: name(column) for part, column in named.items() if column is not None}
    columns = Columns(groups=tuple(map(name, sensitive)), threshold=threshold, regression=regression, **called)
    place = Path(log) if isinstance(log, str | Path) else log
    tallied = tally(place, columns, mature_after, as_of)
    measured = Measured(rounds(tallied, columns, beneficial, model_made, round_order), min_size, assume)
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
        """Which named limits the last round breaks, each in words; a measure without a value breaks its own."""
        last = self.measured.rounds.names[-1]
        found = [(one, self.measured.value(one.measure, -1)) for one in self.limits]
        return [
            f"{one}: {one.measure} is {text.told(value)} in round {last}{text.because(value)}"
            for one, value in found
            if one.broken_by(value.value)
        ]

    @property
    def table(self) -> pd.DataFrame:
        """The tidy table, with the columns of `fairloop export`; a round is a generation."""
        frame: pd.DataFrame = plain(self._table).to_pandas()
        return frame

    @property
    def drift(self) -> pd.DataFrame:
        """One row for each measure, and for each group's: first, last, drift, low, high, verdict, small, and more."""
        return tidy.drifts([*self.drifts, *self.group_drifts], self.measured)

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
        blocks = [text.head(self.name, self.columns, self.measured), text.labels(self.measured), measures]
        blocks.append(text.bounds(self.measured, [one.measure for one in self.drifts]))
        if several:
            blocks.append(text.losses(self.group_drifts, self.measured.small))
            blocks += [[text.warning(one, names)] for one in self.crossings]
        blocks += [[flag] for flag in text.flags(self.drifts, self.measured)]
        blocks.append([text.METHOD] * several + [text.WEIGHTED] * (self.columns.weight is not None))
        return [block for block in blocks if block]

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
        page.write(self, out / "report.html")

    @cached_property
    def _table(self) -> pa.Table:
        return tidy.tidy(self.name, self.measured)
