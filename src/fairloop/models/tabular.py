"""Models of tabular data: rows of features in [0, 1], some of them one-hot blocks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.models.interface import Classifier, Generator
from fairloop.models.vae import kl_divergence, reparametrised


class TabularVAE(Generator):
    """A variational autoencoder for rows of mixed columns.

    shape: (F,). blocks: the width of each column, summing to F: 1 for a number in [0, 1], more for a one-hot category.
    hidden: widths of the encoder's layers, mirrored in the decoder. latent: L.

    Numbers are normal around the decoder's mean, each with a learned standard deviation; categories are drawn
    from the decoder's probabilities (Xu et al., *Modeling Tabular Data using Conditional GAN*, 2019, describes a
    similar model).
    """

    def __init__(
        self, shape: tuple[int, ...], blocks: Sequence[int], hidden: Sequence[int] = (128, 128), latent: int = 16
    ) -> None:
        super().__init__()
        check_blocks(shape, blocks)
        features = sum(blocks)
        self.blocks, self.latent = list(blocks), latent
        self.encoder = perceptron([features, *hidden, 2 * latent])
        self.decoder = perceptron([latent, *reversed(hidden), features])
        numbers = torch.tensor([block == 1 for block in blocks for _ in range(block)])
        self.register_buffer("_numbers", numbers, persistent=False)
        self.log_spread = nn.Parameter(torch.full((int(numbers.sum()),), -2.0))

    _numbers: Tensor

    def loss(self, inputs: Tensor, rng: torch.Generator) -> Tensor:
        """Negative ELBO, summed over the batch, in nats."""
        mean, log_variance = self.encoder(inputs).float().chunk(2, dim=1)
        decoded = self.decoder(reparametrised(mean, log_variance, rng)).float()
        spread = self._spread()
        numbers = decoded[:, self._numbers].sigmoid()
        nll: Tensor = (((inputs[:, self._numbers] - numbers) / spread) ** 2 / 2 + spread.log()).sum()
        for truth, logits in zip(self._categories(inputs), self._categories(decoded), strict=True):
            nll = nll + F.cross_entropy(logits, truth.argmax(dim=1), reduction="sum")
        return nll + kl_divergence(mean, log_variance)

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """(n, F) rows: numbers in [0, 1], one-hot categories."""
        return self.sample_at(1.0, n, rng)

    @torch.no_grad()
    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        """As `sample`, with `temperature` times the standard deviation of latents."""
        z = temperature * torch.randn((n, self.latent), generator=rng, device=rng.device)
        return self._drawn(self.decoder(z).float(), rng)

    @torch.no_grad()
    def encode(self, inputs: Tensor) -> Tensor:
        """(B, L) means."""
        mean: Tensor = self.encoder(inputs).float().chunk(2, dim=1)[0]
        return mean

    @torch.no_grad()
    def reconstruct(self, inputs: Tensor) -> Tensor:
        """(B, F) reconstructions: the mean of each number, the likeliest category."""
        return self._drawn(self.decoder(self.encode(inputs)).float(), None)

    def _drawn(self, decoded: Tensor, rng: torch.Generator | None) -> Tensor:
        parts = []
        numbers = decoded[:, self._numbers].sigmoid()
        if rng is not None:
            noise = torch.randn(numbers.shape, generator=rng, device=rng.device)
            numbers = (numbers + noise * self._spread()).clamp(0, 1)
        columns = iter(numbers.unbind(1))
        for width, part in zip(self.blocks, torch.split(decoded, self.blocks, dim=1), strict=True):
            if width == 1:
                parts.append(next(columns)[:, None])
            else:
                parts.append(F.one_hot(_chosen(part, rng), width).to(decoded.dtype))
        return torch.cat(parts, dim=1)

    def _categories(self, rows: Tensor) -> list[Tensor]:
        return [part for part in torch.split(rows, self.blocks, dim=1) if part.shape[1] > 1]

    def _spread(self) -> Tensor:
        return self.log_spread.exp() + 1e-2


class MLP(Classifier):
    """A multilayer perceptron. shape: of one sample, any. classes: K. hidden: widths of the layers between."""

    def __init__(self, shape: tuple[int, ...], classes: int, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        self.layers = perceptron([torch.Size(shape).numel(), *hidden, classes])

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, K) logits."""
        logits: Tensor = self.layers(inputs.flatten(1))
        return logits


def check_blocks(shape: tuple[int, ...], blocks: Sequence[int]) -> None:
    """Raise ValueError if the widths of columns do not sum to the length of a row."""
    if shape != (sum(blocks),):
        raise ValueError(f"blocks sum to {sum(blocks)}, but a row has shape {shape}")


def perceptron(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers from each width to the next, with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _chosen(logits: Tensor, rng: torch.Generator | None) -> Tensor:
    if rng is None:
        return logits.argmax(dim=1)
    return torch.multinomial(logits.softmax(dim=1), 1, generator=rng).squeeze(1)
