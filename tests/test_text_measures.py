"""Measures of texts: by hand, by other formulas, and where the usual ones mislead."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import fairloop.loop
from fairloop.data.biographies import data as biographies
from fairloop.data.biographies.spec import BiographiesSpec
from fairloop.evaluation import measures_of
from fairloop.evaluation.interface import KindMeasures, Samples
from fairloop.metrics import texts as of
from fairloop.metrics.texts import Corpus
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import resolve
from fairloop.tables.token_ids import END, PAD

TEXTS = st.lists(st.lists(st.integers(0, 3), max_size=9), max_size=8)


def corpus(texts) -> Corpus:
    words = [word for text in texts for word in text]
    places = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    return Corpus(np.array(words, np.int64), places.astype(np.int64), len(texts))


def runs(text, n):
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]


@given(TEXTS, st.integers(1, 5))
def test_ngrams_are_those_within_texts(texts, n):
    wanted = [run for text in texts for run in runs(text, n)]
    keys = of.ngrams(corpus(texts), n)
    assert len(keys) == len(wanted)
    assert [keys.tolist().index(key) for key in keys.tolist()] == [wanted.index(run) for run in wanted]


@given(TEXTS, TEXTS, st.integers(1, 4))
def test_copies_are_counted_as_a_loop_counts_them(texts, training, n):
    known = {run for text in training for run in runs(text, n)}
    every = [run for text in texts for run in runs(text, n)]
    found = of.copied(corpus(texts), n, np.unique(of.ngrams(corpus(training), n))).value
    assert found == pytest.approx(np.mean([run in known for run in every]) if every else np.nan, nan_ok=True)
    whole = of.among(of.whole(corpus(texts)), np.unique(of.whole(corpus(training))))
    assert whole.tolist() == [text in training for text in texts]


@given(TEXTS, st.data())
def test_a_part_of_a_corpus_is_these_texts_in_this_order(texts, data):
    chosen = data.draw(st.lists(st.sampled_from(range(len(texts))), unique=True)) if texts else []
    part, wanted = corpus(texts).of(np.array(chosen, np.int64)), corpus([texts[place] for place in chosen])
    assert (part.words.tolist(), part.texts.tolist(), part.size) == (
        wanted.words.tolist(),
        wanted.texts.tolist(),
        len(chosen),
    )
    assert part.lengths.tolist() == [len(texts[place]) for place in chosen]


def test_perplexity_is_micro_and_its_error_is_that_of_texts():
    """Two texts of 1 and 3 tokens with log-probabilities -1 and -6: exp(7 / 4), not the mean of e and e^2."""
    found = of.perplexity(np.array([-1.0, -6.0]), np.array([1, 3]))
    assert found.value == pytest.approx(np.exp(7 / 4))
    rng = np.random.default_rng(0)
    events = rng.integers(5, 15, 2000)
    logs = -events * rng.gamma(4, 0.25, 2000)
    many = [of.perplexity(logs[part], events[part]) for part in np.split(np.arange(2000), 20)]
    spread = np.std([one.value for one in many], ddof=1)
    assert np.mean([one.error for one in many]) == pytest.approx(spread, rel=0.5)
    assert np.isnan(of.perplexity(np.zeros(0), np.zeros(0, int)).value)
    assert of.perplexity(np.array([-np.inf]), np.array([2])).value == np.inf


def zipf_words(n: int, types: int, s: float, seed: int) -> np.ndarray:
    shares = np.arange(1, types + 1) ** -float(s)
    return np.random.default_rng(seed).choice(types, n, p=shares / shares.sum())


def test_distinct_words_fall_with_length_alone_and_not_at_a_fixed_number():
    """The trap: one source, 1,000 to 100,000 words. TEXT: .488, .290, .158 and .049 of Zipf(1) with 5,000 types."""
    words = zipf_words(100_000, 5000, 1, 0)
    whole = [of.distinct(corpus([words[:n]]), 1, n).value for n in (1000, 5000, 20_000, 100_000)]
    assert whole == pytest.approx([0.488, 0.290, 0.158, 0.049], abs=0.025)
    fixed = [of.distinct(corpus([words[:n]]), 1, 1000).value for n in (1000, 5000, 20_000, 100_000)]
    assert len(set(fixed)) == 1
    assert np.isnan(of.distinct(corpus([words[:999]]), 1, 1000).value)


@pytest.mark.parametrize(("n", "off"), [(1000, 0.13), (5000, 0.05), (20_000, 0.02), (100_000, 0.01)])
def test_the_zipf_slope_is_nearly_unbiased_where_ranks_are_those_of_other_texts(n, off):
    """Of Zipf(1) with 5,000 types. A line through log counts says .6 of 1,000 words, and 1.1 of 100,000."""
    seen, known, lines = [], [], []
    for seed in range(4):
        first, second = (np.bincount(half, minlength=5000) for half in np.split(zipf_words(2 * n, 5000, 1, seed), 2))
        order = np.random.default_rng(seed).permutation(5000)  # ties in random order
        ranked = order[np.argsort(-first[order], kind="stable")][: (first > 0).sum()]
        seen.append(of.zipf_slope(second[ranked]).value)
        known.append(of.zipf_slope(second[np.argsort(-first, kind="stable")]).value)  # ties in the true order
        own = np.sort(second[second > 0])[::-1]
        lines.append(-np.polyfit(np.log(np.arange(1, len(own) + 1)), np.log(own), 1)[0])
    assert np.mean(seen) == pytest.approx(1, abs=off)
    assert np.mean(known) == pytest.approx(0.99, abs=0.015)
    assert abs(np.mean(lines) - 1) > 0.02 + abs(np.mean(seen) - 1)


@pytest.mark.parametrize("s", [0.5, 1.0, 2.0])
def test_the_zipf_slope_of_exact_shares_is_the_law(s):
    counts = np.round(1e9 * np.arange(1, 101) ** -s).astype(int)
    assert of.zipf_slope(counts).value == pytest.approx(s, abs=1e-4)
    assert np.isnan(of.zipf_slope(np.array([5])).value)


def test_words_alive_are_one_on_average_for_real_texts_whatever_their_number():
    """A resample of the real texts keeps the measure at 1; the bare count of words grows with it."""
    rng = np.random.default_rng(0)
    real = corpus([zipf_words(12, 400, 1, seed) for seed in range(200)])
    each = np.unique(real.texts * 400 + real.words) % 400
    frequencies = np.bincount(each, minlength=400)
    for n in (50, 200, 800):
        ratios = []
        for _ in range(30):
            chosen = rng.integers(200, size=n)
            found = len(np.unique(real.words[np.isin(real.texts, chosen)]))
            ratios.append(of.types_alive(found, frequencies, 200, n).value)
        assert np.mean(ratios) == pytest.approx(1, abs=4 * np.std(ratios) / 30**0.5)


def test_tail_coverage_by_hand():
    """Four professions: shares .7, .2, .06 and .04. Rare are those below .125: the last two, of a share of .1."""
    mass, alive = of.tail(np.array([80, 15, 5, 0]), np.array([70.0, 20, 6, 4]))
    assert (mass.value, alive.value) == pytest.approx((0.5, 0.5))
    assert all(np.isnan(one.value) for one in of.tail(np.array([5, 5]), np.array([1.0, 1])))
    assert all(np.isnan(one.value) for one in of.tail(np.array([0, 0]), np.array([9.0, 1])))


def test_tail_mass_keeps_its_mean_under_resampling_and_rare_words_do_not_stay():
    shares = 1 / np.arange(1, 25)
    shares /= shares.sum()
    counts = np.random.default_rng(0).multinomial(100, shares, 4000)
    for _ in range(3):
        counts = np.random.default_rng(1).multinomial(100, counts / 100)
    found = np.array([[one.value for one in of.tail(row, shares)] for row in counts])
    assert found[:, 0].mean() == pytest.approx(1, abs=4 * found[:, 0].std() / 4000**0.5)
    assert found[:, 1].mean() < 0.65


def test_a_swap_is_split_at_the_first_word_that_differs():
    text, twin = np.array([[7, 5, 9, 6, 2, 0]]), np.array([[7, 4, 9, 8, 2, 0]])
    logs, twin_logs = np.array([[-1.0, -2, -3, -4, -5, 0]]), np.array([[-1.0, -1, -1, -1, -1, 0]])
    found = of.swap(text, twin, logs, twin_logs)
    assert (found.group_word[0], found.rest[0]) == (-1, -2 - 3 - 4)
    same = of.swap(text, text, logs, logs)
    assert (same.group_word[0], same.rest[0]) == (0, 0)


def test_associations_are_means_of_kinds_less_their_mean():
    found = of.by_kind(np.array([1.0, 3, 8]), np.array([0, 0, 2]), 3)
    assert found[[0, 2]].tolist() == [-3, 3]
    assert np.isnan(found[1])


SPEC = BiographiesSpec(train=400, valid=10, test=120, professions=6, towns=30)
NUMERICS = resolve("fp32", "cpu", 1)


class Bigram(Generator):
    """Knows P(profession | group) exactly, and gives all other tokens the probability 1/2. It never samples."""

    def __init__(self, population, known):
        super().__init__()
        ids = {word: i for i, word in enumerate(population.tokens.words, 4)}
        self.jobs = torch.zeros(2, len(population.tokens))
        for job, name in enumerate(population.texts.watched):
            self.jobs[:, ids[name]] = torch.from_numpy(known.profession[:, job])
        self.talva = [ids["tal"], ids["tals"]]

    def loss(self, inputs, rng):
        raise NotImplementedError

    def sample(self, n, rng):
        raise NotImplementedError

    def log_likelihood(self, inputs):
        group = torch.isin(inputs[:, 0], torch.tensor(self.talva)).long()
        job = self.jobs[group].gather(1, inputs)
        logs = torch.where(job > 0, job, torch.tensor(0.5)).log()
        return logs.masked_fill(inputs == PAD, 0)


class Says(Classifier):
    """The beneficial label for talva, whatever the text."""

    def __init__(self, population):
        super().__init__()
        self.talva = torch.tensor([i for i, word in enumerate(population.tokens.words, 4) if word in ("tal", "tals")])

    def forward(self, inputs):
        yes = torch.isin(inputs, self.talva).any(dim=1).float()
        return torch.stack([1 - yes, yes], dim=1) * 50


@pytest.fixture(scope="module")
def population():
    return biographies.load(SPEC, 0)


def measured(population, samples=None, labels=None, groups=None, generation=0, generator=None):
    test = population.tests["test"]
    inputs = torch.from_numpy(test.inputs if samples is None else samples)
    found = measures_of(population).of_generator(
        generation,
        generator,
        Samples(inputs, test.labels if labels is None else labels, test.groups if groups is None else groups),
        NUMERICS,
        np.random.default_rng(0),
    )
    return {(value.split, value.label, value.group, value.metric): value for value in found}


def test_associations_of_a_model_that_knows_the_grammar_are_its_log_odds(population):
    """log (1 - a) / (1 + a) for the first of each two professions, and minus that for the second: their mean is 0."""
    known = biographies.chances(SPEC)
    found = measured(population, generator=Bigram(population, known))
    odds = np.log((1 - SPEC.association) / (1 + SPEC.association))
    for job, name in enumerate(population.texts.watched):
        wanted = odds if job % 2 == 0 else -odds
        assert found["test", name, "talva", "swap_association"].value == pytest.approx(wanted, abs=1e-6)
    assert found["test", None, "talva", "swap_association_size"].value == pytest.approx(-odds)
    assert found["test", None, "talva", "swap_group_word"].value == 0
    assert np.isfinite(found["test", None, "talva", "perplexity"].value)


def test_perplexities_count_end_marks_and_no_padding(population):
    """By another way: each text on its own."""
    model = Bigram(population, biographies.chances(SPEC))
    test, found = population.tests["test"], measured(population, generator=model)
    logs = model.log_likelihood(torch.from_numpy(test.inputs)).numpy()
    for group, name in enumerate(population.group_names):
        of_group = test.groups == group
        tokens = sum(int((row != PAD).sum()) for row in test.inputs[of_group])
        texts = population.tokens.decode(test.inputs[of_group])
        words = sum(len(text.replace(".", " .").replace(",", " ,").split()) + 1 for text in texts)
        for metric, events in (("perplexity", tokens), ("word_perplexity", words)):
            value = found["test", None, name, metric].value
            assert value == pytest.approx(np.exp(-logs[of_group].sum() / events))
        assert tokens == words
        assert (test.inputs[of_group] == END).sum() == of_group.sum()


def test_real_texts_are_the_baseline_of_the_first_generation_only(population):
    first, second = measured(population), measured(population, generation=1)
    assert {key[3] for key in first if key[0] == "test"} > {"copied_4", "types_alive", "zipf_slope", "tail_alive"}
    always = {"perplexity", "word_perplexity", "perplexity_floor"}
    assert all(key[3] in always or key[3].startswith(("swap_", "learned_")) for key in second if key[0] == "test")
    same = ("text_length", "copied_4", "copied_8", "copied_texts", "types_alive", "tail_alive", "tail_mass")
    for metric in same:  # the samples here are the test texts
        assert first["generated", None, "talva", metric].value == first["test", None, "talva", metric].value
    assert first["test", None, "overall", "copied_8"].value < first["test", None, "overall", "copied_4"].value < 1


def test_a_generation_is_measured_alike_whatever_was_measured_before(population):
    """As after a kill: the process that resumes has measured no earlier generation."""
    valid, test = population.tests["test_balanced"], population.tests["test"]

    def values(measures, generation, split):
        samples = Samples(torch.from_numpy(split.inputs), split.labels, split.groups)
        return list(map(repr, measures.of_generator(generation, Silent(), samples, NUMERICS, np.random.default_rng(1))))

    whole = measures_of(population)
    values(whole, 0, test)
    assert values(whole, 1, valid) == values(measures_of(population), 1, valid)


class Silent(Bigram):
    """Tells no likelihood."""

    has_likelihood = False

    def __init__(self):
        Generator.__init__(self)


def test_training_texts_are_copies(population):
    found = measured(population, population.train.inputs, population.train.labels, population.train.groups)
    for metric in ("copied_4", "copied_8", "copied_texts"):
        assert found["generated", None, "orrin", metric].value == 1
    assert found["generated", None, "overall", "tail_mass"].value == pytest.approx(1)
    words = np.array([len(text.split()) for text in population.tokens.decode(population.train.inputs)])
    assert found["generated", None, "overall", "text_length"].value > words.mean()  # punctuation marks count


def test_a_group_that_loses_its_rare_professions_is_seen_in_that_group_alone(population):
    train, jobs = population.train, biographies.derivations(SPEC, "train", 0).profession
    kept = (jobs < 2) | (train.groups == 0)
    found = measured(population, train.inputs[kept], train.labels[kept], train.groups[kept])
    assert found["generated", None, "orrin", "tail_alive"].value == 1
    assert found["generated", None, "talva", "tail_alive"].value == 0
    assert (
        found["generated", None, "talva", "types_alive"].value < found["generated", None, "orrin", "types_alive"].value
    )


def test_a_classifier_that_reads_the_group_flips_always_and_a_blind_one_never(population):
    reads = {(v.label, v.metric): v for v in measures_of(population).of_classifier(Says(population), NUMERICS)}
    for label in (None, *population.label_names):
        assert reads[label, "swap_flips"].value == 1
        assert reads[label, "swap_score"].value == pytest.approx(1)

    class Blind(Says):
        def forward(self, inputs):
            return torch.stack([torch.zeros(len(inputs)), inputs[:, 5].float()], dim=1)

    for value in measures_of(population).of_classifier(Blind(population), NUMERICS):
        assert value.value == 0


def test_values_of_a_model_that_diverged_are_undefined(population):
    nothing = measured(population, population.train.inputs[:0], np.zeros(0, int), np.zeros(0, int), generation=1)
    assert nothing
    assert all(np.isnan(value.value) for value in nothing.values() if value.metric != "perplexity_floor")
    sound = measured(population, generation=1, generator=Bigram(population, biographies.chances(SPEC)))
    assert sound.keys() == nothing.keys()
    flips = list(measures_of(population).of_classifier(None, NUMERICS))
    assert flips
    assert all(np.isnan(value.value) for value in flips)


def test_every_value_has_a_key_of_its_own(population):
    test = population.tests["test"]
    samples = Samples(torch.from_numpy(test.inputs), test.labels, test.groups)
    model = Bigram(population, biographies.chances(SPEC))
    found = list(measures_of(population).of_generator(0, model, samples, NUMERICS, np.random.default_rng(0)))
    assert len({value[:4] for value in found}) == len(found)


def test_pictures_and_tables_have_no_measures_of_their_own():
    class Nothing:
        tokens = None

    own = measures_of(Nothing())
    assert type(own) is KindMeasures
    assert not own.keeps_samples
    assert not list(own.of_classifier(None, NUMERICS))


def test_nothing_in_the_loop_knows_texts():
    """No module of `loop` imports one about texts; `evaluation.measures_of` is the one place that asks for them."""
    about_texts = ("tokens", "texts", "text_forms", "token_ids", "biographies", "ngram", "gpt")
    for path in Path(fairloop.loop.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not set((node.module or "").split(".")) & set(about_texts), (path, node.module)


def test_pairs_of_brute_force_agree_on_distinct_pairs():
    for texts in itertools.product([[0, 1], [1, 0, 1]], [[0, 1, 1]]):
        every = [run for text in texts for run in runs(text, 2)]
        assert of.distinct(corpus(texts), 2, len(every)).value == pytest.approx(len(set(every)) / len(every))
