"""Models that tests know all about."""

from __future__ import annotations

import torch
from torch import Tensor

from fairloop.models.interface import Classifier, Generator


class Counted(Generator):
    """Makes samples that are numbered in the order in which they are made."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        raise NotImplementedError

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        self.made += n
        return torch.arange(self.made - n, self.made, dtype=torch.float32)[:, None]

    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        return temperature * self.sample(n, rng)


class Sure(Classifier):
    """Takes the label from the first feature, a whole number in 0..classes-1, with probability `chance`."""

    def __init__(self, classes: int = 2, chance: float = 1.0 - 1e-6, shift: int = 0) -> None:
        super().__init__()
        self.classes, self.chance, self.shift = classes, chance, shift

    def forward(self, images: Tensor) -> Tensor:
        label = (images[:, 0].long() + self.shift) % self.classes
        other = (1 - self.chance) / (self.classes - 1)
        return torch.full((len(images), self.classes), other).scatter_(1, label[:, None], self.chance).log()


class Latentless(Generator):
    """Makes the mean of the pictures that it has seen; it has no latents."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.mean = torch.nn.Parameter(torch.zeros(shape))

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return ((images - self.mean) ** 2).sum()

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return self.mean.detach().expand(n, *self.mean.shape)
