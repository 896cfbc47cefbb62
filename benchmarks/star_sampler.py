"""What StarSampler costs: a training step with it against one with a plain shuffled DataLoader, in one run.

    python benchmarks/star_sampler.py [--rounds 12]

SimpleCNN on the embedded digits, batches of 256, one thread. For each number of strata, epochs with the plain loader
and with StarSampler alternate, `rounds` times each; a step is fetching a batch, loss, gradients, and the optimizer.
Printed: medians over all steps; the ratio of the medians; and, less noisy, what handing out a batch's positions
takes in both (mean over whole epochs, shuffling included, of the fastest round), and their difference as a share of
the plain step.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from fairloop import StarSampler
from fairloop.data.digits import embedded
from fairloop.models.cnn import SimpleCNN

BATCH = 256
STRATA = ((2, 2), (2, 14), (10, 10), (10, 100))


def steps(loader: DataLoader, model: SimpleCNN) -> list[float]:
    """Seconds of each step of one epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seconds, start = [], time.perf_counter()
    for images, labels in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
    return seconds


def handing_out(sampler: Iterable[list[int]]) -> float:
    """Seconds for the positions of a batch, mean over an epoch."""
    start = time.perf_counter()
    batches = sum(1 for _ in sampler)
    return (time.perf_counter() - start) / batches


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    digits = embedded("train")
    images = torch.tensor(digits.images).float()[:, None].expand(-1, 3, -1, -1).contiguous() / 255
    labels = torch.tensor(digits.digits)
    data = TensorDataset(images, labels)
    rng = np.random.default_rng(0)
    print(f"{len(data):,} digits, batch {BATCH}, {rounds} rounds, torch {torch.__version__}")
    print("strata   plain step    with STAR   ratio   plain positions   STAR's   extra / plain step   redrawn")
    for classes, groups in STRATA:
        # Labels and groups that each occur with each other, and with unlike frequencies where there is room.
        code = np.concatenate([np.arange(classes * groups), rng.zipf(1.5, len(data) - classes * groups) - 1])
        stratum = rng.permutation(code % (classes * groups))
        star = StarSampler(stratum // groups, stratum % groups, batch_size=BATCH)
        plain = BatchSampler(RandomSampler(data), BATCH, drop_last=True)
        loaders = DataLoader(data, BATCH, shuffle=True, drop_last=True), DataLoader(data, batch_sampler=star)
        model = SimpleCNN((3, 28, 28), 10)
        seconds: tuple[list[float], list[float]] = ([], [])
        handing: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for loader, sampler, found, handed in zip(loaders, (plain, star), seconds, handing, strict=True):
                found.extend(steps(loader, model))
                handed.append(handing_out(sampler))
        step, with_star = (float(np.median(found)) for found in seconds)
        least, most = (min(handed) for handed in handing)
        print(
            f"{classes * groups:6}   {step * 1e3:7.2f} ms   {with_star * 1e3:7.2f} ms   {with_star / step:5.3f}   "
            f"{least * 1e6:12.0f} us   {most * 1e6:4.0f} us   {(most - least) / step:18.2%}   "
            f"{star.report().redrawn.sum() / star.report().drawn.sum():7.0%}"
        )


if __name__ == "__main__":
    main()
