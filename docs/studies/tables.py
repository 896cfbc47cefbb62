"""Every table of docs/studies.md, from the tables beside this file.

python -m docs.studies.tables                 prints all of them
python -m docs.studies.tables verify          prints one: values, and values less those of another arm
python -m docs.studies.tables --write         puts them into the page, each between its two marks
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd

from docs.pages import Tables, command
from fairloop.report import compare
from fairloop.report.figures import arms
from fairloop.report.figures.measures import Measure, over_seeds
from fairloop.report.table import gathered
from fairloop.report.text import markdown

HERE = Path(__file__).parent
PAGE = HERE.parent / "studies.md"

USUAL = {
    "accumulate": "replace",
    "verify": "no curation",
    "contamination": "classifiers: 100% real people",
    "baselines": "no curation",
    "budget": "budget 16",
    "fresh": "generators: 0% real people, fixed people, temperature 1",
    "subgroups": "P(green | label) [0.3, 0.7]",
    "finetune": "generators: 0% real people, from scratch",
    "best-of": "no curation",
    "detector": "no curation",
    "leaving": "0% of labels by people, all return",
    "strong-collapse": "classifiers: 100% real people, 2375 people",
    "generators": "widths [8, 16], 8 epochs",
}
"""The studies, and with which of its arms, without STAR, others are compared."""

BOTH_ENDS = ("accumulate", "contamination", "baselines", "budget")
"""Studies of which generation 0 is shown, too: there, classifiers already differ."""

SHOWN = (
    Measure("accuracy", "", "classifier", "test", "overall", "accuracy"),
    Measure("accuracy of red", "", "classifier", "test", "red", "accuracy"),
    Measure("accuracy of green", "", "classifier", "test", "green", "accuracy"),
    Measure("selection rate", "", "classifier", "test", "overall", "selection_rate"),
    Measure("EO difference", "", "classifier", "test", "difference", "equalized_odds"),
    Measure("share of red", "", "generator", "generated", "red", "group_share"),
)
WHO_IS_LEFT = Measure("red among people", "", "classifier", "people", "red", "group_share")


def study(name: str) -> str:
    """Values of each arm, then the last generation less that of another arm, paired by seed; 95 % intervals."""
    table = gathered([HERE / f"{name}.parquet"])
    fields, names = compare.further_fields(table), arms.arms(table)
    # The usual arm first, then by the fields in which arms differ; without STAR before with it.
    table = table.assign(arm=names, other=names != USUAL[name], with_star=table["star"] != "none")
    table = table.sort_values(["other", *fields, "with_star"], kind="stable")
    shown = (*SHOWN, WHO_IS_LEFT) if name == "leaving" else SHOWN
    last = int(table["generation"].max())
    return "\n\n".join(
        [_values(table, shown, (0, last) if name in BOTH_ENDS else (last,)), _less(table, shown, USUAL[name], last)]
    )


def _values(table: pd.DataFrame, shown: tuple[Measure, ...], generations: tuple[int, ...]) -> str:
    lines = []
    for generation in generations:
        for (arm, star), rows in table[table["generation"] == generation].groupby(["arm", "star"], sort=False):
            found = [over_seeds(measure.rows(rows)) for measure in shown]
            said = [f"{of['mean'][0]:.3f} [{of['low'][0]:.3f}, {of['high'][0]:.3f}]" if len(of) else "" for of in found]
            lines.append([_named(arm, star), str(generation), str(rows["seed"].nunique()), *said])
    return markdown(["arm", "gen.", "seeds", *(measure.title for measure in shown)], lines)


def _less(table: pd.DataFrame, shown: tuple[Measure, ...], usual: str, generation: int) -> str:
    """Arms without STAR less the usual one, and arms with STAR less themselves without it."""
    at = table[table["generation"] == generation]
    named = dict.fromkeys(zip(at["arm"], at["star"], strict=True))
    pairs = [((arm, "none"), (usual, "none")) for arm, star in named if star == "none" and arm != usual]
    for arm, star in named:
        if star != "none":
            pairs.append(((arm, star), (arm if (arm, "none") in named else usual, "none")))
    lines = []
    for (arm, star), (base, none) in pairs:
        line = [_named(arm, star), "itself without STAR" if arm == base else _named(base, none)]
        for measure in shown:
            wide = measure.rows(at).pivot(index="seed", columns=["arm", "star"], values="value")
            if not {(arm, star), (base, none)} <= {*wide.columns}:  # not recorded of both
                line.append("")
                continue
            differences = (wide[arm, star] - wide[base, none]).dropna().to_numpy()
            low, high = compare.intervals(differences[:, None], np.random.default_rng(0))
            line.append(f"{differences.mean():+.3f} [{low[0]:+.3f}, {high[0]:+.3f}]")
        lines.append(line)
    return markdown([f"generation {generation}", "less", *(measure.title for measure in shown)], lines)


def _named(arm: str, star: str) -> str:
    if arm.startswith("budget"):
        return arm if star != "none" else "no STAR"
    return arm if star == "none" else f"{arm}, STAR"


TABLES: Tables = {name: cache(partial(study, name)) for name in USUAL}

if __name__ == "__main__":
    command(PAGE, TABLES, __doc__)
