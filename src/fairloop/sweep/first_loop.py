"""The shortest way from a table to a loop: one call, a picture and a table."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from fairloop._util.sizes import whole
from fairloop.errors import InputError
from fairloop.loop.generations import simulate
from fairloop.report import notebook
from fairloop.report.figures import demo
from fairloop.report.figures.measures import of_classifier
from fairloop.report.summary import headline
from fairloop.report.text import aligned
from fairloop.results import table_of
from fairloop.seeding import Role, numpy_stream
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.memory import MemoryModels
from fairloop.tables import frames
from fairloop.tables.values import several

FILE = "people.parquet"
"""The name of the table in the specs of a first loop."""

CASES: tuple[Mapping[str, Any], ...] = (
    {"setting": "seqgen-seqclass"},
    {"setting": "control"},
    {"setting": "seqgen-seqclass", "star": {"target": "classifier"}},
)
"""The loop, its control, and the loop with STAR on the classifier."""

_NETWORK = {"epochs": 15, "batch": 512, "optimizer": "adam", "learning_rate": 0.01}


@dataclass(frozen=True, repr=False)
class FirstLoop:
    """The loop of a table, its control, and the loop with STAR, over a few generations; a notebook shows it.

    specs: of the runs. With the table saved as `people.parquet`, `fairloop run` repeats each: `specs[0].to_yaml()`.
    table: the tidy table of all runs.
    left_out: number of rows of the given table that were left out at random, because it has more than `people` rows.

    >>> people = {"income": 8 * list(range(8)), "repaid": 8 * [0, 0, 0, 1, 0, 1, 1, 1], "sex": 32 * ["f", "m"]}
    >>> found = quick(people, label="repaid", group="sex", generations=2, generator="bootstrap")
    >>> [spec.star.target for spec in found.specs], found.left_out
    (['none', 'none', 'classifier'], 0)
    >>> len(found.figure().axes)  # accuracy, equalized odds difference, share of the minoritized group
    3
    """

    specs: tuple[RunSpec, ...]
    table: pd.DataFrame
    left_out: int = 0

    def figure(self) -> Figure:
        """Accuracy, equalized odds difference, and the share of the minoritized groups in generated data."""
        head = headline(self.table)
        share = [head.share] if head.share is not None else []
        return demo.draw(head.table, [of_classifier("accuracy"), of_classifier("equalized_odds", "difference"), *share])

    def __repr__(self) -> str:
        header, rows = notebook.ends(self.table)
        return "\n".join([*aligned(header, rows), self._note()])

    def _repr_html_(self) -> str:
        """The picture, and the main measures in the first and in the last generation, for a notebook."""
        about = "Curves over generations, for the loop, its control, and the loop with STAR on the classifier"
        title = f"{self.specs[0].generations} generations of {self.specs[0].generator.model}"
        picture = notebook.image(self.figure(), about)
        return notebook.block(title, *notebook.ends(self.table), note=self._note(), picture=picture)

    def _note(self) -> str:
        seeds = len({spec.seed for spec in self.specs})
        note = f"First generation > last generation; {f'means over {seeds} seeds' if seeds > 1 else 'one seed'}."
        return note + (f" {self.left_out:,} rows were left out, at random." if self.left_out else "")


def quick(
    frame: object, *, label: str, group: str | Sequence[str], beneficial: object = None, leave_out: Sequence[str] = (),
    generations: int = 5, seeds: int = 1, people: int = 4_000, generator: str = "gaussian-copula",
    classifier: str = "mlp",
) -> FirstLoop:  # fmt: skip
    """Follow a table through a feedback loop, its control and the loop with STAR; it takes seconds.

        quick(frame, label="repaid", group="sex")

    frame: one row for each person; of pandas, polars, Arrow, Hugging Face, or a dictionary of columns.
    label: the column that the classifier learns. leave_out: columns that are not features, such as names.
    group: the sensitive column; several columns make intersectional groups.
    beneficial: the label that is good for the person; needed unless labels are 0 and 1, -1 and 1, or false and true.
    generations: of each run, the one on real data included.
    seeds: runs of each case, with seeds 0, 1 and so on.
    people: largest number of rows that are used; a larger table is subsampled at random.
    generator, classifier: names of models, as in specs. The annotators are classifiers of the same kind.

    All other settings are fixed and small. To change them, write a spec; `specs[0].to_yaml()` is a start.

    Raises InputError for a table, a column or a choice that does not fit, before anything is trained.

    >>> people = {"income": 8 * list(range(8)), "repaid": 8 * [0, 0, 0, 1, 0, 1, 1, 1], "sex": 32 * ["f", "m"]}
    >>> found = quick(people, label="repaid", group="sex", generations=1, generator="bootstrap")
    >>> found.table["setting"].unique().tolist()
    ['seqgen-seqclass', 'control']
    """
    for name, number in {"seeds": seeds, "people": people}.items():
        whole(name, number, least=1)
    table, left_out = _chosen(frames.table(frame), people)
    data = {
        "name": "table", "table": FILE, "label": label, "beneficial": beneficial,
        "groups": list(several(group)), "leave_out": list(leave_out),
    }  # fmt: skip
    try:
        specs = _specs(data, generations, seeds, generator, classifier)
        return FirstLoop(specs, _followed(specs, table), left_out)
    except InputError as error:
        raise InputError(_as_called(str(error))) from error


def _specs(
    data: Mapping[str, Any], generations: int, seeds: int, generator: str, classifier: str
) -> tuple[RunSpec, ...]:
    """The spec of each case and seed."""
    common = {
        "name": "quick", "generations": generations, "data": data, "generator": {"model": generator, **_NETWORK},
        "classifier": {"model": classifier, **_NETWORK}, "annotator": {"model": classifier, **_NETWORK},
        "measure": {"samples": 2_000, "gallery": 0, "latents": 0}, "precision": "fp32", "device": "cpu",
    }  # fmt: skip
    return tuple(from_mapping({**common, **case, "seed": seed}) for seed in range(seeds) for case in CASES)


def _chosen(table: pa.Table, people: int) -> tuple[pa.Table, int]:
    """At most `people` rows, in the table's order, and the number of rows that are left out."""
    if len(table) <= people:
        return table, 0
    rows = numpy_stream(0, Role.TRAIN_DATA).choice(len(table), people, replace=False)
    return table.take(sorted(rows)), len(table) - people


def _followed(specs: Sequence[RunSpec], table: pa.Table) -> pd.DataFrame:
    """The tidy table of the runs. They share their models."""
    models, parts = MemoryModels(), []
    with tempfile.TemporaryDirectory(prefix="fairloop-") as folder:
        pq.write_table(table, Path(folder) / FILE)
        for spec in specs:
            here = spec.model_copy(update={"data": spec.data.model_copy(update={"root": Path(folder)})})
            parts.append(table_of(here, list(simulate(here, models))))
    return pd.concat(parts, ignore_index=True)


_ARGUMENTS = {"groups": "group", "table": "frame"}


def _as_called(message: str) -> str:
    """Return the error with the names of arguments in place of the fields of a spec."""
    named = re.sub(r"\bdata\.(\w+)", lambda found: _ARGUMENTS.get(found[1], found[1]), message)
    return re.sub(r"(/\S*)?fairloop-\w+/" + re.escape(FILE), "frame", named)
