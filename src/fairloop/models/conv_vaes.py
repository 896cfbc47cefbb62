"""The convolutional VAEs of the paper's experiments (arXiv 2403.07857 and its code).

Each is a function of the shape of an image that returns a `VAE`. Beside the sizes of layers, all of them take the
arguments of its loss: `reconstruction`, `reduction`, `kl_weight`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from fairloop.models.interface import image_shape
from fairloop.models.layers import TransposedConv2d, UpConv2d, UpsampledConv2d
from fairloop.models.vae import VAE, Reconstruction, Reduction


def conv_vae(
    shape: tuple[int, ...],
    widths: Sequence[int] = (64, 128),
    latent: int = 20,
    reconstruction: Reconstruction = "bce",
    reduction: Reduction = "sum",
    kl_weight: float = 1.0,
) -> VAE:
    """The VAE of the ColoredMNIST experiments: 4x4 stride-2 convolutions down, transposed ones up.

    A ReLU follows each convolution but the last. No ReLU follows the decoder's linear layer, as in the paper's code.

    shape: (C, H, W); H and W divisible by 2 for each entry of `widths`.
    widths: channels of the convolutions, outermost first.
    latent: size of the latent space.
    """
    channels = image_shape(shape)[0]
    inner = (widths[-1], *_halved(shape, len(widths), least=1))
    features = inner[0] * inner[1] * inner[2]
    layers: list[nn.Module] = []
    for before, after in pairwise((channels, *widths)):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 2 * latent))
    layers = [nn.Linear(latent, features), nn.Unflatten(1, inner)]
    for before, after in pairwise(reversed(widths)):
        layers += [TransposedConv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    decoder = nn.Sequential(*layers, UpConv2d(widths[0], channels))
    return VAE(encoder, decoder, latent, reconstruction, reduction, kl_weight)


def dcvae(
    shape: tuple[int, ...],
    widths: Sequence[int] = (32, 64, 128, 256),
    kernels: Sequence[int] = (5, 5, 6, 6),
    hidden: int = 1024,
    latent: int = 32,
    reconstruction: Reconstruction = "squared_error",
    reduction: Reduction = "sum",
    kl_weight: float = 1.0,
) -> VAE:
    """The VAE of the ColoredSVHN experiments: stride-2 convolutions without padding, 64 pixels down to 2 and up from 1.

    shape: (C, H, W), with sides that the decoder's kernels produce: 64, 80, 96, ... for the published kernels.
    widths: channels of the encoder's 4x4 convolutions, outermost first; the decoder has all but the last.
    kernels: of the decoder's transposed convolutions, innermost first, as many as `widths`.
    hidden: channels of the decoder's input.
    latent: size of the latent space.

    Upstream clamps images and outputs to [0, 1]. Here images have that range by their type, and outputs by the sigmoid.
    """
    channels, height, width = image_shape(shape)
    if len(kernels) != len(widths):
        raise ValueError(f"kernels: {len(widths)} widths need as many kernels, not {len(kernels)}")
    inner = (hidden, _reached(height, kernels), _reached(width, kernels))
    layers: list[nn.Module] = []
    for before, after in pairwise((channels, *widths)):
        layers += [nn.Conv2d(before, after, 4, stride=2), nn.LeakyReLU(0.2)]
    features = widths[-1] * _convolved(height, len(widths)) * _convolved(width, len(widths))
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 2 * latent))
    layers = [nn.Linear(latent, inner[0] * inner[1] * inner[2]), nn.Unflatten(1, inner)]
    upwards = (hidden, *reversed(widths[:-1]), channels)
    for (before, after), kernel in zip(pairwise(upwards[:-1]), kernels[:-1], strict=True):
        layers += [TransposedConv2d(before, after, kernel, stride=2), nn.ReLU()]
    before, after, kernel = *upwards[-2:], kernels[-1]
    even = kernel % 2 == 0
    last = UpConv2d(before, after, kernel, padding=0) if even else TransposedConv2d(before, after, kernel, stride=2)
    return VAE(encoder, nn.Sequential(*layers, last), latent, reconstruction, reduction, kl_weight)


def celeba_vae(
    shape: tuple[int, ...],
    widths: Sequence[int] = (128, 256, 512, 1024, 1024),
    latent: int = 500,
    reconstruction: Reconstruction = "bce",
    reduction: Reduction = "mean",
    kl_weight: float = 5e-6,
) -> VAE:
    """The VAE of the CelebA experiments: batch norm, 128 pixels down to 4; nearest upsampling and 3x3 convolutions up.

    shape: (C, H, W); H and W divisible by 2 for each entry of `widths`, and at least 4 for all of them but one.
    widths: channels of the 4x4 stride-2 convolutions, outermost first; the decoder begins with twice the last.
    latent: size of the latent space.
    """
    channels = image_shape(shape)[0]
    height, width = _halved(shape, len(widths), least=2)
    layers: list[nn.Module] = []
    for before, after in pairwise((channels, *widths)):
        layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * height * width, 2 * latent))
    inner = (2 * widths[-1], height, width)
    layers = [nn.Linear(latent, inner[0] * height * width), nn.ReLU(), nn.Unflatten(1, inner)]
    for before, after in pairwise((inner[0], *reversed(widths[:-1]))):
        layers += [UpsampledConv2d(before, after), nn.BatchNorm2d(after, eps=1e-3), nn.LeakyReLU(0.2)]
    decoder = nn.Sequential(*layers, UpsampledConv2d(widths[0], channels))
    return VAE(encoder, decoder, latent, reconstruction, reduction, kl_weight)


def celeba_vae_64(
    shape: tuple[int, ...],
    widths: Sequence[int] = (32, 64, 128, 256, 512),
    latent: int = 128,
    reconstruction: Reconstruction = "bce",
    reduction: Reduction = "mean",
    kl_weight: float = 5e-6,
) -> VAE:
    """The other VAE that the paper's code offers for CelebA, for 64 pixels: batch norm, 3x3 convolutions, a tanh.

    shape: (C, H, W); H and W divisible by 2 for each entry of `widths`, and at least 4 for all of them but one.
    widths: channels of the stride-2 convolutions, outermost first, and of the mirrored decoder.
    latent: size of the latent space.

    Upstream's binary cross entropy rejects the tanh's negative values. This VAE maps them to [0, 1] by (1 + tanh x) /
    2, the sigmoid of 2x, and has the loss of the other CelebA VAE.
    """
    channels = image_shape(shape)[0]
    inner = (widths[-1], *_halved(shape, len(widths), least=2))
    features = inner[0] * inner[1] * inner[2]
    layers: list[nn.Module] = []
    for before, after in pairwise((channels, *widths)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.LeakyReLU()]
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, 2 * latent))
    layers = [nn.Linear(latent, features), nn.Unflatten(1, inner)]
    for before, after in pairwise((*reversed(widths), widths[0])):
        layers += [
            TransposedConv2d(before, after, 3, stride=2, padding=1, output_padding=1),
            *(nn.BatchNorm2d(after), nn.LeakyReLU()),
        ]
    decoder = nn.Sequential(*layers, nn.Conv2d(widths[0], channels, 3, padding=1), _Doubled())
    return VAE(encoder, decoder, latent, reconstruction, reduction, kl_weight)


class _Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def _halved(shape: tuple[int, ...], layers: int, least: int) -> tuple[int, int]:
    """Height and width after `layers` halvings. Both must be `least` or more, because batch norm needs several
    pixels.
    """
    _, height, width = image_shape(shape)
    scale = 2**layers
    if height % scale or width % scale or min(height, width) < least * scale:
        sides = ", ".join(str(scale * factor) for factor in range(least, least + 3))
        raise ValueError(
            f"{layers} widths, each a stride-2 layer, need sides divisible by {scale} ({sides}, ...), "
            f"not {height}x{width}; give images of such a size, or other widths"
        )
    return height // scale, width // scale


def _reached(side: int, kernels: Sequence[int]) -> int:
    """The number of pixels from which stride-2 transposed convolutions reach `side`."""
    reached: list[int] = []
    while not reached or reached[-1] < side:
        pixels = len(reached) + 1
        for kernel in kernels:
            pixels = 2 * (pixels - 1) + kernel
        reached.append(pixels)
    if reached[-1] != side:
        step = 2 ** len(kernels)
        sides = ", ".join(str(reached[0] + step * factor) for factor in range(3))
        raise ValueError(
            f"kernels {', '.join(map(str, kernels))} reach sides of {sides}, ..., not {side}; "
            "give images of such a size, or other widths and kernels"
        )
    return len(reached)


def _convolved(side: int, layers: int) -> int:
    """The number of pixels of a side after 4x4 stride-2 convolutions without padding."""
    for _ in range(layers):
        side = (side - 4) // 2 + 1
    if side < 1:
        raise ValueError(f"{layers} widths, each a 4x4 stride-2 layer, are too many for such small images")
    return side
