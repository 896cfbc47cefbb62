"""Each check of `fairloop.testing` finds the fault that it is there for, and says so."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fairloop import data
from fairloop.curation.star import Star
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.errors import InputError
from fairloop.models.interface import Classifier, Generator
from fairloop.testing import (
    CLASSIFIER_CHECKS,
    GENERATOR_CHECKS,
    ClassifierCase,
    GeneratorCase,
    check_classifier,
    check_curator,
    check_generator,
    check_population,
)

SHAPE = (2, 4, 4)


class Good(Generator):
    """Every value on its own: a normal distribution, clamped to [0, 1]."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.mean, self.log_spread = nn.Parameter(torch.rand(shape)), nn.Parameter(torch.zeros(shape))

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return (((images - self.mean) / self.log_spread.exp()) ** 2 / 2 + self.log_spread).mean()

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        noise = torch.randn((n, *self.mean.shape), generator=rng)
        return (self.mean + noise * self.log_spread.exp()).clamp(0, 1)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        return (images - self.mean).flatten(1)

    @torch.no_grad()
    def reconstruct(self, images: Tensor) -> Tensor:
        return images


class OtherWeights(Good):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.mean.data += np.random.default_rng().random()


class GlobalWeights(Good):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.mean.data += 0 * np.random.random()


class TakesAnything(Good):
    def __init__(self, shape: tuple[int, ...], **arguments: object) -> None:
        super().__init__(shape)


class OneShape(Good):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return super().loss(images.reshape(-1, *SHAPE), rng)


class LossOfEach(Good):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return ((images - self.mean) ** 2 + 0 * self.log_spread).flatten(1).sum(dim=1)


class Unused(Good):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.spare = nn.Parameter(torch.zeros(3))


class OneTooFew(Good):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n - (n > 0), rng)


class OutOfRange(Good):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng) + 1


class WithGradient(Good):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng) * self.mean.clamp(0, 1)


class NeedsTwo(Good):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return super().loss(nn.functional.batch_norm(images.flatten(1), None, None, training=True).view_as(images), rng)


class GlobalNoise(Good):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return super().loss(images, rng) + 0 * torch.rand(())


class Counts(Good):
    calls = 0

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        self.calls += 1
        return super().sample(n, rng) / self.calls


class Remembers(Good):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.brightest = torch.tensor(0.5)

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        self.brightest = torch.maximum(self.brightest, images.max())
        return super().loss(images, rng)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng) * self.brightest


class Stubborn(Good):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return images.mean() + 0 * super().loss(images, rng)


class HalfPrecise(Good):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return (
            super().loss(images, rng).to(torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None)
        )


class Deaf(Good):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, torch.Generator().manual_seed(0))


class OnlyEncodes(Good):
    reconstruct = Generator.reconstruct


class EncodesTogether(Good):
    def encode(self, images: Tensor) -> Tensor:
        return super().encode(images - images.mean())


class SpreadsOtherwise(Good):
    """`sample_at` makes something else than `sample`."""

    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        return self.sample(n, rng) * temperature / 2


FAULTY_GENERATORS = [
    (OtherWeights, "builds_alike_from_one_seed", "mean"),
    (GlobalWeights, "builds_alike_from_one_seed", "numpy"),
    (TakesAnything, "refuses_arguments_that_it_does_not_have", "no_such_argument"),
    (OneShape, "takes_a_shape_or_refuses_it_when_built", r"\(1,\)"),
    (LossOfEach, "has_a_finite_scalar_loss", "scalar"),
    (Unused, "sends_gradients_to_every_parameter", "spare"),
    (OneTooFew, "gives_what_others_rely_on", r"\(0, 2, 4, 4\), not \(1, 2, 4, 4\)"),
    (OutOfRange, "gives_what_others_rely_on", "range from"),
    (WithGradient, "gives_what_others_rely_on", "no_grad"),
    (NeedsTwo, "trains_on_batches_of_any_size", "batch of 1"),
    (GlobalNoise, "leaves_global_random_numbers_alone", "torch"),
    (Counts, "repeats_itself_in_evaluation", "second time"),
    (Remembers, "keeps_everything_in_its_state", "state_dict"),
    (Stubborn, "learns", "20 steps"),
    (HalfPrecise, "runs_in_bf16", "bfloat16"),
    (Deaf, "samples_follow_their_rng", "do not depend"),
    (OnlyEncodes, "encodes_if_it_has_an_encoder", "both or neither"),
    (EncodesTogether, "encodes_if_it_has_an_encoder", "alone"),
    (SpreadsOtherwise, "spreads_samples_if_it_has_latents", "is not sample"),
]


