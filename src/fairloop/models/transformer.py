"""Parts of transformers over token ids: attention, with a cache or without, and blocks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Cache:
    """Keys and values of earlier positions in a causal transformer, so that a step computes only new positions."""

    def __init__(self, layers: int, rows: int, heads: int, length: int, width: int, like: Tensor) -> None:
        self._kept = [like.new_zeros(2, rows, heads, length, width) for _ in range(layers)]
        self.past = 0

    def extended(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a layer, with new ones ((B, heads, T, width)) at the end."""
        kept, end = self._kept[layer], self.past + keys.shape[2]
        kept[0, :, :, self.past : end], kept[1, :, :, self.past : end] = keys, values
        return kept[0, :, :, :end], kept[1, :, :, :end]

    def select(self, rows: Tensor) -> None:
        """Keep only `rows`."""
        self._kept = [kept[:, rows] for kept in self._kept]


class Attention(nn.Module):
    """Multi-head self-attention with one matrix for queries, keys and values. causal: positions see no later ones."""

    def __init__(self, width: int, heads: int, *, bias: bool, causal: bool) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.out = nn.Linear(width, width, bias=bias)
        self._heads, self._causal = heads, causal

    def forward(self, x: Tensor, cache: Cache | None = None, layer: int = 0, mask: Tensor | None = None) -> Tensor:
        """(B, T, width). mask: (B, 1, 1, T) the visible positions; not for causal attention."""
        rows, length, width = x.shape
        shape = rows, length, 3, self._heads, width // self._heads
        queries, keys, values = self.qkv(x).view(shape).permute(2, 0, 3, 1, 4)
        if cache is None:
            seen = attended(queries, keys, values, mask, causal=self._causal)
        else:
            keys, values = cache.extended(layer, keys, values)
            seen = attended(queries, keys, values, _later_hidden(cache.past, length, x.device))
        out: Tensor = self.out(seen.transpose(1, 2).reshape(rows, length, width))
        return out


def attended(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, *, causal: bool = False
) -> Tensor:
    """(B, heads, T, width) softmax(q k^T / sqrt(width)) v.

    In bf16 on a CPU it is written out: a call of `scaled_dot_product_attention` took 23 ms there, forward and backward,
    against 6 ms in fp32 (0.93 M parameters, batches of 32 x 64, Zen 4, torch 2.13).
    """
    if queries.device.type != "cpu" or queries.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(queries, keys, values, mask, is_causal=causal)
    if causal:
        mask = _later_hidden(0, queries.shape[2], queries.device)
    scores = queries @ keys.transpose(2, 3) / math.sqrt(queries.shape[3])
    scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    seen: Tensor = scores.softmax(dim=3).to(values.dtype) @ values
    return seen


def _later_hidden(past: int, length: int, device: torch.device) -> Tensor | None:
    """(length, past + length) the visible positions of each of `length` new ones; None for all.

    `is_causal` would align the mask at the top left, as if nothing were past.
    """
    if length == 1:
        return None
    return torch.ones(length, past + length, dtype=torch.bool, device=device).tril(past)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), with the exact GELU and an inner width of 4."""

    def __init__(self, width: int, heads: int, *, bias: bool = True, causal: bool = False) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(width, eps=1e-5, bias=bias)
        self.attention = Attention(width, heads, bias=bias, causal=causal)
        self.before_mlp = nn.LayerNorm(width, eps=1e-5, bias=bias)
        self.inner = nn.Linear(width, 4 * width, bias=bias)
        self.outer = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: Tensor, cache: Cache | None = None, layer: int = 0, mask: Tensor | None = None) -> Tensor:
        """(B, T, width)."""
        x = x + self.attention(self.before_attention(x), cache, layer, mask)
        mlp: Tensor = self.outer(F.gelu(self.inner(self.before_mlp(x))))
        return x + mlp

    @property
    def residual(self) -> Sequence[nn.Linear]:
        """The layers whose outputs are added to x."""
        return self.attention.out, self.outer


def initialise(model: nn.Module, blocks: Sequence[Block]) -> None:
    """GPT-2's weights: standard deviation 0.02, or 0.02 / sqrt(2 layers) if outputs are added to x; biases 0."""
    small = {id(layer) for block in blocks for layer in block.residual}
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            spread = 0.02 / math.sqrt(2 * len(blocks)) if id(part) in small else 0.02
            nn.init.normal_(part.weight, std=spread)
            if isinstance(part, nn.Linear) and part.bias is not None:
                nn.init.zeros_(part.bias)


def check_texts(shape: tuple[int, ...], vocabulary: int) -> int:
    """L, the length of texts of `shape`. Raises ValueError if samples are not texts."""
    if len(shape) != 1 or vocabulary < 1:
        raise ValueError(
            f"it needs texts, (L,) token ids of a vocabulary, and samples have the shape {tuple(shape)}"
            + ("" if vocabulary else " and no vocabulary")
        )
    return shape[0]


def check_sizes(width: int, heads: int, layers: int) -> None:
    """Raise ValueError if heads do not divide the width, or without a layer."""
    if min(layers, width) < 1:
        raise ValueError(f"layers={layers}, width={width}: give whole numbers of at least 1")
    if heads < 1 or width % heads:
        raise ValueError(f"width={width} is not a multiple of heads={heads}")
