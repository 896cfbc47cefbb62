"""A small decoder-only transformer that learns texts from scratch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.models.interface import Generator
from fairloop.models.transformer import Block, Cache, check_sizes, check_texts, initialise
from fairloop.tables.token_ids import BEGIN, END, PAD


class TinyGPT(Generator):
    """A transformer language model that predicts each token from all tokens before it.

    shape: (L,). vocabulary: V, from the data. width: d, divided among `heads`. layers: number of blocks.
    bias: of linear layers and norms. top_k: sample only from the k likeliest tokens; 0: all. top_p: sample only
    from the likeliest tokens with probabilities that sum to p.

    Blocks norm their inputs; positions are learned; the output layer is the embedding. `PAD` and `BEGIN` have no
    probability. Parameters: V d + L d + layers (12 d^2 + 13 d) + 2 d with biases.

    Sources: Radford et al., *Language models are unsupervised multitask learners*, 2019; top-p: Holtzman et al., arXiv
    1904.09751.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        vocabulary: int = 0,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        bias: bool = True,
        top_k: int = 0,
        top_p: float = 1.0,
    ) -> None:
        super().__init__()
        self._length = check_texts(shape, vocabulary)
        check_sizes(width, heads, layers)
        check_narrowing(top_k, top_p)
        self._heads, self._top_k, self._top_p = heads, top_k, top_p
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(self._length, width)
        self.blocks = nn.ModuleList(Block(width, heads, bias=bias, causal=True) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps=1e-5, bias=bias)
        initialise(self, list(self._blocks))

    def loss(self, inputs: Tensor, rng: torch.Generator) -> Tensor:
        """Mean cross entropy of all tokens but padding, in nats."""
        del rng  # no noise
        logits = self._logits(shifted(inputs)).float()
        return F.cross_entropy(logits.flatten(0, 1), inputs.flatten() - END, ignore_index=PAD - END)

    @torch.no_grad()
    def log_likelihood(self, inputs: Tensor) -> Tensor:
        """(B, L) log-probability of each token in nats, 0 for padding."""
        logs = self._logits(shifted(inputs)).float().log_softmax(dim=2)
        told = logs.gather(2, (inputs - END).clamp(min=0)[:, :, None])[:, :, 0]
        return told.masked_fill(inputs == PAD, 0)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """(n, L) ids."""
        return self.sample_at(1.0, n, rng)

    @torch.no_grad()
    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        """(n, L) ids. Logits are divided by `temperature`, before `top_k` and `top_p` are applied."""
        texts = torch.full((n, self._length), PAD, device=rng.device)
        going, tokens = torch.arange(n, device=rng.device), torch.full((n,), BEGIN, device=rng.device)
        cache = self._cache(n)
        for position in range(self._length):
            logits = self._logits(tokens[:, None], cache)[:, 0].float() / temperature
            noise = torch.rand(n, generator=rng, device=rng.device)[going]
            tokens = drawn(narrowed(logits, self._top_k, self._top_p), noise) + END
            texts[going, position] = tokens
            there = tokens != END
            if there.sum() < 0.75 * len(there):  # moving the cache at every end would cost more than it saves
                going, tokens = going[there], tokens[there]
                cache.select(there)
            if not len(going):
                break
        return ended(texts)

    @property
    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

    def _cache(self, rows: int) -> Cache:
        like = self.tokens.weight
        if torch.is_autocast_enabled(like.device.type):
            like = like.new_zeros((), dtype=torch.get_autocast_dtype(like.device.type))
        width = self.tokens.embedding_dim // self._heads
        return Cache(len(self.blocks), rows, self._heads, self._length, width, like)

    def _logits(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """(B, T, V - 2) logits of the ids from `END` on, after (B, T) ids that follow those in the cache."""
        past = 0 if cache is None else cache.past
        x = self.tokens(ids) + self.positions.weight[past : past + ids.shape[1]]
        for layer, block in enumerate(self.blocks):
            x = block(x, cache, layer)
        if cache is not None:
            cache.past += ids.shape[1]
        return F.linear(self.norm(x), self.tokens.weight[END:])


def check_narrowing(top_k: int, top_p: float) -> None:
    """Raise ValueError unless `narrowed` leaves at least one token."""
    if type(top_k) is not int or top_k < 0 or not 0 < top_p <= 1:
        raise ValueError(f"top_k={top_k}, top_p={top_p}: give top_k of 0 or more, and top_p above 0, at most 1")


def narrowed(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """(B, V) logits with -inf for the tokens that `top_k` and `top_p` leave out."""
    if 0 < top_k < logits.shape[1]:
        least = logits.topk(top_k, dim=1).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p < 1:
        ordered, places = logits.sort(dim=1, descending=True, stable=True)
        shares = ordered.softmax(dim=1)
        beyond = shares.cumsum(dim=1) - shares >= top_p
        logits = logits.masked_fill(beyond.gather(1, places.argsort(dim=1)), -torch.inf)
    return logits


def drawn(logits: Tensor, noise: Tensor) -> Tensor:
    """(B,) a column for each row of logits, drawn by inversion of the cumulated probabilities at `noise` in [0, 1)."""
    ends = logits.softmax(dim=1).cumsum(dim=1)
    total = ends[:, -1:]
    found = torch.searchsorted(ends, noise[:, None] * total, right=True)[:, 0]
    return torch.minimum(found, (ends < total).sum(dim=1))  # rounding may reach the total


def shifted(inputs: Tensor) -> Tensor:
    """(B, L): a mark of the beginning, then all tokens but the last."""
    begin = torch.full_like(inputs[:, :1], BEGIN)
    return torch.cat([begin, inputs[:, :-1]], dim=1)


def ended(texts: Tensor) -> Tensor:
    """`texts` with padding after each first end."""
    ends = texts == END
    return texts.masked_fill(ends.cumsum(dim=1) - ends.long() > 0, PAD)
