"""Checks of generators and classifiers: the laws that the loop needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from fairloop.errors import InputError, said
from fairloop.models.checks import loss_fault
from fairloop.models.interface import Generator
from fairloop.models.numerics import Numerics
from fairloop.testing.cases import GeneratorCase, ModelCase
from fairloop.testing.streams import no_global_randomness, stream
from fairloop.training.fitting import infinite

_ALONE = 1e-4  # largest change of a result with the size of the batch, which changes the order of sums
_PRECISION = 0.05  # largest relative change of a loss from fp32 to bf16, which has 8 bits


def builds_alike_from_one_seed(case: ModelCase) -> None:
    """The same seed gives the same weights, which depend on no other random numbers."""
    with no_global_randomness("building"):
        first, second = case.build(), case.build()
    _check_same(first.state_dict(), second.state_dict(), "two models that were built with the same seed differ")


def refuses_arguments_that_it_does_not_have(case: ModelCase) -> None:
    """A misspelt argument is an error, and not ignored."""
    misspelt = replace(case, arguments={**case.arguments, "no_such_argument": 1})
    refusal = _refusal(misspelt)
    assert refusal is not None, "it takes an argument no_such_argument=1 in silence; give `__init__` no **kwargs"
    assert "no_such_argument" in refusal, f"the error does not name the wrong argument: {refusal}"


def takes_a_shape_or_refuses_it_when_built(case: ModelCase) -> None:
    """An unsuitable shape is an error before training: one line, with no traceback."""
    if case.samples is not None:
        return  # its samples have one shape
    _use(case.build(), case)  # a fault for its own shape is not a fault of shapes
    for shape in ((1,), (7,), (1, 1, 1), (3, 17, 23), (1, 28, 28), (1, 32, 64)):
        other = replace(case, shape=shape)
        refusal = _refusal(other)
        if refusal is not None:
            assert "\n" not in refusal, f"samples of shape {shape}: more than one line: {refusal}"
            continue
        try:
            _use(other.build(), other)
        except Exception as error:  # of any kind
            raise AssertionError(
                f"for samples of shape {shape} it can be built, but fails, and not for {case.shape}: {said(error)}; "
                "let `__init__` raise ValueError for shapes that it cannot take"
            ) from error


def has_a_finite_scalar_loss(case: ModelCase) -> None:
    """The loss is one finite float32, and the same for the same state of `rng`."""
    model = case.build()
    with no_global_randomness("the loss"):
        loss = case.loss(model)
        _check_loss(loss)
        again = case.loss(model)
    assert torch.equal(loss, again), (
        "the same images and the same state of `rng` give another loss: it draws from elsewhere, or keeps something"
    )


def sends_gradients_to_every_parameter(case: ModelCase) -> None:
    """Training reaches all weights."""
    model = case.build()
    loss = case.loss(model)
    _check_loss(loss)
    torch.autograd.backward(loss)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"the loss does not depend on {name}; remove it, or use it in the loss"
        assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite"


def gives_what_others_rely_on(case: ModelCase) -> None:
    """Shape, type and range of the output, for no sample, one, an odd number, and many."""
    model = case.build().eval()
    for n in (0, 1, 3, 16):
        case.check_output(case.output(model, n), n)


def trains_on_batches_of_any_size(case: ModelCase) -> None:
    """An epoch's last batch may hold a single sample."""
    for n in (1, 3):
        model = case.build()
        try:
            _check_loss(case.loss(model, n))
        except Exception as error:  # of any kind
            raise AssertionError(
                f"a training batch of {n} fails, as the last of an epoch may be: {said(error)}"
            ) from error


def leaves_global_random_numbers_alone(case: ModelCase) -> None:
    """All noise comes from `rng`."""
    model = case.build()
    with no_global_randomness("training"):
        torch.autograd.backward(case.loss(model))
    model.eval()
    with no_global_randomness("evaluation"):
        case.output(model)


def repeats_itself_in_evaluation(case: ModelCase) -> None:
    """In evaluation mode an output changes neither weights, buffers and the mode nor later outputs."""
    model = _trained(case, 2)
    state, output = _copy(model.state_dict()), case.output(model)
    model.train()
    model.eval()
    torch.rand(3)  # draws of other code
    case.output(model, 2)
    assert torch.equal(output, case.output(model)), (
        "the same call gives another output the second time: it draws from elsewhere than `rng`, or keeps something"
    )
    assert not any(module.training for module in model.modules()), "an output leaves a module in training mode"
    _check_same(state, model.state_dict(), "an output in evaluation mode changes the model")


def keeps_everything_in_its_state(case: ModelCase) -> None:
    """A new model with the `state_dict` of a trained model gives the same outputs and losses."""
    model, meant = _trained(case, 2), infinite(case.build())
    for name, tensor in model.state_dict().items():
        assert (tensor.isfinite() | meant.get(name, torch.tensor(False))).all(), f"{name} is not finite after two steps"
    other = case.build(seed=1)
    other.load_state_dict(_copy(model.state_dict()))
    other.eval()
    same = torch.equal(case.output(model), case.output(other))
    assert same, "a model restored from its state_dict gives another output: the state_dict is incomplete"
    other.train()
    model.train()
    assert torch.equal(case.loss(model), case.loss(other)), "a model restored from its state_dict has another loss"


def learns(case: ModelCase) -> None:
    """A few steps on plain samples lower the loss."""
    model = case.build()
    before = case.loss(model, 16, seed=7).item()
    _train(case, model, case.steps)
    after = case.loss(model, 16, seed=7).item()
    assert after < before, (
        f"{case.steps} steps of Adam at {case.learning_rate:g} take the loss from {before:g} to {after:g}"
    )
    case.check_output(case.output(model.eval()), 5)


