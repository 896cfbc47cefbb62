"""Repeats the measurement of each trick of `models.layers` and `_util.process`: its time over that of the plain way.

    python benchmarks/tricks.py [ROUNDS]

One thread, processor time, the shapes that the docstrings name. The contenders take turns; printed are the median ratio
over rounds, its smallest and its largest. A ratio below 1 is a gain. CUDA graphs are not here: no GPU was at hand.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.speed.machine import bf16_in_hardware
from benchmarks.speed.measuring import alternating, fastest
from fairloop.models.layers import HalvingMaxPool2d, TransposedConv2d, UpConv2d, UpsampledConv2d

Case = tuple[str, nn.Module, nn.Module, tuple[int, ...], bool]
"""A title, the trick, the plain way, the shape of the input, and whether gradients are taken."""


class Upsampled(nn.Conv2d):
    """Nearest upsampling, replication padding and a 3x3 convolution, one after the other."""

    def forward(self, input: Tensor) -> Tensor:
        upsampled = F.interpolate(input, scale_factor=2, mode="nearest")
        return super().forward(F.pad(upsampled, (1, 1, 1, 1), mode="replicate"))


def cases() -> Iterator[Case]:
    for before, after, side, batch in ((128, 64, 7, 256), (128, 64, 5, 64)):
        title = f"TransposedConv2d, {before} to {after} at {side} pixels, batch {batch}"
        ways = [kind(before, after, 4, stride=2, padding=1) for kind in (TransposedConv2d, nn.ConvTranspose2d)]
        yield f"{title}, forward", *ways, (batch, before, side, side), False
        yield f"{title}, with gradients", *ways, (batch, before, side, side), True
    ways = [UpConv2d(64, 3), nn.ConvTranspose2d(64, 3, 4, stride=2, padding=1)]
    yield "UpConv2d, 64 to 3 at 14 pixels, batch 256, forward", *ways, (256, 64, 14, 14), False
    yield "UpConv2d, 64 to 3 at 14 pixels, batch 256, with gradients", *ways, (256, 64, 14, 14), True
    for before, kernel, side, batch in ((32, 6, 30, 64), (16, 6, 12, 16)):
        title = f"UpConv2d, {before} to 3 at {side} pixels, kernel {kernel}, batch {batch}"
        ways = [UpConv2d(before, 3, kernel, 0), nn.ConvTranspose2d(before, 3, kernel, stride=2)]
        yield f"{title}, forward", *ways, (batch, before, side, side), False
        yield f"{title}, with gradients", *ways, (batch, before, side, side), True
    for before, after, batch in ((1024, 128, 64), (128, 32, 16)):
        title = f"TransposedConv2d, {before} to {after} at 1 pixel, kernel 5, batch {batch}"
        ways = [kind(before, after, 5, stride=2) for kind in (TransposedConv2d, nn.ConvTranspose2d)]
        yield f"{title}, forward", *ways, (batch, before, 1, 1), False
        yield f"{title}, with gradients", *ways, (batch, before, 1, 1), True
    for before, after, side, batch in ((128, 3, 64, 8), (256, 128, 32, 8), (1024, 512, 8, 8)):
        ways = [UpsampledConv2d(before, after), Upsampled(before, after, 3)]
        yield f"UpsampledConv2d, {before} to {after} at {side} pixels", *ways, (batch, before, side, side), True
    yield "HalvingMaxPool2d, 6 at 24 pixels, batch 256", HalvingMaxPool2d(), nn.MaxPool2d(2), (256, 6, 24, 24), False


def pass_through(module: nn.Module, inputs: Tensor, dtype: torch.dtype, *, gradients: bool) -> Callable[[], object]:
    def forward() -> Tensor:
        with torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
            return module(inputs).float().sum()

    def trained() -> None:
        forward().backward()

    def untrained() -> None:
        with torch.no_grad():
            forward()

    return trained if gradients else untrained


def ratios(case: Case, dtype: torch.dtype, rounds: int) -> list[float]:
    _, trick, plain, shape, gradients = case
    inputs = torch.randn(shape).to(memory_format=torch.channels_last)
    ways = {
        name: pass_through(module.to(memory_format=torch.channels_last), inputs, dtype, gradients=gradients)
        for name, module in (("trick", trick), ("plain", plain))
    }
    contenders = {name: lambda way=way: fastest(way, 5) for name, way in ways.items()}
    return [one["trick"] / one["plain"] for one in alternating(contenders, rounds)]


def step_of_generator(keeps: bool) -> float:
    """Seconds of a generator step of colored-mnist, in a process of its own."""
    if keeps:
        from fairloop._util.process import keep_freed_memory

        keep_freed_memory()
    torch.set_num_threads(1)
    from benchmarks.speed import ours
    from benchmarks.speed.people import population
    from fairloop.models.numerics import resolve

    numerics = resolve("auto", "cpu", 1)
    few = ours.first(population(None).train, 4 * ours.BATCH)
    epoch = ours.generator_epochs(ours.feed_of_people(few, numerics), numerics)
    return fastest(epoch, 3, time.process_time) / 4


def memory_kept(rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        both = []
        for keeps in (True, False):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                both.append(pool.apply(step_of_generator, (keeps,)))
        found.append(both[0] / both[1])
    return found


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    torch.set_num_threads(1)
    dtypes = {"fp32": torch.float32} | ({"bf16": torch.bfloat16} if bf16_in_hardware() else {})
    for case in cases():
        for name, dtype in dtypes.items():
            show(f"{case[0]}, {name}", ratios(case, dtype, rounds))
    show("keep_freed_memory, a generator step", memory_kept(min(rounds, 3)))


def show(title: str, found: list[float]) -> None:
    print(f"{title:80} {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})", flush=True)


if __name__ == "__main__":
    main()
