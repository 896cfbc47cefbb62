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
    """A model that learns to generate samples like its training data.

    >>> import torch
    >>> from torch import nn
    >>> class Uniform(Generator):
    ...     def __init__(self, shape, highest=1.0):
    ...         super().__init__()
    ...         self.shape, self.highest = shape, nn.Parameter(torch.tensor(highest))
    ...     def loss(self, inputs, rng):
    ...         return (self.highest - inputs.max()).square()
    ...     @torch.no_grad()
    ...     def sample(self, n, rng):
    ...         return torch.rand(n, *self.shape, generator=rng) * self.highest.clamp(0, 1)
    >>> model, rng = Uniform((2,), highest=0.5), torch.Generator().manual_seed(0)
    >>> model.sample(100, rng).max() < 0.5, model.at_once, model.can_be_kept
    (tensor(True), False, True)
    >>> model.has_encoder, model.has_temperature, model.has_likelihood
    (False, False, False)

    Some of fairloop's models have more methods:

    >>> from fairloop.models import build_generator
    >>> vae = build_generator("conv-vae", (3, 28, 28), {"widths": [4, 8], "latent": 2}).eval()
    >>> pictures = vae.sample_at(0.5, 4, rng)  # half the standard deviation of latents
    >>> vae.encode(pictures).shape, vae.reconstruct(pictures).shape
    (torch.Size([4, 2]), torch.Size([4, 3, 28, 28]))
    >>> texts = torch.tensor([[1, 4, 5, 2]])
    >>> build_generator("tiny-gpt", (4,), {}, {"vocabulary": 8}).eval().log_likelihood(texts).shape
    torch.Size([1, 4])
    """

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
    """A model that predicts the label or the group of a sample. Annotators are classifiers, too.

    >>> import torch
    >>> from torch import nn
    >>> class Linear(Classifier):
    ...     def __init__(self, shape, classes):
    ...         super().__init__()
    ...         self.layer = nn.Linear(*shape, classes)
    ...     def forward(self, inputs):
    ...         return self.layer(inputs)
    >>> model, people = Linear((2,), classes=3), torch.rand(5, 2)
    >>> model(people).shape, model.decided(people).shape
    (torch.Size([5, 3]), torch.Size([5]))
    >>> model.at_once, model.takes_groups, model.can_be_kept
    (False, False, True)
    """

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
