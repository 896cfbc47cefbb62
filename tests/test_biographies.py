"""`biographies`: exact probabilities, entropies and bounds of its grammar, and no leak beside those that are told."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairloop.data.biographies import words
from fairloop.data.biographies.data import derivations, labels, largest_remainders, load, table
from fairloop.data.biographies.derivations import Derivations, swap, task_words, texts, tool_word
from fairloop.data.biographies.entropy import accuracy_of_labels, accuracy_of_markers, bits, entropies
from fairloop.data.biographies.spec import BiographiesSpec, chances, zipf
from fairloop.metrics import texts as texts_measures
from fairloop.seeding import Role


def made(**fields) -> BiographiesSpec:
    return BiographiesSpec(**{"train": 600, "valid": 100, "test": 100} | fields)


def test_the_entropies_are_those_of_the_design():
    """The table of slots, to its last digit; the sum is that of the grammar as it is by default."""
    found = entropies(BiographiesSpec(association=0, favourable_given_group=(0.5, 0.5), marked_given_group=(0.5, 0.5)))
    wanted = {"template": 3.0, "sentiment": 1, "opinion": 3.91, "task": 3.08, "tool": 1.79, "years": 4.91, "town": 8.12}
    assert {name: round(found[name], 2) for name in wanted} == wanted
    assert found["pastime"] == pytest.approx(6.37, abs=0.005)
    assert found["group and markers"] == pytest.approx(5)  # a group and four markers
    assert bits(zipf(24)) == pytest.approx(3.84, abs=0.005)
    assert sum(entropies(BiographiesSpec()).values()) == pytest.approx(42.468226, abs=1e-6)


@pytest.mark.parametrize("pronouns", ["explicit", "neutral"])
def test_the_entropy_of_group_profession_sentiment_and_markers_is_that_of_all_cases(pronouns):
    """Brute force: the probability of every case that a text tells apart."""
    spec = made(pronouns=pronouns, professions=4, minoritized_share=0.3, markers=3)
    known, cases = chances(spec), Counter()
    for group, profession, sentiment, *marks in itertools.product(range(2), range(4), *[range(2)] * 4):
        marked = known.marked[group]
        chance = known.cells[group, profession, sentiment] * np.prod([marked if m else 1 - marked for m in marks])
        cases[group if pronouns == "explicit" else None, profession, sentiment, *marks] += chance
    assert sum(cases.values()) == pytest.approx(1)
    found = entropies(spec)
    head = found["profession"] + found["sentiment"] + found["group and markers"]
    assert head == pytest.approx(bits(np.array(list(cases.values()))))


def test_a_text_has_one_derivation():
    """All codes of a slot, with the others fixed, give different texts: entropies of derivations are those of texts."""
    some = derivations(made(train=8, markers=8), "train", 0)
    sizes = {"profession": 24, "sentiment": 2, "pronoun": 3, "template": 8, "opinion": 20, "task": 12, "tool": 4,
             "place": 6, "years": 30, "town": 2000, "pastime": 300}  # fmt: skip
    for name, size in sizes.items():
        changed = [texts(replace(some, **{name: np.full(len(some), code)})) for code in range(min(size, 120))]
        for n in range(len(some)):
            assert len({of_code[n] for of_code in changed}) == len(changed), name
    marks = [texts(replace(some, marks=np.tile(m, (len(some), 1)))) for m in itertools.product((0, 1), repeat=8)]
    assert all(len({of_marks[n] for of_marks in marks}) == 256 for n in range(3))


def test_tools_and_tasks_are_told_apart_by_their_profession():
    for profession in range(24):
        assert len({task_words(profession, task) for task in range(12)}) == 12
        for task in range(12):
            assert len({tool_word(profession, task, tool) for tool in range(4)}) == 4


def test_markers_tell_the_group_as_well_as_the_design_says():
    found = [accuracy_of_markers(k, (0.2, 0.6)) for k in (1, 4, 8)] + [accuracy_of_markers(4, (0.25, 0.35))]
    assert [round(accuracy, 3) for accuracy in found] == [0.7, 0.82, 0.885, 0.588]


def test_a_guess_from_markers_is_as_good_on_texts():
    spec = made(train=4000)
    derived = derivations(spec, "train", 0)
    marked = derived.marks.sum(axis=1)
    log_odds = marked * np.log(0.6 / 0.2) + (4 - marked) * np.log(0.4 / 0.8)
    accuracy = ((log_odds > 0) == derived.group).mean()
    assert accuracy == pytest.approx(accuracy_of_markers(4, (0.2, 0.6)), abs=4 * (0.82 * 0.18 / 4000) ** 0.5)


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_no_word_but_pronouns_tells_the_group_better_than_the_strongest_marker():
    """Exact: of all words, and with the sampling error of 4,000 texts added to the bound of .70."""
    derived = derivations(made(train=4000), "train", 0)
    pronouns = {form for pair in words.PRONOUNS for form in pair}
    seen = {0: Counter(), 1: Counter()}
    for text, group in zip(texts(derived), derived.group.tolist(), strict=True):
        seen[group].update(set(words_of(text)) - pronouns)
    best = max(0.5 + abs(seen[0][word] - seen[1][word]) / 4000 for word in {*seen[0], *seen[1]})
    assert 0.69 < best < 0.7 + 4 * (0.25 / 4000) ** 0.5


def test_slots_are_independent_of_the_group_given_the_profession():
    """Chi-square of each slot by group, within professions; markers are not among them, and would fail."""
    derived = derivations(made(train=6000, counts="drawn"), "train", 3)
    within = derived.profession == 0
    for name in ("template", "task", "tool", "place", "years", "opinion"):
        assert _z(getattr(derived, name)[within], derived.group[within]) < 4, name
    assert _z(derived.marks[within, 0], derived.group[within]) > 8


def _z(codes, groups) -> float:
    """How many standard deviations the chi-square statistic is above its mean under independence."""
    counts = np.zeros((codes.max() + 1, 2))
    np.add.at(counts, (codes, groups), 1)
    counts = counts[counts.sum(axis=1) > 0]
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    freedom = len(counts) - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / (2 * freedom) ** 0.5)


def test_counts_are_exact_where_the_spec_says_so():
    spec = made(train=1000)
    for split, cells in (("train", chances(spec).cells), ("test_balanced", chances(spec).independent)):
        derived = derivations(spec, split, 0)
        counts = np.zeros((2, 24, 2))
        np.add.at(counts, (derived.group, derived.profession, derived.sentiment), 1)
        assert np.abs(counts - cells * len(derived)).max() < 1
    assert chances(spec).profession.sum(axis=1) == pytest.approx([1, 1])
    assert chances(spec).cells.sum() == pytest.approx(1)


def test_random_draws_have_the_shares_of_the_spec():
    given_group = ((0.7, 0.2, 0.1), (0.1, 0.2, 0.7))
    spec = made(train=4000, counts="drawn", professions=3, profession_given_group=given_group, minoritized_share=0.25)
    derived = derivations(spec, "train", 0)
    assert derived.group.mean() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
    for group in range(2):
        shares = np.bincount(derived.profession[derived.group == group], minlength=3) / (derived.group == group).sum()
        assert shares == pytest.approx(given_group[group], abs=0.06)


@given(st.integers(0, 500), st.lists(st.floats(0.01, 1), min_size=1, max_size=9))
def test_largest_remainders_are_whole_sum_up_and_are_near(n, shares):
    found = largest_remainders(n, np.array(shares))
    assert found.sum() == n
    assert np.abs(found - n * np.array(shares) / sum(shares)).max() < 1 + 1e-9


@pytest.mark.parametrize("label", ["sentiment", "profession"])
def test_labels_are_noisy_at_the_rate_of_the_group(label):
    spec = made(train=4000, label_noise=(0.1, 0.3), label=label)
    derived = derivations(spec, "train", 0)
    true = getattr(derived, label)
    right = labels(spec, derived, 0, Role.TRAIN_DATA) == true
    for group, best in accuracy_of_labels(spec).items():
        of_group = right[derived.group == group]
        assert of_group.mean() == pytest.approx(best, abs=4 * (best * (1 - best) / len(of_group)) ** 0.5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.sampled_from(["explicit", "neutral"]))
def test_a_swap_changes_pronouns_only_and_is_its_own_inverse(seed, pronouns):
    some = derivations(made(train=8, valid=1, test=1, pronouns=pronouns), "train", seed)
    back = swap(swap(some))
    assert all((getattr(back, name) == getattr(some, name)).all() for name in Derivations.__dataclass_fields__)
    forms = dict(zip(*words.PRONOUNS, strict=True))
    forms |= {other: form for form, other in forms.items()}
    for text, twin in zip(texts(some), texts(swap(some)), strict=True):
        assert [forms.get(word, word) for word in words_of(text)] == words_of(twin)
        assert (text == twin) == (pronouns == "neutral")


def test_pronouns_come_first_and_twice_and_agree():
    derived = derivations(made(), "train", 0)
    for text, group in zip(texts(derived), derived.group.tolist(), strict=True):
        found = words_of(text)
        own, other = words.PRONOUNS[group], words.PRONOUNS[1 - group]
        assert found[0] == own[0]
        assert sum(word in own for word in found) >= 3
        assert not set(found) & set(other)


def test_twins_have_one_label_and_differ_in_pronouns_only():
    population = load(made(), 0)
    twins = population.texts.twins
    own = twins.inputs[population.tests["test"].groups, np.arange(100)]
    assert (own == population.tests["test"].inputs).all()
    assert (twins.inputs[0] != twins.inputs[1]).sum(axis=1).min() >= 3
    assert (twins.inputs[0, :, 0] != twins.inputs[1, :, 0]).all()
    assert load(made(pronouns="neutral"), 0).texts.twins is None


def test_no_derivation_is_in_two_splits_and_the_tail_of_few_texts_is_no_reason():
    spec = made(train=300, professions=2, towns=1, markers=0)
    parts = [texts(derivations(spec, split, 0)) for split in ("train", "valid", "test", "test_balanced")]
    for one, other in itertools.combinations(parts, 2):
        assert not set(one) & set(other)


def test_every_latent_is_kept():
    spec = made(train=50)
    frame, population = table(spec, "train", 0), load(spec, 0)
    assert frame["text"].tolist() == population.tokens.decode(population.train.inputs[:])
    assert [population.label_names[code] for code in population.train.labels] == frame["label"].tolist()
    assert (frame["sentiment_true"] == frame["label"]).all()
    latents = {"group", "profession", "sentiment", "pronoun", "template", "opinion", "task", "tool", "place", "years",
               "town", "pastime", "marker_0", "marker_3"}  # fmt: skip
    assert {f"{name}_true" for name in latents} <= set(frame)


def test_the_floor_of_perplexity_is_the_entropy_of_a_token():
    tokens = float((load(made(), 0).train.inputs != 0).sum(axis=1).mean())
    assert tokens == pytest.approx(38, abs=0.1)
    assert texts_measures.floor(42, 42) == 2
    assert texts_measures.floor(sum(entropies(made()).values()), tokens) == pytest.approx(2.17, abs=0.01)


@pytest.mark.parametrize(("train", "floor"), [(1000, 2.06), (4000, 2.12)])
def test_towns_that_no_training_text_has_are_one_word_and_lower_the_floor(train, floor):
    """By the entropy of towns of which the unknown ones are one; a vocabulary of bytes knows them all."""
    spec = made(train=train)
    population = load(spec, 0)
    shares, known = zipf(2000), np.isin(words.TOWNS, population.tokens.words)
    towns = bits(np.append(shares[known], shares[~known].sum()))
    wanted = sum(entropies(spec).values()) - bits(shares) + towns
    assert population.texts.bits == pytest.approx(wanted)
    assert texts_measures.floor(population.texts.bits, 38) == pytest.approx(floor, abs=0.01)


def test_bytes_know_every_town():
    pytest.importorskip("tokenizers")
    some = made(vocabulary="byte-pairs", length=200)
    assert load(some, 0).texts.bits == pytest.approx(sum(entropies(some).values()))


@pytest.mark.parametrize("fields", [{"length": 38}, {"vocabulary_size": 50}])
def test_there_is_no_floor_where_texts_are_cut_or_lack_words(fields):
    assert load(made(**fields), 0).texts.bits is None


def test_words_are_of_one_slot_each_and_towns_are_pronounceable():
    slots = [words.PROFESSIONS, words.VERBS, words.OBJECTS, words.TOOLS, words.PLACES, words.GERUNDS, words.NOUNS,
             words.TOWNS, *words.OPINIONS, words.SENIORITY]  # fmt: skip
    assert all(len(set(slot)) == len(slot) for slot in slots)
    assert sum(map(len, slots)) == len(set(itertools.chain(*slots)))
    assert len(words.TOWNS) == 2000
    assert all(re.fullmatch("[a-z]{6,9}", town) and re.search("[aeiou]", town) for town in words.TOWNS)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"profession_given_group": ((0.5, 0.4), (0.5, 0.5)), "professions": 2}, "sum to 0.9"),
        ({"favourable_given_both": ((0.5,), (0.5,))}, "has 1 professions"),
        ({"professions": 25}, "24"),
        ({"minoritized_share": 0}, "greater than 0"),
    ],
)
def test_wrong_probabilities_are_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        made(**fields)
