"""A prototype: models that learn from one generator in lock step, from samples that are decoded once for all of them.

    python -m benchmarks.decode_once [--rounds 6]

Measured is one generation of the published grid (`paper-colored-mnist`), a few steps at a time: the next generator and
two classifiers, which learn from samples of one generator. Apart, each decodes its own; together, an epoch is decoded
once, kept (2,352 values a sample), and each learns from it. Printed are the seconds of both, and the share of the whole
grid's time that this would save: its other models (a classifier and a generator with STAR, the two classifiers of
`seqclass`, the classifier of the generator with STAR) go on as they are. `with STAR` is a bound, not a measurement:
every curated model takes its candidates from the common samples, too, and decodes only what it redraws.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from statistics import median

from benchmarks.speed import ours
from benchmarks.speed.measuring import alternating, mean
from benchmarks.speed.people import population
from fairloop.curation.interface import Curation
from fairloop.models.numerics import Numerics, resolve
from fairloop.sources.batch import Batch
from fairloop.sources.source import Source
from fairloop.training.batches import Feed

STEPS = 4
CLASSIFIERS = 2
OWN = {"generator with STAR": 1, "classifier with STAR": 2, "classifier": 2}
"""The models of a generation that are left as they are, `seqclass` included."""
OF_STAR = 3
"""Decoded batches of a generation that could be common if STAR took them, too: of five models, two were counted."""
STAR_STEP = 1.41
"""Its cost beside a plain synthetic step (benchmarks/results/speed.md)."""


def once(feed: Feed) -> Feed:
    """`feed`, whose latest epoch is kept for the others."""
    kept: dict[int, list[tuple[Batch, Curation | None]]] = {}

    def epoch_of(epoch: int) -> Iterator[tuple[Batch, Curation | None]]:
        if epoch not in kept:
            kept.clear()
            kept[epoch] = list(feed(epoch))
        return iter(kept[epoch])

    return epoch_of


def models(feed: Callable[[], Feed], numerics: Numerics) -> list[ours.Steps]:
    """The next generator and the classifiers, each with the feed that `feed` gives it."""
    generator = ours.generator_epochs(feed(), numerics)
    return [generator, *(ours.classifier_epochs(feed(), numerics) for _ in range(CLASSIFIERS))]


def measure(rounds: int) -> Iterator[dict[str, float]]:
    """Seconds of the processor for a step of each, by round."""
    numerics = resolve("auto", "cpu", 1)
    people = population()
    source = Source(
        ours.trained_generator(ours.first(people.train, 1024), numerics, 1), numerics, ours.classifier(numerics)
    )

    def fresh() -> Feed:
        return ours.feed_of_samples(source, STEPS)

    common = once(fresh())
    apart, together = models(fresh, numerics), models(lambda: common, numerics)
    classifier = ours.classifier_epochs(fresh(), numerics)
    generator = ours.generator_epochs(fresh(), numerics)
    contenders = {
        "apart": lambda: mean(lambda: [step() for step in apart], 1) / STEPS,
        "together": lambda: mean(lambda: [step() for step in together], 1) / STEPS,
        "classifier": lambda: mean(classifier, 1) / STEPS,
        "generator": lambda: mean(generator, 1) / STEPS,
    }
    yield from alternating(contenders, rounds)


def main() -> None:
    """Print what a lock step saves."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=6)
    rows = list(measure(options.parse_args().rounds))
    for name in rows[0]:
        print(f"{name}: {median(row[name] for row in rows) * 1e3:.0f} ms a step")
    print(f"together / apart: {median(row['together'] / row['apart'] for row in rows):.3f}")
    print(f"saved of the grid: {median(saved(row)[0] for row in rows):.3f}")
    print(f"saved of the grid with STAR, a bound: {median(saved(row)[1] for row in rows):.3f}")


def saved(row: dict[str, float]) -> tuple[float, float]:
    """The share of a generation's time, for all six runs of the grid, that is saved; and its bound with STAR."""
    sampling = row["classifier"] * (STAR_STEP - 1)
    own = OWN["generator with STAR"] * (row["generator"] + sampling)
    own += OWN["classifier with STAR"] * row["classifier"] * STAR_STEP + OWN["classifier"] * row["classifier"]
    whole, less = row["apart"] + own, row["apart"] - row["together"]
    return less / whole, less * (1 + OF_STAR / CLASSIFIERS) / whole


if __name__ == "__main__":
    main()
