"""The device and the precision of computations. They are part of every recipe, because they change bits."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from fairloop.errors import InputError

Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class Numerics:
    """Resolved numerics.

    precision: `fp32`, or `bf16` for the large matrix products (losses, optimizer and weights stay fp32).
    device: `cpu`, `cuda` or `mps`.
    threads: CPU threads of this process.
    """

    precision: Literal["fp32", "bf16"] = "fp32"
    device: str = "cpu"
    threads: int = 1

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which forward passes run."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")

    def apply_threads(self) -> None:
        """Set the number of threads of this process, which affects the last bits of results.

        fairloop changes no other global setting of torch. It sets this before every epoch, because other code may
        change it.
        """
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)

    def place(self, module: Module) -> Module:
        """`module` on the device, in the fastest memory layout for convolutions."""
        module.to(self.device)
        for parameter in module.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return module

    def tensor(self, images: Tensor) -> Tensor:
        """uint8 images (N, C, H, W) as float in [0, 1] on the device; float rows (N, F) unchanged."""
        images = self.sent(images)
        if images.dtype != torch.uint8:
            return images
        return images.to(torch.float32, memory_format=torch.channels_last).div_(255)

    def sent(self, tensor: Tensor) -> Tensor:
        """`tensor` on the device, without waiting for the device's current work."""
        return sent(tensor, torch.device(self.device))

    def record(self) -> dict[str, Any]:
        """The fields by name, for a recipe."""
        return asdict(self)


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor` on `device`, without waiting for the device's current work."""
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def resolve(precision: str, device: str, threads: int, *, strict: bool = True) -> Numerics:
    """Numerics from the fields of a spec: `auto` becomes the fastest choice on this machine.

    Raises InputError if the machine lacks the device. If not `strict`, it takes another device.
    """
    resolved = _device() if device == "auto" else device
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(resolved, False) and not strict:
        resolved = _device()
    if not available.get(resolved, False):
        raise InputError(f"device: '{device}' is not available on this machine; use device=auto or device=cpu")
    if precision == "auto":
        precision = "bf16" if _fast_bf16(resolved) else "fp32"
    return Numerics("bf16" if precision == "bf16" else "fp32", resolved, threads)


def _device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _fast_bf16(device: str) -> bool:
    """Whether bf16 products run in hardware: an emulation would be slower than fp32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "cpu":
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False
