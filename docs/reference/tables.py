"""The parts of the reference that are made from the code while the site is built.

python -m docs.reference.tables PAGE prints one of the pages.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import fairloop
from docs.pages import Tables, filled
from docs.reference import contents, fields, names

HERE = Path(__file__).parent

GROUPS = {
    "Loops": ("quick", "FirstLoop", "preset", "RunSpec", "simulate", "Generation", "OwnLoop", "Setting"),
    "Results": ("load", "RecordedRun", "RecordedSweep", "table_of"),
    "Audits": ("audit", "Audit", "synthetic"),
    "What if": ("whatif", "WhatIf"),
    "STAR for your own data": ("StarSampler", "StarStream", "StarResampler"),
    "Parts of a loop": (
        "Batch", "Strata", "Source", "Star", "NoCuration", "Curation", "Generator", "Classifier", "Population", "Split",
    ),
    "Errors": ("FairloopError", "InputError"),
}  # fmt: skip
"""Public names by chapter of the API page; `SETTINGS` stands on the page of settings and below."""

MEMBERS = {"RunSpec": "at, spans, identity, flat, to_yaml", "Curation": ""}
_CONSTANTS = ("SETTINGS",)


def api(names: Sequence[str]) -> str:
    """Directives of autodoc for public names."""
    return "\n\n".join(f"```{{eval-rst}}\n{_directive(name)}\n```" for name in names)


def further() -> str:
    """A chapter of the public names that no other chapter has; nothing if there are none."""
    known = {*_CONSTANTS, *itertools.chain(*GROUPS.values())}
    left = [name for name in fairloop.__all__ if name not in known]
    return f"## Further names\n\n{api(left)}" if left else ""


def _directive(name: str) -> str:
    made: Any = getattr(fairloop, name)
    if not inspect.isclass(made):
        return f".. autofunction:: fairloop.{name}"
    lines = [f".. autoclass:: fairloop.{name}"]
    if wanted := MEMBERS.get(name, ":all:"):
        lines.append("   :members:" + ("" if wanted == ":all:" else f" {wanted}"))
    return "\n".join(lines)


PAGES: dict[Path, Tables] = {
    HERE.parent / "how-to" / "index.md": {"further pages": contents.further},
    HERE / "spec.md": {"fields": fields.of_specs},
    HERE / "commands.md": {"commands": names.commands},
    HERE / "measures.md": {"measures": names.measures},
    HERE / "columns.md": {"columns": names.columns},
    HERE / "ideals.md": {"ideals": names.ideals},
    HERE / "policies.md": {"policies": names.policies, "settings": names.settings},
    HERE / "people.md": {"people": names.people},
    HERE / "names.md": {"models": names.models, "presets": names.of_presets},
    HERE / "run-directory.md": {"run directory": names.run_directory},
    HERE / "verdict.md": {"verdict": fields.of_verdicts},
    HERE / "api.md": {
        **{chapter: partial(api, members) for chapter, members in GROUPS.items()},
        "further names": further,
    },
}

if __name__ == "__main__":
    print(filled(HERE / f"{sys.argv[1]}.md", PAGES[HERE / f"{sys.argv[1]}.md"]))
