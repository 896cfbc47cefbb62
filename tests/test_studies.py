"""Studies as sweep presets, and the figure that shows for whom an arm is better."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import files
from docs.studies import people, texts
from docs.studies.by_arm import star_of
from fairloop import data, presets
from fairloop.errors import InputError
from fairloop.loop.trainer import ModelTrainer
from fairloop.report.case_names import of_fields
from fairloop.report.figures import all_figures as atlas
from fairloop.report.figures import study_arms
from fairloop.spec.run import from_mapping
from fairloop.store.memory import MemoryModels
from fairloop.sweep.grid import Sweep

STUDIES = [name for name in presets.sweeps() if name.startswith("study-")]


@lru_cache
def population(told: str) -> data.Population:
    """The data of a spec; loaded once, for many runs have the same."""
    return data.load(from_mapping({"data": json.loads(told)}).data, seed=0)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with small files of Adult and COMPAS."""
    root = tmp_path_factory.mktemp("tables")
    files.adult(root)
    files.compas(root)
    return root


def specs(name, root=None):
    whole = presets.sweep(name)
    base = presets.fields(whole.base)
    if whole.base == "study-tables":
        base |= {"data": {**base["data"], "root": str(root)}, "policy": {}}  # all people, for there are few
    return Sweep(base, [0], whole.cases, whole.grid).specs()


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_run_of_a_study_can_start(name, tables):
    plans = {}
    for spec in specs(name, tables):
        told = json.dumps(spec.data.model_dump(mode="json"), sort_keys=True)
        people = None if spec.setting == "people" else population(told)
        plan = ModelTrainer(spec, MemoryModels(), population=people).plan  # builds every model and curation
        plans[spec.identity] = tuple(recipe.fingerprint for recipe in plan)
    assert len(set(plans.values())) == len(plans), "two arms are the same experiment"


def test_a_study_has_seeds_enough_for_intervals_and_runs_with_star():
    for name in STUDIES:
        assert presets.sweep(name).seeds == "0-9"
        # A controlled change asks for the cause of one effect, which may need no STAR.
        assert name.endswith("-why") or {"classifier", "both"} & {spec.star.target for spec in specs(name)}


def test_arms_of_a_study_share_the_generators_that_star_leaves_alone():
    loop, star = (spec for spec in specs("study-verify") if not spec.curation.steps)
    people = population(json.dumps(loop.data.model_dump(mode="json"), sort_keys=True))
    plans = [ModelTrainer(spec, MemoryModels(), population=people).plan for spec in (loop, star)]
    assert plans[0].generators == plans[1].generators
    assert plans[0].classifiers != plans[1].classifiers


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"policy.generator.kind": "replace", "policy.classifier.kind": "replace"}, "replace"),
        (
            {"policy.generator.kind": "accumulate", "policy.classifier.kind": "replace"},
            "generators accumulate, classifiers replace",
        ),
        ({"policy.generator.real_share": 0.5, "policy.real": "fresh"}, "generators: 50% real people, fresh people"),
        ({"policy.generator.real_share": np.nan, "temperature": 0.7}, "temperature 0.7"),
        ({"curation.target": "none", "curation.steps": "[]"}, "no curation"),
        (
            {
                "curation.steps": '[{"kind": "verifier", "keep": 0.5, "by": "labeller"}]',
                "curation.target": "classifier",
            },
            "verifier (keep 0.5, by labeller), on the classifier",
        ),
        ({"policy.classifier.real_share": 0.999}, "classifiers: 99.9% real people"),  # not those of 1
        (
            {"classifier.model": "fairlearn-threshold-optimizer", "classifier.arguments.constraints": "equalized_odds"},
            "threshold optimizer, equalized odds",
        ),
        ({"classifier.model": "sklearn.linear_model:LogisticRegression"}, "LogisticRegression"),
        ({"synthetic_share": 0.25}, "synthetic_share=0.25"),
        ({"response.retention": "[]"}, "all return"),
        ({"response.retention": "[[0.5, 1.0], [0.5, 1.0]]"}, "50% of rejected people return"),
        ({"response.retention": "[[0.5, 0.9], [0.5, 0.9]]"}, "people return with [[0.5, 0.9], [0.5, 0.9]]"),
        ({"response.retention": "[[0.2, 1.0], [0.5, 1.0]]"}, "people return with [[0.2, 1.0], [0.5, 1.0]]"),
        ({}, ""),
    ],
)
def test_arms_are_named_in_words(fields, name):
    assert of_fields(fields) == name


def table(of_arm, **changes) -> pd.DataFrame:
    """Two seeds of two generations for each (policy, STAR): accuracy of all and of each group, and shares of groups."""
    rows = []
    for (kind, star), accuracy in of_arm.items():
        for seed, i in ((0, 0), (0, 1), (1, 0), (1, 1)):
            told = {
                "run": f"{kind} {star} {seed}",
                "dataset": "colored-mnist",
                "setting": "seqgen-seqclass",
                "star": star,
            }
            told |= {"seed": seed, "generation": i, "epoch": None, "label": None, "policy.generator.kind": kind}
            of_classifier = {"role": "classifier", "split": "test", "metric": "accuracy"}
            shares = {"role": "generator", "split": "generated", "metric": "group_share", "value": 0.5}
            for group, more in (("overall", 0), ("green", 0.1), ("red", -0.1)):
                rows.append(told | of_classifier | {"group": group, "value": accuracy + more - 0.1 * i + 0.02 * seed})
            rows += [told | shares | {"group": group} for group in ("green", "red")]
    return pd.DataFrame(rows).assign(standard_error=np.nan, **changes)


