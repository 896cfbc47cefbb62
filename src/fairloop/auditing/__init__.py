"""Audits of a user's log of retraining rounds: the measures of a run, their drifts and verdicts.

The module is not called `audit`, because the import of a submodule of that name would replace the public function
`fairloop.audit`.
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

from fairloop._util.as_json import as_file
from fairloop._util.directories import claim_free, is_run
from fairloop._util.escape import for_terminal, table_for_csv, write_csv
from fairloop._util.files import replacing, write_text
from fairloop._util.options import called_from_python
from fairloop.auditing.gate import judging as gate
from fairloop.auditing.gate import power, verdicts
from fairloop.auditing.gate.judging import Result
from fairloop.auditing.gate.limits import Limit
from fairloop.auditing.gate.limits import limits as every_limit
from fairloop.auditing.gate.power import Detectable
from fairloop.auditing.gate.verdicts import Crossing, Drift
from fairloop.auditing.log.columns import Columns
from fairloop.auditing.log.of_run import opened
from fairloop.auditing.log.reading import tally
from fairloop.auditing.log.rounds import rounds
from fairloop.auditing.measures import groups_against_rest as rest
from fairloop.auditing.measures.groups_against_rest import Apart
from fairloop.auditing.measures.measured import Measured
from fairloop.auditing.measures.references import FIRST, Reference, reference_round
from fairloop.auditing.measures.scores import distributions, reliability
from fairloop.auditing.measures.values import Measure, Status, Value
from fairloop.auditing.output import exports, page, text
from fairloop.auditing.output import gate_words as shown
from fairloop.auditing.output import tables as tidy
from fairloop.auditing.output import verdict_json as document
from fairloop.auditing.output.verdict_json import Digest, FileDigest
from fairloop.report.table import plain
from fairloop.tables.values import name, several, written

__all__ = [
    "FILES", "JUNIT", "MODEL_CARD", "Audit", "Crossing", "Detectable", "Drift", "Limit", "Measure", "Measured",
    "Result", "Status", "Value", "audit", "audited", "free",
]  # fmt: skip

FILES = ("report.html", "table.parquet", "table.csv", "drift.csv", "groups.csv", "verdict.txt", "verdict.json")
"""The files that `Audit.write` always puts into its directory."""

SCORES = ("scores.csv", "reliability.csv")
JUNIT, MODEL_CARD = "junit.xml", "model-index.yml"
"""Files that `Audit.write` adds: `SCORES` if there are scores, one if there are limits, one if the model has a name."""

OPTIONAL = (*SCORES, JUNIT, MODEL_CARD)


def audit(
    log: Any, *, round: Hashable = None, label: Hashable = None, groups: Hashable | Sequence[Hashable] = None,
    prediction: Hashable = None, score: Hashable = None, threshold: float | None = None, weight: Hashable = None,
    propensity: Hashable = None, decided_at: Hashable = None, observed_at: Hashable = None, mature_after: object = None,
    as_of: object = None, assume: str | None = None, round_order: str | Sequence[object] | None = None,
    provenance: Hashable = None, model_made: Sequence[object] = (), beneficial: object = None, min_size: int = 0,
    reference: Hashable = None, reference_group: object = None, fail_on: str | Sequence[str] = (),
    limits: str | Path | None = None, gate_round: Hashable = None, regression: bool = False,
) -> Audit:  # fmt: skip
    """Measure a log of past rounds: one row for each person and round.

    log: a frame (of pandas, polars, Arrow, Hugging Face, or a dictionary of columns), or the path of a CSV or parquet
        file of any size; only the named columns are read. The directory of a run with setting=people needs no names.
    round: numbers, versions, dates in one format, periods or ordered categories. round_order: `given`, `natural`,
        `number`, `date:FORMAT` or the rounds in order, if their names do not define it.
    label: the true label; rows without one count in measures without labels. prediction: the predicted label, in the
        spelling of labels. score: a number; without `prediction`, `threshold` (default 0.5) and more predict the
        beneficial label. weight: the number of people that a row represents, or a multiple.
    propensity: the known probability that the row's label is observed, given the information at the decision.
    decided_at, observed_at: dates of the decision and of the label. mature_after: the longest delay of a label, such as
        `90d`; rounds with younger decisions have no measures with labels. as_of: default: the latest date.
    assume: `no-better-rejected` narrows bounds: rejected people are on average no better than selected people.
        `no-better-than-lowest` narrows them more: no better than the tenth of the selected with the lowest scores.
    groups: sensitive columns; their combinations are the groups. A missing value is `(missing)`. provenance: the maker
        of the label; model_made: its values for a model, if they are not self-explanatory. beneficial: the label
        that is good for the person; 1 if labels are 0 and 1.
    min_size: smallest number of people with, and without, the beneficial label in each round; smaller groups are left
        out of comparisons. Groups below 30 are always named, and the rates of all groups are in the table.
    reference: the reference of drift: the name of a round, `first` (default), `previous`, or `rolling(k)`, the mean
        of the k rounds before the last. reference_group: the reference of comparisons of groups: a name, `largest`, or
        `best`, the group with the best value. Default: all pairs; distances of scores are from the largest group.
    fail_on: limits such as `tpr[Female]<0.5`, `lower(tpr_difference)>0.1` (broken if the whole interval breaks it),
        `upper(tpr_difference)>0.1` (kept if the whole interval keeps it), or `four_fifths`. limits: a YAML file of
        limits: mappings with `limit`, and optionally `round`, `set_by`, `date` and `why`. gate_round: the judged
        round: its name, or `last-labelled`; default: the last. regression: labels and predictions are numbers.

    Raises InputError for a log or an argument that cannot be used.

    >>> log = {"month": [1, 1, 1, 1, 2, 2, 2, 2], "repaid": [0, 1, 0, 1, 0, 1, 0, 1], "sex": 2 * ["f", "f", "m", "m"],
    ...        "granted": [0, 1, 0, 1, 0, 1, 1, 0]}
    >>> found = audit(log, round="month", label="repaid", prediction="granted", groups="sex", fail_on="tpr[m]<0.5")
    >>> found.finding
    'FAIL: of 1 limit, 1 broken (round 2).'
    """
    with called_from_python():
        return audited(**locals())


def audited(log: Any, **arguments: Any) -> Audit:
    """As `audit`, with names of command line options in errors."""
    name_of_run = Path(log).name if isinstance(log, str | Path) and is_run(Path(log)) else "log"
    found = opened(log, arguments)
    return _audited(found.log, name_of_run, **found.arguments)


def _audited(
    log: Any,
    called: str,
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
    reference: Hashable = None,
    reference_group: object = None,
    fail_on: str | Sequence[str] = (),
    limits: str | Path | None = None,
    gate_round: Hashable = None,
    regression: bool = False,
    **named: Hashable,
) -> Audit:
    """called: the name of a log that is not a file. named: the other columns of `audit`."""
    wanted = every_limit(fail_on, limits)
    by_part: dict[str, Any] = {part: name(column) for part, column in named.items() if column is not None}
    columns = Columns(groups=tuple(map(name, several(groups))), threshold=threshold, regression=regression, **by_part)
    tallied = tally(log, columns, mature_after, as_of)
    measured = Measured(
        rounds(tallied, columns, beneficial, model_made, round_order), min_size, assume, written(reference_group)
    )
    return Audit(
        log.name if isinstance(log, Path) else called,
        columns,
        measured,
        wanted,
        tuple(gate.check(measured, wanted, gate_round)),
        reference_round(measured.rounds.names, reference),
        document.digest_of_log(log, measured.rounds),
        None if limits is None else document.limits_file(Path(limits)),
    )


@dataclass(frozen=True, repr=False)
class Audit:
    """The findings about a log.

    name: of the log. limits: the given limits. judged: the position of the judged round of each limit.
    reference: the reference rounds of drift. source: the digest of the log. limits_file: the digest of the file of
    limits, None without one.

    >>> from fairloop import audit
    >>> log = {"month": 4 * [1] + 4 * [2], "repaid": 4 * [0, 1], "score": [.1, .9, .2, .8, .2, .9, .8, .1],
    ...        "sex": 2 * ["f", "f", "m", "m"]}
    >>> found = audit(log, round="month", label="repaid", score="score", groups="sex", fail_on="tpr[m]<0.5")
    >>> found.passed, found.gate[0].value.value, found.failures
    (False, 0.0, ['tpr[m]<0.5: tpr[m] is 0 in round 2'])
    >>> change = found.drifts[0]
    >>> str(change.measure), change.first, change.last, len(found.group_drifts), len(found.crossings)
    ('accuracy', 1.0, 0.5, 6, 0)
    >>> found.detectable[0].by_verdict > 0.5  # four people of a round show large drifts only
    True
    >>> found.apart[0].difference  # accuracy of f less that of m
    1.0
    >>> found.finding in found.verdict, found.compared, len(found.notes)
    (True, [], 1)
    >>> [frame.shape[0] for frame in (found.table, found.drift, found.scores, found.reliability)]
    [238, 13, 6, 16]
    >>> '"verdict": "FAIL"' in found.to_json(), found.model_card("credit").startswith("model-index")
    (True, True)
    >>> found.write("audit"), found.write_figures("figures")  # doctest: +SKIP
    """

    name: str
    columns: Columns
    measured: Measured
    limits: tuple[Limit, ...]
    judged: tuple[int, ...]
    reference: Reference
    source: Digest
    limits_file: FileDigest | None

    @cached_property
    def drifts(self) -> list[Drift]:
        """The changes between the reference and the last round, by measure."""
        return verdicts.headline(self.measured, self.reference)

    @cached_property
    def group_drifts(self) -> list[Drift]:
        """The changes for each group in selection rate, true positive rate and accuracy."""
        return verdicts.groups(self.measured, self.reference)

    @cached_property
    def gate(self) -> list[Result]:
        """Every limit, judged: PASS, FAIL or UNDEFINED, with the value, its interval and the reason."""
        return gate.judge(self.measured, self.limits, self.judged)

    @property
    def passed(self) -> bool | None:
        """Whether all limits are kept. An undefined limit has not passed. None without limits."""
        return all(one.passed for one in self.gate) if self.gate else None

    @property
    def finding(self) -> str:
        """The gate in a sentence; empty without limits."""
        return shown.finding(self.gate, self.measured.rounds.names[-1])

    @cached_property
    def detectable(self) -> list[Detectable]:
        """The drift that this log would have shown with 80 % power, for each measure of `drifts`."""
        return power.detectable(self.measured, self.drifts, self.limits, self.reference)

    @cached_property
    def crossings(self) -> list[Crossing]:
        """Significant trends that have crossed a limit or will cross it soon."""
        return verdicts.crossings(self.measured, self.limits)

    @property
    def failures(self) -> list[str]:
        """The limits that have not passed, each in words."""
        return [
            f"{one.limit}: {one.value.measure} is {text.told(one.value)} in round {one.round}"
            f"{text.because(one.value)}" + (f" ({one.reason})" if one.limit.end else "")
            for one in self.gate
            if not one.passed
        ]

    @property
    def notes(self) -> list[str]:
        """Notes: missing labels, trends that cross a limit, the reading of the log, and further warnings."""
        names = self.measured.rounds.names
        warnings = [text.warning(one, names) for one in self.crossings if len(names) > 1]
        read, flags = text.as_read(self.measured), text.flags(self.drifts, self.measured)
        found = [*text.labels(self.measured), *self.compared, *warnings, *flags, *read]
        return [line.replace(text.TOGETHER, " ") for line in found]

    @property
    def table(self) -> pd.DataFrame:
        """The tidy table, with the columns of `fairloop export`; a round is a generation."""
        frame: pd.DataFrame = plain(self._table).to_pandas()
        return frame

    @property
    def drift(self) -> pd.DataFrame:
        """One row for each measure, and for each group's: first, last, drift, low, high, verdict, small, and more."""
        return tidy.drifts([*self.drifts, *self.group_drifts], self.measured)

    @cached_property
    def apart(self) -> list[Apart]:
        """Differences of each group from all the others in the last round."""
        return rest.apart(self.measured)

    @property
    def scores(self) -> pd.DataFrame:
        """Quantiles of scores in each round and group, and distances from the largest group and the first round.

        Empty for a log without scores.
        """
        return distributions(self.measured.scores)

    @property
    def reliability(self) -> pd.DataFrame:
        """The reliability curve of each round and group, a row for each bin of scores.

        Empty for a log without scores.
        """
        return reliability(self.measured.scores)

    @property
    def verdict(self) -> str:
        """The audit in words, for a terminal of 80 columns."""
        return for_terminal("\n\n".join(map(text.filled, self._blocks(self._drift_lines()))))

    def _blocks(self, measures: list[str]) -> list[list[str]]:
        """The paragraphs of the verdict. measures: the lines about drifts."""
        names = self.measured.rounds.names
        several = len(names) > 1
        blocks = [
            [*text.head(self.name, self.columns, self.measured), *self.compared],
            text.labels(self.measured),
            shown.lines(self.gate, names[-1]),
            measures,
        ]
        blocks.append(text.bounds(self.measured, [one.measure for one in self.drifts]))
        if several:
            blocks.append(text.losses(self.group_drifts, self.measured.small, self.reference.words))
            blocks += [[text.warning(one, names)] for one in self.crossings]
            blocks.append(shown.power(self.detectable))
        blocks.append(text.apart(self.apart))
        blocks.append(text.scores(self.measured))
        blocks += [[flag] for flag in text.flags(self.drifts, self.measured)]
        blocks.append([text.METHOD] * several + [text.WEIGHTED] * (self.columns.weight is not None))
        blocks.append(document.origin(self))
        return [block for block in blocks if block]

    def _drift_lines(self) -> list[str]:
        single = len(self.measured.rounds.names) == 1
        return text.table(self.drifts, single, "first" if self.reference == FIRST else "from")

    @property
    def compared(self) -> list[str]:
        """The chosen references of comparisons, in words; empty for the defaults."""
        with_ = self.measured.compared_with
        found = [] if with_ is None else [f"differences and ratios compare the other groups with {with_}"]
        return found + [f"drift is measured from {self.reference.words}"] * (self.reference != FIRST)

    def __str__(self) -> str:
        return self.verdict

    def __repr__(self) -> str:
        return f"<Audit of {self.name}: {self.finding or 'no limits'}>"

    def _repr_html_(self) -> str:
        """The gate and the notes about missing labels, for a notebook."""
        return shown.html(self.gate, self.measured.rounds.names[-1], self.name, text.labels(self.measured))

    def to_json(self) -> str:
        """The content of verdict.json; docs/verdict.schema.json describes it."""
        return as_file(document.document(self))

    def model_card(self, model: str, url: str | None = None) -> str:
        """Metadata of a Model Card (`model-index`) in YAML. model: its name. url: the address of verdict.json."""
        return exports.model_card(self, model, url)

    def write(
        self, out: str | Path, *, overwrite: bool = False, model: str | None = None, url: str | None = None
    ) -> tuple[str, ...]:
        """Write `FILES` into the directory `out`, `SCORES` if there are scores, `JUNIT` if there are limits.

        model: its name; with a name, `MODEL_CARD` is written. url: the public address of
        the verdict, for the model card. overwrite: whether to replace an
        audit in `out`. Returns the names of the files. Raises InputError if `out` cannot be used.
        """
        out = Path(out)
        with called_from_python():
            free(out, overwrite)
        more = {JUNIT: exports.junit(self)} if self.limits else {}
        if model is not None:
            more[MODEL_CARD] = self.model_card(model, url)
        for stale in OPTIONAL:
            (out / stale).unlink(missing_ok=True)
        with replacing(out / "table.parquet") as temporary:
            pq.write_table(self._table, temporary, store_schema=False)
        with replacing(out / "table.csv") as temporary:
            pa.csv.write_csv(table_for_csv(plain(self._table)), temporary)
        frames = {"drift": self.drift, "groups": tidy.groups(self.apart)}
        if self.columns.score is not None:
            frames |= {"scores": self.scores, "reliability": self.reliability}
        for called, frame in frames.items():
            write_csv(frame, out / f"{called}.csv")
        texts = {"verdict.txt": self.verdict + "\n", "verdict.json": self.to_json(), **more}
        for file, content in texts.items():
            write_text(out / file, content)
        page.write(self, out / "report.html")
        return (*FILES, *(file for file in OPTIONAL if (out / file).exists()))

    def write_figures(self, directory: str | Path) -> list[str]:
        """Write measures with a limit and rates of groups as PNG, SVG, PDF and CSV; returns the names without ending.

        Raises InputError if `directory` holds other files than figures.
        """
        from fairloop.auditing.output import figures

        return figures.write(self, Path(directory))

    @cached_property
    def _table(self) -> pa.Table:
        return tidy.tidy(self.name, self.measured)


def free(out: Path, overwrite: bool) -> None:
    """Raise InputError if `out` is not a directory for audits, or holds an audit."""
    claim_free(out, "an audit", (*FILES, *OPTIONAL), overwrite=overwrite)
