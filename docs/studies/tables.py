"""The tables of each study's page, from the rows beside this file.

python -m docs.studies.tables                 prints all of them
python -m docs.studies.tables verify          prints those of one study: values, and differences
python -m docs.studies.tables --write         puts them into the pages, each between its two marks
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from docs.pages import Tables, command_of_pages
from fairloop.report import compare
from fairloop.report.figures import study_arms
from fairloop.report.figures.measures import Measure
from fairloop.report.table import gathered
from fairloop.report.text import markdown

HERE = Path(__file__).parent

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

SELECTION = Measure("selection rate", "", "classifier", "test", "overall", "selection_rate")
ONE_LABEL = 0.01
"""A classifier whose selection rate is nearer to 0 or 1 than this gives everybody one label."""

SHOWN = (
    Measure("accuracy", "", "classifier", "test", "overall", "accuracy"),
    Measure("accuracy of red", "", "classifier", "test", "red", "accuracy"),
    Measure("accuracy of green", "", "classifier", "test", "green", "accuracy"),
    SELECTION,
    Measure("EO difference", "", "classifier", "test", "difference", "equalized_odds"),
    Measure("share of red", "", "generator", "generated", "red", "group_share"),
)
WHO_IS_LEFT = Measure("red among people", "", "classifier", "people", "red", "group_share")


Place = tuple[str, int]
"""An arm, by its name in the tables, and a generation."""

FURTHER: dict[str, list[tuple[str, str]]] = {
    "accumulate": [
        ("accumulate @2", "accumulate-subsample @2"),
        *((f"{arm} @2", f"{arm} @0") for arm in ("replace", "accumulate", "accumulate-subsample", "accumulate, STAR")),
        ("accumulate, STAR @0", "accumulate @0"),
    ],
    "verify": [("verifier (keep 0.5) @0", "no curation @0")],
    "contamination": [
        *((f"classifiers: {share}% real people @0", "classifiers: 100% real people @0") for share in (0, 50)),
        *(
            (f"classifiers: {share}% real people, STAR @0", f"classifiers: {share}% real people @0")
            for share in (100, 50, 0)
        ),
    ],
    "baselines": [
        (f"{arm} @0", "no curation @0") for arm in ("group-balanced", "oversample", "reweigh", "no curation, STAR")
    ],
    "budget": [
        *((f"budget {budget} @0", "no STAR @0") for budget in (0, 16, 96)),
        ("budget 96 @0", "budget 16 @0"),
        ("budget 0 @2", "budget 16 @2"),
    ],
    "fresh": [
        (
            "generators: 50% real people, fresh people, temperature 1 @2",
            "generators: 50% real people, fixed people, temperature 1 @2",
        ),
        (
            "generators: 0% real people, fixed people, temperature 0.7 @0",
            "generators: 0% real people, fixed people, temperature 1 @0",
        ),
    ],
    "subgroups": [
        (f"P(green | label) {given}{star} @2", f"P(green | label) {given}{star} @0")
        for given in ("[0.3, 0.7]", "[0.1, 0.9]")
        for star in ("", ", STAR")
    ],
    "finetune": [
        ("generators: 50% real people, generator fine-tuned @2", "generators: 50% real people, from scratch @2"),
        ("generators: 50% real people, generator fine-tuned @2", "generators: 0% real people, generator fine-tuned @2"),
    ],
    "best-of": [],
    "detector": [
        ("detector (true positive rate 0.9, false positive rate 0.1), STAR @2", "no curation, STAR @2"),
    ],
    "leaving": [
        (
            f"50% of labels by people, who returns: [[0.5, 1.0], [0.5, 1.0]]{star} @2",
            f"0% of labels by people, who returns: [[0.5, 1.0], [0.5, 1.0]]{star} @2",
        )
        for star in ("", ", STAR")
    ],
    "strong-collapse": [
        ("classifiers: 90% real people, 600 people @2", "classifiers: 100% real people, 600 people @2"),
        ("classifiers: 90% real people, 600 people @0", "classifiers: 100% real people, 600 people @0"),
        ("classifiers: 90% real people, 2375 people @0", "classifiers: 100% real people, 2375 people @0"),
    ],
    "generators": [
        ("widths [8, 16], 16 epochs @0", "widths [8, 16], 8 epochs @0"),
        ("widths [8, 16], 16 epochs, STAR @2", "widths [8, 16], 8 epochs, STAR @2"),
        ("widths [16, 32], 8 epochs, STAR @2", "widths [8, 16], 8 epochs, STAR @2"),
    ],
}
"""Other pairs that the text speaks of."""


def study(name: str) -> str:
    """Values of each arm, and differences of pairs, paired by seed; 95 % intervals."""
    table = gathered([HERE / f"{name}.parquet"])
    fields, arm = compare.further_fields(table), study_arms.arms(table)
    star = table["star"] != "none"
    named = [_named(of, with_star) for of, with_star in zip(arm, star, strict=True)]
    # The usual arm first, then by the fields in which arms differ; without STAR before with it.
    table = table.assign(arm=arm, named=named, other=arm != USUAL[name], with_star=star)
    table = table.sort_values(["other", *fields, "with_star"], kind="stable")
    shown = (*SHOWN, WHO_IS_LEFT) if name == "leaving" else SHOWN
    last = int(table["generation"].max())
    further = [(_place(one), _place(other)) for one, other in FURTHER[name]]
    return "\n\n".join(
        [
            _values(table, shown, (0, last) if name in BOTH_ENDS else (last,)),
            _differences(table, shown, [*_usual_pairs(table, USUAL[name], last), *further]),
        ]
    )


def _values(table: pd.DataFrame, shown: tuple[Measure, ...], generations: tuple[int, ...]) -> str:
    lines = []
    for generation in generations:
        for name, rows in table[table["generation"] == generation].groupby("named", sort=False):
            found = [measure.rows(rows)["value"].dropna().to_numpy(float) for measure in shown]
            said = [
                f"{of.mean():.3f} [{', '.join(f'{end:.3f}' for end in _resampled(of))}]" if len(of) else ""
                for of in found
            ]
            selected = SELECTION.rows(rows)["value"]
            one_label = int((selected.lt(ONE_LABEL) | selected.gt(1 - ONE_LABEL)).sum())
            lines.append([str(name), str(generation), f"{rows['seed'].nunique()}, {one_label}", *said])
    return markdown(["arm", "gen.", "seeds, of which one label", *(measure.title for measure in shown)], lines)


def _usual_pairs(table: pd.DataFrame, usual: str, generation: int) -> list[tuple[Place, Place]]:
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
    wide = {of: of.rows(table).pivot(index="seed", columns=["named", "generation"], values="value") for of in shown}
    lines = []
    for one, other in pairs:
        line = [*_told(one, other)]
        for values in wide.values():
            if not {one, other} <= {*values.columns}:  # not recorded of both
                line.append("")
                continue
            differences = (values[one] - values[other]).dropna().to_numpy()
            low, high = _bootstrap(differences)
            line.append(f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}]")
        lines.append(line)
    return markdown(["arm", "gen.", "less", *(measure.title for measure in shown)], lines)


def _bootstrap(values: NDArray[np.float64], resamples: int = 10_000) -> tuple[float, float]:
    """A 95 % percentile bootstrap interval of the mean, as fairloop 0.1.0 had it; of 5 normal values it covers 83 %."""
    n = len(values)
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples) / n
    low, high = np.quantile(weights @ values, [0.025, 0.975])
    return float(low), float(high)


def _resampled(values: NDArray[np.float64]) -> tuple[float, float]:
    """The same with other random numbers and fewer of them, as figures had it."""
    drawn = np.random.default_rng(0).integers(len(values), size=(2_000, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _told(one: Place, other: Place) -> tuple[str, str, str]:
    (name, generation), (base, before) = one, other
    if name == base:
        return name, str(generation), f"itself in generation {before}"
    return name, str(generation), "itself without STAR" if name == f"{base}, STAR" else base


def _named(arm: str, with_star: bool) -> str:
    if arm.startswith("budget"):
        return arm if with_star else "no STAR"
    return f"{arm}, STAR" if with_star else arm


def _place(text: str) -> Place:
    name, _, generation = text.rpartition(" @")
    return name, int(generation)


TABLES: Tables = {name: cache(partial(study, name)) for name in USUAL}
PAGES: dict[Path, Tables] = {HERE / f"{name}.md": {name: table} for name, table in TABLES.items()}

if __name__ == "__main__":
    command_of_pages(PAGES, __doc__)