def runs_in_bf16(case: ModelCase) -> None:
    """Under autocast to bf16 the loss agrees with fp32, gradients are finite, and outputs have their type and range."""
    model = case.build()
    exact = case.loss(model).item()
    with Numerics("bf16").autocast():
        loss = case.loss(model)
    _check_loss(loss)
    torch.autograd.backward(loss)
    tolerance = _PRECISION * max(abs(exact), 1e-3)
    assert abs(loss.item() - exact) <= tolerance, f"the loss is {loss.item():g} in bf16, but {exact:g} in fp32"
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, f"the loss does not depend on {name} in bf16"
        assert parameter.grad.isfinite().all(), f"the gradient of {name} is not finite in bf16"
    with Numerics("bf16").autocast():
        case.check_output(case.output(model.eval()), 5)


def samples_follow_their_rng(case: GeneratorCase) -> None:
    """The same state of `rng` means the same samples, another state others."""
    model = case.build().eval()
    same = torch.equal(model.sample(5, stream(1)), model.sample(5, stream(1)))
    assert same, "the same state of `rng` gives other samples: they use other random numbers, too"
    differ = not torch.equal(model.sample(5, stream(1)), model.sample(5, stream(2)))
    assert differ, "samples do not depend on `rng`"


def encodes_if_it_has_an_encoder(case: GeneratorCase) -> None:
    """`encode` gives positions (B, L), independent of the batch; `reconstruct` gives images. A model has both or
    neither.
    """
    model = _trained(case, 2)
    reconstructs = type(model).reconstruct is not Generator.reconstruct
    assert model.has_encoder == reconstructs, "it has one of `encode` and `reconstruct`; it needs both or neither"
    if not model.has_encoder:
        return
    images = case.images(5)
    with no_global_randomness("encoding"):
        places, again = model.encode(images), model.reconstruct(images)
    assert places.dim() == 2, f"encode gives {tuple(places.shape)} for 5 images, not (5, L)"
    assert len(places) == 5, f"encode gives {len(places)} places for 5 images"
    assert places.isfinite().all(), "places in latent space are not finite"
    case.check_output(again, 5)
    _check_alone(model.encode, images, "encode")


def spreads_samples_if_it_has_latents(case: GeneratorCase) -> None:
    """`sample_at(1, ...)` equals `sample`; latents with almost no spread give more similar samples."""
    model = _trained(case, 2)
    if not model.has_temperature:
        return
    same = torch.equal(model.sample_at(1.0, 5, stream(1)), model.sample(5, stream(1)))
    assert same, "sample_at(1.0, n, rng) is not sample(n, rng)"
    wide, narrow = (model.sample_at(temperature, 64, stream(1)) for temperature in (1.0, 1e-3))
    case.check_output(narrow, 64)
    assert narrow.float().std(dim=0).mean() <= wide.float().std(dim=0).mean(), (
        "latents of no spread give samples that differ more"
    )


def names_each_sample_by_itself(case: ModelCase) -> None:
    """In evaluation mode, a sample's logits do not depend on the rest of the batch."""
    model = _trained(case, 2)
    with torch.no_grad():
        _check_alone(model, case.images(5), "the classifier")


_COMMON: tuple[Callable[[Any], None], ...] = (
    builds_alike_from_one_seed,
    refuses_arguments_that_it_does_not_have,
    takes_a_shape_or_refuses_it_when_built,
    has_a_finite_scalar_loss,
    sends_gradients_to_every_parameter,
    gives_what_others_rely_on,
    trains_on_batches_of_any_size,
    leaves_global_random_numbers_alone,
    repeats_itself_in_evaluation,
    keeps_everything_in_its_state,
    learns,
    runs_in_bf16,
)
GENERATOR_CHECKS: tuple[Callable[[Any], None], ...] = (
    *_COMMON,
    samples_follow_their_rng,
    encodes_if_it_has_an_encoder,
    spreads_samples_if_it_has_latents,
)
CLASSIFIER_CHECKS: tuple[Callable[[Any], None], ...] = (*_COMMON, names_each_sample_by_itself)


def _refusal(case: ModelCase) -> str | None:
    """The error of building the model; None without an error."""
    try:
        case.build()
    except InputError as error:
        return str(error)
    return None


def _train(case: ModelCase, model: nn.Module, steps: int) -> None:
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=case.learning_rate)
    for step in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward(case.loss(model, 16, seed=100 + step))
        optimizer.step()


def _trained(case: Any, steps: int) -> Any:
    """A model after some steps, in evaluation mode."""
    model = case.build()
    _train(case, model, steps)
    return model.eval()


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _use(model: Any, case: ModelCase) -> None:
    """Compute one loss and one output of the model."""
    _check_loss(case.loss(model))
    case.check_output(case.output(model.eval()), 5)


def _check_loss(loss: Tensor) -> None:
    fault = loss_fault(loss)
    assert fault is None, fault
    assert loss.shape == (), f"the loss has the shape {tuple(loss.shape)}; it must be a scalar, ()"
    assert loss.dtype == torch.float32, f"the loss is {loss.dtype}, not torch.float32; take it of .float() outputs"
    assert loss.isfinite(), f"the loss is {loss.item()}, not finite"


def _check_same(first: dict[str, Tensor], second: dict[str, Tensor], problem: str) -> None:
    assert first.keys() == second.keys(), problem
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), f"{problem}, in {name}"


def _check_alone(result: Callable[[Tensor], Tensor], images: Tensor, what: str) -> None:
    together, alone = result(images), torch.cat([result(image[None]) for image in images])
    distance = (together - alone).abs().max().item()
    assert distance <= _ALONE * max(1.0, together.abs().max().item()), (
        f"in evaluation mode, {what} gives another result for an image that is alone in its batch (by {distance:g})"
    )
