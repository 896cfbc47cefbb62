"""What counts as divergence: a number that training made infinite, never one that the model was built with."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from conftest import tiny
from fairloop import simulate
from fairloop.models.interface import Classifier
from fairloop.models.numerics import Numerics
from fairloop.sources.batch import Batch
from fairloop.spec.models import ClassifierSpec
from fairloop.testing import check_classifier
from fairloop.training.fitting import Checkpoint, fit_classifier

SHAPE = (1, 2, 2)


class Masked(Classifier):
    """Logistic regression that attends by a mask: minus infinity above the diagonal, as in attention."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(torch.Size(shape).numel(), classes)
        self.register_buffer("mask", torch.full((classes, classes), -torch.inf).triu(1))

    def forward(self, images: Tensor) -> Tensor:
        weights: Tensor = self.get_buffer("mask").softmax(dim=1)
        return self.layer(images.flatten(1)) @ weights.T


class Kept(Classifier):
    """Logistic regression beside tensors that training sets from outside, after its first batch."""

    def __init__(self, later: dict[str, Tensor]) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.later = later
        self.register_buffer("buffer", torch.tensor([-torch.inf, 0.0]))
        self.register_parameter("fixed", nn.Parameter(torch.tensor([torch.inf, 0.0]), requires_grad=False))
        self.register_parameter("trained", nn.Parameter(torch.zeros(2)))

    def forward(self, images: Tensor) -> Tensor:
        for name, value in self.later.items():
            getattr(self, name).data.copy_(value)
        return self.layer(images.flatten(1))


def fitted(model: Classifier, epochs: int = 2) -> Checkpoint[Classifier]:
    rng = torch.Generator().manual_seed(0)
    batch = Batch(torch.rand(8, *SHAPE, generator=rng), torch.arange(8) % 2, torch.zeros(8, dtype=torch.long))
    training = ClassifierSpec(epochs=epochs, batch=8)
    *_, last = fit_classifier(model, training, lambda epoch: iter([(batch, None)] * 3), Numerics())
    return last


def test_a_mask_of_infinities_is_no_divergence():
    torch.manual_seed(0)
    last = fitted(Masked(SHAPE, 2))
    assert "diverged" not in last.log
    assert last.epoch == 2
    assert last.log["loss"].isfinite().all()


@pytest.mark.slow
def test_a_run_of_a_masked_model_is_whole_and_such_a_model_passes_the_checks():
    generations = list(simulate(tiny("classifier.model=test_divergence:Masked", "generations=2")))
    assert [generation.classifier.diverged for generation in generations] == [False, False]
    check_classifier("test_divergence:Masked")


class Normed(Classifier):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.layer = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        self.norm(images.flatten(1) * 1e30)  # its variance is beyond float32, and the loss never sees it
        return self.layer(images.flatten(1))


def test_statistics_that_training_makes_infinite_are_divergence():
    last = fitted(Normed())
    assert last.log["diverged"].tolist() == [0, 2]
    assert last.epoch == 2


values = st.lists(st.sampled_from([0.0, 1.0, torch.inf, -torch.inf, torch.nan]), min_size=2, max_size=2)


@given(st.dictionaries(st.sampled_from(["buffer", "fixed", "trained"]), values))
def test_a_number_diverges_where_it_was_finite_or_is_trained(later):
    """The law, by hand: only the first place of `buffer` and of `fixed` was infinite when the model was built."""
    watched = [
        value for name, pair in later.items() for i, value in enumerate(pair) if name == "trained" or i == 1
    ]  # fmt: skip
    expected = not all(abs(value) < torch.inf for value in watched)
    model = Kept({name: torch.tensor(pair) for name, pair in later.items()})
    assert ("diverged" in fitted(model, epochs=1).log) == expected


def test_a_resumed_fit_knows_what_was_infinite_from_the_beginning():
    from fairloop.training.fitting import State

    begun = fitted(Masked(SHAPE, 2), epochs=1)
    state = State(1, begun.state(resumable=True).weights, begun.log)
    batch = Batch(torch.rand(8, *SHAPE), torch.arange(8) % 2, torch.zeros(8, dtype=torch.long))
    training = ClassifierSpec(epochs=3, batch=8)
    *_, last = fit_classifier(Masked(SHAPE, 2), training, lambda epoch: iter([(batch, None)]), Numerics(), state)
    assert "diverged" not in last.log


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_a_trained_parameter_is_never_infinite_by_intention(value):
    model = Kept({})
    with torch.no_grad():
        model.get_parameter("trained")[0] = value
    assert fitted(model).log["diverged"].tolist() == [0, 2]
