"""The baselines: a plain PyTorch loop as one writes it first, and the same with its data in memory.

Nothing here is fairloop's. The obvious way: pictures are PIL images in a Dataset, a DataLoader turns them into
tensors, fp32, torch's own number of threads, `.item()` in every step, fairlearn's MetricFrame at each validation. An
epoch is a pass over the loader, also where synthetic images then take the place of the real ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import fairlearn.metrics as fl
import numpy as np
import torch
from PIL import Image
from sklearn.metrics import accuracy_score
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from fairloop.data import Split

BATCH, LATENT, FEATURES = 256, 20, 128 * 7 * 7
METRICS = {
    "accuracy": accuracy_score,
    "selection_rate": fl.selection_rate,
    "tpr": fl.true_positive_rate,
    "tnr": fl.true_negative_rate,
    "fpr": fl.false_positive_rate,
    "fnr": fl.false_negative_rate,
    "count": fl.count,
}
Sample = tuple[Tensor, int, int]


class Pictures(Dataset[Sample]):
    """Coloured digits as PIL images, with their labels and groups."""

    def __init__(self, split: Split) -> None:
        self.pictures = [Image.fromarray(image) for image in np.moveaxis(split.inputs[:], 1, -1)]
        self.labels, self.groups = split.labels.tolist(), split.groups.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        pixels = torch.from_numpy(np.array(self.pictures[index]))
        return pixels.permute(2, 0, 1).float() / 255, self.labels[index], self.groups[index]


class VAE(nn.Module):
    """The VAE of the ColoredMNIST experiments."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            *(nn.Conv2d(3, 64, 4, stride=2, padding=1), nn.ReLU(), nn.Conv2d(64, 128, 4, stride=2, padding=1)),
            *(nn.ReLU(), nn.Flatten()),
        )
        self.mean, self.log_variance = nn.Linear(FEATURES, LATENT), nn.Linear(FEATURES, LATENT)
        self.decoder = nn.Sequential(
            *(nn.Linear(LATENT, FEATURES), nn.Unflatten(1, (128, 7, 7))),
            *(nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 3, 4, stride=2, padding=1), nn.Sigmoid()),
        )

    def loss(self, images: Tensor) -> Tensor:
        hidden = self.encoder(images)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        latent = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        missed = F.binary_cross_entropy(self.decoder(latent), images, reduction="sum")
        return missed - 0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())

    @torch.no_grad()
    def sample(self, n: int) -> Tensor:
        return self.decoder(torch.randn(n, LATENT))


class CNN(nn.Sequential):
    """SimpleCNN of the ColoredMNIST experiments."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 2)),
        )


class Loop:
    """A generation's work, a few steps at a time. in_memory: real data as one tensor, which no step asks for."""

    def __init__(self, train: Split, valid: Split, *, in_memory: bool) -> None:
        self.in_memory, self.valid = in_memory, valid
        self.before, self.labeller = VAE().eval(), CNN().eval()
        self.vae, self.cnn = VAE(), CNN()
        self.adam = torch.optim.Adam(self.vae.parameters(), lr=1e-3, weight_decay=1e-5)
        self.sgd = torch.optim.SGD(self.cnn.parameters(), lr=0.1)
        self.batches = iter(()) if in_memory else self._endless(train)
        self.validation = None if in_memory else DataLoader(Pictures(valid), batch_size=BATCH)

    def generator_steps(self, n: int) -> None:
        """Of a generator that learns from its predecessor."""
        total = 0.0
        for size in self._sizes(n):
            loss = self.vae.loss(self.before.sample(size))
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
            if not self.in_memory:
                total += loss.item()

    def classifier_steps(self, n: int) -> None:
        """Of a classifier that learns from its generator, labelled by its predecessor."""
        total = 0.0
        for size in self._sizes(n):
            images = self.before.sample(size)
            with torch.no_grad():
                labels = self.labeller(images).argmax(dim=1)
            loss = F.cross_entropy(self.cnn(images), labels)
            self.sgd.zero_grad()
            loss.backward()
            self.sgd.step()
            if not self.in_memory:
                total += loss.item()

    @torch.no_grad()
    def validate(self) -> None:
        """Performance by group on the validation set."""
        if self.validation is None:
            images = torch.from_numpy(self.valid.inputs[:]).float() / 255
            predictions = self.cnn(images).argmax(dim=1)
            for group in range(2):
                (predictions == torch.from_numpy(self.valid.labels))[self.valid.groups == group].float().mean()
            return
        seen = [(self.cnn(images).argmax(dim=1), labels, groups) for images, labels, groups in self.validation]
        predicted, labels, groups = (torch.cat(parts).numpy() for parts in zip(*seen, strict=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = fl.MetricFrame(metrics=METRICS, y_true=labels, y_pred=predicted, sensitive_features=groups)
            for measure in (frame.difference, frame.ratio, frame.group_min, frame.group_max):
                measure()
            fl.demographic_parity_difference(labels, predicted, sensitive_features=groups)
            fl.equalized_odds_difference(labels, predicted, sensitive_features=groups)

    def _sizes(self, n: int) -> Iterator[int]:
        return (BATCH if self.in_memory else len(next(self.batches)[1]) for _ in range(n))

    @staticmethod
    def _endless(train: Split) -> Iterator[list[Tensor]]:
        loader = DataLoader(Pictures(train), batch_size=BATCH, shuffle=True)
        while True:
            yield from loader
