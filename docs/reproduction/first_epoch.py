"""The loss of G_0 in its first epoch, from a plain PyTorch loop that has nothing of fairloop's but the data.

python -m docs.reproduction.first_epoch MNIST_DIR [--seeds 0 1] [--weights torch|kaiming|small]

weights: where training starts: as torch has it; normal, by He et al. (arXiv 1502.01852); normal of deviation .02.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.speed.people import population
from benchmarks.speed.plain import BATCH, VAE


def started(weights: str) -> VAE:
    """A new model."""
    model = VAE()
    for module in model.modules():
        if weights != "torch" and isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if weights == "kaiming":
                nn.init.kaiming_normal_(module.weight)
            else:
                nn.init.normal_(module.weight, std=0.02)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return model


def first_epoch(images: Tensor, seed: int, weights: str) -> float:
    """The mean loss of a batch, in nats. images: (N, C, H, W) uint8."""
    torch.manual_seed(seed)
    model = started(weights)
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
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--weights", nargs="+", choices=("torch", "kaiming", "small"), default=["torch"])
    asked = parser.parse_args()
    images = torch.from_numpy(population(asked.root).train.images[:])
    for weights in asked.weights:
        for seed in asked.seeds:
            print(f"{weights} weights, seed {seed}: {first_epoch(images, seed, weights):,.0f}", flush=True)


if __name__ == "__main__":
    main()
