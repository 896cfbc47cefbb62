"""How a generator and how a classifier is trained: from scratch, one epoch after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fairloop.batch import Batch
from fairloop.curation.interface import Curation
from fairloop.errors import DivergedError
from fairloop.fast.graphs import replayed
from fairloop.feeds import Feed
from fairloop.models.interface import Classifier, Generator
from fairloop.numerics import Numerics
from fairloop.seeding import Role
from fairloop.spec import TrainingSpec
from fairloop.streams import Streams

M = TypeVar("M", bound=nn.Module)
Log = dict[str, Tensor]
"""What training recorded, by epoch: `loss` (E,), and what `Curation` tells of batches: `redrawn` (E, steps),
`candidates`, `offered` and `chosen` (E, steps, strata), and summed over an epoch's steps `origins` (E, G, L)."""


@dataclass(frozen=True)
class State:
    """A model on its way, as plain tensors: enough to go on from, or if `epochs` are all done, to load it."""

    epochs: int
    weights: dict[str, Tensor]
    log: Log
    optimizer: dict[str, Any] | None = None


@dataclass(frozen=True)
class Checkpoint(Generic[M]):
    """A model after a whole epoch.

    epoch: how many are done, of `epochs`.
    """

    module: M
    optimizer: torch.optim.Optimizer
    log: Log
    epoch: int
    epochs: int

    def state(self, *, resumable: bool) -> State:
        """Its state; `resumable` keeps the optimizer's too."""
        weights = {name: tensor.detach().cpu().clone() for name, tensor in self.module.state_dict().items()}
        return State(self.epoch, weights, self.log, self.optimizer.state_dict() if resumable else None)


def fit_generator(
    model: Generator,
    training: TrainingSpec,
    feed: Feed,
    streams: Streams,
    numerics: Numerics,
    state: State | None = None,
) -> Iterator[Checkpoint[Generator]]:
    """Minimise the generator's own loss on the images of `feed`. Yields after each epoch; the last is the result."""
    noise = streams.rewound(Role.NOISE)
    return _fit(model, training, feed, lambda batch, rng: model.loss(batch.images, rng), noise, numerics, state)


def fit_classifier(
    model: Classifier,
    training: TrainingSpec,
    feed: Feed,
    numerics: Numerics,
    state: State | None = None,
) -> Iterator[Checkpoint[Classifier]]:
    """Minimise the cross entropy of `feed`'s labels. Yields after each epoch; the last is the result."""

    def loss(batch: Batch, rng: torch.Generator) -> Tensor:
        del rng  # classifiers have no noise
        return _cross_entropy(model(batch.images).float(), batch)

    unused = torch.Generator(numerics.device)
    return _fit(model, training, feed, loss, lambda epoch: unused, numerics, state)


def _cross_entropy(logits: Tensor, batch: Batch) -> Tensor:
    if batch.weights is None:
        return F.cross_entropy(logits, batch.labels)
    return (F.cross_entropy(logits, batch.labels, reduction="none") * batch.weights).mean()


def _fit(
    model: M,
    training: TrainingSpec,
    feed: Feed,
    loss_of: Callable[[Batch, torch.Generator], Tensor],
    noise: Callable[[int], torch.Generator],
    numerics: Numerics,
    state: State | None,
) -> Iterator[Checkpoint[M]]:
    numerics.place(model)
    optimizer = _optimizer(model, training, numerics)
    log: Log = {}
    done = 0
    if state is not None:
        model.load_state_dict(state.weights)
        done, log = state.epochs, state.log
        if state.optimizer is not None:
            optimizer.load_state_dict(state.optimizer)
    rng = noise(done)

    def step(batch: Batch) -> Tensor:
        with numerics.autocast():
            loss = loss_of(batch, rng)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        return loss.detach()

    train = replayed(step, numerics.device, rng)
    for epoch in range(done, training.epochs):
        numerics.apply_threads()
        model.train()
        noise(epoch)
        losses, curations = [], []
        for batch, curation in feed(epoch):
            losses.append(train(batch))
            curations.append(curation)
        log = _extended(log, losses, curations)
        _stop_if_diverged(model, log, epoch, training)
        yield Checkpoint(model.eval(), optimizer, log, epoch + 1, training.epochs)
    if done >= training.epochs:
        yield Checkpoint(model.eval(), optimizer, log, done, training.epochs)


def _optimizer(model: nn.Module, training: TrainingSpec, numerics: Numerics) -> torch.optim.Optimizer:
    parameters, rate, decay = model.parameters(), training.learning_rate, training.weight_decay
    if training.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=rate, momentum=training.momentum, weight_decay=decay)
    kind = torch.optim.Adam if training.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=rate, weight_decay=decay, capturable=numerics.device == "cuda")


def _extended(log: Log, losses: list[Tensor], curations: list[Curation | None]) -> Log:
    """The log with one more epoch; the only moment at which the host waits for the device."""
    epoch = {"loss": torch.stack(losses).double().mean().cpu()}
    for name in Curation._fields:
        told = [value for curation in curations if (value := getattr(curation, name, None)) is not None]
        if told and name == "origins":
            epoch[name] = torch.stack(told).sum(dim=0).int().cpu()
        elif told:
            rows = torch.stack(told).cpu()
            epoch[name] = rows if rows.is_floating_point() else rows.int()
    return {name: torch.cat([log.get(name, row[None][:0]), row[None]]) for name, row in epoch.items()}


def _stop_if_diverged(model: nn.Module, log: Log, epoch: int, training: TrainingSpec) -> None:
    # The weights too: the loss of the last batch was taken before the last step.
    if not (log["loss"][-1].isfinite() and all(tensor.isfinite().all() for tensor in model.state_dict().values())):
        raise DivergedError(
            f"{training.model} diverged in epoch {epoch} (loss {log['loss'][-1].item():g}, or weights, not finite); "
            f"lower its learning_rate (it is {training.learning_rate:g}) or set precision=fp32"
        )
