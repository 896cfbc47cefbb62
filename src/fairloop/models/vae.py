"""Variational autoencoders (Kingma and Welling, arXiv 1312.6114)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.fast.layers import UpConv2d
from fairloop.models.interface import Generator


class ConvVAE(Generator):
    """The VAE of the ColoredMNIST experiments: 4x4 stride-2 convolutions, a mirrored decoder, mean images.

    shape: (C, H, W); H and W divisible by 2 for each entry of `widths`.
    widths: channels of the convolutions, outermost first.
    latent: size of the latent space, with a standard normal prior.

    Its loss is the negative evidence lower bound in nats, summed over the batch, with the binary cross entropy
    of every pixel as the reconstruction term.
    """

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, ...] = (64, 128), latent: int = 20) -> None:
        super().__init__()
        channels, height, width = shape
        scale = 2 ** len(widths)
        if height % scale or width % scale:
            raise ValueError(f"{len(widths)} stride-2 layers need sides divisible by {scale}, not {height}x{width}")
        self.latent = latent
        inner = (widths[-1], height // scale, width // scale)
        features = inner[0] * inner[1] * inner[2]
        layers: list[nn.Module] = []
        for before, after in pairwise((channels, *widths)):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 2 * latent))
        layers = [nn.Linear(latent, features), nn.ReLU(), nn.Unflatten(1, inner)]
        for before, after in pairwise(reversed(widths)):
            layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
        self.decoder = nn.Sequential(*layers, UpConv2d(widths[0], channels))

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        mean, log_variance = self._posterior(images)
        noise = torch.randn(mean.shape, generator=rng, device=mean.device)
        logits = self.decoder(mean + noise * (log_variance / 2).exp()).float()
        reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum")
        return reconstruction + 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return self._decode(torch.randn(n, self.latent, generator=rng, device=rng.device))

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        return self._posterior(images)[0]

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> Tensor:
        return self._decode(self.encode(images))

    def _posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return mean, log_variance

    def _decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.decoder(latents).float().sigmoid()
        return images
