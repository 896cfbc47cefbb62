"""How fast models of texts learn and sample, on one thread, beside a plain loop and the machine's own products.

    .venv/bin/python -m benchmarks.text [--rounds 5] [--sizes 96/4/3 128/4/4 192/6/3]

Seconds are those of the processor. A training step is forward, backward, clipping and AdamW on a batch of 32 texts of
64 tokens. Its work is counted as 6 (12 L d^2 + V d) + 12 L T d operations a token, all T x T products of attention
among them. The peak is that of products of square matrices in the same precision, in the same round.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.speed.machine import description, gemm
from benchmarks.speed.measuring import Finding, alternating, fastest
from benchmarks.speed.page import line
from fairloop.models import build_generator
from fairloop.models.gpt import TinyGPT, drawn
from fairloop.models.ngram import NGram
from fairloop.models.numerics import Numerics, resolve
from fairloop.seeding import ModelRole
from fairloop.sources.batch import Batch
from fairloop.spec.models import GeneratorSpec
from fairloop.tables.token_ids import BEGIN, END, SPECIALS
from fairloop.training.fitting import fit_generator
from fairloop.training.streams import Streams, initialising

SECTION = "text"
SIZES = ("96/4/3", "128/4/4", "192/6/3")
VOCABULARY, LENGTH, BATCH, STEPS = 1024, 64, 32, 3
SHARE = {("fp32", "128/4/4"): 0.6, ("fp32", "192/6/3"): 0.6, ("bf16", "192/6/3"): 0.6}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
SAMPLES = 256
TRAINING = {"optimizer": "adamw", "betas": (0.9, 0.95), "weight_decay": 0.1, "clip_norm": 1.0, "epochs": 1}


def main() -> None:
    """Print what is found."""
    options = argparse.ArgumentParser(prog="benchmarks.text", description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5, help="how often contenders take turns")
    options.add_argument("--sizes", nargs="+", default=SIZES, help="width/layers/heads")
    given = options.parse_args()
    torch.set_num_threads(1)
    print(description())
    for finding in measure(given.rounds, given.sizes):
        print(line(finding), flush=True)


def measure(rounds: int, sizes: Sequence[str] = SIZES) -> Iterator[Finding]:
    """Training steps of each size and precision that the machine has in hardware, samples, and n-grams."""
    for size in sizes:
        for precision in ("fp32", "bf16") if resolve("auto", "cpu", 1).precision == "bf16" else ("fp32",):
            yield from _steps(size, Numerics(precision), rounds)
    yield from _samples(sizes[len(sizes) // 2], rounds)
    yield from _ngrams(rounds)


def _steps(size: str, numerics: Numerics, rounds: int) -> Iterator[Finding]:
    width, layers, heads = map(int, size.split("/"))
    texts = [torch.randint(len(SPECIALS), VOCABULARY, (BATCH, LENGTH), generator=_stream(i)) for i in range(STEPS)]
    model, precision = _ours(size), numerics.precision
    plain = PlainGPT(width, layers, heads)
    contenders = {
        "peak": lambda: max(gemm(DTYPES[precision], side) for side in (1024, 2048)),
        "ours": lambda: fastest(_epoch(model, texts, numerics), 1) / STEPS,
        "plain": lambda: fastest(_plain_epoch(plain, texts, numerics), 1) / STEPS,
    }
    work = 6 * (12 * layers * width**2 + VOCABULARY * width) + 12 * layers * LENGTH * width
    measured = list(alternating(contenders, rounds))
    million = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    title = f"{size}, {million:.2f} M, {precision}"
    yield Finding(SECTION, f"GEMM peak, {precision}", "GFLOP/s", [one["peak"] for one in measured])
    for name in ("ours", "plain"):
        yield Finding(SECTION, f"step of {title}: {name}", "ms", [one[name] * 1e3 for one in measured])
        shares = [work * BATCH * LENGTH / one[name] / 1e9 / one["peak"] for one in measured]
        wanted = SHARE.get((precision, size)) if name == "ours" else None
        yield Finding(SECTION, f"step of {title}: {name}, share of the peak", "", shares, wanted)
    yield Finding(SECTION, f"step of {title}: ours / plain", "", [one["ours"] / one["plain"] for one in measured])


def _samples(size: str, rounds: int) -> Iterator[Finding]:
    """tiny-gpt's tokens, with its cache and by a whole pass for each token. No text ends early."""
    model = _ours(size).eval()
    with torch.no_grad():
        model.tokens.weight[END] = 0  # and so its logit
        model.tokens.weight[END + 1 :] += 1
    few = SAMPLES // 16
    contenders = {
        "cache": lambda: SAMPLES * LENGTH / fastest(lambda: model.sample(SAMPLES, _stream()), 1),
        "no cache": lambda: few * LENGTH / fastest(lambda: _slowly(model, few), 1),
    }
    measured = list(alternating(contenders, rounds))
    for name in contenders:
        yield Finding(SECTION, f"samples of {size}, {name}", "tokens/s", [one[name] for one in measured])


