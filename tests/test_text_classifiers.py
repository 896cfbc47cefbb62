"""Classifiers of texts: they learn words and order, and padding is no part of a text."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch.nn import functional as F

from fairloop.errors import InputError
from fairloop.models import build_classifier
from fairloop.models.interface import Classifier
from fairloop.testing.streams import stream
from fairloop.training.streams import initialising
from texts import some_texts

NAMES = ("text-cnn", "text-transformer")


def built(name: str, length: int, classes: int = 2, **arguments: object) -> Classifier:
    with initialising(stream()):
        return build_classifier(name, (length,), classes, {"width": 16, **arguments}, facts={"vocabulary": 9})


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(texts=some_texts())
def test_padding_is_no_part_of_a_text(name, texts):
    short, long = built(name, 6).eval(), built(name, 9).eval()
    state = short.state_dict()
    if name == "text-transformer":
        state["positions.weight"] = torch.cat([state["positions.weight"], torch.ones(3, 16)])
    long.load_state_dict(state)
    rows = torch.from_numpy(texts)
    assert torch.allclose(short(rows), long(F.pad(rows, (0, 3))), atol=1e-5)


def in_order(n: int) -> tuple[Tensor, Tensor]:
    """Texts of the same four words, and whether 4 stands before 5."""
    rows = torch.stack([4 + torch.randperm(4, generator=stream(i)) for i in range(n)])
    before = (rows == 4).long().argmax(1) < (rows == 5).long().argmax(1)
    return F.pad(rows, (0, 2)), before.long()


@pytest.mark.parametrize("name", NAMES)
def test_they_learn_an_order_that_no_count_of_words_shows(name):
    model = built(name, 6)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    rows, labels = in_order(128)
    for _ in range(35):
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(model(rows), labels))
        optimizer.step()
    assert (model(rows).argmax(1) == labels).float().mean() > 0.95


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "problem"),
    [
        ("text-cnn", (3, 8, 8), {}, "needs texts"),
        ("text-cnn", (8,), {"sizes": []}, "at least 1"),
        ("text-transformer", (8,), {"heads": 7}, "not a multiple of heads=7"),
        ("text-transformer", (8,), {"vocabulary": 0}, "no vocabulary"),
        ("tfidf-logistic", (8,), {}, "does not inherit"),
    ],
)
def test_wrong_arguments_are_named(name, shape, arguments, problem):
    with pytest.raises(InputError, match=problem):
        build_classifier(name, shape, 2, arguments, facts={"vocabulary": 9})
