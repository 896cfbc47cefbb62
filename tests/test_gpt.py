"""tiny-gpt: sizes and first loss by formula, the cache against the plain pass, top-k and top-p, a floor of the loss."""

from __future__ import annotations

from collections import Counter
from math import log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.errors import InputError
from fairloop.models import build_classifier, build_generator
from fairloop.models.gpt import TinyGPT, drawn, narrowed
from fairloop.models.transformer import attended
from fairloop.tables.token_ids import BEGIN, END, PAD
from fairloop.testing.streams import stream
from fairloop.training.streams import initialising
from texts import SENTENCES, VOCABULARY, ids, some_texts

TEN = torch.from_numpy(ids(*SENTENCES))
SMALL = {"width": 12, "layers": 2, "heads": 3}


def gpt(length: int = 8, vocabulary: int = VOCABULARY, seed: int = 0, **arguments: object) -> TinyGPT:
    with initialising(stream(seed)):
        model = build_generator("tiny-gpt", (length,), {**SMALL, **arguments}, {"vocabulary": vocabulary})
    assert isinstance(model, TinyGPT)
    return model


def spread(model: TinyGPT, factor: float = 20.0) -> TinyGPT:
    """The model with larger weights, so that its distributions are far from uniform."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(factor)
    return model.eval()


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 40), st.integers(1, 20), st.integers(1, 3), st.integers(1, 3), st.integers(2, 4), st.booleans())
def test_parameters_are_those_of_the_formula(vocabulary, length, layers, heads, size, bias):
    width = heads * size
    model = gpt(length, vocabulary, width=width, layers=layers, heads=heads, bias=bias)
    blocks = 12 * width**2 + (13 if bias else 2) * width
    expected = (vocabulary + length) * width + layers * blocks + (2 if bias else 1) * width
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_weights_begin_as_published():
    model = gpt(16, 500, width=96, layers=4, heads=3)
    spreads = {name: weight.std().item() for name, weight in model.named_parameters() if weight.dim() > 1}
    for name, found in spreads.items():
        inner = name.endswith(("out.weight", "outer.weight"))
        assert found == pytest.approx(0.02 / 8**0.5 if inner else 0.02, rel=0.05), name
    assert all(not weight.any() for name, weight in model.named_parameters() if name.endswith(".bias"))
    loss = model.loss(torch.randint(3, 500, (32, 16), generator=stream()), stream()).item()
    assert loss == pytest.approx(log(498), abs=0.1)


def plain(model: TinyGPT, inputs: Tensor) -> Tensor:
    """(B, L, V - 2) log-probabilities, written out from the weights: attention by softmax, later positions masked."""
    rows, length = inputs.shape
    before = torch.cat([torch.full((rows, 1), BEGIN), inputs[:, :-1]], dim=1)
    x = model.tokens.weight[before] + model.positions.weight[:length]
    for block in model.blocks:
        attention = block.attention
        parts = attention.qkv(block.before_attention(x)).chunk(3, dim=2)
        heads = SMALL["heads"]
        q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in parts)
        scores = q @ k.mT / q.shape[3] ** 0.5
        scores += torch.full((length, length), -torch.inf).triu(1)
        x = x + attention.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        inner = block.inner(block.before_mlp(x))
        x = x + block.outer(inner / 2 * (1 + torch.erf(inner / 2**0.5)))
    return (model.norm(x) @ model.tokens.weight[END:].T).log_softmax(-1)


def test_the_loss_is_that_of_a_pass_written_out_over_real_tokens_alone():
    model = spread(gpt()).double()
    logs = plain(model, TEN)
    real = TEN != PAD
    told = logs.gather(2, (TEN - END).clamp(min=0)[..., None])[..., 0]
    assert model.loss(TEN, stream()).item() == pytest.approx(-told[real].mean().item(), abs=1e-6)
    likelihood = model.log_likelihood(TEN)
    assert torch.allclose(likelihood[real].double(), told[real], atol=1e-5)
    assert (likelihood[~real] == 0).all()


@settings(max_examples=10, deadline=None)
@given(some_texts())
def test_padding_changes_nothing(texts):
    model, rows = spread(gpt(6, 9)), torch.from_numpy(texts)
    longer = F.pad(rows, (0, 3))
    wider = gpt(9, 9)
    state = model.state_dict()
    state["positions.weight"] = torch.cat([state["positions.weight"], torch.ones(3, SMALL["width"])])
    wider.load_state_dict(state)
    assert torch.allclose(wider.eval().log_likelihood(longer)[:, :6], model.log_likelihood(rows), atol=1e-5)


@pytest.mark.parametrize("steps", [(1,) * 8, (3, 1, 1, 3), (2, 6), (8,)])
def test_the_cache_gives_the_logits_of_the_plain_pass(steps):
    """In steps of one position and of several: a step's mask is aligned with the end of the past, not its start."""
    model = spread(gpt()).double()
    before = torch.cat([torch.full((len(TEN), 1), BEGIN), TEN[:, :-1]], dim=1)
    with torch.no_grad():
        cache = model._cache(len(TEN))
        found = torch.cat([model._logits(part, cache) for part in before.split(steps, dim=1)], dim=1)
        assert (found - model._logits(before)).abs().max() < 1e-12
        assert (found.log_softmax(-1) - plain(model, TEN)).abs().max() < 1e-12


