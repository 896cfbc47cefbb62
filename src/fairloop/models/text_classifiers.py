"""Classifiers of texts. Their logits do not depend on the padding after a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.models.interface import Classifier
from fairloop.models.transformer import Block, check_sizes, check_texts, initialise
from fairloop.tables.token_ids import PAD


class TextCNN(Classifier):
    """Convolutions over embedded tokens, with a maximum over the positions of a text (Kim, arXiv 1408.5882).

    shape: (L,). classes: K. vocabulary: V, from the data. width: of embeddings. filters: number of filters of each of
    `sizes`, in tokens.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        vocabulary: int = 0,
        width: int = 64,
        filters: int = 64,
        sizes: Sequence[int] = (2, 3, 4),
    ) -> None:
        super().__init__()
        check_texts(shape, vocabulary)
        if not sizes or min(width, filters, *sizes) < 1:
            raise ValueError(f"width={width}, filters={filters}, sizes={list(sizes)}: give whole numbers of at least 1")
        self.tokens = nn.Embedding(vocabulary, width)
        self.filters = nn.ModuleList(nn.Conv1d(width, filters, size) for size in sizes)
        self.out = nn.Linear(filters * len(sizes), classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, K) logits."""
        there = _tokens(inputs)
        x = (self.tokens(inputs) * there[:, :, None]).transpose(1, 2)
        logits: Tensor = self.out(torch.cat([self._largest(layer, x, there) for layer in self.filters], dim=1))
        return logits

    def _largest(self, layer: nn.Module, x: Tensor, there: Tensor) -> Tensor:
        """(B, filters) maxima over the positions of a text; positions after its end count as zeros."""
        beyond = layer.weight.shape[2] - 1 if isinstance(layer, nn.Conv1d) else 0
        found: Tensor = layer(F.pad(x, (0, beyond))).relu()
        return found.masked_fill(~there[:, None], 0).amax(dim=2)


class TextTransformer(Classifier):
    """A transformer encoder, and the mean of its outputs over the tokens of a text.

    shape: (L,). classes: K. vocabulary: V, from the data. width: d, divided among `heads`.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        vocabulary: int = 0,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        length = check_texts(shape, vocabulary)
        check_sizes(width, heads, layers)
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, classes)
        initialise(self, [block for block in self.blocks if isinstance(block, Block)])

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, K) logits."""
        there = _tokens(inputs)
        x = self.tokens(inputs) + self.positions.weight
        for block in self.blocks:
            x = block(x, mask=there[:, None, None])
        x = self.norm(x) * there[:, :, None]
        logits: Tensor = self.out(x.sum(dim=1) / there.sum(dim=1, keepdim=True))
        return logits


def _tokens(inputs: Tensor) -> Tensor:
    """(B, L) whether a position holds a token; the first position always counts."""
    there = inputs != PAD
    return torch.cat([torch.ones_like(there[:, :1]), there[:, 1:]], dim=1)
