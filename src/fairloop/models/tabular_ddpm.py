"""A diffusion model for rows of mixed columns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.models.interface import Generator
from fairloop.models.tabular import check_blocks, perceptron

_EDGE = 1e-3  # shares are clipped to it, because normal quantiles of 0 and 1 are infinite
_LEAST = 1e-30  # smallest probability in a logarithm
_MOST_NOISE = 0.999  # of a level, so that the last level keeps a trace of the row


class TabularDDPM(Generator):
    """Diffusion with Gaussian noise for numbers and uniform noise for categories; a network removes it level by level.

    shape: (F,). blocks: the width of each column, summing to F: 1 for a number in [0, 1], more for a one-hot category.
    hidden: widths of the network's layers. embedding: width of the noised row, and of its level, before these.
    levels: T, of noise, on a cosine schedule; a sample takes one pass of the network for each.

    Features of numbers are shares of the data by rank; the model takes the normal quantile of these. The loss is the
    mean squared error of the noise in the numbers, plus T times the mean over categories of the Kullback-Leibler
    divergence, in nats, between the true and the predicted posterior of one level. The term of the last level, which
    no weight changes, is left out.

    Sources: Kotelnikov et al., *TabDDPM*, arXiv 2209.15421; Ho et al., arXiv 2006.11239, for numbers; Hoogeboom et al.,
    arXiv 2102.05379, for categories; Nichol and Dhariwal, arXiv 2102.09672, for the schedule. As in Ho et al., and not
    in TabDDPM, the numbers that the network predicts are clipped to the range of the data at each level.
    """

    at_once = True  # a pass for each level, for any number of rows

    def __init__(
        self,
        shape: tuple[int, ...],
        blocks: Sequence[int],
        hidden: Sequence[int] = (256, 256),
        embedding: int = 128,
        levels: int = 100,
    ) -> None:
        super().__init__()
        check_blocks(shape, blocks)
        if levels < 2:
            raise ValueError(f"levels={levels}: give 2 or more")
        if embedding < 2 or embedding % 2:
            raise ValueError(f"embedding={embedding}: give an even number of 2 or more")
        self.levels = levels
        self.inlet = nn.Linear(sum(blocks), embedding)
        self.level = nn.Sequential(nn.Linear(embedding, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.network = perceptron([embedding, *hidden, sum(blocks)])
        starts = [end - width for end, width in zip(itertools.accumulate(blocks), blocks, strict=True)]
        places = list(zip(starts, blocks, strict=True))
        self._categories = [slice(start, start + width) for start, width in places if width > 1]
        alpha, left = noise_schedule(levels)
        for name, buffer in {
            "_numbers": torch.tensor([start for start, width in places if width == 1], dtype=torch.int64),
            "_frequencies": torch.exp(-math.log(10_000) * torch.arange(embedding // 2) / (embedding // 2)),
            "_alpha": torch.tensor(alpha, dtype=torch.float32),
            "_left": torch.tensor(left, dtype=torch.float32),
        }.items():
            self.register_buffer(name, buffer, persistent=False)

    _numbers: Tensor  # (numbers,): their features
    _frequencies: Tensor
    _alpha: Tensor
    _left: Tensor

    def loss(self, inputs: Tensor, rng: torch.Generator) -> Tensor:
        """The mean loss of the rows; the class docstring defines the loss."""
        level = torch.randint(self.levels, (len(inputs),), generator=rng, device=inputs.device)
        alpha, before, after = (each[:, None] for each in self._around(level))
        clean = torch.special.ndtri(inputs[:, self._numbers].clamp(_EDGE, 1 - _EDGE))
        noise = torch.randn(clean.shape, generator=rng, device=inputs.device)
        row = torch.empty_like(inputs)
        row[:, self._numbers] = after.sqrt() * clean + (1 - after).sqrt() * noise
        for place in self._categories:
            row[:, place] = _drawn(blurred(inputs[:, place], after), rng)
        found = self._predicted(row, level)
        divergence = torch.zeros((), device=inputs.device)
        for place in self._categories:
            true, made = (
                posterior(first, row[:, place], alpha, before)
                for first in (inputs[:, place], found[:, place].softmax(dim=1))
            )
            divergence = divergence + (torch.xlogy(true, true) - true * made.clamp(min=_LEAST).log()).sum()
        loss: Tensor = ((found[:, self._numbers] - noise) ** 2).sum() / max(noise.numel(), 1)
        return loss + self.levels * divergence / (max(len(self._categories), 1) * len(inputs))

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """(n, F) rows: numbers in [0, 1], one-hot categories."""
        row = torch.zeros((n, self.inlet.in_features), device=rng.device)
        row[:, self._numbers] = torch.randn((n, len(self._numbers)), generator=rng, device=rng.device)
        for place in self._categories:
            row[:, place] = _drawn(torch.ones_like(row[:, place]), rng)
        for level in reversed(range(self.levels)):
            row = self._before(row, level, rng)
        row[:, self._numbers] = torch.special.ndtr(row[:, self._numbers])
        return row

    def _before(self, row: Tensor, level: int, rng: torch.Generator) -> Tensor:
        """The row one level earlier."""
        alpha, before, after = self._around(torch.tensor(level, device=row.device))
        found, earlier = self._predicted(row, torch.full((len(row),), level, device=row.device)), row.clone()
        numbers = row[:, self._numbers]
        clean = (numbers - (1 - after).sqrt() * found[:, self._numbers]) / after.sqrt()
        edge = torch.special.ndtri(torch.tensor(1 - _EDGE, device=row.device))
        mean = posterior_mean(clean.clamp(-edge, edge), numbers, alpha, before)
        noise = torch.randn(mean.shape, generator=rng, device=row.device)
        earlier[:, self._numbers] = mean + (1 - alpha).sqrt() * noise if level else mean
        for place in self._categories:
            shares = posterior(found[:, place].softmax(dim=1), row[:, place], alpha, before)
            earlier[:, place] = _drawn(shares, rng)
        return earlier

    def _predicted(self, row: Tensor, level: Tensor) -> Tensor:
        """(B, F): of numbers, the noise in them; of categories, logits of their values without noise."""
        angles = level[:, None] * self._frequencies
        where: Tensor = self.level(torch.cat([angles.cos(), angles.sin()], dim=1))
        found: Tensor = self.network(self.inlet(row) + where)
        return found.float()

    def _around(self, level: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._alpha[level], self._left[level], self._left[level + 1]


def noise_schedule(levels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cosine schedule, of variances of numbers and of shares of categories.

    (T,): the share of signal that each level keeps. (T + 1,): the share of the row that is left before each level, and
    at the end.
    """
    ideal = np.cos((np.arange(levels + 1) / levels + 0.008) / 1.008 * np.pi / 2) ** 2
    alpha = np.maximum(ideal[1:] / ideal[:-1], 1 - _MOST_NOISE)
    return alpha, np.concatenate([[1.0], np.cumprod(alpha)])


