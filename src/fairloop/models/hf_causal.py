"""A pretrained language model of `transformers` in a local directory, fine-tuned on texts.

It needs `fairloop[text]`, and data with the vocabulary of that directory (`data.vocabulary`).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fairloop.models.gpt import check_narrowing, drawn, ended, narrowed, shifted
from fairloop.models.interface import Generator
from fairloop.models.transformer import check_texts
from fairloop.tables.token_ids import BEGIN, END, PAD, SPECIALS, UNKNOWN

try:
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging
except (ImportError, RuntimeError) as error:  # transformers raises either if one of its own dependencies is missing
    raise ImportError(f"it needs transformers, pip install 'fairloop[text]' ({error})") from error


class HFCausal(Generator):
    """A pretrained model that starts from the weights in `directory`, or of its predecessor with `warm_start`.

    shape: (L,). vocabulary: V, from the data: the ids of the model, after those of `tables.token_ids`.
    directory: with config.json and weights, as `save_pretrained` writes them. The class downloads nothing and runs no
    code of the directory. top_k, top_p: as for `tiny-gpt`.

    `END` is the model's end token, `BEGIN` its begin token, or the end token without one. Dropout is
    off, because it takes torch's global random numbers. A recipe names the directory, not its content.
    """

    def __init__(
        self, shape: tuple[int, ...], vocabulary: int = 0, directory: str = "", top_k: int = 0, top_p: float = 1.0
    ) -> None:
        super().__init__()
        self._length, self._size = check_texts(shape, vocabulary), vocabulary - len(SPECIALS)
        check_narrowing(top_k, top_p)
        if not (Path(directory) / "config.json").is_file():
            raise ValueError(f"directory='{directory}' has no config.json; name one that save_pretrained has written")
        config = AutoConfig.from_pretrained(directory, local_files_only=True)
        for name, value in config.to_dict().items():
            if isinstance(value, float) and ("dropout" in name or name.endswith("pdrop")):
                setattr(config, name, 0.0)
        end, begin = _first(config.eos_token_id), _first(config.bos_token_id)
        if end is None or not end < self._size <= config.vocab_size:
            raise ValueError(
                f"the vocabulary of the data has {self._size} tokens, that of the model {config.vocab_size}, with "
                f"{end} for the end; let the data take its vocabulary: data.vocabulary={directory}"
            )
        if (longest := getattr(config, "max_position_embeddings", None)) is not None and longest < self._length:
            raise ValueError(f"texts have up to {self._length} tokens, and the model reads {longest}; cut data.length")
        self._end, self._begin = end, end if begin is None else begin
        self._top_k, self._top_p = top_k, top_p
        self.model = _loaded(directory, config).train()

    def loss(self, inputs: Tensor, rng: torch.Generator) -> Tensor:
        """Mean cross entropy of all tokens but padding, in nats."""
        del rng  # no noise
        logits = self._logits(shifted(inputs))
        return F.cross_entropy(logits.flatten(0, 1), self._theirs(inputs).flatten(), ignore_index=_NOTHING)

    @torch.no_grad()
    def log_likelihood(self, inputs: Tensor) -> Tensor:
        """(B, L) log-probability of each token in nats, 0 for padding."""
        logs = self._logits(shifted(inputs)).log_softmax(dim=2)
        told = logs.gather(2, self._theirs(inputs).clamp(min=0)[:, :, None])[:, :, 0]
        return told.masked_fill(inputs == PAD, 0)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """(n, L) ids."""
        return self.sample_at(1.0, n, rng)

    @torch.no_grad()
    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        """(n, L) ids. Logits are divided by `temperature`, before `top_k` and `top_p` are applied."""
        tokens, texts, past = torch.full((n, 1), BEGIN, device=rng.device), [], None
        for _ in range(self._length if n else 0):
            made = self.model(input_ids=self._theirs(tokens), use_cache=True, **{self._cache: past})
            past, logits = getattr(made, self._cache), made.logits[:, -1, : self._size].float() / temperature
            noise = torch.rand(n, generator=rng, device=rng.device)
            found = drawn(narrowed(logits, self._top_k, self._top_p), noise)[:, None]
            tokens = (found + len(SPECIALS)).masked_fill(found.eq(self._end), END)
            texts.append(tokens)
        empty = torch.zeros((n, self._length), dtype=torch.long, device=rng.device)
        return ended(torch.cat(texts, dim=1)) if texts else empty

    @property
    def _cache(self) -> str:
        """The name of the cache of keys and values, which differs between versions of transformers."""
        names = inspect.signature(type(self.model).forward).parameters
        return "cache" if "cache" in names else "past_key_values"

    def _logits(self, ids: Tensor) -> Tensor:
        """(B, L, V - 4) float logits of the model's own ids, after (B, L) ids."""
        theirs = self._theirs(ids).masked_fill(ids == PAD, self._end)
        made: Tensor = self.model(input_ids=theirs, attention_mask=torch.ones_like(theirs), use_cache=False).logits
        return made[:, :, : self._size].float()

    def _theirs(self, ids: Tensor) -> Tensor:
        """The model's own ids; `_NOTHING` for padding."""
        theirs = ids - len(SPECIALS)
        for ours, own in ((PAD, _NOTHING), (BEGIN, self._begin), (END, self._end), (UNKNOWN, self._end)):
            theirs = theirs.masked_fill(ids == ours, own)
        return theirs


_NOTHING = -100


def _loaded(directory: str, config: Any) -> Any:
    """The model with its weights. transformers would show how far it is."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return AutoModelForCausalLM.from_pretrained(
            directory, config=config, local_files_only=True, dtype=torch.float32
        )
    finally:
        if shown:
            logging.enable_progress_bar()


def _first(ids: Any) -> int | None:
    """A token id of a config, which may list several."""
    if isinstance(ids, Sequence):
        return int(ids[0]) if ids else None
    return None if ids is None else int(ids)
