"""The two interfaces of models, in fairloop and in users' code.

A model knows neither generations nor settings. It is built from the shape of one sample and its own keyword
arguments: `Generator(shape, **arguments)`, `Classifier(shape, classes, **arguments)`. `fairloop.testing` checks all
other requirements.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Generator(nn.Module, ABC):
    """A model that learns to generate samples like its training data."""

    @abstractmethod
    def loss(self, inputs: Tensor, rng: torch.Generator) -> Tensor:
        """The scalar to minimise for `inputs` ((B, ...) float in [0, 1], or (B, L) int64 ids); noise from `rng`."""

    @abstractmethod
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """(n, ...) float in [0, 1], or (n, L) int64 ids, without gradient.

        The same state of `rng` means the same latents.
        Called in evaluation mode, except by the checks of `fairloop.testing`.
        """

    @property
    def at_once(self) -> bool:
        """Whether one call for many samples is faster than several calls, and fits into memory."""
        return False

    @property
    def can_be_kept(self) -> bool:
        """Whether the `state_dict` holds the whole model."""
        return True

    @property
    def has_encoder(self) -> bool:
        """Whether the model has `encode` and `reconstruct`."""
        return type(self).encode is not Generator.encode

    @property
    def has_temperature(self) -> bool:
        """Whether the model has `sample_at`."""
        return type(self).sample_at is not Generator.sample_at

    @property
    def has_likelihood(self) -> bool:
        """Whether the model has `log_likelihood`."""
        return type(self).log_likelihood is not Generator.log_likelihood

    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        """As `sample`, with `temperature` times the standard deviation of latents. A language model raises
        probabilities to 1 / temperature. Only for generators with `has_temperature`.
        """
        raise TypeError(f"{type(self).__name__} has no temperature")

    def log_likelihood(self, inputs: Tensor) -> Tensor:
        """(B, L) log-probabilities of the tokens of texts ((B, L) int64 ids), each given the tokens before it, in nats;
        0 for padding. Only for language models.
        """
        raise TypeError(f"{type(self).__name__} has no likelihood")

    def encode(self, inputs: Tensor) -> Tensor:
        """(B, L) positions of `inputs` in latent space. Only for generators with an encoder."""
        raise TypeError(f"{type(self).__name__} has no encoder")

    def reconstruct(self, inputs: Tensor) -> Tensor:
        """Decoded encodings of `inputs`, in [0, 1]. Only for generators with an encoder."""
        raise TypeError(f"{type(self).__name__} has no encoder")


class Classifier(nn.Module, ABC):
    """A model that predicts the label or the group of a sample. Annotators are classifiers, too."""

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """(B, K) logits for `inputs` ((B, ...) float in [0, 1], or (B, L) int64 token ids)."""

    def decided(self, inputs: Tensor, groups: Tensor | None = None) -> Tensor:
        """(B,) int64: the argmax of the logits.

        groups: (B,) codes of real people's groups, for a classifier that takes groups. A_S names groups of samples.
        """
        del groups
        codes: Tensor = self(inputs).argmax(dim=1)
        return codes

    @property
    def at_once(self) -> bool:
        """Whether one call for many samples is faster than several calls."""
        return False

    @property
    def takes_groups(self) -> bool:
        """Whether the classifier takes the groups of people."""
        return False

    @property
    def can_be_kept(self) -> bool:
        """Whether the `state_dict` holds the whole model."""
        return True


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """`shape` as (C, H, W). Raises ValueError if samples are not images."""
    if len(shape) != 3:
        raise ValueError(f"it needs images (channels, height, width), and samples have the shape {tuple(shape)}")
    channels, height, width = shape
    return channels, height, width
