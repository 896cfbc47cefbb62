"""The log of a run in rounds of people, and its columns for an audit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from fairloop._util.directories import is_run
from fairloop.errors import InputError
from fairloop.store.directory import RunDirectory
from fairloop.store.log import beneficial_of

_NAMED = ("round", "label", "prediction", "propensity", "score")


class Opened(NamedTuple):
    """A log, and arguments of an audit."""

    log: Any
    arguments: dict[str, Any]


def opened(log: Any, arguments: Mapping[str, Any]) -> Opened:
    """The log of a run if `log` is a run's directory, with its columns for arguments that are not given.

    Any other log stays unchanged.

    Raises InputError for a run without a log, and for another log without the required arguments.
    """
    if not isinstance(log, str | Path) or not is_run(Path(log)):
        for option, name, what in (("--round", "round", "the round"), ("--label", "label", "the true label")):
            if arguments.get(name) is None:
                raise InputError(f"{option}: name the column with {what}; only a run of fairloop needs no columns")
        if not arguments.get("groups"):
            raise InputError("--group: name at least one sensitive column; only a run of fairloop needs no columns")
        return Opened(Path(log) if isinstance(log, str) else log, dict(arguments))
    run = RunDirectory(Path(log))
    table = run.decisions()
    if not table.num_rows:
        raise InputError(f"{log}: holds no round yet; run it first")
    known = _columns(table) | {"beneficial": beneficial_of(run.log.path(0))}
    given = {name: value for name, value in arguments.items() if value is not None and value not in ((), [])}
    if "threshold" in given:
        known.pop("prediction", None)
    return Opened(table, dict(arguments) | known | given)


def _columns(table: pa.Table) -> dict[str, Any]:
    """The columns with information: propensities if labels depend on the decision, scores if all are known."""
    says = {
        "propensity": pc.min(table["propensity"]).as_py() < 1,
        "score": table["score"].null_count == 0,
    }
    return {"groups": ("group",)} | {name: name for name in _NAMED if says.get(name, True)}
