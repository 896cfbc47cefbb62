"""The loss of G_0 in its first epoch on full MNIST, from fairloop's own `colored-mnist`, beside the published one.

python -m docs.reproduction.first_epoch MNIST_DIR [--seeds 0 1 2] [--plain]

--plain: also from a plain PyTorch loop, which has nothing of fairloop's but the data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.speed.people import population
from benchmarks.speed.plain import BATCH, VAE
from fairloop.loop.trainer import ModelTrainer
from fairloop.presets import preset
from fairloop.store.memory import MemoryModels

PUBLISHED, DEVIATION = 77_695, 3_052
"""Mean and standard deviation over the authors' seeds, generation 0, epoch 0, in nats a batch."""


def ours(root: Path, seed: int) -> float:
    """Mean loss of a batch, in nats. Epochs have random streams of their own, so the first is that of a whole run."""
    spec = preset("colored-mnist", seed=seed, generations=1, data={"root": str(root)}, generator={"epochs": 1})
    log = ModelTrainer(spec, MemoryModels()).first_generator().log
    return float(log["loss"][0])


def plain(images: Tensor, seed: int) -> float:
    """The same from a plain loop. images: (N, C, H, W) uint8."""
    torch.manual_seed(seed)
    model = VAE()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
    losses = []
    for index in torch.randperm(len(images)).split(BATCH):
        loss = model.loss(images[index].float() / 255)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--plain", action="store_true")
    asked = parser.parse_args()
    print(f"published: {PUBLISHED:,} (standard deviation over seeds {DEVIATION:,})")
    losses = []
    for seed in asked.seeds:
        losses.append(ours(asked.root, seed))
        print(f"fairloop, seed {seed}: {losses[-1]:,.0f}, {losses[-1] / PUBLISHED - 1:+.1%}", flush=True)
    mean = sum(losses) / len(losses)
    print(f"fairloop, mean: {mean:,.0f}, {mean / PUBLISHED - 1:+.1%}")
    if asked.plain:
        images = torch.from_numpy(population(asked.root).train.inputs[:])
        for seed in asked.seeds:
            print(f"plain loop, seed {seed}: {plain(images, seed):,.0f}", flush=True)


if __name__ == "__main__":
    main()
