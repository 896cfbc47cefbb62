"""Small convolutional classifiers for images of about 28 pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fairloop.models.interface import Classifier, image_shape
from fairloop.models.layers import HalvingMaxPool2d


class SimpleCNN(Classifier):
    """Two 5x5 convolutions (6 and 16 channels) with ReLU and max pooling, then 120, 84 and K units.

    shape: (C, H, W), sides of at least 16. classes: K.
    """

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.network = _two_convolutions(shape, classes, nn.ReLU, HalvingMaxPool2d(), padding=0)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits


class LeNet5(Classifier):
    """LeNet-5 (LeCun et al., 1998): tanh and average pooling; digits of 28 pixels are padded to its 32.

    shape: (C, H, W), sides of at least 12. classes: K.
    """

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.network = _two_convolutions(shape, classes, nn.Tanh, nn.AvgPool2d(2), padding=2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits


def _two_convolutions(
    shape: tuple[int, ...],
    classes: int,
    activation: type[nn.Module],
    pool: nn.Module,
    padding: int,
) -> nn.Sequential:
    channels, height, width = image_shape(shape)
    least = 16 - 2 * padding
    if min(height, width) < least:
        raise ValueError(f"it needs sides of at least {least}, not {height}x{width}")
    features = nn.Sequential(
        *(nn.Conv2d(channels, 6, 5, padding=padding), activation(), pool),
        *(nn.Conv2d(6, 16, 5), activation(), pool, nn.Flatten()),
    )
    with torch.no_grad():
        width = features(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(
        *features,
        *(nn.Linear(width, 120), activation()),
        *(nn.Linear(120, 84), activation(), nn.Linear(84, classes)),
    )
