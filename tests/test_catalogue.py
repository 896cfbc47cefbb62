"""One catalogue of measures: all that fairloop stores, prints, draws or judges has an entry, and is as it says."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import tiny
from fairloop import audit, simulate, table_of
from fairloop.data.population_from_columns import RESERVED
from fairloop.metrics import catalogue
from fairloop.metrics import group_rates as fairness
from fairloop.metrics.catalogue import CATALOGUE, LIMITS, OF_CLASSIFIERS
from fairloop.metrics.entry import AGGREGATES, PARTS
from fairloop.people import KINDS
from fairloop.report import compare
from fairloop.report.figures import all_figures as atlas
from fairloop.report.page.glossary import METRICS
from fairloop.report.table import gathered
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store import records
from fairloop.store.tidy_rows import RUN_COLUMNS, Row

STORED = Path(__file__).with_name("stored") / "0.1.0"
SOURCES = Path(catalogue.__file__).parents[1]
FACTS = {f"metrics/{name}.py" for name in ("catalogue", "entry", "of_people", "of_texts")}
EVERYTHING = (
    "star.target=both", "policy.generator.kind=accumulate", "policy.classifier.kind=accumulate", "generations=2",
    "curation={target: both, steps: [{kind: verifier, keep: 0.9}]}", "response.retention=[[1, .5], [1, .5]]",
)  # fmt: skip


def biographies() -> RunSpec:
    """A run of texts; its models are quick."""
    classifier = {"model": "test_catalogue:Opinions"}
    data = {"name": "biographies", "train": 800, "valid": 20, "test": 60, "professions": 6, "towns": 20}
    fields = {"data": data, "generations": 1, "generator": {"model": "ngram"}, "classifier": classifier}
    fields |= {"annotator": classifier, "measure": {"samples": 200, "gallery": 4, "latents": 0}, "precision": "fp32"}
    return from_mapping(fields)


class Opinions:
    """Names the label of the training text that has most words in common; it knows 20 of them."""

    def fit(self, X, y):  # noqa: N803
        self.classes_ = np.unique(y)
        self.known = list(zip((set(text.split()) for text in X["text"][:20]), y[:20], strict=True))
        return self

    def predict(self, X):  # noqa: N803
        return [max(self.known, key=lambda known: len(known[0] & set(text.split())))[1] for text in X["text"]]


@cache
def everything() -> pd.DataFrame:
    """The tables of runs with nearly all measures, of each kind of people, and of audits of several kinds."""
    spec = tiny(*EVERYTHING)
    rng = np.random.default_rng(0)
    log = pd.DataFrame(rng.integers(2, size=(400, 4)), columns=["round", "label", "prediction", "group"])
    log["by"] = rng.choice(["model", "human"], 400)
    told = audit(log, round="round", label="label", prediction="prediction", groups="group", provenance="by")
    log["score"], log["target"], log["guess"] = rng.random((3, 400))
    scored = audit(log, round="round", label="label", score="score", groups="group")
    numbers = audit(log, round="round", label="target", prediction="guess", groups="group", regression=True)
    rounds = [
        from_mapping(
            {"setting": "people", "generations": 1, "people": {"kind": kind, "rule": "everybody", "arrivals": 20}}
        )
        for kind in KINDS
    ]
    tables = [
        *(table_of(run, simulate(run)) for run in (spec, biographies(), *rounds)),
        told.table,
        scored.table,
        numbers.table,
    ]
    return pd.concat(tables, ignore_index=True)


def part_of(row) -> str:
    """What a row of the tidy table is about."""
    if row.split == "training":
        return "origin"
    if pd.notna(row.label):
        return "label" if row.group == "overall" else "stratum"
    return row.group if row.group in PARTS else "group"


@pytest.mark.parametrize("source", ["this version", "0.1.0"])
def test_every_row_is_as_its_entry_says(source):
    table = everything() if source == "this version" else gathered([STORED / "run"])
    for row in table.itertuples():
        entry, part = CATALOGUE[row.metric], part_of(row)
        assert row.role in entry.roles, entry.name
        assert row.split in entry.splits if pd.notna(row.split) else not entry.splits, entry.name
        assert part in entry.parts, (entry.name, part)
        low, high = entry.bounds(part)
        assert np.isnan(row.value) or low - 1e-12 <= row.value <= high + 1e-12, (entry.name, part, row.value)


def test_every_entry_is_measured():
    wanted = {(entry.name, part) for entry in CATALOGUE.values() for part in entry.parts}
    measured = {(row.metric, part_of(row)) for row in everything().itertuples()}
    assert wanted - measured == {("diverged_at_batch", "overall")}  # of models that diverge, see test_undefined


@pytest.mark.slow
def test_what_the_first_version_measured_is_still_measured_by_its_names():
    now = everything()
    then = gathered([STORED / "run"])
    keys = ["role", "split", "group", "metric"]
    old = {tuple(row) for row in then[then["role"] == "classifier"][keys].astype(str).itertuples(index=False)}
    assert old <= {tuple(row) for row in now[keys].astype(str).itertuples(index=False)}
    rates = ("accuracy", "selection_rate", "tpr", "tnr", "fpr", "fnr", "count")
    names = {*rates, *(f"{rate}_{part}" for rate in rates for part in AGGREGATES), "model_made_share"}
    names |= {f"{name}_{part}" for name in ("demographic_parity", "equalized_odds") for part in ("difference", "ratio")}
    assert names <= set(LIMITS)
    assert [str(one.measure) for one in audited().drifts] == [
        "accuracy", "selection_rate", "tpr", "fpr", "accuracy_difference", "demographic_parity_difference",
        "equalized_odds_difference",
    ]  # fmt: skip
    assert [measure.title for measure in compare.fairness()] == [
        "accuracy", "accuracy difference", "DP difference", "EO difference",
    ]  # fmt: skip


def audited():
    log = pd.DataFrame({"round": [0, 0, 1, 1], "y": [0, 1, 0, 1], "p": [0, 1, 1, 1], "g": ["a", "b", "a", "b"]})
    return audit(log, round="round", label="y", prediction="p", groups="g")


def counts(groups: int, classes: int = 2) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.int64, (groups, classes, classes), elements=st.integers(0, 50))


@given(st.integers(1, 4).flatmap(counts) | counts(3, 4))
def test_values_lie_in_the_range_of_their_entry(table):
    names = [f"group {i}" for i in range(len(table))]
    for group, metric, value, error in fairness.flatten(fairness.performance(table), names):
        entry = CATALOGUE[metric]
        low, high = entry.bounds(group)
        assert np.isnan(value) or low <= value <= high + 1e-12
        assert np.isnan(error) or (entry.share and group not in AGGREGATES)


@given(st.integers(1, 4).flatmap(counts))
def test_right_predictions_are_good_in_every_measure_with_a_direction(table):
    """An oracle for directions: if every prediction is the label, each value is the best of its range, or undefined."""
    right = table * np.eye(2, dtype=np.int64)
    names = [f"group {i}" for i in range(len(table))]
    for group, metric, value, _ in fairness.flatten(fairness.performance(right), names):
        entry = CATALOGUE[metric]
        if entry.rates in (("selection_rate",), ()) and (group in AGGREGATES or entry.direction == "none"):
            continue  # people may be selected at other rates because their labels differ
        best = {"up": entry.high, "down": entry.low, "to 0": 0, "to 1": 1}.get(entry.good(group), value)
        assert np.isnan(value) or value == best, (metric, group)


def test_every_measure_of_classifiers_is_everywhere():
    """One entry suffices: rows, limits, figure and page follow."""
    rows = {metric for _, metric, _, _ in fairness.flatten(fairness.performance(np.ones((2, 2, 2), np.int64)), "ab")}
    figures = {entry.title.replace(" ", "-") for entry in OF_CLASSIFIERS}
    assert rows == {entry.name for entry in OF_CLASSIFIERS}
    assert rows <= {metric for metric, _ in LIMITS.values()}
    assert figures - set(atlas.FIGURES) == {"count", "demographic-parity"}  # the latter has two figures of its own
    assert all(entry.name in catalogue.in_words() for entry in OF_CLASSIFIERS)
    assert METRICS.keys() == CATALOGUE.keys()


def test_entries_are_whole_and_name_no_measure_twice():
    titles = [entry.title for entry in CATALOGUE.values()]
    assert len(set(titles)) == len(titles)
    for entry in CATALOGUE.values():
        assert entry.sentence.endswith(".")
        assert set(entry.worst_of) <= set(CATALOGUE)
        assert {*entry.headline, *entry.judged} <= set(entry.parts)
        assert entry.low < entry.high
        assert not entry.formula or entry.undefined or entry.name == "count"


def test_the_facts_of_a_measure_are_written_in_the_catalogue_alone():
    titles = (
        {
            name
            for entry in OF_CLASSIFIERS
            for part in PARTS
            for short in (False, True)
            if " " in (name := entry.called(part, short=short))
        }
        | {entry.sentence for entry in CATALOGUE.values()}
        | set(PARTS.values()) - set(PARTS)
    )
    found = [
        (path.relative_to(SOURCES).as_posix(), node.value)
        for path in SOURCES.rglob("*.py")
        if path.relative_to(SOURCES).as_posix() not in FACTS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in titles
    ]
    assert found == [("report/page/glossary.py", "difference between groups")]  # a term with a meaning of its own


def test_groups_cannot_have_the_names_of_parts():
    assert set(PARTS) == RESERVED


def test_columns_are_the_fields_of_a_row():
    table = everything()
    assert list(table.columns[: len(RUN_COLUMNS) + len(Row._fields)]) == [*RUN_COLUMNS, *Row._fields]
    assert records.SCHEMA.names == list(Row._fields)
    assert compare.further_fields(table) == []


def test_a_file_from_before_a_column_came_has_its_default(tmp_path):
    """A field of `Row` with a default is all that a new column takes."""
    rows = records.of_rows([Row(0, None, "classifier", "test", None, "overall", "accuracy", 0.5)])
    records.write(tmp_path / "new.parquet", rows, "run")
    pq.write_table(rows.drop_columns("standard_error"), tmp_path / "old.parquet")
    new, old = (records.read(tmp_path / name, range(1), ["run"]) for name in ("new.parquet", "old.parquet"))
    assert old.schema.equals(new.schema)
    assert np.isnan(old["standard_error"].to_pylist()).all()
    assert old.drop_columns("standard_error").equals(new.drop_columns("standard_error"))
    table = pa.table({"run": ["x"], "dataset": ["x"], "setting": ["x"], "star": ["x"], "seed": [0]})
    for name in rows.drop_columns("standard_error").column_names:
        table = table.append_column(name, rows[name])
    pq.write_table(table, tmp_path / "exported.parquet")
    assert list(gathered([tmp_path / "exported.parquet"]).columns) == [*RUN_COLUMNS, *Row._fields]
