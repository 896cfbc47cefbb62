"""Texts at the edges: cut ones, words that a vocabulary lacks, tables in an order, columns with two purposes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import files
from fairloop import simulate
from fairloop.data.biographies import data as biographies
from fairloop.data.biographies.spec import BiographiesSpec
from fairloop.data.text_forms import forms
from fairloop.data.texts import warn_of_lost_words
from fairloop.data.tokens import Words, words_in
from fairloop.errors import InputError
from fairloop.evaluation import measures_of
from fairloop.evaluation.interface import Samples
from fairloop.metrics import texts as of
from fairloop.models import build_classifier, build_generator
from fairloop.models.estimators.fitted import FittedClassifier
from fairloop.models.ngram import NGram
from fairloop.store.memory import MemoryModels
from fairloop.tables.token_ids import END, PAD, UNKNOWN
from test_text_data import own
from test_text_loop import spec
from test_text_measures import NUMERICS, Bigram, Says, Silent, runs


def values(population, generator=None, generation=0, seed=0):
    test = population.tests["test"]
    samples = Samples(torch.from_numpy(test.inputs[:]), test.labels, test.groups)
    rng = np.random.default_rng(seed)
    found = measures_of(population).of_generator(generation, generator or Silent(), samples, NUMERICS, rng)
    return {value[:4]: value.value for value in found}


def some(**fields):
    return biographies.load(BiographiesSpec(**{"train": 300, "valid": 10, "test": 90} | fields), 0)


def test_a_text_that_is_cut_has_no_end_that_counts():
    """In a vocabulary of words a token is a word, so both perplexities are one, wherever texts end."""
    population = some(length=38)
    model = Bigram(population, biographies.chances(BiographiesSpec()))
    ends = (population.tests["test"].inputs == END).any(axis=1)
    assert 0 < ends.mean() < 1
    found = values(population, model)
    for split in ("test", "generated"):
        for group in ("overall", "orrin", "talva"):
            assert found[split, None, group, "word_perplexity"] == found[split, None, group, "perplexity"]


def test_the_baseline_of_distinct_words_does_not_depend_on_the_order_of_a_table():
    """A file sorted by its words: among its first 1,000 words are few different ones, among those of all texts many."""
    vocabulary = Words([f"w{i}" for i in range(40)])
    texts = [f"w{i // 10} " * 9 for i in range(400)]
    population = some()
    test = population.tests["test"]
    rows = vocabulary.encode(texts, test.inputs.shape[1])
    codes = np.arange(400) % 2
    sorted_ = replace(test, inputs=rows, labels=codes, groups=codes)
    tests, facts = {**population.tests, "test": sorted_}, replace(population.texts, twins=None)
    found = values(replace(population, train=sorted_, tests=tests, tokens=vocabulary, texts=facts))
    assert found["test", None, "overall", "type_token_ratio"] > 0.03  # 12 of 1,000 in the order of the file
    generated = found["generated", None, "overall", "type_token_ratio"]
    assert found["test", None, "overall", "type_token_ratio"] == pytest.approx(generated, abs=0.006)


def test_twins_that_the_vocabulary_does_not_tell_apart_say_nothing():
    """With all words of groups unknown, a text and its twin are the same ids: no bias is seen, and none is claimed."""
    population = some()
    twins = population.texts.twins
    blind = replace(twins, inputs=np.stack([twins.inputs[0]] * 2))
    hidden = replace(population, texts=replace(population.texts, twins=blind))
    found = values(hidden, Bigram(population, biographies.chances(BiographiesSpec())))
    swaps = {key: value for key, value in found.items() if key[3].startswith("swap")}
    assert swaps
    assert np.isnan(list(swaps.values())).all()
    flips = list(measures_of(hidden).of_classifier(Says(population), NUMERICS))
    assert flips
    assert np.isnan([value.value for value in flips]).all()


def test_impossible_texts_have_no_difference_and_no_warning():
    logs = np.array([[-1.0, -np.inf, -2.0]])
    found = of.swap(np.array([[4, 5, 2]]), np.array([[6, 5, 2]]), logs, logs)
    assert np.isnan(found.rest[0])


@pytest.fixture
def root(tmp_path):
    files.own_texts(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": "praised"}, "data.text: 'praised' is the label, too"),
        ({"text": "who"}, "data.text: 'who' is a group, too"),
        ({"groups": ("text",)}, "data.text: 'text' is a group, too"),
        ({"text": "part"}, "data.text: 'part' is the split, too"),
        ({"length": 10**12}, "data.length=1000000000000: 90 texts of so many tokens"),
        ({"vocabulary": "byte-pairs", "vocabulary_size": 100}, "data.vocabulary_size=100: .* 260 ids at least"),
    ],
)
def test_columns_with_two_purposes_and_sizes_out_of_range_are_named(root, change, said):
    if "vocabulary" in change:
        pytest.importorskip("tokenizers")
    with pytest.raises(InputError, match=said) as error:
        own(root, **change)
    assert "\n" not in str(error.value)


def test_a_mark_of_the_byte_order_is_no_part_of_a_table(root):
    frame = pd.read_csv(root / "texts.csv")
    for name, encoding in (("plain", "utf-8"), ("marked", "utf-8-sig")):
        (root / f"{name}.jsonl").write_text(frame.to_json(orient="records", lines=True), encoding=encoding)
    first, second = (own(root, table=root / f"{name}.jsonl") for name in ("plain", "marked"))
    assert first.fingerprint == second.fingerprint


def test_most_words_unknown_or_most_texts_cut_is_worth_a_warning():
    fine = np.array([[5, 4, END, PAD], [5, UNKNOWN, END, PAD]])
    warn_of_lost_words(fine, 4)
    with pytest.warns(UserWarning, match="data.vocabulary_size: 67% of the training words"):
        warn_of_lost_words(np.array([[UNKNOWN, 5, END, PAD], [UNKNOWN, END, PAD, PAD]]), 4)
    with pytest.warns(UserWarning, match="data.length=4: 100% of the training texts are cut"):
        warn_of_lost_words(np.full((2, 4), 5), 4)


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("tiny-gpt", {"layers": -1}),
        ("tiny-gpt", {"width": 0}),
        ("text-transformer", {"layers": 0}),
        ("text-transformer", {"width": 0}),
        ("text-cnn", {"width": 0}),
        ("text-cnn", {"filters": -1}),
    ],
)
def test_models_of_no_size_are_refused(model, arguments):
    facts = {"vocabulary": 9}
    build = build_generator if model == "tiny-gpt" else partial(build_classifier, classes=2)
    with pytest.raises(InputError, match="at least 1"):
        build(model, (8,), arguments=arguments, facts=facts)


TWICE = {
    "data": {"name": "biographies", "train": 60, "valid": 10, "test": 30, "towns": 20},
    "generator": {"model": "ngram", "arguments": {"order": 3}},
    "classifier": {"model": "tfidf-logistic"},
    "annotator": {"model": "tfidf-logistic"},
    "star": {"target": "both", "budget": 4},
}


def test_copies_of_what_a_model_learned_from_are_those_of_its_own_training_texts(monkeypatch):
    """By sets of runs of words in the texts of each fit, for real texts and for generated ones."""
    fits, fit = [], NGram.fit
    monkeypatch.setattr(NGram, "fit", lambda self, texts: fits.append(texts) or fit(self, texts))
    asked = spec(**TWICE)
    run = list(simulate(asked, MemoryModels()))
    population = biographies.load(asked.data, asked.seed)

    def every(ids):
        return [tuple(part) for text in population.tokens.decode(ids) for part in runs(words_in(text), 8)]

    test = every(population.tests["test"].inputs)
    for generation, learned in zip(run, fits[-3:], strict=True):
        known = set(every(learned))
        wanted = np.mean([part in known for part in test])
        assert generation.value("learned_8", role="generator", split="test") == pytest.approx(wanted)
        copied, learned_ = (generation.value(f"{name}_8", role="generator", split="generated") for name in KINDS)
        assert learned_ == copied if generation.index == 0 else learned_ > copied


KINDS = ("copied", "learned")


def test_copies_are_told_alike_where_a_model_is_found_and_not_fitted():
    models, asked = MemoryModels(), spec(**TWICE)
    first, second = (list(simulate(asked, models)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert list(map(repr, one.rows)) == list(map(repr, other.rows))
    (last,) = simulate(asked, models, start=2)
    assert list(map(repr, last.rows)) == list(map(repr, first[2].rows))


def test_a_pipeline_of_texts_that_fails_says_why_it_refused_texts():
    """Not only why it refused token ids, which it was offered last."""
    pipeline = make_pipeline(TfidfVectorizer(min_df=50), LogisticRegression())
    vocabulary = Words.of(["a nurse sings", "a cooper sleeps"])
    rows = torch.from_numpy(vocabulary.encode(["a nurse sings", "a cooper sleeps"] * 4, 6))
    model = FittedClassifier(pipeline, forms(vocabulary, 6), ("no", "yes"), "classifier 0")
    with pytest.raises(InputError, match="texts fails by: max_df corresponds to < documents than min_df"):
        model.learn(rows, np.arange(8) % 2, torch.Generator())