def _ngrams(rounds: int) -> Iterator[Finding]:
    """10,000 texts of up to 40 tokens of a Zipf distribution."""
    rng, shape = np.random.default_rng(0), (10_000, 40)
    shares = 1 / np.arange(1, 2001)
    texts = len(SPECIALS) + rng.choice(2000, shape, p=shares / shares.sum())
    for order in (1, 2, 3):
        model = NGram(order, 0.75, "uniform", 2004)
        calls: Mapping[str, Callable[[], object]] = {
            "fit": lambda model=model: model.fit(texts),
            "sample": lambda model=model: model.sample(shape[0], np.random.default_rng(1)),
            "likelihood": lambda model=model: model.log_likelihood(texts),
        }
        contenders = {name: lambda call=call: texts.size / fastest(call, 1) / 1e6 for name, call in calls.items()}
        measured = list(alternating(contenders, rounds))
        for name in calls:
            found = [one[name] for one in measured]
            yield Finding(SECTION, f"n-grams of order {order}: {name}", "million tokens/s", found)


def _ours(size: str) -> TinyGPT:
    width, layers, heads = map(int, size.split("/"))
    arguments = {"width": width, "layers": layers, "heads": heads}
    with initialising(_stream()):
        model = build_generator("tiny-gpt", (LENGTH,), arguments, {"vocabulary": VOCABULARY})
    assert isinstance(model, TinyGPT)
    return model


def _epoch(model: TinyGPT, texts: Sequence[Tensor], numerics: Numerics) -> Callable[[], object]:
    """A training of one epoch, as a run has it."""
    unnamed = torch.full((BATCH,), -1)
    spec = GeneratorSpec(model="tiny-gpt", **TRAINING)
    streams = Streams(0, 0, ModelRole.GENERATOR)

    def feed(epoch: int) -> Iterator[tuple[Batch, None]]:
        return ((Batch(rows, unnamed, unnamed), None) for rows in texts)

    return lambda: list(fit_generator(model, spec, feed, streams, numerics))


def _slowly(model: TinyGPT, n: int) -> Tensor:
    """Samples by a whole pass for each token."""
    texts = torch.full((n, 1), BEGIN)
    with torch.no_grad():
        for _ in range(LENGTH):
            tokens = drawn(model._logits(texts)[:, -1], torch.rand(n, generator=_stream())) + END
            texts = torch.cat([texts, tokens[:, None]], dim=1)
    return texts[:, 1:]


class PlainGPT(nn.Module):
    """A GPT as one writes it in an afternoon: the baseline. Same sizes as tiny-gpt, all V logits."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.tokens, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(LENGTH, width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.parts = nn.ModuleList(
            nn.ModuleDict(
                {
                    "first": nn.LayerNorm(width),
                    "qkv": nn.Linear(width, 3 * width),
                    "mix": nn.Linear(width, width),
                    "second": nn.LayerNorm(width),
                    "mlp": nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)),
                }
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        rows, length = ids.shape
        x = self.tokens(ids) + self.positions(torch.arange(length))
        for part in self.parts:
            heads = [
                one.view(rows, length, self.heads, -1).transpose(1, 2)
                for one in part["qkv"](part["first"](x)).chunk(3, dim=2)
            ]
            seen = F.scaled_dot_product_attention(*heads, is_causal=True)
            x = x + part["mix"](seen.transpose(1, 2).reshape(rows, length, -1))
            x = x + part["mlp"](part["second"](x))
        return self.norm(x) @ self.tokens.weight.T


def _plain_epoch(model: PlainGPT, texts: Sequence[Tensor], numerics: Numerics) -> Callable[[], None]:
    """The same training as a plain loop with torch's fused AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)

    def epoch() -> None:
        for rows in texts:
            before = torch.cat([torch.full((len(rows), 1), BEGIN), rows[:, :-1]], dim=1)
            with numerics.autocast():
                loss = F.cross_entropy(model(before).flatten(0, 1), rows.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return epoch


def _stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


if __name__ == "__main__":
    main()
