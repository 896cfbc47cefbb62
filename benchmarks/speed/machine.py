"""What machine this is, and its peak: the fastest matrix product of two square matrices."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.speed.measuring import fastest

PACKAGES = ("fairloop", "torch", "numpy", "fairlearn", "pillow")
SIZES = (512, 1024, 2048)


def description() -> dict[str, Any]:
    """Processor, cores, memory and packages; no names of hosts or places."""
    about = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "bf16_in_hardware": bf16_in_hardware(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    return about | {"packages": {name: version(name) for name in PACKAGES}}


def peak(dtype: torch.dtype, device: str = "cpu", sizes: tuple[int, ...] = SIZES) -> float:
    """GFLOP/s of the fastest product, over sizes and repetitions, on as many threads as this process has."""
    return max(gemm(dtype, size, device) for size in sizes)


def gemm(dtype: torch.dtype, size: int, device: str = "cpu", times: int = 4) -> float:
    """GFLOP/s of the product of two `size` x `size` matrices, the fastest of some."""
    one, other = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))

    def product() -> None:
        one @ other
        if device == "cuda":
            torch.cuda.synchronize()

    product()
    alone = device == "cpu" and torch.get_num_threads() == 1
    return 2 * size**3 / fastest(product, times, time.process_time if alone else time.perf_counter) / 1e9


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    found = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    family = f"family {found.get('cpu family', '?')}, model {found.get('model', '?')}"
    return f"{found.get('model name', 'unknown')} ({family})"


def bf16_in_hardware() -> bool:
    """Whether the processor multiplies bf16 itself."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
