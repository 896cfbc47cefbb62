"""Training of a generator or a classifier, one epoch after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.curation.interface import Curation
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.seeding import Role
from fairloop.sources.batch import Batch, free_to_ask, join
from fairloop.spec.models import TrainingSpec
from fairloop.training.batches import Feed
from fairloop.training.cuda_graphs import Step, replayed
from fairloop.training.optimizers import is_scheduled, optimizer_of, update
from fairloop.training.streams import Streams

M = TypeVar("M", bound=nn.Module)
Log = dict[str, Tensor]
"""The record of a training, by epoch: `loss` (E,), and the fields of `Curation` for its batches: `redrawn` (E, steps),
`candidates`, `offered` and `chosen` (E, steps, strata), and, summed over the steps, `origins` (E, G, L). If training
ended because a number was no longer finite, `diverged` (2,) holds the epoch and the batch; both are -1 if a parent of
the model diverged. `untaught` () exists if no label was known, so that the model has learned nothing."""


@dataclass(frozen=True)
class State:
    """A model after `epochs` epochs, as plain tensors, for resuming its training or for loading the finished model."""

    epochs: int
    weights: dict[str, Tensor]
    log: Log
    optimizer: dict[str, Any] | None = None


@dataclass(frozen=True)
class Checkpoint(Generic[M]):
    """A model after a whole epoch.

    epoch: the number of completed epochs, of `epochs`.
    """

    module: M
    optimizer: torch.optim.Optimizer | None  # an estimator has none
    log: Log
    epoch: int
    epochs: int

    def state(self, *, resumable: bool) -> State:
        """The state of the model, and with `resumable` that of its optimizer."""
        weights = {name: tensor.detach().cpu().clone() for name, tensor in self.module.state_dict().items()}
        resumed = self.optimizer.state_dict() if resumable and self.optimizer is not None else None
        return State(self.epoch, weights, self.log, resumed)


def fit_generator(
    model: Generator,
    training: TrainingSpec,
    feed: Feed,
    streams: Streams,
    numerics: Numerics,
    state: State | None = None,
    steps: int = 0,
) -> Iterator[Checkpoint[Generator]]:
    """Minimise the generator's own loss on the images of `feed`. Yields after each epoch; the last is the result.

    steps: of an epoch, for a learning rate that changes.
    """
    noise = streams.rewound(Role.NOISE)
    return _fit(model, training, feed, lambda batch, rng: model.loss(batch.inputs, rng), noise, numerics, state, steps)


def fit_classifier(
    model: Classifier,
    training: TrainingSpec,
    feed: Feed,
    numerics: Numerics,
    state: State | None = None,
    steps: int = 0,
) -> Iterator[Checkpoint[Classifier]]:
    """Minimise the cross entropy of `feed`'s labels. Yields after each epoch; the last is the result.

    steps: of an epoch, for a learning rate that changes.
    """

    def loss(batch: Batch, rng: torch.Generator) -> Tensor:
        del rng  # classifiers have no noise
        return _cross_entropy(model(batch.inputs).float(), batch)

    unused = torch.Generator(numerics.device)
    return _fit(model, training, feed, loss, lambda epoch: unused, numerics, state, steps)


def fit_at_once(
    model: M, feed: Feed, learn: Callable[[M, Batch], None], numerics: Numerics, state: State | None
) -> Iterator[Checkpoint[M]]:
    """An estimator as one checkpoint: it learns from an epoch of `feed` in one call, or is restored from `state`."""
    if state is not None:
        model.load_state_dict(state.weights)
        log = state.log
    else:
        numerics.apply_threads()
        batches, curations = zip(*feed(0), strict=True)
        learn(model, join(*batches))
        log = {"loss": torch.zeros(0), **{name: row[None] for name, row in told_of(curations).items()}}
    yield Checkpoint(model.eval(), None, log, 1, 1)


def fit_nothing(model: M, training: TrainingSpec, numerics: Numerics, state: State | None) -> Iterator[Checkpoint[M]]:
    """A model without training data, with its first weights, as one checkpoint."""
    numerics.place(model)
    if state is not None:
        model.load_state_dict(state.weights)
    log = {"loss": torch.zeros(0), "untaught": torch.tensor(1)}
    yield Checkpoint(model.eval(), None, log, training.epochs, training.epochs)


def _cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    if batch.weights is None:
        return F.cross_entropy(logits, batch.labels)
    return (F.cross_entropy(logits, batch.labels, reduction="none") * batch.weights).mean()


def undefined(
    model: M, training: TrainingSpec, log: Log | None = None, at: tuple[int, int] = (-1, -1)
) -> Checkpoint[M]:
    """`model` after divergence `at` an epoch and batch. It counts as finished. Its weights are NaN."""
    for parameter in model.parameters():
        parameter.data.fill_(torch.nan)
    loss = torch.cat([(log or {}).get("loss", torch.zeros(0, dtype=torch.float64)), torch.tensor([torch.nan])])
    log = {**(log or {}), "loss": loss, "diverged": torch.tensor(at)}
    optimizer = optimizer_of(model, training, "cpu") if any(True for _ in model.parameters()) else None
    return Checkpoint(model.eval(), optimizer, log, training.epochs, training.epochs)


def infinite(model: nn.Module) -> dict[str, Tensor]:
    """Masks of the values in a new model's tensors that are not finite, such as an attention mask of -inf.

    Trainable parameters have no mask, because an infinity in them is always divergence.
    """
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    places = {name: ~tensor.isfinite() for name, tensor in model.state_dict().items() if name not in trained}
    return {name: place for name, place in places.items() if place.any()}


def _fit(
    model: M,
    training: TrainingSpec,
    feed: Feed,
    loss_of: Callable[[Batch, torch.Generator], Tensor],
    noise: Callable[[int], torch.Generator],
    numerics: Numerics,
    state: State | None,
    steps: int,
) -> Iterator[Checkpoint[M]]:
    numerics.place(model)
    meant = infinite(model)
    optimizer = optimizer_of(model, training, numerics.device)
    done, log = (0, {}) if state is None else _restored(model, optimizer, state)
    rng, taken = noise(done), count(done * steps)

    def step(batch: Batch) -> Tensor:
        with numerics.autocast():
            loss = loss_of(batch, rng)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        update(model, optimizer, training, next(taken), training.epochs * steps)
        return loss.detach()

    # A graph holds the mode and the rate of its capture, so steps with other modes or rates use no graph.
    steady = training.frozen_norm_after is None and not is_scheduled(training)
    train = replayed(step, numerics.device, rng) if steady else step
    for epoch in range(done, training.epochs):
        numerics.apply_threads()
        model.train(training.frozen_norm_after is None or epoch < training.frozen_norm_after)
        noise(epoch)
        losses, curations = _passed_over(feed, epoch, train)
        if (lost := _lost_at(model, losses, meant)) is not None:
            yield undefined(model, training, log, (epoch, lost))
            return
        now = {"loss": torch.stack(losses).double().mean().cpu(), **told_of(curations)}
        log = {name: torch.cat([log.get(name, row[None][:0]), row[None]]) for name, row in now.items()}
        yield Checkpoint(model.eval(), optimizer, log, epoch + 1, training.epochs)
    if done >= training.epochs:
        yield Checkpoint(model.eval(), optimizer, log, done, training.epochs)


def _restored(model: nn.Module, optimizer: torch.optim.Optimizer, state: State) -> tuple[int, Log]:
    """Restore the weights and moments of `state`; return the number of completed epochs and their log."""
    model.load_state_dict(state.weights)
    if state.optimizer is None:
        return state.epochs, state.log
    optimizer.load_state_dict(state.optimizer)
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if (
                isinstance(value, Tensor) and value.shape == parameter.shape
            ):  # another layout could give other last bits
                moments[name] = torch.empty_like(parameter).copy_(value)
    return state.epochs, state.log


def _passed_over(feed: Feed, epoch: int, train: Step) -> tuple[list[Tensor], list[Curation | None]]:
    """The loss and the curation of each batch. On a CPU, they end at a loss that is not finite."""
    losses, curations = [], []
    for batch, curation in feed(epoch):
        losses.append(train(batch))
        curations.append(curation)
        if free_to_ask(losses[-1]) and not losses[-1].isfinite():
            break
    return losses, curations


def told_of(curations: Sequence[Curation | None]) -> Log:
    """The counts of an epoch's curations on the CPU. The host waits for the device only here and for the loss."""
    epoch: Log = {}
    for name in Curation._fields:
        told = [value for curation in curations if (value := getattr(curation, name, None)) is not None]
        if told and name == "origins":
            epoch[name] = torch.stack(told).sum(dim=0).int().cpu()
        elif told:
            rows = torch.stack(told).cpu()
            epoch[name] = rows if rows.is_floating_point() else rows.int()
    return epoch


def _lost_at(model: nn.Module, losses: list[Tensor], meant: dict[str, Tensor]) -> int | None:
    """The first batch with a loss that was not finite, else the last batch, if its step made the weights infinite or
    NaN.

    meant: masks of weights that were not finite from the beginning.
    """
    finite = torch.stack(losses).isfinite().cpu()
    if not finite.all():
        return int(finite.long().argmin())
    known = ((tensor.isfinite(), meant.get(name)) for name, tensor in model.state_dict().items())
    whole = all(bool((good if place is None else good | place).all()) for good, place in known)
    return None if whole else len(losses) - 1
