"""What STAR costs: a classifier step on curated samples against one on samples as they come, on one thread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from benchmarks.speed import ours
from benchmarks.speed.measuring import Finding, alternating, mean
from fairloop import data
from fairloop.curation.star import Star
from fairloop.data import Split
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.data.digits import embedded
from fairloop.numerics import resolve
from fairloop.source import Source

SECTION = "STAR"
STEPS, BUDGET = 4, 64
GENERATOR_EPOCHS, ANNOTATOR_EPOCHS = 4, 6
RACES = (16_527, 13_367, 12_319, 12_287, 12_233, 10_795, 9_216)  # people in FairFace's training file
AGES = (0.54, 0.46)  # up to 29, and older; roughly
LIMITS = {4: 1.5, 28: 1.5, 1000: 2.0}


def measure(rounds: int) -> Iterator[Finding]:
    """At budget 25 %, for 4, 28 and 1,000 strata, with models that were trained for a few epochs."""
    numerics = resolve("auto", "cpu", 1)
    torch.manual_seed(0)
    known = data.load(ColoredMNISTSpec(), seed=0).train
    digits = embedded("train").digits[: len(known)]
    generator = ours.trained_generator(known, numerics, GENERATOR_EPOCHS)
    for strata, (labels, groups) in _namings(known, digits).items():
        label = Split(known.images, labels, groups)
        group = Split(known.images, groups, labels)
        classes = int(labels.max()) + 1, int(groups.max()) + 1
        annotators = [
            ours.trained_classifier(split, n, numerics, ANNOTATOR_EPOCHS)
            for split, n in zip((label, group), classes, strict=True)
        ]
        source, bare = Source(generator, numerics, *annotators), Source(generator, numerics, annotators[0])
        star = Star(ours.ideal(*classes), BUDGET, "stochastic" if strata == 1000 else "floor")
        redrawn = _redrawn(star, source)
        curated = ours.classifier_epochs(ours.feed_of_samples(source, STEPS, star), numerics, classes[0])
        plain = ours.classifier_epochs(ours.feed_of_samples(bare, STEPS), numerics, classes[0])
        contenders = {"plain": lambda: mean(plain, 1) / STEPS, "STAR": lambda: mean(curated, 1) / STEPS}  # noqa: B023
        ratios = [one["STAR"] / one["plain"] for one in alternating(contenders, 2 * rounds)]
        title = f"STAR step / plain synthetic step, {strata:,} strata"
        yield Finding(SECTION, title, "", ratios, LIMITS[strata], at_most=True)
        yield Finding(SECTION, f"share of a batch that STAR redraws, {strata:,} strata", "", redrawn)


def _redrawn(star: Star, source: Source, batches: int = 16) -> list[float]:
    rng = torch.Generator().manual_seed(0)
    return [star.draw(source, ours.BATCH, rng)[1].redrawn.item() / ours.BATCH for _ in range(batches)]


def _namings(known: Split, digits: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Labels and groups by the number of strata, all of them to be seen in the images.

    28: as groups, 14 parts by the ink, which are as large as FairFace's races times two ages. 1,000: ten digits as
    labels, and as groups two colours times fifty equal parts by the ink.
    """
    ink = known.images.astype(np.int64).sum(axis=(1, 2, 3))
    rank = np.argsort(np.argsort(ink, kind="stable"), kind="stable") / len(ink)
    sizes = np.outer(RACES, AGES).reshape(-1)
    return {
        4: (known.labels, known.groups),
        28: (known.labels, np.searchsorted(sizes.cumsum()[:-1] / sizes.sum(), rank, side="right")),
        1000: (digits, (rank * 50).astype(np.int64) * 2 + known.groups),
    }
