"""What STAR costs: a classifier step on curated samples against one on samples as they come, on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.speed import ours
from benchmarks.speed.measuring import Finding, alternating, mean
from fairloop import data
from fairloop.curation.star import Star
from fairloop.data import Split
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.data.digits import embedded
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics, resolve
from fairloop.sources.batch import join
from fairloop.sources.quotas import Rounding
from fairloop.sources.source import Source

SECTION = "STAR"
STEPS, BUDGET = 4, 64
GENERATOR_EPOCHS, ANNOTATOR_EPOCHS = 8, 8
RACES = (16_527, 13_367, 12_319, 12_287, 12_233, 10_795, 9_216)  # people in FairFace's training file
AGES = (0.54, 0.46)  # up to 29, and older; roughly
Codes = NDArray[np.int64]


class Case(NamedTuple):
    """Annotators of `labels` and of `groups`, whose strata STAR balances."""

    strata: str
    label: Classifier
    group: Classifier
    labels: int
    groups: int
    limit: float | None = 1.5
    rounding: Rounding = "floor"


def measure(rounds: int) -> Iterator[Finding]:
    """At budget 25 %, for 4, 28 and 1,000 strata, with models that were trained for a few epochs."""
    numerics = resolve("auto", "cpu", 1)
    torch.manual_seed(0)
    known = data.load(ColoredMNISTSpec(), seed=0).train
    digits = embedded("train").digits[: len(known)]
    generator = ours.trained_generator(known, numerics, GENERATOR_EPOCHS)
    for case in _cases(known, digits, generator, numerics):
        yield from _measured(case, generator, numerics, rounds)


def _measured(case: Case, generator: Generator, numerics: Numerics, rounds: int) -> Iterator[Finding]:
    # As a classifier that learns from curated samples has it: it learns labels, not groups.
    source = Source(generator, numerics, case.label, case.group, groups_only_sort=True)
    star = Star(ours.ideal(case.labels, case.groups), BUDGET, case.rounding)
    redrawn = _redrawn(star, source)
    curated = ours.classifier_epochs(ours.feed_of_samples(source, STEPS, star), numerics, case.labels)
    bare = ours.feed_of_samples(Source(generator, numerics, case.label), STEPS)
    plain = ours.classifier_epochs(bare, numerics, case.labels)
    contenders = {"plain": lambda: mean(plain, 1) / STEPS, "STAR": lambda: mean(curated, 1) / STEPS}
    ratios = [one["STAR"] / one["plain"] for one in alternating(contenders, 2 * rounds)]
    yield Finding(SECTION, f"STAR step / plain synthetic step, {case.strata}", "", ratios, case.limit, at_most=True)
    yield Finding(SECTION, f"share of a batch that STAR redraws, {case.strata}", "", redrawn)


def _redrawn(star: Star, source: Source, batches: int = 16) -> list[float]:
    rng = torch.Generator().manual_seed(0)
    return [star.draw(source, ours.BATCH, rng)[1].redrawn.item() / ours.BATCH for _ in range(batches)]


def _cases(known: Split, digits: Codes, generator: Generator, numerics: Numerics) -> Iterator[Case]:
    """Strata that all can be seen in the images: colours, parts by the ink, digits.

    28: two labels, and in each 14 parts by the ink, as large as FairFace's races times two ages: first among the
    samples, then among people, whose ink samples do not have. 1,000: ten digits as labels, and as groups two colours
    times fifty equal parts by the ink.
    """

    def annotator(images: NDArray[np.uint8], names: Codes) -> Classifier:
        classes = int(names.max()) + 1
        return ours.trained_classifier(Split(images, names, names), classes, numerics, ANNOTATOR_EPOCHS)

    people = known.images[:]
    label = annotator(people, known.labels)
    yield Case("4 strata", label, annotator(people, known.groups), 2, 2)
    for images, labels, words, limit in (
        (*_samples(generator, label, numerics, len(known)), "28 strata", 1.5),
        (people, known.labels, "28 strata that samples lack", None),
    ):
        yield Case(words, label, annotator(images, _fourteen(images, labels)), 2, 14, limit)
    groups = (_rank_by_ink(people) * 50).astype(np.int64) * 2 + known.groups
    yield Case("1,000 strata", annotator(people, digits), annotator(people, groups), 10, 100, 2.0, "stochastic")


def _fourteen(images: NDArray[np.uint8], labels: Codes) -> Codes:
    """(N,) parts by the ink in each label, as large as FairFace's races times two ages."""
    sizes = np.outer(RACES, AGES).reshape(-1)
    parts = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        has = labels == label
        parts[has] = np.searchsorted(sizes.cumsum()[:-1] / sizes.sum(), _rank_by_ink(images[has]), side="right")
    return parts


def _rank_by_ink(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N,) in [0, 1)."""
    ink = images.astype(np.int64).sum(axis=(1, 2, 3))
    return np.argsort(np.argsort(ink, kind="stable"), kind="stable") / len(ink)


def _samples(generator: Generator, label: Classifier, numerics: Numerics, n: int) -> tuple[NDArray[np.uint8], Codes]:
    """Of the generator, and what the annotator calls them."""
    source, rng = Source(generator, numerics, label), torch.Generator().manual_seed(1)
    batch = join(*(source.draw(ours.BATCH, rng) for _ in range(-(-n // ours.BATCH))))
    return (batch.inputs * 255).round().byte().contiguous().numpy(), batch.labels.numpy()
