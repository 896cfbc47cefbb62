"""StarSampler in a plain PyTorch training loop, on digits whose colour gives their label away.

    python examples/star_sampler.py [--epochs 8] [--train 8500] [--seed 0]

Nine of ten small digits are red, nine of ten large ones green. A classifier that trains on them as they come learns
the colour; tested on digits whose colour says nothing, it errs along colour lines. With batches in which both colours
are alike within each label it has to learn the shape. The loops differ in one line: the DataLoader.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from fairloop import Population, Split, StarSampler
from fairloop.data import load
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.metrics.group_rates import confusion, equalized_odds, performance


def tensors(split: Split) -> TensorDataset:
    """Images in [0, 1] and labels."""
    return TensorDataset(torch.from_numpy(split.inputs).float() / 255, torch.from_numpy(split.labels))


def train(loader: Iterable[tuple[Tensor, Tensor]], epochs: int, seed: int) -> nn.Module:
    """Anybody's own loop: it knows nothing of fairness, and takes the batches that it is given."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        *(nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 32, 5, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 2)),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
    return model.eval()


def describe(name: str, model: nn.Module, people: Population) -> None:
    """Print accuracy and unfairness where colours say nothing about labels."""
    test = people.tests["test_balanced"]
    with torch.no_grad():
        predicted = model(tensors(test).tensors[0]).argmax(dim=1).numpy()
    rates = performance(confusion(test.labels, test.groups, predicted, classes=2, group_count=2))
    unfair = equalized_odds(rates)["difference"]
    print(f"{name}: accuracy {rates['accuracy'].overall:.3f}, equalized odds difference {unfair:.3f}")


def main() -> None:
    """Train twice, with and without."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--train", type=int, default=8_500)
    parser.add_argument("--seed", type=int, default=0)
    wishes = parser.parse_args()
    people = load(ColoredMNISTSpec(train=wishes.train, green_given_label=(0.1, 0.9)), wishes.seed)
    data = tensors(people.train)

    plain = DataLoader(data, batch_size=128, shuffle=True)
    describe("as they come", train(plain, wishes.epochs, wishes.seed), people)

    star = StarSampler(
        people.train.labels, people.train.groups, batch_size=128, ideal="groups-within-labels", seed=wishes.seed
    )
    curated = DataLoader(data, batch_sampler=star)
    describe("with STAR", train(curated, wishes.epochs, wishes.seed), people)
    print(f"its last epoch: {star.report()}")


if __name__ == "__main__":
    main()
