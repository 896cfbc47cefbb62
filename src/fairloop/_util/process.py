"""Settings of a training process, made before torch allocates its first tensor."""

from __future__ import annotations

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> None:
    """Let glibc keep the memory of one training step for the next instead of giving it back to the kernel.

    Measured on a Zen 4 core: 11,293 page faults a step become 103, a bf16 generator step takes 0.86x the time.
    Without effect where the C library is not glibc. Tensors also ask for huge pages: 0.99x (bf16) and 0.97x (fp32).
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch reads it at its first allocation
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_THRESHOLD, 1 << 30)
    mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
    mallopt(_M_TOP_PAD, 1 << 28)
