"""Faster layers with the results and parameters of torch's layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TransposedConv2d(nn.ConvTranspose2d):
    """A transposed convolution with a separate addition of the bias; of a single pixel, as a matrix product.

    The bias slows oneDNN's transposed kernels: its gradient in all shapes, its addition in some.
    Measured on a Zen 4 core, with the sum of outputs as the loss: 128 to 64 channels at 7 pixels, batch 256, forward
    and backward 0.85x the time in either precision, forward 0.75x (fp32) and 1.04x (bf16); 128 to 64 at 5, batch 64,
    0.89x (fp32) and 0.45x (bf16). No gain below 32 output channels.
    One pixel, on a Zen 1 core in fp32: 1024 to 128 channels, kernel 5, batch 64, forward 0.23x, forward and backward
    0.16x; 128 to 32, batch 16, 0.60x and 0.57x.
    """

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, before, H, W) to (B, after, H', W'), as in `nn.ConvTranspose2d`."""
        del output_size  # there is only one
        out = self._of_pixel(input) if self._meets_pixel(input) else self._transposed(input)
        return out if self.bias is None else out.add_(self.bias.to(out.dtype)[:, None, None])

    def _meets_pixel(self, input: Tensor) -> bool:
        """Whether the output is the weights times the one pixel of `input`."""
        plain = self.padding == self.output_padding == (0, 0) and self.groups == 1 and self.dilation == (1, 1)
        return plain and input.shape[2:] == (1, 1)

    def _of_pixel(self, input: Tensor) -> Tensor:
        return (input.flatten(1) @ self.weight.flatten(1)).reshape(len(input), *self.weight.shape[1:])

    def _transposed(self, input: Tensor) -> Tensor:
        options = (self.stride, self.padding, self.output_padding, self.groups, self.dilation)
        return F.conv_transpose2d(input, self.weight, None, *options)  # type: ignore[arg-type]


class UpConv2d(nn.ConvTranspose2d):
    """A stride-2 transposed convolution of an even kernel, as a convolution of half the kernel and a pixel shuffle.

    Each output pixel sees a quarter of the weights, so the four output phases are four small convolutions on the same
    input. This is faster for few output channels (here 3), where the transposed kernels leave their vectors mostly
    empty.
    Measured on a Zen 4 core at batch 256, 64 to 3 channels, kernel 4, padding 1: forward 0.43x to 0.47x the time of the
    transposed convolution, forward and backward 0.59x (bf16) to 0.80x (fp32); slower than it at 64 output channels.
    Kernel 6 without padding, on a Zen 1 core in fp32: 32 to 3 channels at 30 pixels, batch 64, forward 0.55x, with
    gradients 0.79x; 16 to 3 at 12, batch 16, 0.61x and 0.87x.
    """

    def __init__(self, before: int, after: int, kernel: int = 4, padding: int = 1) -> None:
        super().__init__(before, after, kernel, stride=2, padding=padding)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(B, before, H, W) to (B, after, 2H - 2 + kernel - 2 padding, W likewise)."""
        del output_size  # there is only one
        before, after, kernel, _ = self.weight.shape
        half, cut = kernel // 2, int(self.padding[0])
        # Output 2m + a sees inputs m - d through weight 2d + a, for d of 0 to half - 1 and a of 0 and 1.
        phases = self.weight.view(before, after, half, 2, half, 2).flip(2, 4).permute(1, 3, 5, 0, 2, 4)
        weight = phases.reshape(4 * after, before, half, half)
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        whole = F.pixel_shuffle(F.conv2d(x, weight, bias, padding=half - 1), 2)
        return whole[..., cut : whole.shape[2] - cut, cut : whole.shape[3] - cut]


class UpsampledConv2d(nn.Conv2d):
    """Nearest upsampling by 2, replication padding by 1, a 3x3 convolution: as a 2x2 convolution and a pixel shuffle.

    An output depends on nine upsampled pixels, of which 2x2 differ, so their weights are summed first: 16 of 36
    products remain, and the upsampled image is never stored. Measured on a Zen 4 core in fp32, forward and backward,
    against the three steps: 0.12x the time for 128 to 3 channels at 64 pixels, 0.49x for 256 to 128 at 32, 0.82x for
    1024 to 512 at 8; equal at 4, where summing weights costs as much as it saves.
    """

    sums: Tensor

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3)
        # Of the two outputs between inputs m and m + 1, one sees them through w0 + w1 and w2, the other through w0
        # and w1 + w2; (output, input, weight).
        sides = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
        sums = torch.einsum("amt,bnu->abmntu", sides, sides).reshape(16, 9)
        self.register_buffer("sums", sums, persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """(B, before, H, W) to (B, after, 2H, 2W)."""
        after, before = self.weight.shape[:2]
        phases = self.sums @ self.weight.permute(0, 2, 3, 1).reshape(after, 9, before)
        weight = phases.reshape(4 * after, 2, 2, before).permute(0, 3, 1, 2)
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        padded = F.pad(input, (1, 1, 1, 1), mode="replicate")
        return F.pixel_shuffle(F.conv2d(padded, weight, bias), 2)[..., 1:-1, 1:-1]


class HalvingMaxPool2d(nn.Module):
    """`nn.MaxPool2d(2)`, to the bit; without gradients as maxima of every second row and column.

    torch's kernel takes one pixel at a time and vectorizes over channels, of which small networks have few. Measured on
    a
    Zen 4 core for 6 channels of 24 pixels, batch 256: 0.1x (bf16) to 0.2x (fp32) the time. Its gradient is torch's.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H // 2, W // 2)."""
        if input.device.type != "cpu" or (torch.is_grad_enabled() and input.requires_grad):
            return F.max_pool2d(input, 2)
        height, width = (side // 2 * 2 for side in input.shape[2:])
        one, two, three, four = (input[:, :, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1))
        return torch.maximum(torch.maximum(one, two), torch.maximum(three, four))
