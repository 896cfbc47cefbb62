"""The origin of the values: specs and provenance of runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fairloop.report.page.pictures import Recorded
from fairloop.spec.run import varied

Json = dict[str, Any]


_SESSIONS = {
    "fairloop": ("packages", "fairloop"),
    "maths": ("maths",),
    "commit": ("commit",),
    "torch": ("packages", "torch"),
    "Python": ("python",),
    "machine": ("machine",),
    "device": ("numerics", "device"),
    "precision": ("numerics", "precision"),
    "threads": ("numerics", "threads"),
    "data": ("data",),
}
"""The path of each fact in the record of a session."""


def origins(runs: Sequence[Recorded]) -> Json:
    """Fields of specs that all runs have (`shared`), names of `varied` fields, and provenance `common` to all runs.

    titles, runs: a table of runs, with the varied fields and other differences.
    """
    specs = [run.spec for run in runs]
    fields = varied(specs)
    sessions = [run.directory.provenance().get("sessions", []) for run in runs]
    columns = {
        **{path: [_text(mine[path]) for mine in fields] for path in fields[0]},
        "generations": [f"{run.directory.committed()} of {run.spec.generations}" for run in runs],
        "started": [mine[0]["started"] if mine else "" for mine in sessions],
        "minutes": [f"{sum(session['seconds'] for session in mine) / 60:.1f}" for mine in sessions],
        **{title: [_each(mine, path) for mine in sessions] for title, path in _SESSIONS.items()},
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


def _each(sessions: Sequence[Json], path: Sequence[str]) -> str:
    """The values at `path` in the sessions of a run, each once."""
    found = []
    for session in sessions:
        value: Any = session
        for name in path:
            value = value.get(name, "") if isinstance(value, dict) else ""
        found.append(str(value or ""))
    return ", ".join(dict.fromkeys(found))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
