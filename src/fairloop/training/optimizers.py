"""Optimizers by their fields in a spec: rates, decay, clipping."""

from __future__ import annotations

from math import cos, pi
from typing import Any

import torch
from torch import nn

from fairloop.spec.models import TrainingSpec
from fairloop.training import eager


def optimizer_of(model: nn.Module, training: TrainingSpec, device: str) -> torch.optim.Optimizer:
    """The optimizer of the parameters of `model`."""
    parameters, rate, decay = _groups(model, training), training.learning_rate, training.weight_decay
    if training.optimizer == "sgd":
        return eager.SGD(parameters, lr=rate, momentum=training.momentum, weight_decay=decay)
    kind = eager.Adam if training.optimizer == "adam" else eager.AdamW
    betas = training.betas or (0.9, 0.999)
    return kind(parameters, lr=rate, betas=betas, weight_decay=decay, capturable=device == "cuda")


def is_scheduled(training: TrainingSpec) -> bool:
    """Whether the learning rate changes over a training."""
    return training.warm_up > 0 or training.final_rate < 1


def update(model: nn.Module, optimizer: torch.optim.Optimizer, training: TrainingSpec, step: int, steps: int) -> None:
    """Update the parameters by their gradients, in step `step` (from 0 on) of a training of `steps`."""
    if is_scheduled(training):
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * rate_share(training.warm_up, training.final_rate, step, steps)
    if training.clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), training.clip_norm)
    optimizer.step()


def rate_share(warm_up: int, final: float, step: int, steps: int) -> float:
    """The rate of a step (from 0 on), as a share of the learning rate.

    It rises linearly over the first `warm_up` steps, then falls along half a cosine to `final` at the last of `steps`.
    """
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    done = (step - warm_up) / max(steps - 1 - warm_up, 1)
    return final + (1 - final) * (1 + cos(pi * min(done, 1))) / 2


def _groups(model: nn.Module, training: TrainingSpec) -> Any:
    if training.decay_vectors:
        return model.parameters()
    matrices, vectors = (
        [parameter for parameter in model.parameters() if (parameter.dim() > 1) is wanted] for wanted in (True, False)
    )
    return [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
