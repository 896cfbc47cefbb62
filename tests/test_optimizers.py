"""Fields of a training beyond the optimizer's own: betas, decay of matrices alone, clipping, a rate that changes."""

from __future__ import annotations

from math import cos, pi

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from fairloop.models.cnn import SimpleCNN
from fairloop.models.numerics import Numerics
from fairloop.sources.batch import Batch
from fairloop.spec.models import TrainingSpec
from fairloop.testing.streams import stream
from fairloop.training.fitting import fit_classifier
from fairloop.training.optimizers import rate_share
from fairloop.training.streams import initialising

NEW = {"betas": (0.9, 0.95), "decay_vectors": False, "clip_norm": 0.02, "warm_up": 3, "final_rate": 0.1}
EPOCHS, STEPS = 3, 4


def test_fields_at_their_defaults_leave_no_mark():
    assert not NEW.keys() & TrainingSpec(model="mlp").model_dump().keys()
    for name, value in NEW.items():
        assert name in TrainingSpec(model="mlp", **{name: value}).model_dump()


@given(st.integers(0, 20), st.floats(0, 1), st.integers(1, 40))
def test_rates_rise_to_the_whole_and_fall_to_the_last_share(warm_up, final, steps):
    shares = [rate_share(warm_up, final, step, steps) for step in range(steps)]
    rising, falling = shares[:warm_up], shares[warm_up:]
    assert rising == pytest.approx([(step + 1) / (warm_up + 1) for step in range(len(rising))])
    assert falling == sorted(falling, reverse=True)
    assert all(0 < share < 1 for share in rising)
    if len(falling) > 1:
        assert (falling[0], falling[-1]) == pytest.approx((1, final))
        assert sum(falling) == pytest.approx(len(falling) * (1 + final) / 2)  # a half cosine is odd about its middle


def model() -> nn.Module:
    with initialising(stream()):
        return SimpleCNN((1, 16, 16), 2)


def batches(epoch: int):
    for step in range(STEPS):
        images = torch.rand((6, 1, 16, 16), generator=stream(10 * epoch + step))
        yield Batch(images, torch.arange(6) % 2, torch.zeros(6, dtype=torch.long)), None


def training(**fields) -> TrainingSpec:
    return TrainingSpec(
        model="simple-cnn", epochs=EPOCHS, optimizer="adamw", learning_rate=0.01, weight_decay=0.1, **fields
    )


def ours(fields, state=None):
    """The checkpoint of each epoch."""
    return fit_classifier(model(), training(**fields), batches, Numerics(), state, STEPS)


def by_hand(**asked) -> nn.Module:
    """The same training as a plain loop."""
    found, done = model(), 0
    matrices = [p for p in found.parameters() if p.dim() > 1]
    vectors = [p for p in found.parameters() if p.dim() <= 1]
    decayed = [{"params": matrices}, {"params": vectors, "weight_decay": 0.1 if asked["decay_vectors"] else 0.0}]
    optimizer = torch.optim.AdamW(decayed, lr=0.01, weight_decay=0.1, betas=asked["betas"])
    for epoch in range(EPOCHS):
        for batch, _ in batches(epoch):
            after = (done - asked["warm_up"]) / (EPOCHS * STEPS - 1 - asked["warm_up"])
            final = asked["final_rate"]
            share = (
                (done + 1) / (asked["warm_up"] + 1) if after < 0 else final + (1 - final) / 2 * (1 + cos(pi * after))
            )
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * share
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(found(batch.inputs), batch.labels))
            norm = torch.cat([p.grad.flatten() for p in found.parameters()]).norm()
            for parameter in found.parameters():
                parameter.grad *= min(1.0, asked["clip_norm"] / norm.item())
            optimizer.step()
            done += 1
    return found


PLAIN = {"betas": (0.9, 0.999), "decay_vectors": True, "clip_norm": float("inf"), "warm_up": 0, "final_rate": 1.0}


@pytest.mark.parametrize("fields", [{}, *({name: value} for name, value in NEW.items()), NEW], ids=str)
def test_a_training_is_a_plain_loop_with_these_fields(fields):
    trained = list(ours(fields))[-1].module
    expected = by_hand(**{**PLAIN, **fields})
    for name, weight in trained.state_dict().items():
        assert torch.allclose(weight, expected.state_dict()[name], atol=2e-5), name
    others = {name: value for name, value in fields.items() if PLAIN[name] != value}
    if others:
        plain = by_hand(**PLAIN)
        apart = max((weight - plain.state_dict()[name]).abs().max() for name, weight in trained.state_dict().items())
        assert apart > 2e-4, "the fields change nothing"


def test_a_training_that_resumes_goes_on_with_its_rate():
    first = next(ours(NEW)).state(resumable=True)
    whole, resumed = (list(checkpoints)[-1].module.state_dict() for checkpoints in (ours(NEW), ours(NEW, first)))
    for name, weight in whole.items():
        assert torch.equal(weight, resumed[name]), name
