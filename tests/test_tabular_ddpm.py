"""The diffusion of rows: its distributions by brute force, its numbers by diffusers', and a table that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from fairloop.errors import InputError
from fairloop.models import build_generator
from fairloop.models.tabular_ddpm import TabularDDPM, blurred, noise_schedule, posterior, posterior_mean

LEVELS, VALUES = st.integers(2, 40), st.integers(2, 6)


def step(alpha: float, values: int) -> np.ndarray:
    """(K, K) P(after a level | before it): a category stays, or becomes any value."""
    return alpha * np.eye(values) + (1 - alpha) / values


@settings(max_examples=50, deadline=None)
@given(LEVELS, VALUES, st.data())
def test_categories_after_some_levels_are_those_of_level_upon_level(levels, values, data):
    alpha, left = noise_schedule(levels)
    level = data.draw(st.integers(0, levels))
    chain = np.linalg.multi_dot([np.eye(values), np.eye(values), *(step(each, values) for each in alpha[:level])])
    closed = blurred(torch.eye(values, dtype=torch.float64), torch.tensor(left[level]))
    assert closed.numpy() == pytest.approx(chain, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(LEVELS, VALUES, st.data())
def test_the_posterior_of_categories_is_bayes_rule(levels, values, data):
    alpha, left = noise_schedule(levels)
    level = data.draw(st.integers(0, levels - 1))
    first, noisy = data.draw(st.integers(0, values - 1)), data.draw(st.integers(0, values - 1))
    prior = np.linalg.multi_dot([np.eye(values), np.eye(values), *(step(each, values) for each in alpha[:level])])
    joint = prior[first] * step(alpha[level], values)[:, noisy]  # of every value before the level, and this one after
    rows = F.one_hot(torch.tensor([first, noisy]), values).double()
    found = posterior(rows[:1], rows[1:], torch.tensor(alpha[level]), torch.tensor(left[level]))
    assert found[0].numpy() == pytest.approx(joint / joint.sum(), abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(LEVELS, st.floats(-3, 3), st.floats(-3, 3), st.data())
def test_the_posterior_of_numbers_is_that_of_two_normal_facts(levels, first, noisy, data):
    """Precisions add up: the number was normal around its share of the first, and made the noisy one."""
    alpha, left = noise_schedule(levels)
    level = data.draw(st.integers(1, levels - 1))
    prior, seen = 1 / (1 - left[level]), alpha[level] / (1 - alpha[level])
    mean = (prior * np.sqrt(left[level]) * first + seen * noisy / np.sqrt(alpha[level])) / (prior + seen)
    numbers = (torch.tensor(value, dtype=torch.float64) for value in (first, noisy, alpha[level], left[level]))
    assert posterior_mean(*numbers).item() == pytest.approx(mean, abs=1e-9)


def test_the_way_of_numbers_is_that_of_diffusers():
    """Noising and, level by level, denoising; of a table of numbers alone, with a network of random weights."""
    diffusers = pytest.importorskip("diffusers")
    edge = torch.special.ndtri(torch.tensor(1 - 1e-3)).item()
    scheduler = diffusers.DDPMScheduler(
        12, beta_schedule="squaredcos_cap_v2", variance_type="fixed_large", clip_sample_range=edge
    )
    torch.manual_seed(0)
    model = TabularDDPM((3,), [1, 1, 1], hidden=[16], embedding=8, levels=12).eval()
    rows = torch.rand((5, 3))
    model.network[-1].weight.data *= 10  # so that the clipping counts

    # The same draws as those of `loss`.
    rng, level = torch.Generator().manual_seed(1), torch.randint(12, (5,), generator=torch.Generator().manual_seed(1))
    torch.randint(12, (5,), generator=rng)
    noise = torch.randn((5, 3), generator=rng)
    noisy = scheduler.add_noise(torch.special.ndtri(rows.clamp(1e-3, 1 - 1e-3)), noise, level)
    expected = F.mse_loss(model._predicted(noisy, level), noise)
    found = model.loss(rows, torch.Generator().manual_seed(1))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)

    rng = torch.Generator().manual_seed(2)
    numbers = torch.randn((5, 3), generator=rng)
    scheduler.set_timesteps(12)
    with torch.no_grad():
        for each in scheduler.timesteps:
            found = model._predicted(numbers, each.expand(5))
            numbers = scheduler.step(found, each, numbers, generator=rng).prev_sample
    sampled = model.sample(5, torch.Generator().manual_seed(2))
    assert sampled.numpy() == pytest.approx(torch.special.ndtr(numbers).numpy(), abs=1e-4)


def test_the_loss_of_categories_is_the_divergence_of_the_posteriors():
    """By a table of one category, of which an untrained network without weights knows nothing."""
    model = TabularDDPM((3,), [3], hidden=[4], embedding=4, levels=6)
    for parameter in model.parameters():
        parameter.data.zero_()
    rows, seed = F.one_hot(torch.arange(200) % 3, 3).float(), 4
    rng = torch.Generator().manual_seed(seed)
    level = torch.randint(6, (200,), generator=rng)
    torch.randn((200, 0), generator=rng)
    alpha, left = noise_schedule(6)
    shares = left[level + 1][:, None] * rows.numpy() + (1 - left[level + 1][:, None]) / 3
    noisy = torch.multinomial(torch.tensor(shares, dtype=torch.float32), 1, generator=rng)[:, 0].numpy()
    total = 0.0
    for row in range(200):
        now, before = level[row].item(), left[level[row]] * np.eye(3)[row % 3] + (1 - left[level[row]]) / 3
        into = step(alpha[now], 3)[:, noisy[row]]
        true, made = before * into / (before @ into), into / into.sum()
        total += sum(p * np.log(p / q) for p, q in zip(true, made, strict=True) if p > 0)
    assert model.loss(rows, torch.Generator().manual_seed(seed)).item() == pytest.approx(6 * total / 200, rel=1e-4)


def test_it_learns_how_a_number_and_a_text_depend_on_each_other():
    rng = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TabularDDPM((4,), [1, 3], hidden=[48], embedding=16, levels=20)
    number = torch.rand(2000, generator=rng)
    people = torch.cat([number[:, None], F.one_hot((3 * number**2).long(), 3).float()], dim=1)
    optimizer = torch.optim.Adam(model.parameters(), 4e-3)
    for _ in range(350):
        optimizer.zero_grad()
        loss = model.loss(people[torch.randint(2000, (128,), generator=rng)], rng)
        torch.autograd.backward(loss)
        optimizer.step()
    made = model.eval().sample(2000, rng)
    assert made[:, 1:].mean(dim=0).numpy() == pytest.approx(people[:, 1:].mean(dim=0).numpy(), abs=0.08)
    assert np.quantile(made[:, 0], [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.1)
    agree = (3 * made[:, 0] ** 2).long().clamp(max=2) == made[:, 1:].argmax(dim=1)
    assert agree.float().mean() > 0.8  # at random, about 0.37 agree


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"levels": 1}, "give 2 or more"), ({"embedding": 3}, "an even number"), ({"blocks": [1, 1]}, "blocks sum to 2")],
)
def test_arguments_that_make_no_model_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        build_generator("tabular-ddpm", (4,), {"blocks": [1, 3], **arguments})
