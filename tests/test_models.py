from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from conftest import tiny
from fairloop.errors import InputError
from fairloop.loop.generations import simulate
from fairloop.loop.trainer import ModelTrainer
from fairloop.models import build_classifier, build_generator
from fairloop.models.interface import Classifier
from fairloop.models.vae import reparametrised
from fairloop.store.interface import Trained
from fairloop.store.memory import MemoryModels

SHAPE = (3, 28, 28)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(model: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(parameter.shape) for parameter in model.parameters() if parameter.dim() > 1]


def test_the_published_vaes_have_their_layers():
    assert weights(build_generator("conv-vae", (3, 28, 28), {})) == [
        (64, 3, 4, 4), (128, 64, 4, 4), (2 * 20, 128 * 7 * 7),
        (128 * 7 * 7, 20), (128, 64, 4, 4), (64, 3, 4, 4),
    ]  # fmt: skip
    assert weights(build_generator("dcvae", (3, 64, 64), {})) == [
        (32, 3, 4, 4), (64, 32, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (2 * 32, 1024),
        (1024, 32), (1024, 128, 5, 5), (128, 64, 5, 5), (64, 32, 6, 6), (32, 3, 6, 6),
    ]  # fmt: skip
    assert weights(build_generator("celeba-vae", (3, 128, 128), {})) == [
        (128, 3, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4), (1024, 512, 4, 4), (1024, 1024, 4, 4),
        (2 * 500, 1024 * 4 * 4), (2048 * 4 * 4, 500),
        (1024, 2048, 3, 3), (512, 1024, 3, 3), (256, 512, 3, 3), (128, 256, 3, 3), (3, 128, 3, 3),
    ]  # fmt: skip
    assert weights(build_generator("celeba-vae-64", (3, 64, 64), {})) == [
        (32, 3, 3, 3), (64, 32, 3, 3), (128, 64, 3, 3), (256, 128, 3, 3), (512, 256, 3, 3),
        (2 * 128, 512 * 2 * 2), (512 * 2 * 2, 128),
        (512, 256, 3, 3), (256, 128, 3, 3), (128, 64, 3, 3), (64, 32, 3, 3), (32, 32, 3, 3), (3, 32, 3, 3),
    ]  # fmt: skip


def test_the_published_classifiers_have_their_layers():
    assert weights(build_classifier("simple-cnn", SHAPE, 2, {})) == [
        (6, 3, 5, 5), (16, 6, 5, 5), (120, 256), (84, 120), (2, 84),
    ]  # fmt: skip
    lenet = build_classifier("lenet-5", SHAPE, 2, {})
    assert weights(lenet)[2:] == [(120, 400), (84, 120), (2, 84)]


@pytest.mark.parametrize(("depth", "published"), [(20, 0.27e6), (32, 0.46e6), (44, 0.66e6), (56, 0.85e6), (110, 1.7e6)])
def test_residual_networks_have_their_published_sizes(depth, published):
    model = build_classifier(f"resnet-{depth}", (3, 32, 32), 10, {})
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(published, rel=0.02)
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth
    sizes = []
    for module in layers[1:-1]:
        module.register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape[1:])))
    model(torch.rand(2, 3, 32, 32, generator=rng()))
    each = (depth - 2) // 3
    assert sizes == [(16, 32, 32)] * each + [(32, 16, 16)] * each + [(64, 8, 8)] * each


def test_a_shortcut_between_stages_takes_every_second_pixel_and_pads_channels():
    model = build_classifier("resnet-20", (1, 8, 8), 2, {"width": 2}).eval()
    block = next(module for module in model.features if getattr(module, "stride", 1) == 2)
    nn.init.zeros_(block.residual[-1].weight)  # what the residual branch adds is nothing then
    x = torch.rand(1, 2, 8, 8, generator=rng())
    out = block(x)
    assert torch.equal(out[:, 1:3], x[:, :, ::2, ::2])
    assert not out[:, [0, 3]].any()


@pytest.mark.parametrize(
    ("norm", "kind"), [("batch", nn.BatchNorm2d), ("group", nn.GroupNorm), ("instance", nn.InstanceNorm2d)]
)
def test_residual_networks_have_the_norm_that_was_asked_for(norm, kind):
    model = build_classifier("resnet-20", SHAPE, 2, {"norm": norm})
    norms = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)
    found = [type(module) for module in model.modules() if isinstance(module, norms)]
    assert found == [kind] * 19


