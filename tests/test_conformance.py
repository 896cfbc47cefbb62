"""Every shipped generator, classifier, data set and curation passes the suites of `fairloop.testing`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from torch import Tensor
from torch.nn import functional as F

import files
from fairloop.curation.interface import NoCuration
from fairloop.curation.star import Star
from fairloop.data import DATASETS, ELSEWHERE, Population
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.models import CLASSIFIERS, GENERATORS
from fairloop.seeding import ModelRole
from fairloop.testing import (
    CLASSIFIER_CHECKS,
    CURATOR_CHECKS,
    ESTIMATOR_CHECKS,
    GENERATOR_CHECKS,
    POPULATION_CHECKS,
    ClassifierCase,
    CuratorCase,
    EstimatorCase,
    GeneratorCase,
    PopulationCase,
)


def people(n: int) -> Tensor:
    """(n, 6): a number, and two categories, one of three and one of two."""
    number, three, two = (torch.arange(n) * 37 % 100 / 100)[:, None], torch.arange(n) % 3, torch.arange(n) // 3 % 2
    return torch.cat([number, F.one_hot(three, 3), F.one_hot(two, 2)], dim=1).float()


def texts(n: int) -> Tensor:
    """(n, 5): a word, then the same word or the next one, and an end after two or three."""
    first, again = 4 + torch.arange(n) % 3, torch.arange(n) // 3 % 2
    second, third = first + again, torch.where(again == 1, 2, first)
    return torch.stack([first, second, third, 2 * (1 - again), 0 * first], dim=1)


# One line for each shipped name, at a size that takes no time.
GENERATOR_CASES = {
    "conv-vae": GeneratorCase("conv-vae", arguments={"widths": [4, 8], "latent": 3}),
    "dcvae": GeneratorCase("dcvae", (3, 64, 64), {"widths": [2, 3, 4, 6], "hidden": 16, "latent": 3}),
    "celeba-vae": GeneratorCase("celeba-vae", (3, 32, 32), {"widths": [4, 6, 8], "latent": 3}),
    "celeba-vae-64": GeneratorCase("celeba-vae-64", (3, 32, 32), {"widths": [4, 6, 8], "latent": 3}),
    "tabular-vae": GeneratorCase("tabular-vae", (6,), {"blocks": [1, 3, 2], "hidden": [8]}, samples=people(32)),
    "tabular-ddpm": GeneratorCase(
        "tabular-ddpm", (6,), {"blocks": [1, 3, 2], "hidden": [8], "embedding": 4, "levels": 5}, samples=people(32)
    ),
    "tiny-gpt": GeneratorCase(
        "tiny-gpt", (5,), {"vocabulary": 8, "width": 8, "layers": 1, "heads": 2}, samples=texts(32)
    ),
    "ddpm": GeneratorCase("ddpm", (3, 16, 16), {"widths": [4, 8], "steps": 2}, learning_rate=3e-3),
}
CLASSIFIER_CASES = {
    "simple-cnn": ClassifierCase("simple-cnn"),
    "lenet-5": ClassifierCase("lenet-5", classes=7),
    "mlp": ClassifierCase("mlp", (7,), {"hidden": [8]}, classes=3),
    "text-cnn": ClassifierCase(
        "text-cnn", (5,), {"vocabulary": 8, "width": 8, "filters": 4}, samples=texts(32), classes=3
    ),
    "text-transformer": ClassifierCase(
        "text-transformer", (5,), {"vocabulary": 8, "width": 8, "heads": 2}, samples=texts(32), classes=3
    ),
    "resnet-20": ClassifierCase("resnet-20", (1, 12, 12), {"width": 4}, classes=7),
    "resnet-32": ClassifierCase("resnet-32", (3, 12, 12), {"width": 4, "norm": "group", "norm_groups": 2}, steps=6),
    "resnet-44": ClassifierCase("resnet-44", (3, 12, 12), {"width": 4, "norm": "instance"}, steps=6),
    "resnet-56": ClassifierCase("resnet-56", (3, 9, 12), {"width": 2}, steps=6),
    "resnet-110": ClassifierCase("resnet-110", (3, 8, 8), {"width": 2}, steps=4),
}


WORDS = make_pipeline(TfidfVectorizer(), LogisticRegression())
TREES = {"n_estimators": 5}
MITIGATIONS = {
    "fairlearn-exponentiated-gradient": {"max_iter": 2},
    "fairlearn-grid-search": {"grid_size": 3},
    "fairlearn-threshold-optimizer": {"estimator": "sklearn.tree:DecisionTreeClassifier",
                                      "estimator_arguments": {"max_depth": 2}},
    "fairlearn-correlation-remover": {"alpha": 0.9},
}  # fmt: skip
ESTIMATOR_CASES = {
    "bootstrap": EstimatorCase("bootstrap", ModelRole.GENERATOR),
    "gaussian-copula": EstimatorCase("gaussian-copula", ModelRole.GENERATOR, {"knots": 32}),
    "chow-liu": EstimatorCase("chow-liu", ModelRole.GENERATOR, {"bins": 4, "knots": 8}),
    "kernel density": EstimatorCase("sklearn.neighbors:KernelDensity", ModelRole.GENERATOR, {"bandwidth": 0.1}),
    "ngram": EstimatorCase("ngram", ModelRole.GENERATOR, texts=True),
    "bootstrap of texts": EstimatorCase("bootstrap", ModelRole.GENERATOR, texts=True),
    "words": EstimatorCase("tfidf-logistic", texts=True),
    "a pipeline of texts": EstimatorCase("test_conformance:WORDS", texts=True),
    "mixture": EstimatorCase("sklearn.mixture:GaussianMixture", ModelRole.GENERATOR, {"n_components": 2}),
    "linear": EstimatorCase("sklearn.linear_model:LogisticRegression"),
    "forest": EstimatorCase("sklearn.ensemble:RandomForestClassifier", arguments={**TREES, "max_depth": 3}),
    "boosting": EstimatorCase("sklearn.ensemble:HistGradientBoostingClassifier", arguments={"max_iter": 5}),
    "no probabilities": EstimatorCase("sklearn.linear_model:RidgeClassifier"),
    "xgboost": EstimatorCase("xgboost:XGBClassifier", arguments=TREES),
    "xgboost with texts": EstimatorCase("xgboost:XGBClassifier", arguments={**TREES, "enable_categorical": True}),
    "lightgbm": EstimatorCase("lightgbm:LGBMClassifier", arguments={**TREES, "verbose": -1}),
    **{name: EstimatorCase(name, arguments=arguments, labels=2) for name, arguments in MITIGATIONS.items()},
}


def own_table(root: Path) -> None:
    rows = [f"{'ab'[i % 2]},{i / 7},{'fm'[i // 2 % 2]},{('no', 'yes')[i // 4 % 2]}" for i in range(80)]
    (root / "people.csv").write_text("\n".join(["kind,size,who,ok", *rows]))


# Who writes small files with the true schema, what the spec is then, and other values of its fields.
DATA_CASES = {
    "colored-mnist": (
        None,
        {"train": 400, "valid": 100, "test": 200},
        {"threshold": 4, "green_given_label": (0.4, 0.7), "label_noise": 0.5, "train": 401, "test": 201, "seed": 5},
    ),
    "colored-svhn": (
        files.svhn_mat,
        {"size": 8},
        {"threshold": 4, "green_given_label": (0.4, 0.7), "label_noise": 0.5, "size": 9, "seed": 5},
    ),
    "celeba": (files.celeba, {"size": 8}, {"label": "Young", "groups": ("Young",), "size": 9, "mirror": False}),
    "fairface": (files.fairface, {"size": 8}, {"groups": ("race",), "size": 9, "mirror": True}),
    "adult": (files.adult, {}, {"groups": ("sex", "race"), "seed": 5}),
    "compas": (files.compas, {}, {"groups": ("sex",), "valid": 0.2, "test": 0.2, "seed": 5}),
    "german": (files.german, {}, {"groups": ("age",), "valid": 0.2, "test": 0.2, "seed": 5}),
    "acs": (
        lambda root: files.acs(root, (6, 48)),
        {},
        {"groups": ("sex",), "task": "ACSEmployment", "states": ("CA",), "valid": 0.2, "test": 0.2, "seed": 5},
    ),
    "credit-default": (files.credit_default, {}, {"groups": ("age",), "valid": 0.2, "test": 0.2, "seed": 5}),
    "law-school": (files.law_school, {}, {"groups": ("sex",), "valid": 0.2, "test": 0.2, "seed": 5}),
    "pictures": (
        files.own_pictures,
        {"table": "people.csv", "image": "file", "label": "old", "groups": ("sex",), "size": 8, "split": "part"},
        {"groups": ("place",), "label": "tall", "size": 9, "split": None, "beneficial": "0", "mode": "L"},
    ),
    "table": (
        own_table,
        {"table": "people.csv", "label": "ok", "beneficial": "yes", "groups": ("who",)},
        {"groups": ("kind",), "leave_out": ("size",), "beneficial": "no", "valid": 0.2, "test": 0.2, "seed": 5},
    ),
    "text": (
        files.own_texts,
        {"table": "texts.csv", "label": "praised", "beneficial": "y", "groups": ("who",), "split": "part"},
        {"beneficial": "n", "split": None, "length": 9, "vocabulary_size": 20, "minoritized": ("a",)},
    ),
    "biographies": (
        None,
        {"train": 60, "valid": 20, "test": 200},
        {
            "label": "profession",
            "minoritized_share": 0.3,
            "professions": 4,
            "zipf": 0.0,
            "association": 0.9,
            "favourable_given_group": (0.9, 0.1),
            "label_noise": (0.5, 0.5),
            "markers": 8,
            "towns": 9,
            "length": 12,
            "marked_given_group": (0.9, 0.1),
            "pronouns": "neutral",
            "counts": "drawn",
            "vocabulary_size": 30,
            "train": 61,
            "seed": 5,
        },
    ),
    "bias-in-bios": (files.bias_in_bios, {}, {"professions": ("nurse", "surgeon"), "beneficial": "nurse", "length": 9}),
    "civil-comments": (files.civil_comments, {}, {"identities": ("female", "male"), "others": True, "length": 9}),
    ELSEWHERE: (None, {"name": "test_conformance:anybodys"}, {"arguments": {"train": 90}, "seed": 5}),
}


def anybodys(seed: int, train: int = 80) -> Population:
    return DATASETS["colored-mnist"].load(ColoredMNISTSpec(train=train, valid=30, test=60), seed)


@pytest.fixture
def population_case(request, tmp_path, monkeypatch) -> PopulationCase:
    """The case of that name, its files written."""
    monkeypatch.setenv("FAIRLOOP_CACHE", str(tmp_path / "cache"))
    write, fields, changes = DATA_CASES[request.param]
    if write is not None:
        write(tmp_path)
        fields = {**fields, "root": tmp_path}
        fields |= {"table": tmp_path / fields["table"]} if "table" in fields else {}
    return PopulationCase(DATASETS[request.param].load, DATASETS[request.param].spec(**fields), changes)


CURATOR_CASES = {
    "none": CuratorCase(NoCuration()),
    "star": CuratorCase(Star(np.full((2, 2), 0.25), budget=16)),
    "star, stochastic": CuratorCase(Star(np.full((2, 14), 1 / 28), 16, "stochastic"), labels=2, groups=14),
}


def by_name(check: Any) -> str:
    return str(check.__name__)


def those(cases: dict[str, Any], *slow: str) -> list[Any]:
    """The names of `cases`, some of them slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in cases]


