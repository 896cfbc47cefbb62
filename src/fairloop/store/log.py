"""The decision maker's log of a run in rounds of people: a parquet file for each round. Each file is sealed.

| column | content |
|---|---|
| round | the round, from 0 on |
| person | a number; the same in all rounds, in kinds with returning people |
| group, prediction | names; the prediction is the decision before exploration, as a label |
| score | of the decision; empty without a model |
| accepted | whether the person is accepted, after exploration |
| label | empty if it never becomes known, or is not known yet |
| propensity | the probability that the label becomes known, given the information at the decision |
| observed_at | the round at whose end the label is known; empty if it never is |

A file also holds labels that become known in later rounds. `Log.table` leaves out labels that are not known yet.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fairloop._util.files import damaged
from fairloop.store import records
from fairloop.store.records import TEXT
from fairloop.store.tidy_rows import RoundLog

SCHEMA = pa.schema(
    [
        ("round", pa.int32()), ("person", pa.int64()), ("group", pa.string()), ("prediction", pa.string()),
        ("score", pa.float64()), ("accepted", pa.bool_()), ("label", pa.string()), ("propensity", pa.float64()),
        ("observed_at", pa.int32()),
    ]
)  # fmt: skip
_BENEFICIAL = "beneficial"
_REPEATED = ["round", "group", "prediction", "label", "propensity", "observed_at"]
_HELD = pa.schema([(field.name, TEXT if field.type == pa.string() else field.type) for field in SCHEMA])


class Log:
    """The log of one run, in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, number: int) -> Path:
        """The file of a round, which may not exist."""
        return self.root / f"round-{number:04d}.parquet"

    def write(self, number: int, one: RoundLog, run: str) -> None:
        """Write the log of a round. run: the name of the run."""
        # Text is dictionary-encoded in memory. The file holds plain text, because it omits Arrow's schema.
        fast = {"store_schema": False, "use_dictionary": _REPEATED, "write_statistics": ["round"]}
        records.write(self.path(number), _table(number, one), run, {_BENEFICIAL: one.beneficial}, **fast)

    def read(self, number: int, runs: Collection[str]) -> pa.Table:
        """The log of a round, text as `TEXT`. Raises FileNotFoundError; InputError for a damaged or foreign file."""
        table = records.whole(self.path(number), runs)
        if not table.schema.equals(_HELD):
            raise damaged(self.path(number), "its columns are not those of a log")
        found = pc.min_max(table["round"]).as_py()
        if table.num_rows and (found["min"], found["max"]) != (number, number):
            raise damaged(self.path(number), f"it holds rounds {found['min']} to {found['max']}")
        return table

    def table(self, rounds: int, runs: Collection[str]) -> pa.Table:
        """The log of the first `rounds` rounds, with the labels that are known by the end of the last of them."""
        tables = [self.read(number, runs) for number in range(rounds)]
        if not tables:
            return _HELD.empty_table()
        table = pa.concat_tables(tables)
        known = pc.fill_null(pc.less(table["observed_at"], rounds), False)
        for name in ("label", "observed_at"):
            column = pc.if_else(known, table[name], pa.scalar(None, table[name].type))
            table = table.set_column(table.schema.get_field_index(name), name, column)
        return table


def beneficial_of(path: Path) -> str | None:
    """The beneficial label of the log in a file that `Log.write` wrote."""
    metadata = pq.read_metadata(path).metadata or {}
    return metadata.get(_BENEFICIAL.encode(), b"").decode() or None


def _table(number: int, one: RoundLog) -> pa.Table:
    n = len(one.person)
    missing = one.observed_at == RoundLog.UNKNOWN
    return pa.table(
        {
            "round": pa.array(np.full(n, number, np.int32)),
            "person": pa.array(one.person),
            "group": _named(one.group, one.group_names),
            "prediction": _named(one.prediction, one.label_names),
            "score": pa.array(one.score, mask=np.isnan(one.score)),
            "accepted": pa.array(one.accepted),
            "label": _named(one.label, one.label_names),
            "propensity": pa.array(one.propensity),
            "observed_at": pa.array(one.observed_at.astype(np.int32), mask=missing),
        }
    )


def _named(codes: NDArray[np.int64], names: tuple[str, ...]) -> pa.DictionaryArray:
    places = pa.array(codes.astype(np.int32), mask=codes == RoundLog.UNKNOWN)
    return pa.DictionaryArray.from_arrays(places, pa.array(names, pa.string()))
