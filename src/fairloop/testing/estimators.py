"""Checks of estimators, which are fitted by one call: the laws that the loop needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fairloop.data import Population, Split
from fairloop.data.columns import encode, learned
from fairloop.data.tokens import Words
from fairloop.loop.estimators import Estimators
from fairloop.models.checks import logits_fault, range_fault, samples_fault
from fairloop.models.estimators.fitted import Fitted, FittedClassifier
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.sources.batch import Batch
from fairloop.spec.models import TrainingSpec
from fairloop.testing.streams import no_global_randomness, stream
from fairloop.training.batches import Schedule
from fairloop.training.recipe import Recipe

_PEOPLE = 240
_ALONE = 1e-6  # largest change of a logit with the size of the batch


@dataclass(frozen=True)
class EstimatorCase:
    """An estimator to check on a small table of people, or on small texts.

    model: `module:Name`, or a name that fairloop knows. role: `generator` or `classifier`.
    labels: the number of labels of the people, at least 3 for a classifier of more than two. texts: whether people are
    texts.

    >>> from fairloop.seeding import ModelRole
    >>> case = EstimatorCase("sklearn.linear_model:LogisticRegression", ModelRole.CLASSIFIER)
    >>> case.fitted()(case.inputs[:5]).shape
    torch.Size([5, 3])
    """

    model: str
    role: ModelRole = ModelRole.CLASSIFIER
    arguments: Mapping[str, Any] = field(default_factory=dict)
    labels: int = 3
    texts: bool = False

    @cached_property
    def population(self) -> Population:
        """People with a whole number, a number and a text; the labels depend on the first and the last. Or texts, with
        a word by which their label is known.
        """
        return _texts(self.labels) if self.texts else _people(self.labels)

    @property
    def inputs(self) -> Tensor:
        """(N, F) the people as the loop has them."""
        return torch.from_numpy(self.population.train.inputs[:])

    def fitted(self, seed: int = 0, keep: Callable[[Tensor], Tensor] | None = None) -> Any:
        """The estimator after its fit. keep: function of (N,) labels that selects the training people; None: all."""
        train, estimators = self.population.train, Estimators(self.population)
        recipe = self.recipe(seed)
        people = Batch(self.inputs, torch.from_numpy(train.labels), torch.from_numpy(train.groups))
        people = people if keep is None else people.select(keep(people.labels))
        model = self.unfitted(seed)
        if isinstance(model, FittedClassifier):
            estimators.teach_classifier(recipe, model, people)
        else:
            estimators.teach_generator(recipe, model, people)
        return model.eval()

    def unfitted(self, seed: int = 0) -> Any:
        """The estimator before its fit."""
        estimators, recipe = Estimators(self.population), self.recipe(seed)
        own = estimators.of(recipe)
        assert own is not None, f"{self.model} is a network, or has no fit; see GENERATOR_CHECKS and CLASSIFIER_CHECKS"
        grouper = _FirstGroup()
        return (
            estimators.generator(own, recipe)
            if self.role is ModelRole.GENERATOR
            else estimators.classifier(own, recipe, grouper)  # type: ignore[arg-type]
        )

    def recipe(self, seed: int) -> Recipe:
        """The recipe that names the estimator."""
        training = TrainingSpec(model=self.model, arguments=dict(self.arguments), epochs=1)
        return Recipe(self.role, seed, 0, training, Numerics(), Schedule(1, _PEOPLE, _PEOPLE))

    def output(self, model: Any, n: int = 20) -> Tensor:
        """N samples, or the logits of n people."""
        output: Tensor = model.sample(n, stream(1)) if self.role is ModelRole.GENERATOR else model(self.inputs[:n])
        return output

    def check_output(self, output: Tensor, n: int) -> None:
        """Fails if `output` does not have the guaranteed shape, type and range."""
        if self.role is ModelRole.CLASSIFIER:
            assert (fault := logits_fault(output, (n, self.labels))) is None, fault
            return
        shape, limits = (n, *self.population.shape), self.population.value_range or (0, 1)
        fault = samples_fault(output, shape, texts=self.texts) or range_fault(output, limits=limits)
        assert fault is None, fault


class _FirstGroup:
    def forward(self, inputs: Tensor) -> Tensor:
        return torch.tensor([1.0, 0.0]).expand(len(inputs), 2)


def fits_alike_from_one_seed(case: EstimatorCase) -> None:
    """The same seed gives the same estimator, and none of its random numbers are global."""
    case.unfitted()  # imports its library, which may draw random numbers
    with no_global_randomness("fitting"):
        first, second = case.output(case.fitted()), case.output(case.fitted())
    assert torch.equal(first, second), "two fits by one seed differ: it draws from elsewhere than random_state or rng"


def gives_what_others_rely_on(case: EstimatorCase) -> None:
    """Shape, type and range of the output, for none, one and many."""
    model = case.fitted()
    for n in (0, 1, 3, 64):
        case.check_output(case.output(model, n), n)


def repeats_itself(case: EstimatorCase) -> None:
    """An output does not change later outputs."""
    model = case.fitted()
    with no_global_randomness("its output"):
        first = case.output(model)
        case.output(model, 3)
        assert torch.equal(first, case.output(model)), "the same call gives another output the second time"


def comes_back_from_bytes(case: EstimatorCase) -> None:
    """A kept estimator gives the same output after loading. An estimator that cannot be kept is fitted again."""
    model: Fitted = case.fitted()
    if not model.can_be_kept:
        return
    other = case.unfitted()
    other.load_state_dict({name: tensor.clone() for name, tensor in model.state_dict().items()})
    assert torch.equal(case.output(model), case.output(other.eval())), "it gives another output after it was kept"


def samples_follow_their_rng(case: EstimatorCase) -> None:
    """Another state of `rng` means other samples."""
    model = case.fitted()
    differ = not torch.equal(model.sample(20, stream(1)), model.sample(20, stream(2)))
    assert differ, "samples do not depend on rng"


def names_each_person_alone(case: EstimatorCase) -> None:
    """The logits of a person do not depend on the rest of the batch, and `predict` is their argmax.

    An estimator with `randomised = True` draws a label for each position of a batch, and the same labels for equal
    batches.
    """
    model = case.fitted()
    if getattr(model.own, "randomised", False):
        assert torch.equal(model(case.inputs).argmax(dim=1), model.decided(case.inputs)), "predict draws other labels"
        return
    together = model(case.inputs[:10])
    alone = torch.cat([model(person[None]) for person in case.inputs[:10]])
    assert (together - alone).abs().max() <= _ALONE, "it gives other logits for a person who is alone in a batch"
    assert torch.equal(together.argmax(dim=1), model.decided(case.inputs[:10])), "predict is not the largest logit"


def goes_on_without_a_label(case: EstimatorCase) -> None:
    """Without people of a label, the other labels are predicted; if all people have one label, that label is."""
    kept = case.fitted(keep=lambda labels: labels != 0).decided(case.inputs)
    assert set(kept.tolist()) <= set(range(1, case.labels)), "it names a label that it has not seen"
    alone = case.fitted(keep=lambda labels: labels == 1).decided(case.inputs)
    assert alone.eq(1).all(), "people have one label, and it names another"


_COMMON: tuple[Callable[[EstimatorCase], None], ...] = (
    fits_alike_from_one_seed,
    gives_what_others_rely_on,
    repeats_itself,
    comes_back_from_bytes,
)
ESTIMATOR_CHECKS: dict[ModelRole, tuple[Callable[[EstimatorCase], None], ...]] = {
    ModelRole.GENERATOR: (*_COMMON, samples_follow_their_rng),
    ModelRole.CLASSIFIER: (*_COMMON, names_each_person_alone, goes_on_without_a_label),
}


def _texts(labels: int) -> Population:
    rng = np.random.default_rng(3)
    codes, groups = rng.integers(labels, size=_PEOPLE), rng.integers(2, size=_PEOPLE)
    begin, end = (rng.choice(words, _PEOPLE) for words in (["she", "he", "they"], ["today", "now"]))
    works = np.array([f"works{code}" for code in range(labels)])[codes]
    texts = [" ".join(words) for words in zip(begin, works, end, strict=True)]
    words = Words.of(texts)
    return _population(labels, Split(words.encode(texts, 5), codes, groups), tokens=words)


def _people(labels: int) -> Population:
    rng = np.random.default_rng(3)
    age, pay = rng.integers(18, 80, _PEOPLE), rng.normal(size=_PEOPLE)
    kind = rng.choice(["car", "house", "other"], _PEOPLE)
    frame = pd.DataFrame({"age": age, "pay": pay, "kind": kind})
    columns = learned(frame, np.ones(_PEOPLE, bool))
    codes = ((age + 10 * (kind == "car")) * labels // 100).clip(0, labels - 1).astype(np.int64)
    train = Split(encode(frame, columns), codes, (pay > 0).astype(np.int64))
    return _population(labels, train, columns=columns)


def _population(labels: int, train: Split, **facts: Any) -> Population:
    names = tuple(f"label {code}" for code in range(labels))
    return Population("people", names, ("low", "high"), ("low",), train, {"test": train}, **facts)
