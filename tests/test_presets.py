"""Every preset runs on small files with the true schema of its data."""

from __future__ import annotations

import numpy as np
import pytest

import files
from fairloop import preset, presets
from fairloop.loop.generations import Generation, simulate
from fairloop.sources import quotas
from fairloop.spec.run import from_mapping
from test_data import write_mnist

SMALL_VAE = "generator.arguments={widths: [4, 4], latent: 4}"
SMALL_DCVAE = "generator.arguments={widths: [4, 4, 4, 6], hidden: 16, latent: 4}"
SMALL_RESNETS = ("classifier.arguments={width: 2}", "annotator.arguments={width: 2}")
SMALL_TEXTS = ("data.train=200", "data.valid=50", "data.test=100")
FEW_DIGITS = ("data.train=200", "data.valid=60", "data.test=100")
SMALL_MNIST = (*FEW_DIGITS, SMALL_VAE)
SMALL_DIGITS = (*FEW_DIGITS, "generator.arguments={widths: [4, 4, 4], kernels: [5, 4, 6], hidden: 8, latent: 4}")


def mnist(root):
    random = np.random.default_rng(0)
    write_mnist(root, random.integers(0, 256, (240, 28, 28)).astype(np.uint8), np.arange(240) % 10)


# Who writes files with the true schema, and what makes the preset's models small.
PRESETS = {
    "demo": (None, SMALL_MNIST),
    "colored-mnist-quick": (None, SMALL_MNIST),
    "study": (None, (*SMALL_MNIST, "policy.people=100")),
    "study-digits": (None, (*SMALL_DIGITS, "policy.people=100")),
    "colored-mnist": (mnist, (SMALL_VAE,)),
    "colored-svhn": (files.svhn_mat, (SMALL_DCVAE, *SMALL_RESNETS)),
    "celeba": (files.celeba, ("generator.arguments={widths: [4, 4, 4, 4, 4], latent: 4}", *SMALL_RESNETS)),
    "fairface": (files.fairface, (SMALL_DCVAE, *SMALL_RESNETS)),
    "adult": (files.adult, ()),
    "text-demo": (None, SMALL_TEXTS),
    "study-texts": (None, SMALL_TEXTS),
    "study-texts-gpt": (None, (*SMALL_TEXTS, "generator.arguments={width: 8, layers: 1, heads: 1}")),
    "bias-in-bios": (files.bias_in_bios, ()),
    "civil-comments": (files.civil_comments, ()),
    "text": (None, (*SMALL_TEXTS, "generator.arguments={width: 8, layers: 1, heads: 1}")),
    "compas": (files.compas, ()),
    "german": (files.german, ()),
    "acs": (files.acs, ()),
    "credit-default": (files.credit_default, ()),
    "law-school": (files.law_school, ()),
    "study-tables": (files.adult, ("policy.people=null", "star.batch=null")),
}


WITHOUT_LATENTS = {
    "study-tables", "text-demo", "study-texts", "study-texts-gpt", "text", "bias-in-bios", "civil-comments"
}  # fmt: skip


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRLOOP_CACHE", str(tmp_path / "cache"))


def run(name, root, *changes) -> list[Generation]:
    """Two generations of the preset with few epochs, and batches that a few people fill."""
    write, overrides = PRESETS[name]
    overrides = [*overrides, *changes, "generations=2", "generator.first_epochs=null", "measure.gallery=4"]
    overrides += [f"{section}.epochs=1" for section in ("generator", "classifier", "annotator")]
    overrides += [f"{section}.batch=40" for section in ("generator", "classifier", "annotator")]
    overrides += ["measure.samples=100", "measure.latents=8", "precision=fp32"]
    if write is not None:
        write(root)
        overrides.append(f"data.root={root}")
    return list(simulate(from_mapping(presets.fields(name), overrides)))


OF_PEOPLE = ("selective-labels", "lending", "strategic", "performative", "allocation", "adoption")


def test_every_preset_is_run_here():
    assert {*PRESETS, *OF_PEOPLE} == set(presets.names())


@pytest.mark.parametrize("name", OF_PEOPLE)
def test_a_preset_of_people_runs_for_two_rounds(name):
    few = ["generations=2", "people.arrivals=100", "classifier.epochs=1", "annotator.epochs=1"]
    rounds = list(simulate(from_mapping(presets.fields(name), few)))
    assert [one.index for one in rounds] == [0, 1]
    for one in rounds:
        assert 0 <= one.value("accuracy", split="true") <= 1
        assert len(one.log.person) == 100
    assert any(row.role == "people" and np.isfinite(row.value) for one in rounds for row in one.rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_runs_for_two_generations(name, tmp_path):
    generations = run(name, tmp_path)
    assert [generation.index for generation in generations] == [0, 1]
    for generation in generations:
        assert 0 <= generation.value("accuracy") <= 1
        shares = [row.value for row in generation.rows if row.metric == "stratum_share"]
        assert sum(shares) == pytest.approx(1)
        without = name in WITHOUT_LATENTS
        assert generation.gallery.latents.shape[0] == (0 if without else 8)


@pytest.mark.slow
def test_fairface_is_curated_by_all_its_28_strata(tmp_path):
    last = run("fairface", tmp_path, "star.target=both", "star.batch=56", "star.rounding=stochastic")[-1]
    for role in ("generator", "classifier"):
        candidates = [row for row in last.rows if row.metric == "star_candidates" and row.role == role]
        assert len({(row.label, row.group) for row in candidates}) == 28
    assert len({(row.label, row.group) for row in last.rows if row.metric == "stratum_share"}) == 28


@pytest.mark.parametrize(
    ("name", "generator", "batches", "star"),
    [
        ("colored-mnist", ("adam", 1e-3, 1e-5), (256, 256, 256), 64),
        ("colored-svhn", ("adamw", 1e-3, 1e-2), (128, 128, 32), 8),
        ("celeba", ("adam", 1e-4, 0), (64, 64, 128), 32),
        ("fairface", ("adamw", 1e-3, 1e-2), (256, 256, 256), 64),
    ],
)
def test_presets_train_as_published(name, generator, batches, star):
    spec = preset(name)
    made, learns = spec.generator, spec.classifier
    assert (made.optimizer, made.learning_rate, made.weight_decay) == generator
    curated = spec.star.batch or learns.batch
    assert (made.batch, learns.batch, curated) == batches
    assert quotas.budget_for(curated, spec.star.budget) == star
    assert (learns.optimizer, learns.learning_rate, learns.momentum) == ("sgd", 0.1, 0)
    assert spec.annotator == learns
    assert {made.epochs, learns.epochs} == {30}


def test_gen_star_of_celeba_takes_16_more():
    spec = preset("celeba", star={"target": "generator"})
    assert quotas.budget_for(spec.generator.batch, spec.star.budget) == 16
