"""Texts in the loop: language models and classifiers of texts in runs of `simulate`, by the names of a spec."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fairloop import RunSpec, simulate
from fairloop.data import Population, Split
from fairloop.data.tokens import Words
from fairloop.errors import InputError
from fairloop.seeding import Role, numpy_stream
from fairloop.spec.run import from_mapping
from fairloop.store.memory import MemoryModels
from fairloop.sweep.estimate import estimate
from fairloop.tables.token_ids import END, PAD

LENGTH = 7
JOBS = {"nurse": "helps", "doctor": "treats"}


def biographies(seed: int, train: int = 160, words: int | None = None) -> Population:
    """`she is a nurse and helps`: the label is the job, the group the pronoun, and jobs depend on groups."""

    def split(role: Role, n: int, share: float) -> tuple[list[str], Any, Any]:
        rng = numpy_stream(seed, role)
        groups = rng.integers(2, size=n)
        labels = (rng.random(n) < np.where(groups, share, 1 - share)).astype(np.int64)
        jobs = [list(JOBS)[label] for label in labels]
        texts = [f"{('she', 'he')[g]} is a {job} and {JOBS[job]}" for g, job in zip(groups, jobs, strict=True)]
        return texts, labels, groups

    parts = {
        "train": split(Role.TRAIN_DATA, train, 0.7),
        "valid": split(Role.VALID_DATA, 60, 0.7),
        "test": split(Role.TEST_DATA, 60, 0.7),
        "test_balanced": split(Role.BALANCED_DATA, 60, 0.5),
    }
    vocabulary = Words.of(parts["train"][0], most=words)
    splits = {
        name: Split(vocabulary.encode(texts, LENGTH), labels, groups) for name, (texts, labels, groups) in parts.items()
    }
    return Population(
        "biographies", tuple(JOBS), ("she", "he"), ("she",), splits.pop("train"), splits, tokens=vocabulary
    )


NGRAM = {"model": "ngram", "arguments": {"order": 3, "discount": 0.0}}


def spec(*overrides: str, **sections: Any) -> RunSpec:
    fields = {
        "data": {"name": "test_text_loop:biographies"},
        "generations": 3,
        "generator": NGRAM,
        "classifier": {"model": "mlp", "arguments": {"hidden": [4]}, "epochs": 1},
        "annotator": {"model": "mlp", "arguments": {"hidden": [4]}, "epochs": 1},
        "measure": {"samples": 40, "gallery": 4, "latents": 0},
        "precision": "fp32",
        "device": "cpu",
    } | sections
    return from_mapping(fields, overrides)


CLASSIFIER = {"model": "test_text_loop:Jobs"}


class Jobs:
    """Knows a job by its word."""

    def fit(self, X, y):  # noqa: N803
        self.classes_ = sorted(set(y))
        return self

    def predict(self, X):  # noqa: N803
        return [next((name for name in self.classes_ if name in text), self.classes_[0]) for text in X["text"]]


LIKE = {"classifier": CLASSIFIER, "annotator": {"model": "test_text_loop:Jobs"}}


def rows(run: Any) -> list[tuple[str, ...]]:
    return [tuple(map(repr, row)) for generation in run for row in generation.rows]


def test_a_vocabulary_is_part_of_the_data():
    first, cut = biographies(0), biographies(0, words=5)
    assert first.fingerprint == biographies(0).fingerprint != cut.fingerprint
    assert first.facts == {"vocabulary": len(first.tokens)}
    assert first.value_range == (0, len(first.tokens) - 1)


@pytest.mark.parametrize("star", ["none", "both"])
def test_a_run_of_texts_repeats_itself_and_shows_texts(star):
    asked = spec(**LIKE, star={"target": star, "budget": 4})
    first, second = (list(simulate(asked, MemoryModels())) for _ in range(2))
    assert rows(first) == rows(second)
    shown = first[-1].gallery.images
    assert shown.dtype == np.int64
    for text in biographies(asked.seed).tokens.decode(shown):
        assert text.split()[:3:2] in (["she", "a"], ["he", "a"])
    assert estimate([asked]) is not None


SMALL = {"width": 8, "layers": 1, "heads": 2}
NETWORKS: dict[str, Any] = {
    "generator": {
        "model": "tiny-gpt", "arguments": {**SMALL, "top_p": 0.95}, "epochs": 2, "batch": 40, "optimizer": "adamw",
        "learning_rate": 0.01, "weight_decay": 0.1, "betas": [0.9, 0.95], "clip_norm": 1.0, "warm_up": 2,
        "final_rate": 0.1,
    },
    "classifier": {"model": "text-cnn", "arguments": {"width": 8, "filters": 4}, "epochs": 2, "optimizer": "adam",
                   "learning_rate": 0.01},
    "annotator": {"model": "text-transformer", "arguments": SMALL, "epochs": 2, "optimizer": "adam",
                  "learning_rate": 0.01},
    "data": {"name": "test_text_loop:biographies", "arguments": {"train": 40}},
}  # fmt: skip


@pytest.mark.slow
def test_networks_of_texts_learn_from_each_other_and_resume():
    """With STAR, a warm start, a temperature, accumulated texts that are kept, and real texts beside them."""
    policy = {"kind": "accumulate", "kept": True}
    asked = spec(
        **NETWORKS,
        star={"target": "both", "budget": 4},
        temperature=0.9,
        warm_start="generator",
        policy={"generator": policy, "classifier": policy},
    )
    models = MemoryModels()
    whole = rows(simulate(asked, models))
    assert rows(simulate(asked, models)) == whole
    begun = MemoryModels()
    list(simulate(asked.model_copy(update={"generations": 2}), begun))
    assert rows(simulate(asked, begun)) == whole
    assert estimate([asked]) is not None


def test_a_generator_tells_likelihoods():
    models = MemoryModels()
    last = list(simulate(spec(**LIKE), models))[-1]
    generator = last.generator.module
    texts = biographies(0).tests["test"].inputs
    logs = generator.log_likelihood(torch.from_numpy(texts))
    assert generator.has_likelihood
    assert logs.shape == texts.shape
    assert (logs[torch.from_numpy(texts) == PAD] == 0).all()
    assert logs[torch.from_numpy(texts) == END].exp().gt(0.9).all()


class Beyond:
    """Makes ids that the vocabulary does not have."""

    takes = "token ids"

    def fit(self, X):  # noqa: N803
        self.like = X
        return self

    def sample(self, n):
        return np.resize(self.like, (n, self.like.shape[1])) + 100


def test_ids_that_no_vocabulary_has_end_the_run_before_it_starts():
    with pytest.raises(InputError, match="gives ids 1"):
        list(simulate(spec(**LIKE, generator={"model": "test_text_loop:Beyond"}), MemoryModels()))
