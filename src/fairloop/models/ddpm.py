"""A small denoising diffusion model, for tests of effects with a better generator.

Ho, Jain and Abbeel (arXiv 2006.11239) for training, Song, Meng and Ermon (arXiv 2010.02502) for sampling; network and
noise schedules are those of `diffusers`, the extra `fairloop[diffusion]`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from fairloop.models.interface import Generator, image_shape

try:
    from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
except (ImportError, RuntimeError) as error:  # diffusers raises either if one of its own dependencies is missing
    raise ImportError(f"it needs diffusers, pip install 'fairloop[diffusion]' ({error})") from error


class DDPM(Generator):
    """Predicts the noise in noisy images. It samples images from noise in a few deterministic steps.

    shape: (C, H, W); H and W divisible by 2 for each entry of `widths` but the first.
    widths: channels of the U-Net, outermost first. Images are halved between two of them. The innermost has attention.
    blocks: residual blocks at each width.
    levels: of noise in training, linear from 1e-4 to 0.02.
    steps: number of DDIM steps from noise to a sample, each one pass of the network; more steps give better samples and
    take longer. It must divide `levels`, so that the last step ends at the level without noise.

    Its loss is the mean squared error of the noise. It has no encoder. A sample takes 20 passes, against one of a VAE.
    Most generations sample every batch, so runs take many times as long.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        widths: Sequence[int] = (32, 64, 64),
        blocks: int = 1,
        levels: int = 1000,
        steps: int = 20,
    ) -> None:
        super().__init__()
        channels, height, width = image_shape(shape)
        scale = 2 ** (len(widths) - 1)
        if height % scale or width % scale:
            sides = ", ".join(str(scale * factor) for factor in (1, 2, 3))
            raise ValueError(
                f"{len(widths)} widths need sides divisible by {scale} ({sides}, ...), not {height}x{width}"
            )
        if not 1 <= steps <= levels or levels % steps:
            raise ValueError(f"steps must divide levels={levels}, as 10, 20 and 50 divide 1000, and {steps} does not")
        self.shape, self.steps = (channels, height, width), steps
        self.network = UNet2DModel(
            sample_size=(height, width),
            in_channels=channels,
            out_channels=channels,
            layers_per_block=blocks,
            block_out_channels=tuple(widths),
            down_block_types=("DownBlock2D",) * len(widths),
            up_block_types=("UpBlock2D",) * len(widths),
            attention_head_dim=None,
            norm_num_groups=math.gcd(8, *widths),
        )
        self._noising = DDPMScheduler(num_train_timesteps=levels)
        self._denoising = DDIMScheduler(num_train_timesteps=levels, timestep_spacing="trailing")

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        levels = self._noising.config["num_train_timesteps"]
        level = torch.randint(levels, (len(images),), generator=rng, device=images.device)
        noise = torch.randn(images.shape, generator=rng, device=images.device)
        noisy = self._noising.add_noise(2 * images - 1, noise, level)
        return F.mse_loss(self._noise_in(noisy, level), noise)

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return self.sample_at(1.0, n, rng)

    @torch.no_grad()
    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        images = temperature * torch.randn((n, *self.shape), generator=rng, device=rng.device)
        self._denoising.set_timesteps(self.steps, device=rng.device)
        for level in self._denoising.timesteps if n else ():
            images = self._denoising.step(self._noise_in(images, level), level, images).prev_sample
        return ((images + 1) / 2).clamp(0, 1)

    def _noise_in(self, images: Tensor, level: Tensor) -> Tensor:
        noise: Tensor = self.network(images, level).sample.float()
        return noise
