"""Residual networks for small images (He et al., arXiv 1512.03385, section 4.2), with a choice of norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.models.interface import Classifier, image_shape

Norm = Literal["batch", "group", "instance"]


class ResNet(Classifier):
    """A 3x3 convolution, three stages of residual blocks at full, half and quarter size, a global mean, K units.

    shape: (C, H, W), sides of at least 5.
    classes: K.
    depth: layers with weights, 6n + 2 for n blocks in a stage: 20, 32, 44, 56, 110, ...
    width: channels of the first stage; the second has twice, the third four times as many.
    norm: `batch`; `group`, with `norm_groups` groups of channels; or `instance`, without parameters.

    Shortcuts between stages take every second pixel and pad with empty channels (option A), so they have no weights.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        depth: int = 20,
        width: int = 16,
        norm: Norm = "batch",
        norm_groups: int = 16,
    ) -> None:
        super().__init__()
        channels, height, side = image_shape(shape)
        if min(height, side) < 5:
            raise ValueError(f"it halves images twice and needs sides of at least 5, not {height}x{side}")
        if depth < 8 or depth % 6 != 2:
            raise ValueError(f"depth must be 6n + 2, such as 20, 32, 44, 56 or 110, not {depth}")
        normed = _norm(norm, norm_groups)
        layers: list[nn.Module] = [_convolution(channels, width), normed(width), nn.ReLU()]
        before = width
        for stage in range(3):
            for block in range((depth - 2) // 6):
                after = width * 2**stage
                layers.append(_Block(before, after, 2 if stage and not block else 1, normed))
                before = after
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):  # as the paper's code draws them, too
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(images).mean(dim=(2, 3)))
        return logits


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int, normed: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.stride, self.missing = stride, after - before
        self.residual = nn.Sequential(
            *(_convolution(before, after, stride), normed(after), nn.ReLU()),
            *(_convolution(after, after), normed(after)),
        )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x[:, :, :: self.stride, :: self.stride]
        padded = F.pad(shortcut, (0, 0, 0, 0, self.missing // 2, self.missing - self.missing // 2))
        return F.relu(self.residual(x) + padded)


def _of_depth(depth: int) -> Callable[..., ResNet]:
    def build(
        shape: tuple[int, ...], classes: int, width: int = 16, norm: Norm = "batch", norm_groups: int = 16
    ) -> ResNet:
        return ResNet(shape, classes, depth, width, norm, norm_groups)

    return build


resnet_20, resnet_32, resnet_44, resnet_56, resnet_110 = map(_of_depth, (20, 32, 44, 56, 110))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)


def _norm(norm: Norm, groups: int) -> Callable[[int], nn.Module]:
    known: dict[str, Callable[[int], nn.Module]] = {
        "batch": nn.BatchNorm2d,
        "group": lambda channels: nn.GroupNorm(groups, channels),
        "instance": nn.InstanceNorm2d,
    }
    if norm not in known:
        raise ValueError(f"norm must be {', '.join(get_args(Norm))}, not {norm!r}")
    return known[norm]
