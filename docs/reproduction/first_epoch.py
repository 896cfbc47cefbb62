"""The loss of G_0 in its first epoch on full MNIST, from fairloop's own `colored-mnist`, beside the published one.

python -m docs.reproduction.first_epoch MNIST_DIR [--seeds 0 1 2] [--plain] [--write]

--plain: also from a plain PyTorch loop, which has nothing of fairloop's but the data, once as published and once with a
ReLU after the linear layer of its decoder. --write: into tried.csv, in place of what it had. All losses are in fp32.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from benchmarks.speed.people import population
from benchmarks.speed.plain import BATCH, VAE
from docs.reproduction.committed import HERE
from fairloop.loop.trainer import ModelTrainer
from fairloop.presets import preset
from fairloop.store.memory import MemoryModels

PUBLISHED, DEVIATION = 77_695, 3_052
"""Mean and standard deviation over the authors' seeds, generation 0, epoch 0, in nats a batch."""


LOSS = "loss of G_0 in epoch 0"


def ours(root: Path, seed: int) -> float:
    """Mean loss of a batch, in nats. Epochs have random streams of their own, so the first is that of a whole run."""
    spec = preset("colored-mnist", seed=seed, generations=1, data={"root": str(root)}, generator={"epochs": 1},
                  precision="fp32")  # fmt: skip
    log = ModelTrainer(spec, MemoryModels()).first_generator().log
    return float(log["loss"][0])


def plain(images: Tensor, seed: int, relu: bool) -> float:
    """The same from a plain loop. images: (N, C, H, W) uint8."""
    torch.manual_seed(seed)
    model = VAE()
    if relu:
        model.decoder.insert(1, nn.ReLU())
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
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    print(f"published: {PUBLISHED:,} (standard deviation over seeds {DEVIATION:,})")
    ways = {"corrected decoder, fairloop's `colored-mnist`": lambda seed: ours(asked.root, seed)}
    if asked.plain:
        images = torch.from_numpy(population(asked.root).train.inputs[:])
        ways["corrected decoder, a plain PyTorch loop"] = lambda seed: plain(images, seed, relu=False)
        ways["decoder with one ReLU more, a plain PyTorch loop"] = lambda seed: plain(images, seed, relu=True)
    rows = []
    for way, loss_of in ways.items():
        for seed in asked.seeds:
            loss = loss_of(seed)
            print(f"{way}, seed {seed}: {loss:,.0f}, {loss / PUBLISHED - 1:+.1%}", flush=True)
            beside = f"{PUBLISHED:,} (published mean), {loss / PUBLISHED - 1:+.1%}"
            rows.append([f"{LOSS}, {way}, fp32", str(seed), f"{loss:,.0f}", beside])
    if asked.write:
        table = pd.read_csv(HERE / "tried.csv", dtype=str, keep_default_na=False)
        others = table[~table["what"].str.startswith(LOSS)]
        found = pd.DataFrame(rows, columns=table.columns)
        pd.concat([found, others]).to_csv(HERE / "tried.csv", index=False)


if __name__ == "__main__":
    main()
