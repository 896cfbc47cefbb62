"""The answers that the studies' pages start with: claims, decided by differences between arms."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from docs.studies import answers, base, rows
from docs.studies.changes import WHY
from docs.studies.claims import ACCURACY, CLAIMS, EO, PAPERS, Claim
from fairloop import presets
from fairloop.report.figures import study_arms
from fairloop.spec.names import varied
from fairloop.sweep.grid import Sweep

ENDS = st.floats(-1, 1).map(lambda end: round(end, 3))


def claim(way=1, source="", **changes: Any) -> Claim:
    return Claim("one keeps more accuracy than two", ACCURACY, way, "one @end", "two @end", source)._replace(**changes)


def decided(mean, half, way=1, source="") -> answers.Decided:
    return answers.Decided(claim(way, source), rows.Interval(mean, mean - half, mean + half, 10))


@given(ENDS, st.floats(0, 1), st.sampled_from([1, -1]))
def test_a_claim_is_supported_only_where_its_whole_interval_is_on_its_side(mean, half, way):
    found = decided(mean, half, way).verdict
    assert (found == "supported") == (way * mean - half > 0)
    assert (found == "refuted") == (way * mean + half < 0)
    turned = {"supported": "refuted", "refuted": "supported", "undecided": "undecided"}
    assert decided(-mean, half, way).verdict == decided(mean, half, -way).verdict == turned[found]


@pytest.mark.parametrize(
    ("mean", "source", "agreement"),
    [
        (0.2, "yes", "agrees with"),
        (-0.2, "yes", "contradicts"),
        (0.2, "no", "contradicts"),
        (-0.2, "no", "agrees with"),
        (0.05, "yes", "cannot tell"),
        (0.05, "no", "cannot tell"),
        (0.2, "", ""),
    ],
)
def test_a_source_is_contradicted_only_where_the_seeds_can_tell(mean, source, agreement):
    assert decided(mean, 0.1, source=source).agreement == agreement


def test_an_interval_without_bounds_decides_nothing():
    two = answers.Decided(claim(), rows.Interval(0.3, np.nan, np.nan, 2))
    assert two.verdict == "undecided"
    assert str(two) == "Undecided whether one keeps more accuracy than two: +0.300 (2 seeds)."


@given(st.floats(1e-8, 1), st.sampled_from([1, -1]))
def test_the_side_of_an_interval_can_be_read_from_its_printed_ends(size, side):
    printed = str(rows.Interval(side * size, side * size, side * 2 * size, 10))
    ends = [float(end) for end in re.findall(r"[-+.\de]+", printed.split("[")[1])]
    assert all(side * end > 0 for end in ends), printed


@given(ENDS, st.floats(0, 1), st.sampled_from([1, -1]))
def test_only_a_decided_claim_is_told_as_a_claim(mean, half, way):
    found = decided(mean, half, way)
    assert str(found).startswith("Undecided whether ") == (found.verdict == "undecided")


def table(of_arm: dict[str, list[float]], generations=(0, 1)) -> pd.DataFrame:
    """Rows of arms, with one accuracy for each seed; generation i has 0.1 i less."""
    told = {"role": "classifier", "split": "test", "group": "overall", "metric": "accuracy", "label": None}
    return pd.DataFrame(
        [
            {"named": arm, "seed": seed, "generation": i, "value": value - 0.1 * i, **told}
            for arm, values in of_arm.items() for seed, value in enumerate(values) for i in generations
        ]
    )  # fmt: skip


def test_a_difference_is_paired_by_seed_with_students_interval(monkeypatch):
    one, two = [0.9, 0.8, 0.7, 0.85, 0.95], [0.8, 0.75, 0.55, 0.8, 0.8]
    of = table({"one": one, "two": two})
    found = answers._found(claim(), of)
    differences = np.subtract(one, two)
    low, high = stats.t.interval(0.95, 4, differences.mean(), stats.sem(differences))
    assert found == (pytest.approx(differences.mean()), pytest.approx(low), pytest.approx(high), 5)
    assert answers._found(claim(one="one @1", other="one @0"), of).mean == pytest.approx(-0.1)
    assert answers._found(claim(beyond=("one @0", "two @0")), of).mean == pytest.approx(0)
    assert answers._found(claim(other="three @end"), of) is None


def arms(sweep: str) -> set[str]:
    """The names of a sweep's arms, with STAR and without, as tables call them."""
    whole = presets.sweep(sweep)
    specs = Sweep(presets.fields(whole.base), [0], whole.cases, whole.grid).specs()
    runs = [
        {"run": spec.identity, "setting": spec.setting, "star": spec.star.target}
        | {path: json.dumps(value) if isinstance(value, list) else value for path, value in fields.items()}
        for spec, fields in zip(specs, varied(specs), strict=True)
    ]  # fmt: skip
    table = pd.DataFrame(runs).drop(columns=["star.target", "curation.target"], errors="ignore")
    named = [rows.called(sweep.removeprefix("study-"), arm) for arm in study_arms.arms(table)]
    return {rows.with_star(arm, star != "none") for arm, star in zip(named, table["star"], strict=True)}


