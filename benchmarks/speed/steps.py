"""How near single steps come to what the machine can do, on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch.nn import functional as F

from benchmarks.speed import ours
from benchmarks.speed.machine import gemm
from benchmarks.speed.measuring import Finding, alternating, fastest, mean
from fairloop.data import Population
from fairloop.models.numerics import Numerics, resolve
from fairloop.sources.source import Source

SECTION = "steps"
STEPS = 4
GENERATOR_GFLOP = 21.85
"""Of a generator step of colored-mnist at batch 256: two for each product of a weight, three passes, none of them
for the gradient of the images."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
LIMITS = {"fp32": 0.9, "bf16": 0.7}
WITHIN = 1.3


def measure(people: Population, rounds: int) -> Iterator[Finding]:
    """A generator step against the peak; classifier and annotator steps against their kernels."""
    native = resolve("auto", "cpu", 1)
    precisions = ("fp32", "bf16") if native.precision == "bf16" else ("fp32",)
    for precision in precisions:
        yield from _generator(people, Numerics(precision), rounds)
    yield from _against_kernels(people, native, rounds)


def _generator(people: Population, numerics: Numerics, rounds: int) -> Iterator[Finding]:
    precision = numerics.precision
    few = ours.first(people.train, STEPS * ours.BATCH)
    epoch = ours.generator_epochs(ours.feed_of_people(few, numerics), numerics)
    contenders = {
        "peak": lambda: max(gemm(DTYPES[precision], size) for size in (1024, 2048)),
        "step": lambda: fastest(epoch, 2) / STEPS,
    }
    measured = list(alternating(contenders, rounds))
    yield Finding(SECTION, f"GEMM peak, {precision}, one thread", "GFLOP/s", [one["peak"] for one in measured])
    yield Finding(SECTION, f"generator step, {precision}", "ms", [one["step"] * 1e3 for one in measured])
    shares = [GENERATOR_GFLOP / one["step"] / one["peak"] for one in measured]
    yield Finding(SECTION, f"generator step, {precision}: share of the GEMM peak", "", shares, LIMITS[precision])


def _against_kernels(people: Population, numerics: Numerics, rounds: int) -> Iterator[Finding]:
    generator, labeller = ours.generator(numerics), ours.classifier(numerics)
    batch = ours.batch_of_people(people.train, numerics)
    latents = torch.randn(ours.BATCH, ours.SPEC.generator.arguments["latent"])
    few = ours.first(people.train, STEPS * ours.BATCH)
    source = Source(generator, numerics, labeller)
    synthetic = ours.classifier_epochs(ours.feed_of_samples(source, STEPS), numerics)
    annotator = ours.classifier_epochs(ours.feed_of_people(few, numerics), numerics)
    train = _train_kernel(batch.inputs, batch.labels, numerics)
    measured = list(
        alternating(
            {
                "decode": lambda: mean(_without_gradient(lambda: generator.decode(latents), numerics), STEPS),
                "label": lambda: mean(_without_gradient(lambda: labeller(batch.inputs), numerics), STEPS),
                "train": lambda: mean(train, STEPS),
                "classifier step": lambda: mean(synthetic, 1) / STEPS,
                "annotator step": lambda: mean(annotator, 1) / STEPS,
            },
            2 * rounds,
        )
    )
    for name in ("decode", "label", "train", "classifier step", "annotator step"):
        yield Finding(SECTION, f"{name}, {numerics.precision}", "ms", [one[name] * 1e3 for one in measured])
    whole = [one["classifier step"] / (one["decode"] + one["label"] + one["train"]) for one in measured]
    yield Finding(SECTION, "classifier step / its decode, label and train kernels", "", whole, WITHIN, at_most=True)
    epoch = [one["annotator step"] / one["train"] for one in measured]
    yield Finding(SECTION, "annotator epoch / its kernels", "", epoch, WITHIN, at_most=True)


def _train_kernel(images: torch.Tensor, labels: torch.Tensor, numerics: Numerics) -> Callable[[], None]:
    """Forward, backward and SGD of the classifier, on one batch for ever."""
    model = ours.classifier(numerics).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> None:
        with numerics.autocast():
            loss = F.cross_entropy(model(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def _without_gradient(call: Callable[[], object], numerics: Numerics) -> Callable[[], object]:
    @torch.no_grad()
    def quiet() -> None:
        with numerics.autocast():
            call()

    return quiet
