from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from fairloop.errors import InputError
from fairloop.fast.layers import UpConv2d
from fairloop.models import CLASSIFIERS, GENERATORS, build_classifier, build_generator
from fairloop.numerics import Numerics

SHAPE = (3, 28, 28)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_fulfils_its_interface(name):
    model = build_generator(name, SHAPE, {})
    images = torch.rand(6, *SHAPE, generator=rng())
    loss = model.loss(images, rng())
    assert loss.shape == ()
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    assert torch.equal(model.loss(images, rng()), loss)

    model.eval()
    made = model.sample(5, rng(1))
    assert made.shape == (5, *SHAPE)
    assert not made.requires_grad
    assert 0 <= made.min() <= made.max() <= 1
    assert torch.equal(made, model.sample(5, rng(1)))
    assert not torch.equal(made, model.sample(5, rng(2)))
    assert model.encode(images).shape[0] == 6
    assert model.reconstruct(images).shape == images.shape

    other = build_generator(name, SHAPE, {})
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    assert torch.equal(other.eval().sample(5, rng(1)), made)


@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_fulfils_its_interface(name, classes):
    model = build_classifier(name, SHAPE, classes, {})
    images = torch.rand(4, *SHAPE, generator=rng())
    logits = model(images)
    assert logits.shape == (4, classes)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    other = build_classifier(name, SHAPE, classes, {})
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.eval()(images), model.eval()(images))


def test_the_published_sizes():
    vae = build_generator("conv-vae", SHAPE, {})
    layers = {name: tuple(parameter.shape) for name, parameter in vae.named_parameters() if parameter.dim() > 1}
    assert list(layers.values()) == [
        (64, 3, 4, 4), (128, 64, 4, 4), (40, 6272), (6272, 20), (128, 64, 4, 4), (64, 3, 4, 4),
    ]  # fmt: skip
    cnn = build_classifier("simple-cnn", SHAPE, 2, {})
    shapes = [tuple(parameter.shape) for parameter in cnn.parameters() if parameter.dim() > 1]
    assert shapes == [(6, 3, 5, 5), (16, 6, 5, 5), (120, 256), (84, 120), (2, 84)]
    lenet = build_classifier("lenet-5", SHAPE, 2, {})
    assert [tuple(p.shape) for p in lenet.parameters() if p.dim() == 2] == [(120, 400), (84, 120), (2, 84)]


def test_the_vaes_loss_is_the_negative_evidence_lower_bound_of_the_batch():
    vae = build_generator("conv-vae", (1, 4, 4), {"widths": [2], "latent": 3})
    images = torch.rand(5, 1, 4, 4, generator=rng())
    mean, log_variance = vae._posterior(images)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    latents = mean + torch.randn(mean.shape, generator=rng(3)) * posterior.stddev
    expected = nn.functional.binary_cross_entropy(vae._decode(latents), images, reduction="sum")
    expected = expected + torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1)).sum()
    assert torch.allclose(vae.loss(images, rng(3)), expected, rtol=1e-5)


@pytest.mark.parametrize(("before", "after", "side"), [(16, 3, 14), (5, 1, 7), (4, 8, 3)])
def test_the_fast_upconvolution_equals_torchs(before, after, side):
    plain, fast = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), UpConv2d(before, after)
    fast.load_state_dict(plain.state_dict())
    x = torch.randn(3, before, side, side, generator=rng())
    gradient = torch.randn(3, after, 2 * side, 2 * side, generator=rng(1))
    results = []
    for layer in (plain, fast):
        inputs = x.clone().requires_grad_()
        out = layer(inputs)
        out.backward(gradient)
        results.append((out, inputs.grad, layer.weight.grad, layer.bias.grad))
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_bf16_agrees_with_fp32_in_the_loss():
    vae = Numerics().place(build_generator("conv-vae", SHAPE, {}))
    images = torch.rand(32, *SHAPE, generator=rng())
    losses = []
    for precision in ("fp32", "bf16"):
        with Numerics(precision).autocast():
            losses.append(vae.loss(images, rng()).item())
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("conv-vea", {}, "conv-vae"),
        ("no.such.module:Name", {}, "cannot be imported"),
        ("fairloop.models.vae:Nothing", {}, "cannot be imported"),
        ("fairloop.models.cnn:SimpleCNN", {"classes": 2}, "does not inherit"),
        ("conv-vae", {"width": 3}, "width"),
        ("conv-vae", {"widths": [4, 4, 4]}, "divisible by 8"),
        ("conv-vae", {"widths": "wide"}, "conv-vae"),
        ("conv-vae", {"latent": -1}, "conv-vae"),
    ],
)
def test_a_generator_that_cannot_be_built_is_explained(name, arguments, words):
    with pytest.raises(InputError, match=words):
        build_generator(name, SHAPE, arguments)


def test_anybodys_class_can_be_named():
    assert type(build_classifier("fairloop.models.cnn:LeNet5", SHAPE, 2, {})).__name__ == "LeNet5"