FOUR = {("replace", "none"): 0.7, ("replace", "classifier"): 0.8, ("accumulate", "none"): 0.75}


def test_for_whom_has_a_line_for_each_arm_in_each_panel():
    drawn = atlas.FIGURES["for-whom"](atlas.Study(table(FOUR), {}))
    shown = drawn.data[(drawn.data["measure"] == "accuracy of red") & (drawn.data["x"] == 1)]
    by_arm = {(row["line"], row["star"]): row["mean"] for row in shown.to_dict("records")}
    # A mean over seeds 0 and 1, less .1 for red, less .1 for generation 1.
    assert by_arm == {
        (f"generators {kind}", star): pytest.approx(accuracy + 0.01 - 0.2) for (kind, star), accuracy in FOUR.items()
    }
    panels = [axes.get_ylabel().split("\n")[0] for axes in drawn.figure.axes]
    assert panels == ["accuracy on test", "accuracy of red on test", "accuracy of green on test", "share of red"]
    overall, red, green, _ = drawn.figure.axes
    assert overall.get_ylim() == red.get_ylim() == green.get_ylim()


def test_where_people_leave_the_minoritized_share_among_people_has_a_panel():
    of_samples = table(FOUR)
    shares = of_samples[of_samples["metric"] == "group_share"]
    among = np.where(shares["group"] == "red", 0.3, 0.7)
    of_people = shares.assign(role="classifier", split="people", value=among)
    both = pd.concat([of_samples, of_people], ignore_index=True)
    without = atlas.FIGURES["for-whom"](atlas.Study(both, {}))
    drawn = atlas.FIGURES["for-whom"](atlas.Study(both.assign(**{"response.retention": "[[0.5, 1.0]]"}), {}))
    last = drawn.figure.axes[-1]
    assert (last.get_ylabel(), len(drawn.figure.axes)) == ("share of red\namong people", len(without.figure.axes) + 1)
    means = drawn.data.groupby("measure")["mean"].unique()
    assert means["share of red among people"] == pytest.approx([0.3])
    assert means["share of red"] == pytest.approx([0.5])


def test_star_is_the_style_of_a_line_and_the_arm_its_colour():
    figure, _ = atlas.FIGURES["for-whom"](atlas.Study(table(FOUR), {}))
    other, solid, dashed = (line for line in figure.axes[0].lines if len(line.get_xdata()) == 2)
    assert [line.get_linestyle() for line in (other, solid, dashed)] == ["-", "-", "--"]
    assert to_hex(solid.get_color()) == to_hex(dashed.get_color()) != to_hex(other.get_color())
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    arms = ["generators accumulate", "generators replace"]
    assert names == [*arms, "bar: lowest to highest seed", "without STAR", "STAR on the classifier"]


def test_the_fields_of_star_do_not_name_a_run_without_star():
    """A line without STAR was called `budget 16`."""
    runs = [
        (star, budget, kind) for star, budget in (("none", 16), ("classifier", 0), ("classifier", 16)) for kind in "xy"
    ]
    rows = [
        {"run": f"{n}", "star": star, "setting": "seqclass", "seed": 0, "star.budget": budget, "data.source": kind}
        for n, (star, budget, kind) in enumerate(runs)
    ]
    assert study_arms.arms(pd.DataFrame(rows)).tolist() == [
        f"{budget}data.source={kind}" for budget in ("", "budget 0, ", "budget 16, ") for kind in "xy"
    ]
    assert study_arms.arms(pd.DataFrame(rows[::2]).drop(columns="data.source")).tolist() == [
        "no STAR",
        "budget 0",
        "budget 16",
    ]


def test_of_many_groups_the_worst_and_the_best_are_shown():
    many = table(FOUR)
    parts = [many.assign(group=many["group"].replace({"green": f"g{i}", "red": f"r{i}"})) for i in range(3)]
    ends = many[many["group"] == "red"].assign(group="min", metric="accuracy", role="classifier", split="test")
    found = study_arms.data(pd.concat([*parts, ends]).drop_duplicates(["run", "generation", "role", "group"]), "test")
    assert set(found["measure"]) >= {"accuracy", "accuracy of the worst group"}
    assert not found["measure"].str.contains("accuracy of g").any()


def test_one_case_has_nothing_to_be_laid_beside():
    with pytest.raises(InputError, match="only one case"):
        atlas.FIGURES["for-whom"](atlas.Study(table({("replace", "none"): 0.7}), {}))


@pytest.mark.parametrize("study", [*people.STUDIES.values(), *texts.STUDIES.values()], ids=lambda study: study.name)
def test_each_arm_of_a_study_has_a_name_of_its_own(study):
    runs = [{**spec.flat(), "star": spec.star.target} for spec in specs(f"study-{study.name}")]
    arms = [study.arm_of(run) for run in runs]
    assert set(arms) <= set(study.order)
    assert len({(arm, star_of(run)) for arm, run in zip(arms, runs, strict=True)}) == len(runs)
