"""fairloop's own loops, a few steps at a time: an epoch of `training.py` that is as short as one asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from fairloop.curation.interface import Curator, NoCuration
from fairloop.data import Population, Split
from fairloop.loop.measuring import Measurer
from fairloop.loop.trainer import Annotators, ModelTrainer
from fairloop.models import build_classifier, build_generator
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.presets import preset
from fairloop.seeding import ModelRole
from fairloop.sources.batch import Batch
from fairloop.sources.source import RealData, Source
from fairloop.spec.models import ClassifierSpec, GeneratorSpec
from fairloop.store.interface import Trained, last
from fairloop.store.memory import MemoryModels
from fairloop.training.batches import Feed, Schedule, real, synthetic
from fairloop.training.fitting import fit_classifier, fit_generator
from fairloop.training.streams import Streams

SHAPE, BATCH = (3, 28, 28), 256
SPEC = preset("colored-mnist")
ENDLESS = 1_000_000
Steps = Callable[[], object]
"""Each call trains one epoch."""


def generator(numerics: Numerics) -> Generator:
    """A new one, as `colored-mnist` has it."""
    return numerics.place(build_generator("conv-vae", SHAPE, SPEC.generator.arguments)).eval()


def classifier(numerics: Numerics, classes: int = 2) -> Classifier:
    """A new one, as `colored-mnist` has it."""
    return numerics.place(build_classifier("simple-cnn", SHAPE, classes, {})).eval()


def streams(numerics: Numerics) -> Streams:
    return Streams(0, 0, ModelRole.GENERATOR, numerics.device)


def feed_of_people(split: Split, numerics: Numerics, batch: int = BATCH) -> Feed:
    return real(RealData(split, numerics), batch, streams(numerics))


def feed_of_samples(source: Source, steps: int, curator: Curator | None = None) -> Feed:
    return synthetic(source, curator or NoCuration(), Schedule(steps, BATCH, BATCH), streams(source.numerics))


def generator_epochs(feed: Feed, numerics: Numerics) -> Steps:
    training = GeneratorSpec(epochs=ENDLESS)
    return epochs(fit_generator(generator(numerics), training, feed, streams(numerics), numerics))


def classifier_epochs(feed: Feed, numerics: Numerics, classes: int = 2) -> Steps:
    return epochs(fit_classifier(classifier(numerics, classes), ClassifierSpec(epochs=ENDLESS), feed, numerics))


def epochs(fit: Iterator[Any]) -> Steps:
    return lambda: next(fit)


def trained_generator(split: Split, numerics: Numerics, epochs: int) -> Generator:
    """Trained as `colored-mnist-quick` trains on few digits."""
    training = GeneratorSpec(epochs=epochs, batch=64, learning_rate=2e-3)
    feed = feed_of_people(split, numerics, batch=64)
    return last(fit_generator(generator(numerics), training, feed, streams(numerics), numerics)).module


def trained_classifier(split: Split, classes: int, numerics: Numerics, epochs: int) -> Classifier:
    """An annotator of `split.labels`, trained as `colored-mnist-quick` trains on few digits."""
    training = ClassifierSpec(epochs=epochs, batch=64, optimizer="adam", learning_rate=1e-3)
    feed = feed_of_people(split, numerics, batch=64)
    return last(fit_classifier(classifier(numerics, classes), training, feed, numerics)).module


def measuring(people: Population, numerics: Numerics) -> Callable[[], object]:
    """Everything that is recorded of a generation, with models that have learned nothing."""
    few = replace(people, train=first(people.train, BATCH))
    trainer = ModelTrainer(SPEC, MemoryModels(), population=few)
    log = {"loss": torch.zeros(SPEC.generator.epochs)}
    made = Trained(trainer.plan.generators[1], generator(numerics), log)
    named = Trained(trainer.plan.classifiers[1], classifier(numerics), log)
    annotators = Annotators(
        Trained(trainer.plan.label_annotator, classifier(numerics), log),
        Trained(trainer.plan.group_annotator, classifier(numerics), log),
    )
    measurer = Measurer(people, numerics, SPEC, annotators, made.module)
    return lambda: (list(measurer.generation(1, made, named, named)), measurer.gallery(1, made))


def first(split: Split, people: int) -> Split:
    return Split(split.inputs[:people], split.labels[:people], split.groups[:people])


def batch_of_people(split: Split, numerics: Numerics) -> Batch:
    return next(RealData(first(split, BATCH), numerics).in_order())


def ideal(labels: int, groups: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.full((labels, groups), 1 / (labels * groups))