class Linear(Classifier):
    """Logistic regression."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(math.prod(shape), classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images.flatten(1))


class Forgetful(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(nn.functional.dropout(images, training=self.training))


class Comparing(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images - images.mean(dim=0))


class TooManyClasses(Linear):
    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__(shape, classes + 1)


FAULTY_CLASSIFIERS = [
    (Forgetful, "leaves_global_random_numbers_alone", "torch"),
    (Comparing, "names_each_sample_by_itself", "alone"),
    (TooManyClasses, "gives_what_others_rely_on", r"\(0, 3\), not \(0, 2\)"),
]


def find(checks: tuple[Callable, ...], name: str) -> Callable:
    return next(check for check in checks if check.__name__ == name)


def test_faultless_components_pass():
    check_generator("test_testing:Good", SHAPE)
    check_generator("test_testing:Good", (5,))
    check_classifier("test_testing:Linear", SHAPE, classes=3)
    check_population(data.load, ColoredMNISTSpec(train=100, valid=30, test=200), {"threshold": 4})
    check_curator(Star(np.full((3, 2), 1 / 6), 8), labels=3)


@pytest.mark.parametrize(("model", "check", "words"), FAULTY_GENERATORS)
def test_a_faulty_generator_is_found(model, check, words):
    with pytest.raises(AssertionError, match=words):
        find(GENERATOR_CHECKS, check)(GeneratorCase(f"test_testing:{model.__name__}", SHAPE))


@pytest.mark.parametrize(("model", "check", "words"), FAULTY_CLASSIFIERS)
def test_a_faulty_classifier_is_found(model, check, words):
    with pytest.raises(AssertionError, match=words):
        find(CLASSIFIER_CHECKS, check)(ClassifierCase(f"test_testing:{model.__name__}", SHAPE))


class OneLogit(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, :1]


class Bytes(Good):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return (255 * super().sample(n, rng)).byte()


class Doubles(Good):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng).double()


class Arrays(Good):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng).numpy()


class Detached(Good):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return super().loss(images, rng).detach()


class Noisy(Good):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return super().loss(images + torch.rand(images.shape), rng)


class NoisySamples(Good):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, torch.default_generator)


class NoSample(Generator):
    loss = Good.loss


CAUSES = [
    (check_classifier, OneLogit, r"logits of \d+ samples have the shape .*a column for each class.*one logit"),
    (check_classifier, TooManyClasses, r"logits of \d+ samples have the shape .*width `classes`, here 2"),
    (check_generator, OutOfRange, r"samples range from .*clamp\(0, 1\)"),
    (check_generator, Bytes, r"samples are torch.uint8, not floats"),
    (check_generator, Doubles, r"samples are torch.float64, not torch.float32"),
    (check_generator, Arrays, r"sample gives a ndarray, not a tensor"),
    (check_generator, WithGradient, r"@torch.no_grad"),
    (check_generator, LossOfEach, r"loss has the shape .*return a scalar"),
    (check_generator, Detached, r"no gradient.*detach"),
    (check_generator, Noisy, r"the loss touches the global random numbers of torch"),
    (check_generator, NoisySamples, r"evaluation touches the global random numbers of torch"),
    (check_generator, NoSample, r"no method sample; define it"),
]


@pytest.mark.parametrize(("check", "model", "cause"), CAUSES)
def test_the_first_complaint_names_the_cause_and_blames_no_shape(check, model, cause):
    with pytest.raises(AssertionError, match=cause) as caught:
        check(f"test_testing:{model.__name__}", SHAPE)
    assert "cannot take" not in str(caught.value)


@pytest.mark.parametrize(
    ("check", "model", "cause"), [cause for cause in CAUSES if cause[1] not in (Noisy, NoisySamples)]
)
def test_the_check_of_shapes_blames_shapes_only_for_what_other_shapes_do(check, model, cause):
    case = (ClassifierCase if check is check_classifier else GeneratorCase)(f"test_testing:{model.__name__}", SHAPE)
    with pytest.raises((AssertionError, InputError), match=cause) as caught:
        find(GENERATOR_CHECKS, "takes_a_shape_or_refuses_it_when_built")(case)
    assert "cannot take" not in str(caught.value)


def test_every_model_check_finds_a_fault():
    assert {check for _, check, _ in FAULTY_GENERATORS} == {check.__name__ for check in GENERATOR_CHECKS}
    own = {check.__name__ for check in CLASSIFIER_CHECKS} - {check.__name__ for check in GENERATOR_CHECKS}
    assert own <= {check for _, check, _ in FAULTY_CLASSIFIERS}


def test_the_first_fault_is_named_with_its_check():
    with pytest.raises(AssertionError, match=r"test_testing:Unused fails sends_gradients.*spare"):
        check_generator("test_testing:Unused", SHAPE)
    with pytest.raises(AssertionError, match="is not one of"):
        check_generator("conv-vea")
