"""The base class of variational autoencoders (Kingma and Welling, arXiv 1312.6114)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.models.interface import Generator

Reconstruction = Literal["bce", "squared_error"]
Reduction = Literal["sum", "mean"]


class VAE(Generator):
    """An encoder, a decoder, and a standard normal prior between them. A sample is the decoder's mean image.

    encoder: images (B, C, H, W) to (B, 2 * latent), mean and logarithm of the variance of the posterior.
    decoder: latents (B, latent) to logits of images (B, C, H, W); their sigmoid is the mean image.
    reconstruction: `bce`, the binary cross entropy of every value in nats, or `squared_error`.
    reduction: of the reconstruction term over the batch's images and their values, `sum` or `mean`.
    kl_weight: of the Kullback-Leibler divergence in nats, which is always summed over the batch.

    Its loss is their weighted sum. With `bce`, `sum` and 1 it is the negative evidence lower bound of the batch.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent: int,
        reconstruction: Reconstruction = "bce",
        reduction: Reduction = "sum",
        kl_weight: float = 1.0,
    ) -> None:
        super().__init__()
        _check_choice("reconstruction", reconstruction, get_args(Reconstruction))
        _check_choice("reduction", reduction, get_args(Reduction))
        if not isinstance(kl_weight, int | float) or not 0 <= kl_weight < float("inf"):
            raise ValueError(f"kl_weight must be a number >= 0, not {kl_weight!r} (YAML reads 5.0e-6, not 5e-6)")
        self.encoder, self.decoder, self.latent = encoder, decoder, latent
        self.reconstruction, self.reduction, self.kl_weight = reconstruction, reduction, kl_weight

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        mean, log_variance = self.posterior(images)
        logits = self.decoder(reparametrised(mean, log_variance, rng)).float()
        if self.reconstruction == "bce":
            missed = F.binary_cross_entropy_with_logits(logits, images, reduction=self.reduction)
        else:
            missed = F.mse_loss(logits.sigmoid(), images, reduction=self.reduction)
        return missed + self.kl_weight * kl_divergence(mean, log_variance)

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return self.sample_at(1.0, n, rng)

    @torch.no_grad()
    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        return self.decode(temperature * torch.randn(n, self.latent, generator=rng, device=rng.device))

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        return self.posterior(images)[0]

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, L) mean and (B, L) logarithm of the variance, for `images`."""
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return mean, log_variance

    def decode(self, latents: Tensor) -> Tensor:
        """(B, C, H, W) mean images in [0, 1], for latents (B, L)."""
        images: Tensor = self.decoder(latents).float().sigmoid()
        return images


def reparametrised(mean: Tensor, log_variance: Tensor, rng: torch.Generator) -> Tensor:
    """A draw from each normal distribution, differentiable in its parameters; all (B, L)."""
    noise = torch.randn(mean.shape, generator=rng, device=mean.device)
    return mean + noise * (log_variance / 2).exp()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """() nats between normal distributions, their parameters (B, L), and the standard normal, summed over all."""
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(choices)}, not {value!r}")
