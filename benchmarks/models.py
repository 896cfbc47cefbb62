"""How large the shipped models are, and what a training step and a sample of each take, as ratios to conv-vae.

    .venv/bin/python benchmarks/models.py [--batch 8] [--rounds 5] [--precision fp32|bf16]

Single-threaded. Models take turns in every round, so that what else the machine does hits all of them. A ratio is the
median over rounds of the ratios within a round; the smallest and the largest stand beside it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

from fairloop._util.process import keep_freed_memory
from fairloop.models import CLASSIFIERS, GENERATORS, build_classifier, build_generator, estimator
from fairloop.models.numerics import Numerics

YARDSTICK = "conv-vae"
SHAPES = {
    "dcvae": (3, 64, 64),
    "celeba-vae": (3, 128, 128),
    "celeba-vae-64": (3, 64, 64),
    "tabular-vae": (40,),
    "mlp": (40,),
}
TEXTS = ("tiny-gpt", "hf-causal", "text-cnn", "text-transformer")  # see benchmarks/text.py
ARGUMENTS = {"tabular-vae": {"blocks": [1] * 5 + [5] * 7}}


def main() -> None:
    """Print a table of all shipped models."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    given = options.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    numerics = Numerics(given.precision)
    names = [
        *(name for name in GENERATORS if name not in TEXTS and estimator("generator", name) is None),
        *(name for name in CLASSIFIERS if name not in TEXTS and estimator("classifier", name) is None),
    ]
    models = {name: prepared(name, numerics) for name in names}
    steps = {name: training_step(model, shape(name), given.batch, numerics) for name, model in models.items()}
    uses = {name: use(model, shape(name), given.batch, numerics) for name, model in models.items()}
    train, apply = ratios(steps, given.rounds), ratios(uses, given.rounds)
    print(f"batch {given.batch}, {given.precision}, one thread, {given.rounds} rounds, torch {torch.__version__}\n")
    print("| model | image | parameters | training step | sample or prediction |")
    print("|---|---|---:|---:|---:|")
    for name, model in models.items():
        size = sum(parameter.numel() for parameter in model.parameters())
        sides = "x".join(map(str, shape(name)))
        print(f"| `{name}` | {sides} | {size:,} | {train[name]} | {apply[name]} |")


def shape(name: str) -> tuple[int, ...]:
    """Of a sample, as published."""
    return SHAPES.get(name, (3, 28, 28) if name in ("conv-vae", "ddpm", "simple-cnn", "lenet-5") else (3, 64, 64))


def prepared(name: str, numerics: Numerics) -> nn.Module:
    """The model at its published size."""
    arguments = ARGUMENTS.get(name, {})
    if name in GENERATORS:
        return numerics.place(build_generator(name, shape(name), arguments))
    return numerics.place(build_classifier(name, shape(name), 2, arguments))


def training_step(model: nn.Module, sides: tuple[int, ...], batch: int, numerics: Numerics) -> Callable[[], None]:
    """Forward, backward and a step of Adam."""
    images, labels, rng = torch.rand(batch, *sides), torch.arange(batch) % 2, torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters())

    def step() -> None:
        model.train()
        with numerics.autocast():
            loss = model.loss(images, rng) if hasattr(model, "loss") else F.cross_entropy(model(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def use(model: nn.Module, sides: tuple[int, ...], batch: int, numerics: Numerics) -> Callable[[], None]:
    """A batch of samples, or the logits of a batch."""
    images, rng = torch.rand(batch, *sides), torch.Generator().manual_seed(0)

    def once() -> None:
        model.eval()
        with torch.no_grad(), numerics.autocast():
            model.sample(batch, rng) if hasattr(model, "sample") else model(images)

    return once


def ratios(calls: dict[str, Callable[[], None]], rounds: int) -> dict[str, str]:
    """What each call takes, divided by what the yardstick's takes in the same round: median and range over rounds."""
    for call in calls.values():
        call()  # warms up
    measured: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        seconds = {name: clocked(call) for name, call in calls.items()}
        for name, taken in seconds.items():
            measured[name].append(taken / seconds[YARDSTICK])
    return {name: f"{short(median(of))} ({short(min(of))} to {short(max(of))})" for name, of in measured.items()}


def short(ratio: float) -> str:
    """With two digits that count."""
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def clocked(call: Callable[[], None]) -> float:
    """Seconds of one call: the shorter of two."""
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    main()
