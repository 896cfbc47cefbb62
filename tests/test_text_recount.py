"""Measures of words, counted again from the texts themselves, in plain Python: for all texts, groups and labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from fairloop.data.biographies import data as biographies
from fairloop.data.biographies.spec import BiographiesSpec
from fairloop.evaluation import measures_of
from fairloop.evaluation.interface import Samples
from test_text_measures import NUMERICS, Silent

Text = tuple[str, ...]


@pytest.fixture(scope="module")
def population():
    spec = BiographiesSpec(train=400, valid=10, test=90, professions=12, minoritized_share=0.3, towns=60)
    return biographies.load(spec, 0)


@pytest.fixture(scope="module")
def found(population):
    """Of the other half of the test texts as samples, so that groups and labels are known."""
    test = population.tests["test_balanced"]
    samples = Samples(torch.from_numpy(test.inputs), test.labels, test.groups)
    values = measures_of(population).of_generator(0, Silent(), samples, NUMERICS, np.random.default_rng(0))
    return {value[:4]: value.value for value in values}


def read(population, split) -> list[Text]:
    return [tuple(re.findall(r"<unk>|\w+|[^\w\s]", text)) for text in population.tokens.decode(split.inputs[:])]


def parts(population, split) -> Iterator[tuple[str | None, str, list[int], int | None]]:
    """Label, group, positions and the code of the group."""
    yield None, "overall", list(range(len(split))), None
    for code, name in enumerate(population.group_names):
        yield None, name, np.flatnonzero(split.groups == code).tolist(), code
    for code, name in enumerate(population.label_names):
        yield name, "overall", np.flatnonzero(split.labels == code).tolist(), None


def slope(counts: list[int]) -> float:
    """The likeliest power of the rank, by another optimizer."""
    ranks, seen = np.arange(1, len(counts) + 1), np.array(counts)
    loss = lambda s: s * (seen * np.log(ranks)).sum() + seen.sum() * np.log((ranks**-s).sum())  # noqa: E731
    return float(minimize_scalar(loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-9}).x)


def recounted(texts: list[Text], real: list[Text], everything: list[Text]) -> dict[str, float]:
    """real: training texts of the group. everything: all of them, whose order ranks equally frequent words."""
    words, known = Counter(w for text in texts for w in text), Counter(w for text in real for w in text)
    turn = {word: i for i, word in enumerate(dict.fromkeys(w for text in everything for w in text))}
    in_texts = Counter(w for text in real for w in set(text))
    expected = sum(1 - (1 - n / len(real)) ** len(texts) for n in in_texts.values())
    ranked = sorted(known, key=lambda word: (-known[word], turn[word]))
    return {
        "text_length": sum(map(len, texts)) / len(texts),
        "zipf_slope": slope([words[word] for word in ranked]),
        "types_alive": sum(word in words for word in known) / expected,
    }


def rare(texts: list[Text], real: list[Text], watched: tuple[str, ...]) -> dict[str, float]:
    counts, there = ([sum(word in text for text in some) for word in watched] for some in (texts, real))
    few = [i for i, n in enumerate(there) if 0 < n / sum(there) < 0.5 / sum(m > 0 for m in there)]
    mass = sum(counts[i] for i in few) / sum(counts) / (sum(there[i] for i in few) / sum(there))
    return {"tail_mass": mass, "tail_alive": sum(counts[i] > 0 for i in few) / len(few)}


@pytest.mark.parametrize(("name", "split"), [("generated", "test_balanced"), ("test", "test")])
def test_measures_of_words_are_those_of_a_recount(population, found, name, split):
    train, groups = read(population, population.train), population.train.groups
    own, people = read(population, population.tests[split]), population.tests[split]
    for label, group, chosen, code in parts(population, people):
        texts = [own[i] for i in chosen]
        real = [text for text, other in zip(train, groups.tolist(), strict=True) if code in (None, other)]
        wanted = recounted(texts, real, train)
        if label is None:
            wanted |= rare(texts, real, population.texts.watched)
        else:
            del wanted["types_alive"]
        for metric, value in wanted.items():
            assert found[name, label, group, metric] == pytest.approx(value, rel=1e-5), (label, group, metric)
