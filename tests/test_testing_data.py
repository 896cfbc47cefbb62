"""Each check of the conformance suite for data sets and curations finds its fault."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from fairloop import data
from fairloop.curation.interface import Curation
from fairloop.curation.star import Star
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.sources.batch import Batch
from fairloop.sources.source import Source
from fairloop.testing import (
    CURATOR_CHECKS,
    POPULATION_CHECKS,
    CuratorCase,
    PopulationCase,
)
from test_testing import find

SPEC = ColoredMNISTSpec(train=100, valid=30, test=200)


def good(spec: ColoredMNISTSpec, seed: int) -> data.Population:
    return data.load(spec, seed)


def float_images(spec: ColoredMNISTSpec, seed: int) -> data.Population:
    population = good(spec, seed)
    train = population.train
    return replace(population, train=data.Split(train.inputs.astype(np.float64), train.labels, train.groups))


def strange_codes(spec: ColoredMNISTSpec, seed: int) -> data.Population:
    population = good(spec, seed)
    train = population.train
    return replace(population, train=data.Split(train.inputs, train.labels + 1, train.groups))


def no_balanced_split(spec: ColoredMNISTSpec, seed: int) -> data.Population:
    population = good(spec, seed)
    return replace(population, tests={name: population.tests[name] for name in ("valid", "test")})


def unbalanced(spec: ColoredMNISTSpec, seed: int) -> data.Population:
    population = good(spec.model_copy(update={"green_given_label": (0.05, 0.95)}), seed)
    return replace(population, tests={**population.tests, "test_balanced": population.tests["test"]})


def other_each_time(spec: ColoredMNISTSpec, seed: int) -> data.Population:
    return good(spec, int(np.random.default_rng().integers(2**31)))


def cached_without_threshold(spec: ColoredMNISTSpec, seed: int) -> data.Population:
    return good(spec.model_copy(update={"threshold": 5}), seed)


def named_by_seed(spec: ColoredMNISTSpec, seed: int) -> data.Population:
    return replace(good(spec, 0), fingerprint=f"{seed}")


FAULTY_DATA = [
    (float_images, "holds_arrays_of_the_right_kind", "train: images are float64, not uint8"),
    (strange_codes, "names_what_its_codes_mean", "labels range from 1 to 2, with 2 names"),
    (no_balanced_split, "has_every_split", "test_balanced"),
    (unbalanced, "balances_its_balanced_split", "under label"),
    (other_each_time, "is_the_same_for_the_same_seed", "fingerprints"),
    (cached_without_threshold, "changes_its_fingerprint_with_every_parameter", "threshold=4"),
    (named_by_seed, "changes_its_data_with_its_fingerprint", "deny"),
]


@pytest.mark.parametrize(("load", "check", "words"), FAULTY_DATA)
def test_a_faulty_data_set_is_found(load, check, words):
    with pytest.raises(AssertionError, match=words):
        find(POPULATION_CHECKS, check)(PopulationCase(load, SPEC, {"threshold": 4}))


def test_every_check_of_data_finds_a_fault():
    assert {check for _, check, _ in FAULTY_DATA} == {check.__name__ for check in POPULATION_CHECKS}


@dataclass(frozen=True)
class Faulty:
    """STAR with a fault."""

    fault: str

    def draw(self, source: Source, n: int, rng: torch.Generator) -> tuple[Batch, Curation]:
        if self.fault == "deaf":
            rng = torch.Generator().manual_seed(0)
        batch, curation = Star(np.full((2, 2), 0.25), 4).draw(source, n, rng)
        if self.fault == "short":
            batch = batch.select(torch.arange(n - 1))
        if self.fault == "twice":
            batch = batch.select(torch.zeros(n, dtype=torch.long))
        if self.fault == "renames":
            batch = batch._replace(groups=1 - batch.groups)
        if self.fault == "miscounts":
            curation = curation._replace(redrawn=curation.redrawn + 1)
        return batch, curation


FAULTY_CURATORS = [
    ("short", "fills_every_batch", "a batch of 1 has 0"),
    ("twice", "takes_each_sample_from_the_source_once", "twice"),
    ("renames", "takes_each_sample_from_the_source_once", "another label or group"),
    ("miscounts", "counts_what_it_took", "redrawn"),
    ("deaf", "follows_its_rng", "do not depend"),
]


@pytest.mark.parametrize(("fault", "check", "words"), FAULTY_CURATORS)
def test_a_faulty_curation_is_found(fault, check, words):
    with pytest.raises(AssertionError, match=words):
        find(CURATOR_CHECKS, check)(CuratorCase(Faulty(fault)))