def test_every_shipped_name_has_a_case():
    for cases, names in (
        (GENERATOR_CASES.keys() | {"bootstrap", "gaussian-copula", "chow-liu", "ngram", "hf-causal"}, GENERATORS),
        (CLASSIFIER_CASES.keys() | {"tfidf-logistic"} | MITIGATIONS.keys(), CLASSIFIERS),
        (DATA_CASES, DATASETS),
    ):
        assert set(cases) == set(names)


@pytest.mark.parametrize("check", GENERATOR_CHECKS, ids=by_name)
@pytest.mark.parametrize("name", those(GENERATOR_CASES, "conv-vae", "ddpm", "dcvae"))
def test_generators_conform(name, check):
    check(GENERATOR_CASES[name])


@pytest.mark.parametrize("check", CLASSIFIER_CHECKS, ids=by_name)
@pytest.mark.parametrize("name", those(CLASSIFIER_CASES, "resnet-32", "resnet-44", "resnet-56", "resnet-110"))
def test_classifiers_conform(name, check):
    check(CLASSIFIER_CASES[name])


@pytest.mark.parametrize(
    ("name", "check"),
    [(name, check) for name, case in ESTIMATOR_CASES.items() for check in ESTIMATOR_CHECKS[case.role]],
    ids=lambda told: told if isinstance(told, str) else by_name(told),
)
def test_estimators_conform(name, check):
    case = ESTIMATOR_CASES[name]
    if ":" in case.model or "fairlearn" in case.model:
        pytest.importorskip("fairlearn" if "fairlearn" in case.model else case.model.partition(":")[0])
    check(case)


@pytest.mark.parametrize("check", POPULATION_CHECKS, ids=by_name)
@pytest.mark.parametrize("population_case", DATA_CASES, indirect=True)
def test_data_sets_conform(population_case, check):
    check(population_case)


@pytest.mark.parametrize("check", CURATOR_CHECKS, ids=by_name)
@pytest.mark.parametrize("name", CURATOR_CASES)
def test_curations_conform(name, check):
    check(CURATOR_CASES[name])