@pytest.mark.parametrize("name", [*CLAIMS, *(f"{name}-why" for name in WHY)])
def test_every_arm_of_a_claim_is_one_of_its_sweep(name):
    claims = CLAIMS[name] if name in CLAIMS else WHY[name.removesuffix("-why")]
    wanted = {rows.place(place, 3)[0] for of in claims for place in (of.one, of.other, *(of.beyond or ()))}
    assert wanted - arms(f"study-{name}") == set()
    if name in CLAIMS:
        assert rows.USUAL[name] in {arm.removesuffix(", STAR") for arm in arms(f"study-{name}")}


@pytest.mark.parametrize("name", [*CLAIMS, *(f"{name}-why" for name in WHY)])
def test_the_committed_rows_of_a_study_are_whole(name):
    """Every arm of the sweep, in ten seeds, and all generations of the base, or the first alone."""
    table = rows.read(name)
    assert {*table["named"]} == arms(f"study-{name}")
    generations = range(1 if name == "contamination-why" else 4)
    runs = table[["named", "seed", "generation"]].drop_duplicates()
    assert len(runs) == table["named"].nunique() * 10 * len(generations)
    assert ({*runs["seed"]}, {*runs["generation"]}) == ({*range(10)}, {*generations})


def test_each_study_has_claims_that_the_minoritized_and_the_majoritized_are_asked_about():
    assert set(CLAIMS) == set(rows.USUAL) == set(PAPERS)
    assert all({EO.metric, "group_share"} & {of.measure.metric for of in claims} for claims in CLAIMS.values())


@pytest.fixture
def pages() -> ModuleType:
    return importlib.import_module("docs.studies.tables")


def test_each_page_starts_with_its_answer(pages):
    for page in pages.PAGES:
        lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line]
        assert lines[2] == f"<!-- table: {page.stem}-answer -->", page.name
        assert lines[3].startswith("**Answer**"), page.name
        below = [line[:10] for line in lines if line.startswith(("**Source.**", "**Ours", "!["))]
        assert below[0] == "**Source.*", page.name


def test_the_first_classifiers_of_the_base_work_in_every_seed():
    """At least .85 accurate, where .95 can be reached, and none gives everybody one label."""
    found = base.first_classifiers()
    assert list(found.index) == list(range(10))
    assert found["accuracy"].min() >= 0.85
    assert found["selection rate"].between(0.3, 0.7).all()


@pytest.mark.slow
def test_lists_of_studies_say_what_their_rows_say(pages):
    filled = importlib.import_module("docs.pages").filled
    for page, tables in pages.LISTS.items():
        assert filled(page, tables) == Path(page).read_text(encoding="utf-8"), page.name


@pytest.mark.parametrize("name", [*CLAIMS, *(f"{name}-why" for name in WHY)])
def test_every_claim_can_be_read_alone(name):
    """No claim leans on the one before it."""
    claims = CLAIMS[name] if name in CLAIMS else WHY[name.removesuffix("-why")]
    leaning = re.compile(r"^(it|they|this|a \w+ one)\b|\b(do|does) so\b|\blowers it\b|\braises it\b|\bthere\b")
    assert [of.clause for of in claims if leaning.search(of.clause)] == []
