"""Every shipped generator, classifier, data set and curation passes the suites of `fairloop.testing`."""

from __future__ import annotations

from typing import Any

import pytest

from fairloop.curation import ideal as ideals
from fairloop.curation.interface import NoCuration
from fairloop.curation.star import Star
from fairloop.data import DATASETS
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.models import CLASSIFIERS, GENERATORS
from fairloop.testing import (
    CLASSIFIER_CHECKS,
    CURATOR_CHECKS,
    GENERATOR_CHECKS,
    POPULATION_CHECKS,
    ClassifierCase,
    CuratorCase,
    GeneratorCase,
    PopulationCase,
)

# One line for each shipped name, at a size that takes no time.
GENERATOR_CASES = {
    "conv-vae": GeneratorCase("conv-vae", arguments={"widths": [4, 8], "latent": 3}),
    "dcvae": GeneratorCase("dcvae", (3, 64, 64), {"widths": [2, 3, 4, 6], "hidden": 16, "latent": 3}),
    "celeba-vae": GeneratorCase("celeba-vae", (3, 32, 32), {"widths": [4, 6, 8], "latent": 3}),
    "celeba-vae-64": GeneratorCase("celeba-vae-64", (3, 32, 32), {"widths": [4, 6, 8], "latent": 3}),
    "ddpm": GeneratorCase("ddpm", (3, 16, 16), {"widths": [4, 8], "steps": 2}, learning_rate=3e-3),
}
CLASSIFIER_CASES = {
    "simple-cnn": ClassifierCase("simple-cnn"),
    "lenet-5": ClassifierCase("lenet-5", classes=7),
    "resnet-20": ClassifierCase("resnet-20", (1, 12, 12), {"width": 4}, classes=7),
    "resnet-32": ClassifierCase("resnet-32", (3, 12, 12), {"width": 4, "norm": "group", "norm_groups": 2}, steps=6),
    "resnet-44": ClassifierCase("resnet-44", (3, 12, 12), {"width": 4, "norm": "instance"}, steps=6),
    "resnet-56": ClassifierCase("resnet-56", (3, 9, 12), {"width": 2}, steps=6),
    "resnet-110": ClassifierCase("resnet-110", (3, 8, 8), {"width": 2}, steps=4),
}
POPULATION_CASES = {
    "colored-mnist": PopulationCase(
        DATASETS["colored-mnist"],
        ColoredMNISTSpec(train=400, valid=100, test=200),
        {"threshold": 4, "green_given_label": (0.4, 0.7), "label_noise": 0.5, "train": 401, "test": 201, "seed": 5},
    ),
}
CURATOR_CASES = {
    "none": CuratorCase(NoCuration()),
    "star": CuratorCase(Star(ideals.uniform(2, 2), budget=16)),
    "star, stochastic": CuratorCase(Star(ideals.uniform(2, 14), 16, "stochastic"), labels=2, groups=14),
}


def by_name(check: Any) -> str:
    return str(check.__name__)


def test_every_shipped_name_has_a_case():
    for cases, names in (
        (GENERATOR_CASES, GENERATORS),
        (CLASSIFIER_CASES, CLASSIFIERS),
        (POPULATION_CASES, DATASETS),
    ):
        assert set(cases) == set(names)


@pytest.mark.parametrize("check", GENERATOR_CHECKS, ids=by_name)
@pytest.mark.parametrize("name", GENERATOR_CASES)
def test_generators_conform(name, check):
    check(GENERATOR_CASES[name])


@pytest.mark.parametrize("check", CLASSIFIER_CHECKS, ids=by_name)
@pytest.mark.parametrize("name", CLASSIFIER_CASES)
def test_classifiers_conform(name, check):
    check(CLASSIFIER_CASES[name])


@pytest.mark.parametrize("check", POPULATION_CHECKS, ids=by_name)
@pytest.mark.parametrize("name", POPULATION_CASES)
def test_data_sets_conform(name, check):
    check(POPULATION_CASES[name])


@pytest.mark.parametrize("check", CURATOR_CHECKS, ids=by_name)
@pytest.mark.parametrize("name", CURATOR_CASES)
def test_curations_conform(name, check):
    check(CURATOR_CASES[name])
