"""torch's optimizers without the import of torch.compile's machinery, which takes longer than a small run trains.

The methods of `torch.optim.Optimizer` are wrapped for torch.compile. The wrappers import `torch._dynamo`, and with it
sympy, at their first call: 1.9 s of processor time (Zen 1, torch 2.13; the row start-up of `make bench` measures the
start of a run). fairloop compiles nothing. The classes here take the methods inside the wrappers, by `__wrapped__`:
`functools.wraps` documents that attribute, torch does not promise it. A method without it is used unchanged, and only
starts later. tests/test_startup.py tests for this with the installed torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def _bare(method: Callable[..., Any]) -> Callable[..., Any]:
    while hasattr(method, "__wrapped__"):
        method = method.__wrapped__
    return method


class _Eager(torch.optim.Optimizer):
    """The methods that all optimizers share."""

    add_param_group = _bare(torch.optim.Optimizer.add_param_group)
    zero_grad = _bare(torch.optim.Optimizer.zero_grad)
    state_dict = _bare(torch.optim.Optimizer.state_dict)
    load_state_dict = _bare(torch.optim.Optimizer.load_state_dict)


class SGD(_Eager, torch.optim.SGD):
    """`torch.optim.SGD`."""

    step = torch.no_grad()(_bare(torch.optim.SGD.step))


class Adam(_Eager, torch.optim.Adam):
    """`torch.optim.Adam`."""

    step = torch.no_grad()(_bare(torch.optim.Adam.step))


class AdamW(_Eager, torch.optim.AdamW):
    """`torch.optim.AdamW`."""

    step = torch.no_grad()(_bare(torch.optim.AdamW.step))
