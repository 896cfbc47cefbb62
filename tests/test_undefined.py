"""Numbers stay numbers: what diverges or has no members is undefined, is recorded so, and enters no mean unsaid."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from conftest import TINY, tiny
from fairloop import simulate
from fairloop.errors import DivergedError
from fairloop.loop import Generation
from fairloop.recorded import table_of
from fairloop.spec import from_mapping
from fairloop.store.memory import MemoryModels
from fairloop.store.models import DirectoryModels

BURST = "classifier.learning_rate=1e30"


def generations(*overrides: str, models: MemoryModels | DirectoryModels | None = None) -> list[Generation]:
    return list(simulate(tiny(*overrides), models))


def undefined(generation: Generation, role: str, split: str) -> set[bool]:
    rows = [row for row in generation.rows if (row.role, row.split) == (role, split) and row.metric != "count"]
    return {math.isnan(row.value) for row in rows}


def told(generation: Generation) -> list[tuple[str, int | None, float]]:
    return [(row.role, row.epoch, row.value) for row in generation.rows if row.metric == "diverged_at_batch"]


@pytest.mark.parametrize("kept", ["memory", "directory"])
def test_divergence_stops_the_run_at_the_batch_and_is_found_again(tmp_path, kept):
    models = MemoryModels() if kept == "memory" else DirectoryModels(tmp_path)
    for _ in range(2):  # trained, then loaded
        with pytest.raises(DivergedError, match=r"classifier 0 .* epoch 0, batch 1: .*learning_rate .*on_divergence"):
            generations(BURST, models=models)
    assert len(generations(BURST, "on_divergence=go_on", models=models)) == 3


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
