"""The measures of texts, by group and label: perplexity, variety, copies, tails, and differences between twins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.data.population import Population, Split
from fairloop.data.texts import Twins
from fairloop.data.tokens import Vocabulary, words_in
from fairloop.evaluation.interface import Codes, KindMeasures, Samples, Value
from fairloop.metrics import texts as of
from fairloop.metrics.texts import Corpus, Measured
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.sources.source import decisions, probabilities
from fairloop.tables.token_ids import END, PAD

AT = 1000
"""Number of n-grams for counts of distinct n-grams, equal in all groups and generations."""

COPIED = (4, 8)

_NONE = np.zeros(0, np.int64)
_AT_ONCE = 128  # texts in one step of logits, because a vocabulary is larger than the channels of a picture


class Part(NamedTuple):
    """The texts of a value. chosen: their positions. code: of the group, or -1 for all groups."""

    label: str | None
    group: str
    chosen: Codes
    code: int


class Reference(NamedTuple):
    """Real training texts of one group, or of all. texts: their number. frequencies: (V,) texts with each word. ranked:
    (K,) their words, the most frequent first. watched: (W,) counts of texts with each watched word, or label.
    """

    texts: int
    frequencies: Codes
    ranked: Codes
    watched: NDArray[np.float64]


class TextMeasures(KindMeasures):
    """Measures of generators and classifiers of texts."""

    keeps_samples = True

    def __init__(self, population: Population, tokens: Vocabulary) -> None:
        self._population, self._tokens = population, tokens

    def words(self, inputs: Tensor) -> list[str]:
        """Generated texts; empty if reports do not show them."""
        return self._tokens.decode(inputs.cpu().numpy()) if self._population.texts.shown else []

    def of_generator(
        self,
        generation: int,
        generator: Generator | None,
        samples: Samples,
        numerics: Numerics,
        rng: np.random.Generator,
    ) -> Iterator[Value]:
        """Perplexity of real test texts and of its own samples, words of the samples, copies of what it learned from,
        twins; in generation 0 also words of real test texts, as a baseline.
        """
        order = torch.from_numpy(rng.permutation(len(samples.inputs)))
        inputs = samples.inputs.cpu()[order]
        labels, groups = (None if codes is None else codes[order.numpy()] for codes in (samples.labels, samples.groups))
        parts, corpus = self._parts(len(inputs), labels, groups), self._corpus(inputs.numpy())
        yield from self._of_words("generated", corpus, parts, labels)
        test = self._population.tests["test"]
        in_test, real = self._parts(len(test), test.labels, test.groups), self._test
        if generation == 0:
            shuffled = [part._replace(chosen=rng.permutation(part.chosen)) for part in in_test]
            yield from self._of_words("test", real, shuffled, test.labels)
        learned = self._known if samples.learned is None or generator is None else self._keys(samples.learned())
        yield from self._of_copies("generated", corpus, parts, learned)
        yield from self._of_copies("test", real if generator is not None else corpus.of(_NONE), in_test, learned)
        if (bits := self._population.texts.bits) is not None:
            tokens = float((_read(test) != PAD).sum()) / len(test)
            yield Value("test", None, "overall", "perplexity_floor", of.floor(bits, tokens), np.nan)
        if generator is None or generator.has_likelihood:
            yield from self._perplexities("generated", generator, inputs, corpus, parts, numerics)
            yield from self._perplexities("test", generator, _read(test), real, in_test, numerics)
            if (twins := self._population.texts.twins) is not None:
                yield from self._of_twins(twins, generator, numerics)

    def of_classifier(self, classifier: Classifier | None, numerics: Numerics) -> Iterator[Value]:
        """The share of test texts whose label changes with the words of their group, and the change of scores."""
        twins = self._population.texts.twins
        if twins is None:
            return
        test = self._population.tests["test"]
        decided, score = ([], []) if classifier is None else self._named(classifier, twins, numerics)
        for code, group in list(enumerate(self._population.group_names))[1:]:
            flips = decided[code] != decided[0] if decided else np.zeros(0, bool)
            gaps = score[code] - score[0] if score else np.zeros(0)
            apart = twins.differ(code) if len(flips) else np.zeros(len(test), bool)
            for part in self._parts(len(test), test.labels, None):
                chosen = part.chosen[apart[part.chosen]]
                yield Value("test", part.label, group, "swap_flips", *of.mean(flips[chosen]))
                yield Value("test", part.label, group, "swap_score", *of.mean(gaps[chosen]))

    def _named(
        self, classifier: Classifier, twins: Twins, numerics: Numerics
    ) -> tuple[list[Codes], list[NDArray[np.float64]]]:
        """Labels, and scores of the beneficial label, of texts in the words of each group."""
        decided, score = [], []
        for code, texts in enumerate(torch.from_numpy(twins.inputs)):
            batches = list(_batches(texts, numerics))
            groups = torch.full((len(texts),), code)
            decided.append(decisions(classifier, batches, numerics, groups).numpy())
            score.append(probabilities(classifier, batches, numerics)[:, self._population.beneficial].double().numpy())
        return decided, score

    def _of_words(self, split: str, corpus: Corpus, parts: Sequence[Part], labels: Codes | None) -> Iterator[Value]:
        copied = of.among(of.whole(corpus), self._known[0])
        for part in parts:
            own = corpus.of(part.chosen)
            reference = self._references[part.code]
            counts = np.bincount(own.words, minlength=len(reference.frequencies))
            found = {
                "text_length": of.mean(own.lengths),
                "type_token_ratio": of.distinct(own, 1, AT),
                "distinct_2": of.distinct(own, 2, AT),
                "distinct_3": of.distinct(own, 3, AT),
                "zipf_slope": of.zipf_slope(counts[reference.ranked]),
                "copied_texts": of.mean(copied[part.chosen]),
                **{f"copied_{n}": of.copied(own, n, self._known[n]) for n in COPIED},
            }
            if part.label is None:
                alive = int((counts[: len(reference.frequencies)][reference.frequencies > 0] > 0).sum())
                found["types_alive"] = of.types_alive(alive, reference.frequencies, reference.texts, own.size)
                watched = self._watched(own, None if labels is None else labels[part.chosen])
                found["tail_mass"], found["tail_alive"] = of.tail(watched, reference.watched)
            yield from _values(split, part, found)

    def _of_copies(
        self, split: str, corpus: Corpus, parts: Sequence[Part], learned: dict[int, NDArray[np.uint64]]
    ) -> Iterator[Value]:
        """Copies of the texts that the model learned from, by the keys of their n-grams. No texts: all undefined."""
        copied = of.among(of.whole(corpus), learned[0])
        for part in parts:
            chosen = part.chosen if corpus.size else _NONE
            own = corpus.of(chosen)
            found = {"learned_texts": of.mean(copied[chosen])}
            yield from _values(split, part, found | {f"learned_{n}": of.copied(own, n, learned[n]) for n in COPIED})

    def _perplexities(
        self, split: str, generator: Generator | None, inputs: Tensor, corpus: Corpus, parts: Sequence[Part],
        numerics: Numerics,
    ) -> Iterator[Value]:  # fmt: skip
        logs = _likelihoods(generator, inputs, numerics).sum(axis=1)
        tokens = (inputs != PAD).sum(dim=1).numpy() if generator is not None else np.zeros(len(inputs), np.int64)
        ends = (inputs == END).any(dim=1).numpy()  # the end mark counts as a token; a cut text has no end mark
        words = (corpus.lengths + ends) * (tokens > 0)
        for part in parts:
            chosen = part.chosen
            found = {
                "perplexity": of.perplexity(logs[chosen], tokens[chosen]),
                "word_perplexity": of.perplexity(logs[chosen], words[chosen]),
            }
            yield from _values(split, part, found)

    def _of_twins(self, twins: Twins, generator: Generator | None, numerics: Numerics) -> Iterator[Value]:
        logs = [_likelihoods(generator, torch.from_numpy(texts), numerics) for texts in twins.inputs]
        for code, group in list(enumerate(self._population.group_names))[1:]:
            apart = twins.differ(code) if generator is not None else np.zeros(len(twins.kinds), bool)
            told = (array[apart] for array in (twins.inputs[code], twins.inputs[0], logs[code], logs[0]))
            word, rest = of.swap(*told)
            yield Value("test", None, group, "swap_group_word", *of.mean(word))
            yield Value("test", None, group, "swap_rest", *of.mean(rest))
            by_kind = of.by_kind(rest, twins.kinds[apart], len(twins.kind_names))
            there = by_kind[~np.isnan(by_kind)]
            size = float(np.sqrt((there**2).mean())) if len(there) else np.nan
            yield Value("test", None, group, "swap_association_size", size, np.nan)
            for name, value in zip(twins.kind_names, by_kind.tolist(), strict=True):
                yield Value("test", name, group, "swap_association", value, np.nan)

    def _parts(self, n: int, labels: Codes | None, groups: Codes | None) -> list[Part]:
        """All texts, the texts of each group, and the texts of each label."""
        nothing = np.full(n, -1)
        parts = [Part(None, "overall", np.arange(n), -1)]
        for code, name in enumerate(self._population.group_names if groups is not None else ()):
            parts.append(Part(None, name, np.flatnonzero((groups if groups is not None else nothing) == code), code))
        for code, name in enumerate(self._population.label_names if labels is not None else ()):
            parts.append(Part(name, "overall", np.flatnonzero((labels if labels is not None else nothing) == code), -1))
        return parts

    def _corpus(self, ids: NDArray[np.int64]) -> Corpus:
        """The words of texts. A word has the same id in all of them."""
        split, known = self._split(ids), self._ids
        words = np.array([known.setdefault(word, len(known)) for text in split for word in text], np.int64)
        return Corpus(words, np.repeat(np.arange(len(split)), [len(text) for text in split]), len(split))

    def _split(self, ids: NDArray[np.int64]) -> list[list[str]]:
        return [words_in(text) for text in self._tokens.decode(ids)]

    @cached_property
    def _ids(self) -> dict[str, int]:
        """Ids of words, with training texts first, so that ties do not depend on the order of measures."""
        words = (word for text in self._split(self._population.train.inputs[:]) for word in text)
        return {word: i for i, word in enumerate(dict.fromkeys(words))}

    @cached_property
    def _train(self) -> Corpus:
        return self._corpus(self._population.train.inputs[:])

    @cached_property
    def _test(self) -> Corpus:
        return self._corpus(self._population.tests["test"].inputs[:])

    @cached_property
    def _known(self) -> dict[int, NDArray[np.uint64]]:
        """Sorted keys of the n-grams of training texts, by n; at 0, keys of whole texts."""
        return _keys(self._train)

    def _keys(self, batches: Iterable[Tensor]) -> dict[int, NDArray[np.uint64]]:
        """Sorted keys of the n-grams of the texts in `batches`, by n."""
        return _keys(self._corpus(torch.cat([batch.cpu() for batch in batches]).unique(dim=0).numpy()))

    @cached_property
    def _references(self) -> dict[int, Reference]:
        """References by group; at -1, of all groups."""
        train, groups, size = self._train, self._population.train.groups, int(self._train.words.max(initial=0)) + 1
        chosen = {-1: np.arange(train.size)}
        chosen |= {code: np.flatnonzero(groups == code) for code in range(len(self._population.group_names))}
        found = {}
        for code, places in chosen.items():
            own = train.of(places)
            counts = np.bincount(own.words, minlength=size)
            ranked = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
            each = np.unique(own.texts * size + own.words) % size
            watched = self._watched(own, self._population.train.labels[places])
            found[code] = Reference(own.size, np.bincount(each, minlength=size), ranked, watched.astype(np.float64))
        return found

    def _watched(self, corpus: Corpus, labels: Codes | None) -> Codes:
        """(W,) counts of texts with each watched word; without watched words, of texts with each label."""
        watched = self._population.texts.watched
        if not watched:
            codes = np.zeros(0, np.int64) if labels is None else labels
            return np.bincount(codes, minlength=len(self._population.label_names))
        wanted = [self._ids.setdefault(word, len(self._ids)) for word in watched]
        pairs = [len(np.unique(corpus.texts[corpus.words == word])) for word in wanted]
        return np.array(pairs, np.int64)


def _keys(corpus: Corpus) -> dict[int, NDArray[np.uint64]]:
    return {0: np.unique(of.whole(corpus)), **{n: np.unique(of.ngrams(corpus, n)) for n in COPIED}}


def _values(split: str, part: Part, found: dict[str, Measured]) -> Iterator[Value]:
    return (Value(split, part.label, part.group, metric, *measured) for metric, measured in found.items())


def _read(split: Split) -> Tensor:
    return torch.from_numpy(np.asarray(split.inputs[:]))


def _batches(inputs: Tensor, numerics: Numerics) -> Iterator[Tensor]:
    return (numerics.tensor(part) for part in torch.split(inputs, _AT_ONCE))


@torch.no_grad()
def _likelihoods(generator: Generator | None, inputs: Tensor, numerics: Numerics) -> NDArray[np.float64]:
    """(N, L) log-probabilities of tokens; zeros if the generator diverged."""
    if generator is None or not len(inputs):
        return np.zeros(inputs.shape)
    with numerics.autocast():
        parts = [generator.log_likelihood(part).double().cpu() for part in _batches(inputs, numerics)]
    return torch.cat(parts).numpy()
