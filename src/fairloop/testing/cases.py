"""A generator or a classifier to check, with its inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fairloop.models import build_classifier, build_generator
from fairloop.models.checks import logits_fault, range_fault, samples_fault
from fairloop.models.interface import Classifier, Generator
from fairloop.testing.streams import stream
from fairloop.training.streams import initialising


@dataclass(frozen=True)
class ModelCase(ABC):
    """A model to check: a `GeneratorCase` or a `ClassifierCase`.

    model: a name that fairloop knows, or `module:Name`.
    shape: of one sample.
    arguments: of the model; choose them so that it is small. Those of a model of texts name the `vocabulary`.
    samples: (N, *shape) with N of at least 16, to check it on; default: grey images of several shades, with some noise.
        int64 ids are texts.
    learning_rate, steps: of Adam; the loss on these samples must fall with them.
    """

    model: str
    shape: tuple[int, ...] = (3, 28, 28)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    samples: Tensor | None = None
    learning_rate: float = 1e-3
    steps: int = 20

    @abstractmethod
    def build(self, seed: int = 0) -> Any:
        """The model in training mode, with the weights of `seed`. Raises InputError if it does not take these
        samples.
        """

    @abstractmethod
    def loss(self, model: Any, n: int = 8, seed: int = 0) -> Tensor:
        """The training loss on n samples, with the noise of `seed`."""

    @abstractmethod
    def output(self, model: Any, n: int = 5) -> Tensor:
        """The output of the model in evaluation mode."""

    @abstractmethod
    def check_output(self, output: Tensor, n: int) -> None:
        """Fails if `output` does not have the guaranteed shape, type and range."""

    @property
    def kinds(self) -> int:
        """The number of shades of the samples."""
        return 2

    @property
    def texts(self) -> bool:
        """Whether samples are texts."""
        return self.samples is not None and not self.samples.is_floating_point()

    def codes(self, n: int) -> Tensor:
        """(n,) int64: the shade of each sample, in turn."""
        return torch.arange(n) % self.kinds

    def images(self, n: int) -> Tensor:
        """(n, *shape): samples to learn from."""
        if self.samples is not None:
            return self.samples[:n]
        shades = 0.1 + 0.7 * (self.codes(n) + 1) / self.kinds
        noise = torch.rand((n, *self.shape), generator=stream(9))
        return shades.reshape(-1, *[1] * len(self.shape)) + 0.1 * noise


@dataclass(frozen=True)
class GeneratorCase(ModelCase):
    """A generator to check; see `ModelCase` for the fields.

    >>> case = GeneratorCase("conv-vae", arguments={"widths": [4, 8], "latent": 2})
    >>> case.output(case.build(), n=5).shape
    torch.Size([5, 3, 28, 28])
    """

    def build(self, seed: int = 0) -> Generator:
        with initialising(stream(seed)):
            return build_generator(self.model, self.shape, self.arguments)

    def loss(self, model: Generator, n: int = 8, seed: int = 0) -> Tensor:
        return model.loss(self.images(n), stream(seed))

    def output(self, model: Generator, n: int = 5) -> Tensor:
        return model.sample(n, stream(1))

    def check_output(self, output: Tensor, n: int) -> None:
        _check(samples_fault(output, (n, *self.shape), texts=self.texts))
        assert self.texts or output.dtype == torch.float32, f"samples are {output.dtype}, not torch.float32"
        assert not output.requires_grad, "samples carry gradients; decorate `sample` with @torch.no_grad()"
        assert output.isfinite().all(), "samples hold values that are not finite"
        _check(range_fault(output, limits=(0, self.arguments["vocabulary"] - 1) if self.texts else (0, 1)))


@dataclass(frozen=True)
class ClassifierCase(ModelCase):
    """A classifier to check, with `classes` classes; see `ModelCase` for the other fields.

    >>> case = ClassifierCase("mlp", shape=(4,), arguments={}, classes=3)
    >>> case.output(case.build(), n=5).shape
    torch.Size([5, 3])
    """

    classes: int = 2

    @property
    def kinds(self) -> int:
        """One shade for each class, which the classifier must learn."""
        return self.classes

    def build(self, seed: int = 0) -> Classifier:
        with initialising(stream(seed)):
            return build_classifier(self.model, self.shape, self.classes, self.arguments)

    def loss(self, model: Classifier, n: int = 8, seed: int = 0) -> Tensor:
        del seed  # classifiers get no noise
        logits = model(self.images(n))
        _check(logits_fault(logits, (n, self.classes)))
        return F.cross_entropy(logits.float(), self.codes(n))

    def output(self, model: Classifier, n: int = 5) -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(self.images(n))
        return logits

    def check_output(self, output: Tensor, n: int) -> None:
        _check(logits_fault(output, (n, self.classes)))
        assert output.isfinite().all(), "logits hold values that are not finite"


def _check(fault: str | None) -> None:
    assert fault is None, fault