def slowly(model: TinyGPT, n: int, rng: torch.Generator, temperature: float = 1.0) -> Tensor:
    """Samples by one whole pass for each token."""
    texts, length = torch.zeros((n, 0), dtype=torch.long), model.positions.num_embeddings
    for _ in range(length):
        before = torch.cat([torch.full((n, 1), BEGIN), texts], dim=1)
        with torch.no_grad():
            logits = model._logits(before)[:, -1] / temperature
        tokens = drawn(narrowed(logits, model._top_k, model._top_p), torch.rand(n, generator=rng)) + END
        texts = torch.cat([texts, tokens[:, None]], dim=1)
    ended = (texts == END).cumsum(1) - (texts == END).long() > 0
    return texts.masked_fill(ended, PAD)


@pytest.mark.parametrize("arguments", [{}, {"top_k": 3}, {"top_p": 0.7}, {"top_k": 5, "top_p": 0.9}])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_samples_are_those_without_a_cache(arguments, temperature):
    model = spread(gpt(12, **arguments), 10)
    found = model.sample_at(temperature, 64, stream(3))
    assert torch.equal(found, slowly(model, 64, stream(3), temperature))
    assert (found == END).any(dim=1).sum() > 0


def test_samples_follow_the_probabilities():
    model, n = spread(gpt(3), 12), 20_000
    made = model.sample(n, stream(0))
    counts = Counter(map(tuple, made.tolist()))
    for text, count in counts.most_common(10):
        chance = model.log_likelihood(torch.tensor([text])).sum().exp().item()
        assert abs(count / n - chance) <= 4 * (chance * (1 - chance) / n) ** 0.5


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=9), st.integers(0, 9), st.floats(0.05, 1.0))
def test_top_k_and_top_p_keep_the_likeliest(logits, k, p):
    row = torch.tensor([logits])
    kept = narrowed(row, k, p)[0].isfinite()
    shares = sorted(zip(row[0].softmax(0).tolist(), kept.tolist(), strict=True), reverse=True)
    if k and p == 1:
        least = sorted(logits, reverse=True)[min(k, len(logits)) - 1]
        assert kept.tolist() == [logit >= least for logit in logits]  # ties survive
    if not k and p < 1:
        inside = [share for share, stays in shares if stays]
        assert sum(inside) >= p - 1e-5
        assert sum(inside) - min(inside) <= p + 1e-5
    assert kept[row[0].argmax()]


@pytest.mark.parametrize("noise", [0.0, 1 - 2**-24])
def test_a_draw_at_the_edges_has_a_probability(noise):
    logits = torch.tensor([[-torch.inf, 0.3, 1e-3, -torch.inf, -torch.inf]]).expand(4, 5)
    assert set(drawn(logits, torch.full((4,), noise)).tolist()) <= {1, 2}


@pytest.mark.parametrize("causal", [True, False])
def test_attention_written_out_for_bf16_is_the_fused_one(causal):
    parts = [torch.randn((2, 3, 7, 4), generator=stream(i)) for i in range(3)]
    mask = None if causal else torch.rand((2, 1, 1, 7), generator=stream(5)) < 0.8
    exact = attended(*parts, mask, causal=causal)
    narrow = attended(*(part.bfloat16() for part in parts), mask, causal=causal)
    assert narrow.dtype == torch.bfloat16
    assert (narrow.float() - exact).abs().max() < 0.05


def entropy() -> float:
    """Of the next token of the ten sentences given all before it, in nats: the floor of any model's loss."""
    after: dict[tuple[int, ...], Counter[int]] = {}
    for row in TEN.tolist():
        for i in range(row.index(END) + 1):
            after.setdefault(tuple(row[:i]), Counter())[row[i]] += 1
    events = sum(sum(counts.values()) for counts in after.values())
    return -sum(c * log(c / sum(counts.values())) for counts in after.values() for c in counts.values()) / events


@pytest.mark.slow
def test_it_learns_ten_sentences_down_to_their_floor():
    assert entropy() == pytest.approx(0.4112, abs=5e-5)
    model = gpt(width=64, layers=2, heads=2)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(250):
        optimizer.zero_grad()
        loss = model.loss(TEN, stream())
        torch.autograd.backward(loss)
        optimizer.step()
    assert entropy() - 1e-4 < loss.item() < entropy() + 0.01
    sentences = {tuple(row) for row in TEN.tolist()}
    made = [tuple(row) for row in model.eval().sample(200, stream(1)).tolist()]
    assert sum(text in sentences for text in made) > 190


@pytest.mark.parametrize(
    ("shape", "arguments", "problem"),
    [
        ((3, 8, 8), {}, "needs texts"),
        ((8,), {"vocabulary": 0}, "no vocabulary"),
        ((8,), {"heads": 5}, "not a multiple of heads=5"),
        ((8,), {"top_p": 0.0}, "top_p=0.0"),
        ((8,), {"top_k": -1}, "top_k=-1"),
    ],
)
def test_wrong_arguments_are_named(shape, arguments, problem):
    with pytest.raises(InputError, match=problem):
        build_generator("tiny-gpt", shape, {**SMALL, **arguments}, {"vocabulary": VOCABULARY})


def test_only_models_that_ask_are_told_the_vocabulary():
    assert isinstance(build_classifier("mlp", (8,), 2, {}, facts={"vocabulary": 9}), nn.Module)
