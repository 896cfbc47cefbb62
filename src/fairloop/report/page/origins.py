"""The origin of the values: specs and provenance of runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from fairloop.report.page.pictures import Recorded
from fairloop.report.page.shell import Json
from fairloop.spec.names import varied
from fairloop.store.provenance import Session

_FACTS: dict[str, Callable[[Session], object]] = {
    "fairloop": lambda session: session.packages.get("fairloop"),
    "maths": lambda session: session.maths,
    "commit": lambda session: session.commit,
    "torch": lambda session: session.packages.get("torch"),
    "Python": lambda session: session.python,
    "machine": lambda session: session.machine,
    "device": lambda session: session.numerics and session.numerics.device,
    "precision": lambda session: session.numerics and session.numerics.precision,
    "threads": lambda session: session.numerics and session.numerics.threads,
    "data": lambda session: session.data,
}
"""The facts about a session that the table of runs shows, by their titles."""


def origins(runs: Sequence[Recorded]) -> Json:
    """Fields of specs that all runs have (`shared`), names of `varied` fields, and provenance `common` to all runs.

    titles, runs: a table of runs, with the varied fields and other differences.
    """
    specs = [run.spec for run in runs]
    fields = varied(specs)
    sessions = [run.directory.provenance().sessions for run in runs]
    columns = {
        **{path: [_text(mine[path]) for mine in fields] for path in fields[0]},
        "generations": [f"{run.directory.committed()} of {run.spec.generations}" for run in runs],
        "started": [mine[0].started if mine else "" for mine in sessions],
        "minutes": [f"{sum(session.seconds for session in mine) / 60:.1f}" for mine in sessions],
        **{title: [_each(mine, fact) for mine in sessions] for title, fact in _FACTS.items()},
    }
    common = [(title, cells[0]) for title, cells in columns.items() if len(set(cells)) == 1]
    shown = {title: cells for title, cells in columns.items() if len(set(cells)) > 1}
    return {
        "shared": [(path, _text(value)) for path, value in specs[0].flat().items() if path not in fields[0]],
        "varied": list(fields[0]),
        "common": [(title, value) for title, value in common if value],
        "titles": list(shown),
        "runs": [(run.name, cells) for run, *cells in zip(runs, *shown.values(), strict=True)],
    }


def _each(sessions: Sequence[Session], fact: Callable[[Session], object]) -> str:
    """The values of a fact in the sessions of a run, each once."""
    return ", ".join(dict.fromkeys(str(fact(session) or "") for session in sessions))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