def blurred(shares: Tensor, left: Tensor) -> Tensor:
    """(B, K) probabilities of a category: `left` of it stays, and the rest is spread over all values."""
    return left * shares + (1 - left) / shares.shape[1]


def posterior(first: Tensor, noisy: Tensor, alpha: Tensor, before: Tensor) -> Tensor:
    """(B, K) probabilities of a category before a level.

    first: (B, K) its probabilities without noise. noisy: (B, K) its value after the level, one-hot.
    alpha: the share that the level keeps. before: the share that the levels before it keep.
    """
    joint = blurred(first, before) * blurred(noisy, alpha)
    return joint / joint.sum(dim=1, keepdim=True)


def posterior_mean(first: Tensor, noisy: Tensor, alpha: Tensor, before: Tensor) -> Tensor:
    """The mean of normal numbers before a level. first: without noise. noisy: after the level. See `posterior`."""
    return (before.sqrt() * (1 - alpha) * first + alpha.sqrt() * (1 - before) * noisy) / (1 - alpha * before)


def _drawn(shares: Tensor, rng: torch.Generator) -> Tensor:
    """(B, K) one-hot."""
    drawn = torch.multinomial(shares, 1, generator=rng).squeeze(1)
    return F.one_hot(drawn, shares.shape[1]).to(shares.dtype)
