"""A GPU, where there is one: steps per second of 1, 5 and 25 runs in one program, and what the published grid takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from threading import Thread

import torch

from benchmarks.speed import ours
from benchmarks.speed.grid import published
from benchmarks.speed.machine import peak
from benchmarks.speed.measuring import Finding, alternating, seconds
from fairloop.models.numerics import Numerics, resolve
from fairloop.sources.source import Source
from fairloop.training.cuda_graphs import own_stream

SECTION = "GPU"
REPLICAS, STEPS = (1, 5, 25), 100
GFLOP = {"generator": 21.85 + 3.66, "classifier": 3.66 + 3 * 0.19}
"""Of a step on synthetic data, its decoding included."""
MODEL_STEPS = 30 * 196


def measure(rounds: int) -> Iterator[Finding]:
    """Nothing where there is no CUDA."""
    if not torch.cuda.is_available():
        return
    numerics = resolve("auto", "cuda", 1)
    dtype = torch.bfloat16 if numerics.precision == "bf16" else torch.float32
    most = peak(dtype, "cuda", (2048, 4096, 8192))
    yield Finding(SECTION, f"GEMM peak, {numerics.precision}", "GFLOP/s", [most])
    hours, models = [0.0] * rounds, published().shared
    for role, gflop in GFLOP.items():
        fits = [_epochs(role, numerics) for _ in range(max(REPLICAS))]
        contenders = {str(n): partial(_rate, fits[:n]) for n in REPLICAS}
        measured = list(alternating(contenders, rounds))
        for n in contenders:
            rates = [one[n] for one in measured]
            yield Finding(SECTION, f"{role} steps of {n} runs in one program", "steps/s", rates)
            yield Finding(
                SECTION, f"{role} steps of {n} runs: share of the peak", "", [r * gflop / most for r in rates]
            )
        fastest = [max(one.values()) for one in measured]
        hours = [h + models[role] * MODEL_STEPS / rate / 3600 for h, rate in zip(hours, fastest, strict=True)]
    yield Finding(SECTION, "training of the published ColoredMNIST grid, reckoned", "h", hours, 1.0, at_most=True)


def _epochs(role: str, numerics: Numerics) -> ours.Steps:
    before = ours.generator(numerics)
    if role == "generator":
        return ours.generator_epochs(ours.feed_of_samples(Source(before, numerics), STEPS), numerics)
    source = Source(before, numerics, ours.classifier(numerics))
    return ours.classifier_epochs(ours.feed_of_samples(source, STEPS), numerics)


def _rate(fits: list[ours.Steps]) -> float:
    """Steps per second of all together."""
    return len(fits) * STEPS / seconds(partial(_together, fits))


def _together(fits: list[ours.Steps]) -> None:
    """An epoch of each, in a thread and a stream of its own; an epoch ends by waiting for the device."""

    def run(fit: Callable[[], object]) -> None:
        with own_stream("cuda"):
            fit()

    threads = [Thread(target=run, args=(fit,)) for fit in fits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
