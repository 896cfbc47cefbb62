"""For whom? A line for each arm of a study, STAR as its style: performance by group, and representation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairloop.report import compare
from fairloop.report.figures import panels
from fairloop.report.figures.compared import STAR
from fairloop.report.figures.lines import COLUMNS, draw_lines
from fairloop.report.figures.look import dress, looks
from fairloop.report.figures.measures import Measure, groups, over_seeds

_DASHES = dict(zip(STAR, ("-", "--", ":", "-."), strict=True))
_MOST_GROUPS = 4


def arms(table: pd.DataFrame) -> pd.Series[str]:
    """For each row, its run but for seed and STAR: all other fields in which runs differ, in words."""
    runs = table.drop_duplicates("run")
    fields = (["setting"] if runs["setting"].nunique() > 1 else []) + compare.further_fields(table)
    if "curation.target" in fields and runs["curation.target"].replace("none", None).nunique() < 2:
        fields.remove("curation.target")  # the steps say it
    names = [arm_name({field: run[field] for field in fields}) for run in runs.to_dict("records")]
    return table["run"].map(dict(zip(runs["run"], names, strict=True)))


def arm_name(fields: Mapping[str, Any]) -> str:
    """Fields of a spec in words, such as `accumulate, fresh people`. Those that are unset say nothing."""
    told = {field: value for field, value in fields.items() if not pd.isna(value)}
    kinds = {told.get(f"policy.{model}.kind") for model in ("generator", "classifier")}
    if len(kinds) == 1 and None not in kinds:  # both kinds of models alike
        told = {"both": kinds.pop()} | {field: value for field, value in told.items() if not field.endswith(".kind")}
    said = [_WORDS[field](value) if field in _WORDS else f"{field} = {value}" for field, value in told.items()]
    return ", ".join(words for words in said if words) or "all alike"


def data(table: pd.DataFrame, split: str) -> pd.DataFrame:
    """What the panels show: measure, star, and the columns of `Lines.data`, where a line is an arm."""
    measures = _measures(table, split)
    fields = compare.further_fields(table)
    ordered = table.sort_values(fields, kind="stable") if fields else table
    table = compare.with_minoritized(ordered.assign(arm=arms(ordered)), compare.minoritized(table))
    found = [
        over_seeds(rows).assign(line=str(arm), star=str(star), measure=measure.title)
        for measure in measures
        for (arm, star), rows in measure.rows(table).groupby(["arm", "star"], sort=False)
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["measure", "star", *COLUMNS])


def draw(found: pd.DataFrame, table: pd.DataFrame, split: str) -> Figure:
    """`found`, as `data` made it of `table`: a panel for each measure, those of accuracy on one scale."""
    colours = looks([*found["line"].unique()])
    stars = [target for target in STAR if target in set(found["star"])]
    shown = {m.title: m for m in _measures(table, split) if (found["measure"] == m.title).any()}
    rates = found[found["measure"].isin([title for title, measure in shown.items() if measure.metric == "accuracy"])]
    drawn = rates[["mean", "low", "high"]].to_numpy(float)
    bounds = (float(np.nanmin(drawn)) - 0.02, float(np.nanmax(drawn)) + 0.02) if len(drawn) else (0.0, 1.0)

    def panel(rows: pd.DataFrame, title: str, axes: Axes) -> None:
        for star in stars:
            styles = {arm: look._replace(dashes=_DASHES[star]) for arm, look in colours.items()}
            draw_lines(rows[(rows["measure"] == title) & (rows["star"] == star)], axes, styles)
        for star in stars if len(stars) > 1 else []:  # for the legend
            axes.plot([], [], color="0.3", linestyle=_DASHES[star], label=STAR[star])
        dress(axes, "generation", shown[title].axis.format(split=split.replace("_", " ")))
        if shown[title].metric == "accuracy":
            axes.set_ylim(bounds)

    return panels.blocks({"": found}, [*shown], panel)


def _measures(table: pd.DataFrame, split: str) -> list[Measure]:
    minoritized = compare.minoritized(table)
    first = {name for names in minoritized.values() for name in names}
    named = sorted(groups(table[table["metric"] == "accuracy"]), key=lambda name: name not in first)
    shown = {"overall": "accuracy"} | {name: f"accuracy of {name}" for name in named}
    if len(named) > _MOST_GROUPS:
        shown = {"overall": "accuracy", "min": "accuracy of the worst group", "max": "accuracy of the best group"}
    unfair = "EO difference on {split}\n(0: groups alike)"
    return [
        *(Measure(said, said + " on {split}", "classifier", split, name, "accuracy") for name, said in shown.items()),
        Measure("EO difference", unfair, "classifier", split, "difference", "equalized_odds"),
        *([compare.minoritized_share(minoritized)] if minoritized else []),
    ]


def _steps(text: str) -> str:
    """Steps of a curation in words: `verifier (keep 0.5, by labeller)`."""
    told = []
    for step in json.loads(text):
        arguments = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in step.items() if name != "kind")
        told.append(f"{step['kind']} ({arguments})" if arguments else str(step["kind"]))
    return ", then ".join(told) or "no curation"


def _real(who: str) -> Callable[[float], str]:
    return lambda share: f"{who}: {share:.0%} real people"


_WORDS: dict[str, Callable[[Any], str]] = {
    "setting": str,
    "both": str,
    "policy.generator.kind": "generators {}".format,
    "policy.classifier.kind": "classifiers {}".format,
    "policy.generator.real_share": _real("generators"),
    "policy.classifier.real_share": _real("classifiers"),
    "policy.real": "{} people".format,
    "policy.people": "{:g} people".format,
    "temperature": "temperature {:g}".format,
    "warm_start": lambda target: "from scratch" if target == "none" else f"{target} fine-tuned",
    "curation.target": lambda target: "" if target == "none" else f"on the {target}",
    "curation.steps": _steps,
    "labels.human_share": "{:.0%} of labels by people".format,
    "response.retention": lambda text: "all return" if text == "[]" else f"who returns: {text}",
    "star.budget": "budget {:g}".format,
    "data.green_given_label": "P(green | label) {}".format,
    "generator.epochs": "{:g} epochs".format,
    "generator.first_epochs": lambda epochs: f"{epochs:g} in G_0",
    "generator.arguments.widths": "widths {}".format,
}
"""What values of fields are called in legends; of other fields, `field = value`."""
