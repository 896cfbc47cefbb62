"""Generated texts of runs on the page: a few of each generation, with labels and groups by the annotators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairloop.report.page.pictures import Recorded, gallery_of

LIMIT = 1_500_000
"""Largest number of characters of all texts on the page."""

LONGEST = 1_000
"""Largest number of shown characters of a text."""

_THRIFT = (*((samples, True) for samples in (64, 36, 16, 8)), (8, False), (3, False))
"""(texts of a generation, every seed or the first of each case): tried in turn until the texts fit."""

Json = dict[str, Any]


def texts(runs: Sequence[Recorded]) -> Json | None:
    """The texts of `runs`, which are in the order of their cases; None without texts, or if they are too many.

    runs: by name and generation, a list of text, label and group. samples: largest number of a generation.
    every_seed: whether there are texts of all seeds, or of the first seed of each case.
    """
    found = {run.name: _of(run) for run in runs}
    found = {name: generations for name, generations in found.items() if generations}
    firsts = {run.case: run.name for run in reversed(runs) if run.name in found}
    for samples, every_seed in _THRIFT:
        kept = {
            name: {generation: rows[:samples] for generation, rows in generations.items()}
            for name, generations in found.items()
            if every_seed or name in firsts.values()
        }
        if kept and _size(kept) <= LIMIT:
            return {"runs": kept, "samples": samples, "every_seed": every_seed}
    return None


def _of(run: Recorded) -> dict[int, list[tuple[str, str, str]]]:
    found = {}
    for generation in range(run.directory.committed()):
        gallery = gallery_of(run.directory, generation)
        if gallery is not None and len(gallery.texts):
            named = zip(gallery.texts.tolist(), gallery.labels.tolist(), gallery.groups.tolist(), strict=True)
            found[generation] = [
                (text[:LONGEST] + "…" * (len(text) > LONGEST), run.labels[label], run.groups[group])
                for text, label, group in named
            ]
    return found


def _size(kept: dict[str, dict[int, list[tuple[str, str, str]]]]) -> int:
    return sum(sum(map(len, row)) for of_run in kept.values() for rows in of_run.values() for row in rows)
