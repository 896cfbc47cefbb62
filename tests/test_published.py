"""The published models, built from the table in docs/upstream.md in plain torch, against ours with the same weights."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.models import CLASSIFIERS, GENERATORS, build_classifier, build_generator

PAGE = Path(__file__).parents[1] / "docs" / "upstream.md"
SIZES = {"conv-vae": 28, "dcvae": 64, "celeba-vae": 128, "celeba-vae-64": 64, "simple-cnn": 28, "lenet-5": 28}
LAYER = re.compile(r"`(\w+)\((.*?)\)`(?: x (\d+))?")


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm; every second pixel and empty channels stand for what a stage changes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm_one = nn.BatchNorm2d(after)
        self.two = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm_two = nn.BatchNorm2d(after)
        self.stride, self.more = stride, (after - before) // 2

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm_two(self.two(F.relu(self.norm_one(self.one(x)))))
        empty = x.new_zeros(len(x), self.more, *inner.shape[2:])
        return F.relu(inner + torch.cat([empty, x[:, :, :: self.stride, :: self.stride], empty], dim=1))


class GlobalMean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


OWN = {"Block": Block, "GlobalMean": GlobalMean}


def layers(cell: str) -> nn.Sequential:
    """The layers that a cell of the table names, each as torch writes it."""
    found = []
    for name, arguments, times in LAYER.findall(cell):
        call = ast.parse(f"f({arguments})", mode="eval").body
        assert isinstance(call, ast.Call)
        positional = [ast.literal_eval(argument) for argument in call.args]
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
        found += [OWN.get(name, getattr(nn, name, None))(*positional, **named) for _ in range(int(times or 1))]
    assert found, f"no layers in {cell!r}"
    return nn.Sequential(*found)


def table() -> dict[str, dict[str, str]]:
    """model -> part -> the cell that describes it."""
    text = (
        PAGE.read_text(encoding="utf-8").partition("## The published models, layer by layer")[2].partition("\n## ")[0]
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    parts: dict[str, dict[str, str]] = {}
    for model, part, described in rows[2:]:
        parts.setdefault(model.strip("`"), {})[part] = described
    return parts


PUBLISHED = table()
OURS = {
    "ddpm", "tabular-vae", "tabular-ddpm", "mlp", "bootstrap", "gaussian-copula", "chow-liu", "ngram", "tiny-gpt",
    "hf-causal", "text-cnn", "text-transformer", "tfidf-logistic", "fairlearn-exponentiated-gradient",
    "fairlearn-grid-search", "fairlearn-threshold-optimizer", "fairlearn-correlation-remover",
}  # fmt: skip
VAES = [name for name in PUBLISHED if name in GENERATORS]


def own_weights(module: nn.Module) -> Iterator[Tensor]:
    """Everything that has a value of its own, in the order of layers."""
    for name, tensor in module.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            yield tensor


def settled(model: nn.Module) -> nn.Module:
    """`model` with running statistics as if it had been trained: their initial values would hide a swapped layer."""
    rng = torch.Generator().manual_seed(7)
    for name, tensor in model.state_dict().items():
        if "running" in name:
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=rng))
    return model


def copied(ours: list[Tensor], theirs: nn.Module) -> None:
    """Copy weights layer by layer; convolutions over a whole image are linear layers of ours."""
    mine = list(own_weights(theirs))
    assert [tensor.numel() for tensor in ours] == [tensor.numel() for tensor in mine]
    for source, target in zip(ours, mine, strict=True):
        target.copy_(source.reshape(target.shape))


class PublishedVAE(nn.Module):
    def __init__(self, parts: dict[str, str], latent_rows: int) -> None:
        super().__init__()
        self.encoder = layers(parts["encoder"])
        self.mean, self.log_variance = layers(parts["mean"]), layers(parts["log variance"])
        self.decoder = layers(parts["decoder"])
        assert self.mean[0].out_features == latent_rows

    def take(self, ours: nn.Module) -> None:
        *convolutions, weight, bias = own_weights(ours.encoder)
        copied(convolutions, self.encoder)
        half = len(bias) // 2
        copied([weight[:half], bias[:half]], self.mean)
        copied([weight[half:], bias[half:]], self.log_variance)
        copied(list(own_weights(ours.decoder)), self.decoder)

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.encoder(images)
        return self.mean(hidden), self.log_variance(hidden)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    return -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())


def summed_bce(made: Tensor, images: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    return F.binary_cross_entropy(made, images, reduction="sum") + divergence(mean, log_variance)


def mean_bce(made: Tensor, images: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    return F.binary_cross_entropy(made, images) + 5e-6 * divergence(mean, log_variance)


def summed_squares(made: Tensor, images: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    clipped = torch.clip(log_variance, -100, 100)
    missed = (made.clamp(0, 1) - images.clamp(0, 1)).pow(2).sum()
    return missed - 0.5 * torch.sum(1 + clipped - mean.pow(2) - log_variance.exp())


LOSSES: dict[str, Callable[..., Tensor]] = {
    "BCE, summed, + KL": summed_bce,
    "BCE, averaged, + 5e-6 KL": mean_bce,
    "squared error, summed, + KL": summed_squares,
}


def images_of(name: str) -> Tensor:
    side = SIZES.get(name, 32)
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def as_published(name: str, decoded: Tensor) -> Tensor:
    return (1 + decoded) / 2 if name == "celeba-vae-64" else decoded  # a tanh, which the published loss rejects


def test_the_table_names_every_published_model():
    assert set(PUBLISHED) == set(SIZES) | {"resnet-20", "resnet-32", "resnet-44", "resnet-56", "resnet-110"}
    assert set(PUBLISHED) == (set(GENERATORS) | set(CLASSIFIERS)) - OURS


@pytest.mark.slow
@pytest.mark.parametrize("name", VAES)
@torch.no_grad()
def test_a_vae_encodes_decodes_and_errs_as_the_published_one(name):
    images = images_of(name)
    ours = settled(build_generator(name, tuple(images.shape[1:]), {})).eval()
    theirs = PublishedVAE(PUBLISHED[name], ours.latent).eval()
    theirs.take(ours)
    for mine, other in zip(ours.posterior(images), theirs.posterior(images), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)
    latents = torch.randn(2, ours.latent, generator=torch.Generator().manual_seed(2))
    decoded = as_published(name, theirs.decoder(latents))
    torch.testing.assert_close(ours.decode(latents), decoded, atol=1e-5, rtol=0)

    ours.train(), theirs.train()
    mean, log_variance = theirs.posterior(images)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(3))
    made = as_published(name, theirs.decoder(mean + noise * (0.5 * log_variance).exp()))
    expected = LOSSES[PUBLISHED[name]["loss"]](made, images, mean, log_variance)
    mine = ours.loss(images, torch.Generator().manual_seed(3))
    torch.testing.assert_close(mine, expected, atol=0, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name in CLASSIFIERS])
@torch.no_grad()
def test_a_classifier_says_what_the_published_one_says(name):
    images = images_of(name).double()
    ours = settled(build_classifier(name, tuple(images.shape[1:]), 2, {})).eval().double()
    theirs = layers(PUBLISHED[name]["network"]).eval().double()
    copied(list(own_weights(ours)), theirs)
    torch.testing.assert_close(ours(images), theirs(images), atol=1e-5, rtol=1e-5)
    assert PUBLISHED[name]["loss"] == "cross entropy, averaged"
    ours.train(), theirs.train()
    labels = torch.tensor([0, 1])
    mine, expected = (F.cross_entropy(model(images), labels) for model in (ours, theirs))
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-5)


def test_the_comparison_finds_one_activation_too_many():
    ours = build_generator("conv-vae", (3, 28, 28), {}).eval()
    cell = PUBLISHED["conv-vae"]["decoder"].replace("`Unflatten", "`ReLU()`, `Unflatten")
    theirs = PublishedVAE({**PUBLISHED["conv-vae"], "decoder": cell}, ours.latent).eval()
    with torch.no_grad():
        theirs.take(ours)
        latents = torch.randn(64, ours.latent, generator=torch.Generator().manual_seed(2))
        assert (ours.decode(latents) - theirs.decoder(latents)).abs().max() > 1e-3
