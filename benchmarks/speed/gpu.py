"""A GPU, where there is one: steps per second of one run, and what the published grid takes, one run at a time.

Its baselines: the same steps launched one by one instead of replayed as a graph, and these in fp32.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from unittest.mock import patch

import torch

from benchmarks.speed import ours
from benchmarks.speed.grid import published
from benchmarks.speed.machine import peak
from benchmarks.speed.measuring import Finding, alternating, seconds
from fairloop.curation.star import Star
from fairloop.models.numerics import Numerics, resolve
from fairloop.sources.source import Source
from fairloop.training import fitting

SECTION, STEPS = "GPU", 196
ROLES = {"generator": 21.85 + 3.66, "classifier": 3.66 + 3 * 0.19, "classifier with STAR": None}
"""GFLOP of a step on synthetic data, its decoding included; None: not counted."""
MODEL_STEPS = 30 * 196


def measure(rounds: int) -> Iterator[Finding]:
    """Nothing where there is no CUDA."""
    if not torch.cuda.is_available():
        return
    numerics = resolve("auto", "cuda", 1)
    dtype = torch.bfloat16 if numerics.precision == "bf16" else torch.float32
    most = peak(dtype, "cuda", (2048, 4096, 8192))
    yield Finding(SECTION, f"GEMM peak, {numerics.precision}", "GFLOP/s", [most])
    rates = {}
    for role, gflop in ROLES.items():
        contenders = {
            "replayed as a graph": _epochs(role, numerics),
            "launched one by one": _launched(role, numerics),
            "launched one by one, fp32": _launched(role, resolve("fp32", "cuda", 1)),
        }
        rounds_of = list(alternating({name: partial(_rate, fit) for name, fit in contenders.items()}, rounds))
        ours_of, *baselines = contenders
        rates[role] = [one[ours_of] for one in rounds_of]
        yield Finding(SECTION, f"{role}: steps {ours_of}, {numerics.precision}", "steps/s", rates[role])
        for name in baselines:
            yield Finding(SECTION, f"{role}: to steps {name}", "x", [one[ours_of] / one[name] for one in rounds_of])
        if gflop is not None:
            yield Finding(SECTION, f"{role}: share of the peak", "", [rate * gflop / most for rate in rates[role]])
    models = published().shared
    hours = [
        MODEL_STEPS / 3600 * (models["generator"] / one + models["classifier"] / other)
        for one, other in zip(rates["generator"], rates["classifier with STAR"], strict=True)
    ]
    name = "training of the published ColoredMNIST grid, reckoned, each classifier as with STAR"
    yield Finding(SECTION, name, "h", hours)


def _epochs(role: str, numerics: Numerics) -> ours.Steps:
    before = ours.generator(numerics)
    if role == "generator":
        return ours.generator_epochs(ours.feed_of_samples(Source(before, numerics), STEPS), numerics)
    labeller, grouper = ours.classifier(numerics), ours.classifier(numerics)
    if role == "classifier":
        return ours.classifier_epochs(ours.feed_of_samples(Source(before, numerics, labeller), STEPS), numerics)
    star = Star(ours.ideal(2, 2), budget=64)
    feed = ours.feed_of_samples(Source(before, numerics, labeller, grouper, groups_only_sort=True), STEPS, star)
    return ours.classifier_epochs(feed, numerics)


def _launched(role: str, numerics: Numerics) -> ours.Steps:
    """Epochs whose steps no graph replays."""
    with patch.object(fitting, "replayed", lambda step, device, noise: step):
        fit = _epochs(role, numerics)
        fit()
    return fit


def _rate(fit: ours.Steps) -> float:
    """Steps per second; an epoch ends by waiting for the device."""
    return STEPS / seconds(fit)
