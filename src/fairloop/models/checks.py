"""A trial of a run's models on a few real samples, so that a faulty model ends the run before any training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.errors import InputError, said
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.tables.token_ids import BEGIN, END, PAD

T = TypeVar("T")

_SLACK = 1e-3  # beyond [0, 1], for rounding: less than half of a pixel's 1/255


def try_generator(
    model: Generator,
    title: str,
    images: Tensor,
    numerics: Numerics,
    rng: torch.Generator,
    temperature: float = 1.0,
) -> Tensor:
    """Take one step's loss and gradients of `model` on `images` ((n, ...) float or int64); return n samples.

    title: its name in errors. temperature: of the samples, if the model has one.

    Raises InputError for an unusable loss, and for samples of a wrong shape or type.
    """
    _check_trainable(model, title)
    model.train()
    loss = _called(title, "loss", lambda: model.loss(images, rng), numerics)
    _refuse(title, loss_fault(loss))
    _called(title, "backward", partial(torch.autograd.backward, loss), None)
    with torch.no_grad():
        model.eval()
        samples = _called(title, "sample", partial(_sampled, model, temperature, len(images), rng), numerics)
    _refuse(title, samples_fault(samples, tuple(images.shape), texts=not images.is_floating_point()))
    if samples.dtype != images.dtype and (numerics.precision == "fp32" or samples.dtype == torch.float64):
        raise InputError(
            f"{title}: samples are {samples.dtype}, and real ones {images.dtype}; end `sample` with .float()"
        )
    return samples


def _sampled(model: Generator, temperature: float, n: int, rng: torch.Generator) -> Tensor:
    spread = temperature != 1 and model.has_temperature
    return model.sample_at(temperature, n, rng) if spread else model.sample(n, rng)


def try_classifier(model: Classifier, title: str, classes: int, images: Tensor, numerics: Numerics) -> None:
    """Take one step's loss and gradients of `model` on `images` ((n, ...) float), and compute their logits.

    title: its name in errors. Raises InputError for logits that are not (n, classes), and for an unusable loss.
    """
    _check_trainable(model, title)
    for training in (True, False):
        model.train(training)
        with torch.set_grad_enabled(training):
            logits = _called(title, "forward", lambda: model(images), numerics)
        _refuse(title, logits_fault(logits, (len(images), classes)))
        if training:
            loss = F.cross_entropy(logits.float(), torch.zeros(len(images), dtype=torch.long, device=logits.device))
            _refuse(title, loss_fault(loss))
            _called(title, "backward", lambda loss=loss: torch.autograd.backward(loss), None)  # type: ignore[misc]


def check_range(title: str, samples: Tensor, limits: tuple[float, float] = (0, 1)) -> None:
    """Raise InputError if `samples` leave `limits` by more than rounding."""
    _refuse(title, range_fault(samples, _SLACK, limits))


def loss_fault(loss: object) -> str | None:
    """The fault of a `loss`; None if it is one number with a gradient."""
    if not isinstance(loss, Tensor):
        return f"the loss is a {type(loss).__name__}; return a scalar tensor"
    if loss.numel() != 1:
        return f"the loss has the shape {tuple(loss.shape)}; return a scalar, such as the sum or the mean"
    if not loss.requires_grad:
        return (
            "the loss carries no gradient, so nothing would be learned; compute it from the parameters, without "
            "detach(), item() and no_grad"
        )
    return None


def samples_fault(samples: object, shape: tuple[int, ...], *, texts: bool = False) -> str | None:
    """The fault of `samples`; None if they are a tensor of `shape` of floats, or of token ids."""
    if not isinstance(samples, Tensor):
        return f"sample gives a {type(samples).__name__}, not a tensor; return one of shape {shape}"
    if samples.shape != shape:
        return f"sample({shape[0]}, rng) has the shape {tuple(samples.shape)}, not {shape}, as real samples have it"
    if texts:
        return _texts_fault(samples)
    if not samples.is_floating_point():
        return f"samples are {samples.dtype}, not floats; return floats in [0, 1], of bytes for example .float() / 255"
    return None


def _texts_fault(samples: Tensor) -> str | None:
    if samples.dtype != torch.int64:
        return f"samples are {samples.dtype}, not token ids; return them as torch.int64"
    stops = (samples == END) | (samples == PAD)
    after = stops.cumsum(dim=1) - stops.long() > 0
    if bool((after & (samples != PAD)).any()) or bool((samples == BEGIN).any()):
        return (
            f"a text holds {BEGIN} (beginning), or tokens after {END} (end); return only {PAD} (padding) after the end"
        )
    return None


def range_fault(samples: Tensor, slack: float = 0.0, limits: tuple[float, float] = (0, 1)) -> str | None:
    """The fault of the range of `samples`; None if all finite values are within `limits`."""
    finite = samples[samples.isfinite()]
    low, high = (edge.item() for edge in finite.aminmax()) if finite.numel() else (0.0, 1.0)
    if limits[0] - slack <= low <= high <= limits[1] + slack:
        return None
    if not samples.is_floating_point():
        return f"samples hold the ids {low} to {high}; the vocabulary has {limits[0]} to {limits[1]}"
    return (
        f"samples range from {low:.4g} to {high:.4g}; they must stay in [0, 1], as real ones do: end `sample` with a "
        "sigmoid or with .clamp(0, 1)"
    )


def logits_fault(logits: object, shape: tuple[int, int]) -> str | None:
    """The fault of `logits`; None if they are a tensor of floats of `shape`, a column for each class."""
    if not isinstance(logits, Tensor):
        return f"forward gives a {type(logits).__name__}, not a tensor; return logits of shape {shape}"
    if logits.shape != shape:
        single = shape[1] == 2 and logits.numel() == shape[0]
        return (
            f"logits of {shape[0]} samples have the shape {tuple(logits.shape)}, not {shape}: a column for each class; "
            f"end with a layer of width `classes`, here {shape[1]}"
            + (" (one logit z, as for a sigmoid, stands for the two columns 0 and z)" if single else "")
        )
    if not logits.is_floating_point():
        return f"logits are {logits.dtype}, not floating point; return scores, not classes"
    return None


def _refuse(title: str, fault: str | None) -> None:
    if fault is not None:
        raise InputError(f"{title}: {fault}")


def _check_trainable(model: nn.Module, title: str) -> None:
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(f"{title}: has no parameters, so nothing can be trained; give it an nn.Parameter or a layer")


def _called(title: str, what: str, call: Callable[[], T], numerics: Numerics | None) -> T:
    """The result of `call`. Raises InputError with `title` for any other error of the call."""
    try:
        if numerics is None:
            return call()
        with numerics.autocast():
            return call()
    except Exception as error:  # a user's code may raise any exception
        raise InputError(
            f"{title}: {what} fails on a few samples: {said(error)}; correct it, or its arguments"
        ) from error