def test_the_vaes_loss_is_the_negative_evidence_lower_bound_of_the_batch():
    vae = build_generator("conv-vae", (1, 4, 4), {"widths": [2], "latent": 3})
    images = torch.rand(5, 1, 4, 4, generator=rng())
    mean, log_variance = vae.posterior(images)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    latents = mean + torch.randn(mean.shape, generator=rng(3)) * posterior.stddev
    expected = nn.functional.binary_cross_entropy(vae.decode(latents), images, reduction="sum")
    expected = expected + torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0, 1)).sum()
    assert torch.allclose(vae.loss(images, rng(3)), expected, rtol=1e-5)


@pytest.mark.parametrize("reconstruction", ["bce", "squared_error"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("kl_weight", [0, 5e-6, 2])
def test_a_loss_has_the_terms_that_were_asked_for(reconstruction, reduction, kl_weight):
    loss = {"reconstruction": reconstruction, "reduction": reduction, "kl_weight": kl_weight}
    vae = build_generator("conv-vae", (1, 4, 4), {"widths": [2], "latent": 3, **loss})
    images = torch.rand(5, 1, 4, 4, generator=rng())
    mean, log_variance = vae.posterior(images)
    made = vae.decode(reparametrised(mean, log_variance, rng(3)))
    if reconstruction == "bce":
        missed = -(images * made.log() + (1 - images) * (1 - made).log())
    else:
        missed = (made - images) ** 2
    divergence = (mean**2 + log_variance.exp() - 1 - log_variance) / 2
    expected = getattr(missed, reduction)() + kl_weight * divergence.sum()
    assert torch.allclose(vae.loss(images, rng(3)), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("conv-vae", ("bce", "sum", 1)),
        ("dcvae", ("squared_error", "sum", 1)),
        ("celeba-vae", ("bce", "mean", 5e-6)),
        ("celeba-vae-64", ("bce", "mean", 5e-6)),
    ],
)
def test_the_published_losses_are_the_default(name, loss):
    small = {"widths": [2, 2, 2, 2]}
    vae = build_generator(name, (3, 64, 64), small)
    assert (vae.reconstruction, vae.reduction, vae.kl_weight) == loss


def test_a_tanh_is_mapped_to_what_an_image_may_be():
    vae = build_generator("celeba-vae-64", (1, 8, 8), {"widths": [2, 2], "latent": 2}).eval()
    latents = 5 * torch.randn(4, 2, generator=rng())
    before_tanh = vae.decoder[:-1](latents)
    assert torch.allclose(vae.decode(latents), (1 + before_tanh.tanh()) / 2, atol=1e-6)


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


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "words"),
    [
        ("dcvae", (3, 28, 28), {}, "kernels 5, 5, 6, 6 reach sides of 64, 80, 96, ..., not 28"),
        ("dcvae", (3, 32, 32), {"kernels": [5, 6, 6]}, "4 widths need as many kernels, not 3"),
        ("celeba-vae", (3, 28, 28), {}, r"divisible by 32 \(64, 96, 128, \.\.\.\), not 28x28"),
        ("celeba-vae", (3, 32, 32), {}, r"64, 96, 128, \.\.\.\), not 32x32"),  # batch norm of a single pixel
        ("celeba-vae-64", (14,), {}, r"needs images \(channels, height, width\).*\(14,\)"),
        ("dcvae", (3, 64, 64), {"kl_weight": "5e-6"}, "5.0e-6, not 5e-6"),
        ("dcvae", (3, 64, 64), {"kl_weight": -1}, "kl_weight must be a number >= 0, not -1"),
        ("dcvae", (3, 64, 64), {"reconstruction": "mse"}, "bce or squared_error, not 'mse'"),
        ("conv-vae", SHAPE, {"reduction": "none"}, "sum or mean, not 'none'"),
        ("ddpm", (3, 30, 30), {}, r"3 widths need sides divisible by 4 \(4, 8, 12, \.\.\.\), not 30x30"),
        ("ddpm", SHAPE, {"steps": 7}, "divide levels=1000, .*and 7 does not"),
        ("ddpm", SHAPE, {"steps": 0}, "divide levels=1000, .*and 0 does not"),
    ],
)
def test_a_generator_says_which_sizes_and_arguments_it_takes(name, shape, arguments, words):
    with pytest.raises(InputError, match=words):
        build_generator(name, shape, arguments)


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "words"),
    [
        ("simple-cnn", (3, 28, 15), {}, "sides of at least 16, not 28x15"),
        ("lenet-5", (3, 11, 28), {}, "sides of at least 12, not 11x28"),
        ("resnet-20", (3, 4, 9), {}, "sides of at least 5, not 4x9"),
        ("resnet-20", (9,), {}, "needs images"),
        ("resnet-20", SHAPE, {"depth": 32}, "depth"),
        ("resnet-20", SHAPE, {"norm": "layer"}, "batch, group, instance, not 'layer'"),
        ("resnet-20", SHAPE, {"norm": "group", "width": 8}, "divisible"),
        ("fairloop.models.resnet:ResNet", SHAPE, {"depth": 21}, "6n \\+ 2.*not 21"),
    ],
)
def test_a_classifier_says_which_sizes_and_arguments_it_takes(name, shape, arguments, words):
    with pytest.raises(InputError, match=words):
        build_classifier(name, shape, 2, arguments)


