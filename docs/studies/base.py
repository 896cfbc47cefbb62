"""The base of the studies: its first classifiers, seed by seed, and the time that each study takes.

python -m docs.studies.base            times a few steps of each kind of model on this machine: time.csv
python -m docs.studies.tables --write  puts both tables into base.md
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from docs.pages import Tables
from docs.studies import rows
from docs.studies.claims import ACCURACY, EO
from fairloop import presets
from fairloop.report.figures.measures import of_classifier
from fairloop.report.text import markdown
from fairloop.sweep.estimate import pieces
from fairloop.sweep.grid import Sweep, parse_seeds

HERE = Path(__file__).parent
TIMES = HERE / "time.csv"
PLAIN = "verify", "no curation"
"""A study and its arm that is the plain loop of the base."""

_SHOWN = {"accuracy": ACCURACY, "selection rate": of_classifier("selection_rate"), "EO difference": EO}


def first_classifiers() -> pd.DataFrame:
    """`C_0` of the plain loop on test; a row for each seed."""
    name, arm = PLAIN
    table = rows.read(name)
    plain = table[(table["generation"] == 0) & (table["named"] == arm)]
    found = {title: measure.rows(plain).set_index("seed")["value"] for title, measure in _SHOWN.items()}
    return pd.DataFrame(found).sort_index()


def timed() -> pd.DataFrame:
    """For each study its runs, the models that it trains, and minutes of work on one core, cheapest first."""
    runs = {}
    for name in rows.USUAL:
        sweep = presets.sweep(f"study-{name}")
        runs[name] = Sweep(presets.fields(sweep.base), parse_seeds(str(sweep.seeds)), sweep.cases, sweep.grid).specs()
    found = iter(pieces([spec for specs in runs.values() for spec in specs]))
    lines = []
    for name, specs in runs.items():
        work = [piece for _ in specs for piece in next(found)]
        models = {piece.name: piece.seconds for piece in work if piece.name is not None}
        seconds = sum(models.values()) + sum(piece.seconds for piece in work if piece.name is None)
        lines.append((name, len(specs), len(models), round(seconds / 60, 1)))
    table = pd.DataFrame(lines, columns=["study", "runs", "models", "minutes on one core"])
    return table.sort_values("minutes on one core", kind="stable")


def _first() -> str:
    """A row for each seed, and the least and the largest value."""
    table = first_classifiers()
    lines = [[str(seed), *(f"{value:.3f}" for value in found)] for seed, *found in table.itertuples()]
    for name, end in (("least", table.min()), ("largest", table.max())):
        lines.append([name, *(f"{value:.3f}" for value in end)])
    return markdown(["seed", *table.columns], lines)


def _times() -> str:
    """The time of each study, with two workers on two cores."""
    table = pd.read_csv(TIMES)
    return markdown(["study", "runs", "models", "minutes on two cores"], [
        [f"`study-{name}`", str(runs), str(models), f"{work / 2:.0f}"]
        for name, runs, models, work in table.itertuples(index=False)
    ])  # fmt: skip


TABLES: Tables = {"first-classifiers": _first, "times": _times}

if __name__ == "__main__":
    timed().to_csv(TIMES, index=False)
