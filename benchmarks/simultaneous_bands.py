"""How often bands are left by chance: studies in which nothing differs, 40 generations, one measure.

    python -m benchmarks.simultaneous_bands            # the tables below, about two minutes on one core
    python -m benchmarks.simultaneous_bands --times 200

Own: every seed's curve less itself in generation 0. Other: less another case's curve of the same seed, drawn alike.
Beside the bands of `fairloop.metrics.statistics.simultaneous_band`, whose level is 5 %, stand those of fairloop 0.1.0:
the mean over seeds against the 5 and 95 % quantiles over seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fairloop.metrics.statistics import simultaneous_band
from fairloop.report.text import markdown

GENERATIONS = 41
SEEDS = (6, 8, 10, 25)
Values = NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, int]], Values]


def autoregressive(rng: np.random.Generator, shape: tuple[int, int]) -> Values:
    noise = rng.normal(size=shape)
    for i in range(1, shape[1]):
        noise[:, i] = 0.9 * noise[:, i - 1] + np.sqrt(1 - 0.9**2) * noise[:, i]
    return noise


NOISE: dict[str, Noise] = {
    "normal, independent generations": lambda rng, shape: rng.normal(size=shape),
    "normal, each seed with a level of its own": lambda rng, shape: (
        rng.normal(size=shape) + 3 * rng.normal(size=(shape[0], 1))
    ),
    "normal, AR(1) of .9": autoregressive,
    "normal random walk": lambda rng, shape: rng.normal(size=shape).cumsum(axis=1),
    "exponential": lambda rng, shape: rng.exponential(size=shape),
    "lognormal": lambda rng, shape: np.exp(rng.normal(size=shape)),
    "Student's t, 3 degrees": lambda rng, shape: rng.standard_t(3, size=shape),
    "deviation from .1 to 3 over generations": lambda rng, shape: (
        rng.normal(size=shape) * np.linspace(0.1, 3, shape[1])
    ),
    "deviation from 3 to .1 over generations": lambda rng, shape: (
        rng.normal(size=shape) * np.linspace(3, 0.1, shape[1])
    ),
    "collapse of one in ten seeds": lambda rng, shape: (
        0.02 * rng.normal(size=shape) - 0.4 * (rng.random((shape[0], 1)) < 0.1) * (np.arange(shape[1]) >= 20)
    ),
}
"""Of two cases alike; within a case no generation differs from the first, but in the next."""

ONLY_BETWEEN_CASES = ("collapse of one in ten seeds",)

DRIFTLESS_BUT_SKEWED: dict[str, Noise] = {
    "random walk of exponential steps": lambda rng, shape: (rng.exponential(size=shape) - 1).cumsum(axis=1)
}
"""No drift of the mean, but changes are not symmetric: what own bands assume does not hold."""


def left(one: Values, other: Values) -> tuple[bool, bool, bool, bool]:
    """Whether own and other band are left, by today's bands and by those of 0.1.0."""
    own, beside = one[:, 1:] - one[:, :1], one - other
    (low, high), mean = np.quantile(one[:, 0], [0.05, 0.95]), one.mean(axis=0)
    lows, highs = np.quantile(other, [0.05, 0.95], axis=0)
    return (
        bool(simultaneous_band(own).outside.any()),
        bool(simultaneous_band(beside).outside.any()),
        bool(((mean < low) | (mean > high))[1:].any()),
        bool(((mean < lows) | (mean > highs)).any()),
    )


def rates(noise: Noise, seeds: int, times: int, stream: int) -> Values:
    rng, shape = np.random.default_rng([stream, seeds]), (seeds, GENERATIONS)
    return np.mean([left(noise(rng, shape), noise(rng, shape)) for _ in range(times)], axis=0)


def table(seeds: tuple[int, ...], times: int) -> str:
    lines = []
    for stream, (name, noise) in enumerate({**NOISE, **DRIFTLESS_BUT_SKEWED}.items()):
        line = [name]
        for n in seeds:
            found = [f"{rate:.1%}" for rate in rates(noise, n, times, stream)]
            if name in ONLY_BETWEEN_CASES:
                found[0] = found[2] = ""
            line += found
        lines.append(line)
    header = [f"{n} seeds: {what}" for n in seeds for what in ("own", "other", "own in 0.1.0", "other in 0.1.0")]
    return markdown(["noise", *header], lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1000, help="studies of each kind")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS])
    asked = parser.parse_args()
    error = np.sqrt(0.05 * 0.95 / asked.times)
    print(f"{asked.times} studies of each kind; a rate of 5 % has a standard error of {error:.1%}", end="\n\n")
    for n in asked.seeds:
        print(table((n,), asked.times), end="\n\n", flush=True)
