"""Numbers stay numbers: what diverges or has no members is undefined, is recorded so, and enters no mean unsaid."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from conftest import TINY, tiny
from fairloop import simulate
from fairloop.errors import DivergedError
from fairloop.loop.generations import Generation
from fairloop.report import compare, summary
from fairloop.report.figures import curves
from fairloop.results import table_of
from fairloop.spec.run import from_mapping
from fairloop.store.memory import MemoryModels
from fairloop.store.models import DirectoryModels
from test_run import here

BURST = "classifier.learning_rate=1e30"


def generations(*overrides: str, models: MemoryModels | DirectoryModels | None = None) -> list[Generation]:
    return list(simulate(tiny(*overrides), models))


def undefined(generation: Generation, role: str, split: str) -> set[bool]:
    rows = [row for row in generation.rows if (row.role, row.split) == (role, split) and row.metric != "count"]
    return {math.isnan(row.value) for row in rows}


def told(generation: Generation) -> list[tuple[str, int | None, float]]:
    return [(row.role, row.epoch, row.value) for row in generation.rows if row.metric == "diverged_at_batch"]


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["memory", "directory"])
def test_divergence_stops_the_run_at_the_batch_and_is_found_again(tmp_path, kept):
    models = MemoryModels() if kept == "memory" else DirectoryModels(tmp_path)
    for _ in range(2):  # trained, then loaded
        with pytest.raises(DivergedError, match=r"classifier 0 .* epoch 0, batch 1: .*learning_rate .*on_divergence"):
            generations(BURST, models=models)
    assert len(generations(BURST, "on_divergence=go_on", models=models)) == 3


@pytest.mark.slow
def test_a_run_goes_on_with_what_does_not_depend_on_a_diverged_classifier():
    first, second, _ = generations(BURST, "on_divergence=go_on", "setting=seqgen-nonseqclass")
    assert told(first) == [("classifier", 0, 1.0)]
    assert told(second) == [("classifier", 0, 1.0)]
    for generation in (first, second):
        assert undefined(generation, "classifier", "test") == {True}
        assert generation.value("count") == 0
        shares = {row.metric: row.value for row in generation.rows if row.split == "generated"}
        assert math.isnan(shares["label_share_by_classifier"])
        assert 0 <= shares["label_share"] <= 1  # by A_L
        assert 0 <= shares["group_share"] <= 1
    sound = generations("setting=seqgen-nonseqclass")[1]
    assert sound.value("group_share", "red", role="generator", split="generated") == second.value(
        "group_share", "red", role="generator", split="generated"
    )


def test_what_learns_from_a_diverged_model_is_undefined_and_not_trained():
    first, second, third = generations(BURST, "on_divergence=go_on", "star.target=generator")
    assert told(first) == [("classifier", 0, 1.0)]
    assert undefined(first, "generator", "generated") == {True, False}  # G_0 is sound, C_0 names nothing
    for generation in (second, third):
        assert [(role, epoch) for role, epoch, value in told(generation)] == [("generator", None), ("classifier", None)]
        assert undefined(generation, "generator", "generated") == {True}
        assert undefined(generation, "classifier", "test") == {True}
        assert len(generation.gallery.images) == 0
        assert generation.gallery.images.shape[1:] == (3, 28, 28)


def test_a_generator_without_numbers_leaves_a_whole_run_undefined_but_recorded(tmp_path):
    found = generations("generator.learning_rate=1e30", "on_divergence=go_on")
    assert all(undefined(generation, "generator", "generated") == {True} for generation in found)
    assert undefined(found[0], "label_annotator", "test") == {False} or found[0].value(
        "accuracy", role="label_annotator"
    )
    table = table_of(from_mapping(TINY), found)
    assert set(table["generation"]) == {0, 1, 2}
    assert not np.isinf(table["value"]).any()


def test_a_diverged_model_keeps_the_losses_before(tmp_path):
    generation = generations("generator.learning_rate=30", "generator.epochs=40", "on_divergence=go_on",
                             "generations=1", "generator.first_epochs=40")[0]  # fmt: skip
    log = generation.generator.log
    if generation.generator.diverged:
        epoch = int(log["diverged"][0])
        assert len(log["loss"]) == epoch + 1
        assert log["loss"][:epoch].isfinite().all()
        assert torch.isnan(log["loss"][epoch])


@pytest.fixture(scope="module")
def half_known() -> pd.DataFrame:
    """Five seeds of two cases; of the first, seed 4 diverged at generation 1, and two more lose EO at the end."""
    one = table_of(from_mapping(TINY), generations())
    parts = [
        one.assign(seed=seed, run=f"{setting}.{seed}", setting=setting)
        for setting in ("seqgen-seqclass", "control")
        for seed in range(5)
    ]
    table = pd.concat(parts, ignore_index=True)
    loop = table["setting"] == "seqgen-seqclass"
    table.loc[loop & (table["seed"] == 4) & (table["generation"] > 0), "value"] = np.nan
    odds = loop & (table["metric"] == "equalized_odds") & (table["generation"] == 2) & table["seed"].isin([2, 3])
    table.loc[odds, "value"] = np.nan
    return table


@pytest.mark.slow
def test_comparisons_say_what_they_leave_out(half_known, tmp_path, capsys):
    path = tmp_path / "table.parquet"
    half_known.to_parquet(path)
    assert here("compare", path) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Undefined in 'seqgen-seqclass', and left out there: accuracy in 1 of 5 seeds (generations 1 to 2)" in said
    assert "EO difference in 3 of 5 seeds (generations 1 to 2)" in said
    assert "Undefined in 'control'" not in said


def test_summaries_say_what_they_leave_out(half_known):
    loop, control, *_ = summary.summary(summary.headline(half_known))
    words = {sentence.about: sentence.words for sentence in loop.sentences}
    assert "EO difference in 3 of 5 seeds (generations 1 to 2)" in words["Undefined, and left out there:"]
    assert not any("Undefined" in sentence.about for sentence in control.sentences)


@pytest.mark.slow
def test_a_case_of_which_nothing_is_known_is_not_passed_over(half_known):
    lost = half_known.assign(value=half_known["value"].where(half_known["generation"] == 0))
    finding = summary.summary(summary.headline(lost))[0]
    assert finding.scope == "no measure is defined at both ends"
    assert "accuracy in 5 of 5 seeds" in finding.sentences[0].words


def test_figures_average_over_the_defined_and_mark_where_some_are_not(half_known):
    loop = half_known[half_known["setting"] == "seqgen-seqclass"]
    data = curves.equalized_odds.data(loop)
    difference = data[data["line"] == "EO difference"].set_index("x")
    assert difference["seeds"].tolist() == [5, 4, 2]
    assert difference["absent"].tolist() == [0, 1, 3]
    labels = [text.get_text() for text in curves.equalized_odds(loop).get_legend().get_texts()]
    assert "not all seeds" in labels


def test_a_run_does_not_stay_above_a_limit_while_it_is_undefined(half_known):
    loop = half_known[half_known["setting"] == "seqgen-seqclass"]
    found = compare.collapses(loop, compare.fairness()[0], 0.0)
    assert found["generations"].tolist() == [3, 3, 3, 3, 1]
    assert compare.typical_collapse(found) == "never within 1 generation"


def test_a_group_without_people_is_undefined_and_so_are_the_disparities():
    generation = generations("generations=1", "data.green_given_label=[1,1]", "star.target=classifier")[0]
    found = {(row.group, row.metric): row.value for row in generation.rows
             if (row.role, row.split) == ("classifier", "test")}  # fmt: skip
    assert found["red", "count"] == 0
    assert all(math.isnan(found["red", metric]) for metric in ("accuracy", "selection_rate", "tpr", "fpr"))
    assert all(math.isnan(found[part, "demographic_parity"]) for part in ("difference", "ratio"))
    assert math.isnan(found["difference", "equalized_odds"])
    assert 0 <= found["overall", "accuracy"] <= 1
    assert found["green", "accuracy"] == found["overall", "accuracy"]


def test_an_empty_stratum_is_undefined_where_it_matters_and_curation_goes_on():
    changes = ("data.green_given_label=[1,0]", "data.label_noise=0", "star.target=both", "star.budget=16")
    generation = generations("generations=2", *changes)[1]
    found = {(row.group, row.metric): row.value for row in generation.rows
             if (row.role, row.split) == ("classifier", "test")}  # fmt: skip
    assert math.isnan(found["green", "tpr"])  # no green digit has label 1
    assert math.isnan(found["red", "fpr"])
    assert 0 <= found["red", "tpr"] <= 1
    assert math.isnan(found["difference", "equalized_odds"])
    assert 0 <= found["difference", "accuracy"] <= 1
    redrawn = [row.value for row in generation.rows if row.metric == "star_redrawn"]
    assert all(value > 0 for value in redrawn)  # the ideal wants who is hardly ever made


def test_people_of_one_class_are_refused_before_anything_is_trained(tmp_path, capsys):
    (tmp_path / "people.csv").write_text("hired,sex\n" + "yes,f\nyes,m\n" * 20)
    fields = {
        "data.name": "table",
        "data.table": tmp_path / "people.csv",
        "data.label": "hired",
        "data.groups": "[sex]",
    }
    settings = [part for path, value in fields.items() for part in ("--set", f"{path}={value}")]
    assert here("run", "adult", "--out", tmp_path / "out", *settings) == 2
    assert "all people of the training data have the label 'yes'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_diverged_run_is_shown_for_what_it_is(tmp_path, capsys):
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(TINY))
    out = tmp_path / "out"
    command = ("run", spec, "--out", out, "--set", BURST)
    assert here(*command) == 1
    assert "classifier 0 (simple-cnn) diverged in epoch 0, batch 1" in capsys.readouterr().err
    assert here(*command, "--set", "on_divergence=go_on") == 0  # the run that had stopped goes on
    assert "accuracy undefined, equalized odds difference undefined" in capsys.readouterr().out
    assert here("report", out, "--out", tmp_path / "report.html") == 0
    assert "Undefined, and left out there:" in (tmp_path / "report.html").read_text()
    assert here("samples", out, "--generation", 1, "--n", 3, "--out", tmp_path / "samples") == 2
    assert "diverged" in capsys.readouterr().err
