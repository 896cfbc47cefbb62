"""The answer and the tables of each study's page, from the rows beside this file, and the lists of studies.

python -m docs.studies.tables                 prints all of them
python -m docs.studies.tables verify          prints those of one study: values, and differences
python -m docs.studies.tables verify-answer   prints its answer
python -m docs.studies.tables --write         puts them into the pages, each between its two marks
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import pandas as pd

from docs.pages import Tables, command_of_pages
from docs.studies import answers, base, rows
from docs.studies.changes import WHY
from docs.studies.claims import ACCURACY, EO, GREEN, LEFT, RED, SHARE
from docs.studies.rows import Place
from fairloop.report.figures.measures import Measure, of_classifier
from fairloop.report.text import markdown

HERE = Path(__file__).parent

BOTH_ENDS = ("accumulate", "contamination", "baselines", "budget", "verify")
"""Studies of which generation 0 is shown, too: there, classifiers already differ."""

SELECTION = of_classifier("selection_rate")
ONE_LABEL = 0.01
"""A classifier whose selection rate is nearer to 0 or 1 than this gives everybody one label."""
ONE_GROUP = 0.05
"""A generator whose samples have a share of red nearer to 0 or 1 than this makes samples of one group."""

SHOWN = (ACCURACY, RED, GREEN, SELECTION, EO, SHARE)


def study(name: str) -> str:
    """Values of each arm, and differences of pairs, paired by seed; 95 % intervals."""
    table = rows.read(name)
    shown = (*SHOWN, LEFT) if name == "leaving" else SHOWN
    last = rows.last(table)
    values = _values(table, shown, (0, last) if name in BOTH_ENDS else (last,))
    return f"{values}\n\n{_differences(table, shown, _pairs(table, rows.USUAL[name], last))}"


def _values(table: pd.DataFrame, shown: tuple[Measure, ...], generations: tuple[int, ...]) -> str:
    lines = []
    for generation in generations:
        for name, of_arm in table[table["generation"] == generation].groupby("named", sort=False):
            found = [measure.rows(of_arm)["value"].dropna().to_numpy(float) for measure in shown]
            degenerate = [_at_an_end(SELECTION, of_arm, ONE_LABEL), _at_an_end(SHARE, of_arm, ONE_GROUP)]
            said = [str(rows.interval(of)).replace("+", "") if len(of) else "" for of in found]
            lines.append([str(name), str(generation), str(of_arm["seed"].nunique()), *degenerate, *said])
    header = ["arm", "gen.", "seeds", "seeds with one label", "seeds with one group"]
    return markdown([*header, *(measure.title for measure in shown)], lines)


def _at_an_end(rate: Measure, table: pd.DataFrame, margin: float) -> str:
    """The number of seeds whose rate is within `margin` of 0 or of 1."""
    found = rate.rows(table)["value"]
    return str(int((found.lt(margin) | found.gt(1 - margin)).sum()))


def _pairs(table: pd.DataFrame, usual: str, generation: int) -> list[tuple[Place, Place]]:
    """Arms without STAR less the usual one, and arms with STAR less themselves without it, if there are such."""
    named = table.drop_duplicates("named").set_index("named")
    plain = named[~named["with_star"]]
    base = plain.index[plain["arm"] == usual][0]
    pairs = [(name, base) for name in plain.index if name != base]
    for name, arm in named.loc[named["with_star"], "arm"].items():
        itself = plain.index[plain["arm"] == arm]
        pairs.append((name, itself[0] if len(itself) else base))
    return [((one, generation), (other, generation)) for one, other in pairs]


def _differences(table: pd.DataFrame, shown: tuple[Measure, ...], pairs: list[tuple[Place, Place]]) -> str:
    wide = [rows.by_place(table, measure) for measure in shown]
    lines = []
    for one, other in pairs:
        found = [rows.difference(values, one, other) for values in wide]
        said = ["" if of is None else str(rows.interval(of.dropna().to_numpy(float))) for of in found]
        lines.append([*_told(one, other), *said])
    return markdown(["arm", "gen.", "minus", *(measure.title for measure in shown)], lines)


def _told(one: Place, other: Place) -> tuple[str, str, str]:
    (name, generation), (base, _) = one, other
    return name, str(generation), "itself without STAR" if name == f"{base}, STAR" else base


TABLES: Tables = {name: cache(partial(study, name)) for name in rows.USUAL}
ANSWERS: Tables = {f"{name}-answer": cache(partial(answers.answer, name)) for name in rows.USUAL}
CHANGES: Tables = {f"{name}-why": cache(partial(answers.why, name)) for name in WHY}
LISTS: dict[Path, Tables] = {
    HERE.parent / "studies.md": {"studies": answers.index},
    HERE.parent / "evidence" / "papers.md": {"papers": answers.papers},
    HERE / "base.md": base.TABLES,
}
PAGES: dict[Path, Tables] = {
    HERE / f"{name}.md": {
        place: make
        for place, make in {**ANSWERS, **CHANGES, **TABLES}.items()
        if place in (name, f"{name}-answer", f"{name}-why")
    }
    for name in rows.USUAL
}

if __name__ == "__main__":
    command_of_pages({**PAGES, **LISTS}, __doc__)
