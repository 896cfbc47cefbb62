"""What StarSampler costs: a training step with it against one with a plain shuffled DataLoader, in one run.

    python benchmarks/star_sampler.py [--rounds 12]

SimpleCNN on the embedded digits, batches of 256, one thread. A step is fetching a batch, loss, gradients, and the
optimizer. For each number of strata, steps with the plain loader and with StarSampler alternate, one by one, over
`rounds` epochs. Printed: the median step of both, and the median ratio of the two steps of a pair. Less noisy: what
handing out a batch's positions takes in both, the mean over an epoch with its shuffling, in the fastest round; and
their difference as a share of the fastest plain step.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from fairloop import StarSampler
from fairloop.data.digits import embedded
from fairloop.models.cnn import SimpleCNN

BATCH = 256
STRATA = ((2, 2), (2, 14), (10, 10), (10, 100))


def step(loader: Iterator[list[Tensor]], model: SimpleCNN, optimizer: torch.optim.Optimizer) -> float:
    """Seconds of one step; 0 if the loader has ended."""
    start = time.perf_counter()
    for images, labels in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        return time.perf_counter() - start
    return 0.0


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
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        pairs, handed = [], []
        for _ in range(rounds):
            epochs = [iter(loader) for loader in loaders]
            while all(pair := [step(epoch, model, optimizer) for epoch in epochs]):
                pairs.append(pair)
            handed.append([handing_out(sampler) for sampler in (plain, star)])
        seconds = np.array(pairs)
        (one, other), ratio = np.median(seconds, axis=0), np.median(seconds[:, 1] / seconds[:, 0])
        least, most = np.min(handed, axis=0)
        tally = star.report()
        print(
            f"{classes * groups:6}   {one * 1e3:7.2f} ms   {other * 1e3:7.2f} ms   {ratio:5.3f}   "
            f"{least * 1e6:12.0f} us   {most * 1e6:4.0f} us   {(most - least) / seconds[:, 0].min():18.2%}   "
            f"{tally.redrawn.sum() / tally.drawn.sum():7.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