def test_other_kernels_reach_other_sizes():
    vae = build_generator("dcvae", (1, 32, 48), {"widths": [2, 2, 2], "kernels": [5, 6, 6], "hidden": 4, "latent": 2})
    assert vae.sample(2, rng()).shape == (2, 1, 32, 48)


def test_what_a_diffusion_model_needs_is_named_where_it_is_not_there(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    monkeypatch.delitem(sys.modules, "fairloop.models.ddpm", raising=False)
    with pytest.raises(InputError, match=r"^generator\.model: 'ddpm' .* pip install 'fairloop\[diffusion\]'") as caught:
        build_generator("ddpm", SHAPE, {})
    assert "\n" not in str(caught.value)


class KnowsTheImage(nn.Module):
    """The perfect network for data that are one image: it can tell the noise from what it is added to."""

    def __init__(self, image: torch.Tensor) -> None:
        super().__init__()
        self.image = 2 * image - 1
        # Of the image's variance, what is left at each level; Ho et al., section 2 and 4.
        self.left = (1 - torch.linspace(1e-4, 0.02, 1000)).cumprod(dim=0)

    def forward(self, noisy: torch.Tensor, level: torch.Tensor) -> SimpleNamespace:
        left = self.left[level].reshape(-1, 1, 1, 1)
        return SimpleNamespace(sample=(noisy - left.sqrt() * self.image) / (1 - left).sqrt())


@pytest.mark.parametrize("steps", [1, 8, 20])
def test_a_diffusion_model_that_knows_the_noise_finds_the_image(steps):
    image = torch.rand(2, 4, 4, generator=rng())
    model = build_generator("ddpm", (2, 4, 4), {"widths": [8], "steps": steps})
    model.network = KnowsTheImage(image)
    assert model.loss(image.expand(9, -1, -1, -1), rng(1)) < 1e-6
    for sample in model.sample(3, rng(2)):
        assert torch.allclose(sample, image, atol=1e-4)


@pytest.mark.slow
def test_a_diffusion_model_goes_through_the_loop():
    network = ("generator.model=ddpm", "generator.arguments={widths: [4, 8], steps: 2}", "generator.first_epochs=1")
    generations = list(simulate(tiny(*network, "generations=2", "measure.samples=50")))
    assert len(generations) == 2
    assert generations[1].gallery.images.shape == (8, 3, 28, 28)
    assert generations[1].gallery.latents.shape == (0, 0)


def test_anybodys_class_can_be_named():
    assert type(build_classifier("fairloop.models.cnn:LeNet5", SHAPE, 2, {})).__name__ == "LeNet5"


def annotator(*overrides: str) -> Trained[Classifier]:
    spec = tiny("annotator.model=resnet-20", "annotator.arguments={width: 2}", "data.train=128", *overrides)
    trainer = ModelTrainer(spec, MemoryModels())
    return trainer.annotator(trainer.plan.label_annotator)


@pytest.mark.slow
def test_a_frozen_norm_learns_no_more_averages_but_its_other_weights():
    after = {
        name: annotator(*overrides).module.features[1]
        for name, overrides in {
            "one epoch": ["annotator.epochs=1"],
            "frozen": ["annotator.epochs=3", "annotator.frozen_norm_after=1"],
            "never": ["annotator.epochs=3"],
        }.items()
    }
    assert torch.equal(after["frozen"].running_mean, after["one epoch"].running_mean)
    assert torch.equal(after["frozen"].running_var, after["one epoch"].running_var)
    assert not torch.equal(after["never"].running_mean, after["one epoch"].running_mean)
    assert not torch.equal(after["frozen"].weight, after["one epoch"].weight)


def test_a_recipe_says_only_when_norms_are_frozen():
    assert "frozen_norm_after" not in annotator("annotator.epochs=1").recipe.training
    assert annotator("annotator.epochs=1", "annotator.frozen_norm_after=2").recipe.training.frozen_norm_after == 2
