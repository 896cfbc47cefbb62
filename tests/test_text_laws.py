"""Laws of texts that models make from texts of models: exact values, and loops of the n-gram model that follow them.

Texts of one token without an end mark make an unsmoothed model of order 1 the Wright-Fisher model: each generation
draws N tokens by the shares among the N tokens before. Expected values come from its transition matrix or from closed
forms; means of loops must lie within four standard errors, exact ones where the variance has a closed form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import exp, pi, sin, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy.stats import binom

from fairloop.models.ngram import NGram
from fairloop.tables.token_ids import BEGIN, END, PAD
from texts import SENTENCES, VOCABULARY, ids, some_texts

Shares = NDArray[np.float64]
FIRST = 4  # id of the first word


def unigram(words: NDArray[np.int64]) -> NGram:
    return NGram(1, 0.0, "continuation").fit(words)


def shares_of(words: NDArray[np.int64], types: int) -> Shares:
    return np.bincount(words.ravel() - FIRST, minlength=types) / words.size


def drawn(shares: Shares, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return FIRST + rng.choice(len(shares), (n, 1), p=shares)


Rule = Callable[[NGram, NDArray[np.int64], np.random.Generator], NDArray[np.int64]]


def loop(shares: Shares, n: int, generations: int, seed: int, rule: Rule | None = None) -> Iterator[Shares]:
    """Shares in the real sample (g = 1 of the tables), then in each generation's."""
    rng = np.random.default_rng(seed)
    words = drawn(shares, n, rng)
    yield shares_of(words, len(shares))
    for _ in range(generations - 1):
        model = unigram(words)
        words = rule(model, words, rng) if rule else model.sample(n, rng)
        yield shares_of(words, len(shares))


def loops(shares: Shares, n: int, generations: int, runs: int, rule: Rule | None = None) -> Shares:
    """(runs, generations, types)."""
    return np.array([list(loop(shares, n, generations, seed, rule)) for seed in range(runs)])


def zipf(types: int) -> Shares:
    weights = 1 / np.arange(1, types + 1)
    return weights / weights.sum()


def dead(shares: Shares, n: int, generations: int) -> Shares:
    """P(count = 0 after g = 1, 2, ... samplings) of types with `shares`, by powers of the matrix Bin(n, k / n)."""
    distinct, of = np.unique(np.round(shares, 15), return_inverse=True)
    counts, gone = np.arange(n + 1), [np.eye(n + 1)[0]]
    matrix = binom.pmf(counts, n, counts[:, None] / n)
    for _ in range(generations - 1):
        gone.append(matrix @ gone[-1])
    chances = np.array(gone) @ binom.pmf(counts, n, distinct[:, None]).T
    return chances[:, of.reshape(shares.shape)]


def alive(shares: Shares, n: int, generations: int) -> tuple[Shares, Shares]:
    """(g,) means and exact variances of the number of types: two types are both gone where their sum is."""
    gone = dead(shares, n, generations)
    both = dead(np.minimum(np.add.outer(shares, shares), 1), n, generations) - gone[:, :, None] * gone[:, None, :]
    alone = gone * (1 - gone)
    return (1 - gone).sum(axis=1), both.sum(axis=(1, 2)) - both.diagonal(axis1=1, axis2=2).sum(axis=1) + alone.sum(
        axis=1
    )


def within(found: float, expected: float, error: float) -> None:
    assert abs(found - expected) <= 4 * error, f"{found:g}, expected {expected:g} +- {error:g}"


FOUR = np.array([0.4, 0.3, 0.2, 0.1])
TABLE = {  # E[types alive] at g, of TEXT's reference values
    ("four", 10): (FOUR, {1: 3.509653, 2: 3.108839, 3: 2.787161, 5: 2.320075, 10: 1.692902, 20: 1.228801}),
    ("Zipf", 200): (zipf(100), {1: 59.756, 2: 47.274, 3: 39.841, 5: 30.987, 10: 20.765, 20: 13.126}),
}


@pytest.mark.parametrize(("case", "runs"), [(("four", 10), 60), (("Zipf", 200), 30)])
def test_types_that_are_alive(case, runs):
    shares, expected = TABLE[case]
    n = case[1]
    found, (means, variances) = (loops(shares, n, 20, runs) > 0).sum(axis=2), alive(shares, n, 20)
    assert n == 10 or variances[0] == pytest.approx(15.1251, abs=1e-4)
    for g, value in expected.items():
        assert means[g - 1] == pytest.approx(value, abs=1e-6 if n == 10 else 5e-4)
        within(found[:, g - 1].mean(), means[g - 1], sqrt(variances[g - 1] / runs))


@pytest.mark.parametrize(
    ("shares", "mean", "variance"), [(zipf(1000), 333.747, 121.9903), (np.full(1000, 1e-3), 632.305, 97.228)]
)
def test_types_after_one_generation_have_a_closed_form(shares, mean, variance):
    """And many generations later, about 2 / g of the large sample's expectation of a type."""
    n = 1000
    gone = (1 - shares) ** n
    both = (1 - np.add.outer(shares, shares)) ** n - np.outer(gone, gone)
    np.fill_diagonal(both, gone * (1 - gone))
    assert ((1 - gone).sum(), both.sum()) == pytest.approx((mean, variance), abs=1e-3)
    runs, extinct = 30, [0.0]
    for _ in range(5):
        extinct.append(exp(extinct[-1] - 1))
    found = (loops(shares, n, 5, runs) > 0).sum(axis=2)
    within(found[:, 0].mean(), mean, sqrt(variance / runs))
    for g in (2, 3, 5):
        later = (1 - np.exp(-n * shares * (1 - extinct[g - 1]))).sum()
        within(found[:, g - 1].mean(), later, sqrt(variance / runs))


def test_shares_are_martingales_and_diversity_decays():
    n, runs = 10, 100
    found = loops(FOUR, n, 10, runs)
    for g in (1, 5, 10):
        variance = FOUR * (1 - FOUR) * (1 - (1 - 1 / n) ** g)
        for share, expected, spread in zip(found[:, g - 1].mean(axis=0), FOUR, variance, strict=True):
            within(share, expected, sqrt(spread / runs))
        diversity = 1 - (found[:, g - 1] ** 2).sum(axis=1)
        expected = {1: 0.63, 5: 0.413343, 10: 0.244075}[g]
        assert 0.7 * (1 - 1 / n) ** g == pytest.approx(expected, abs=1e-6)
        within(diversity.mean(), expected, 0.35 / sqrt(runs))  # no variable in [0, .7] spreads more


def test_temperature_and_a_uniform_base_break_the_martingale():
    words = FIRST + np.repeat(np.arange(4), [40, 30, 20, 10])[:, None]
    n = 20_000
    sharp = FOUR**2 / (FOUR**2).sum()
    found = shares_of(unigram(words).sample(n, np.random.default_rng(0), 0.5), 4)
    assert (np.abs(found - sharp) <= 4 * np.sqrt(sharp * (1 - sharp) / n)).all()
    smooth = NGram(1, 0.75, "uniform", FIRST + 5).fit(words)
    assert smooth.probabilities(np.zeros((1, 0), np.int64))[0, FIRST + 4] == pytest.approx(0.75 * 4 / 100 / 7)


MANY, N, RUNS, LAST = 200, 50, 40, 12  # uniform types stand for many independent chains of one


def spread(found: Shares, shares: Shares) -> Shares:
    """(runs, generations): the variance of shares, as a fraction of p (1 - p), with expectation Var / (p (1 - p))."""
    far: Shares = ((found - shares) ** 2).sum(axis=2) / (1 - (shares**2).sum())
    return far


def follows(found: Shares, expected: Shares) -> None:
    for g in (1, 2, 5, LAST - 1):
        within(found[:, g].mean(), expected[g], found[:, g].std(ddof=1) / sqrt(len(found)))


def fresh_variance(n: int, a: float, generations: int) -> Shares:
    found = [1 / n]
    for _ in range(generations - 1):
        found.append(1 / n + (1 - 1 / n) * (1 - a) ** 2 * found[-1])
    return np.array(found)


def test_variances_of_a_real_share_have_the_reference_values():
    p = 0.21
    assert p * fresh_variance(N, 0.1, 10)[-1] == pytest.approx(0.01834522, abs=1e-8)
    assert p * fresh_variance(N, 0.2, 10)[-1] == pytest.approx(0.01115997, abs=1e-8)
    assert N * fresh_variance(N, 0.5, 400)[-1] == pytest.approx(1.3245, abs=5e-5)
    for a, limit in ((0.1, 0.01817308), (0.2, 0.00893617)):
        assert p * fixed_variance(N, a, 2000)[-1] == pytest.approx(limit, abs=1e-8)


def fixed_variance(n: int, a: float, generations: int) -> Shares:
    """Around the retained shares r, as a fraction of r (1 - r), from r on."""
    found = [0.0]
    for _ in range(generations - 1):
        found.append((1 - a) / n * (1 - found[-1]) + (1 - a) ** 2 * found[-1])
    return np.array(found)


def test_a_share_of_fresh_real_texts_keeps_diversity():
    shares, a = np.full(MANY, 1 / MANY), 0.2

    def rule(model: NGram, words: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        real = rng.random((N, 1)) < a
        return np.where(real, drawn(shares, N, rng), model.sample(N, rng))

    found = spread(loops(shares, N, LAST, RUNS, rule), shares)
    follows(found, fresh_variance(N, a, LAST))
    assert found[:, -1].mean() < 0.6 * (1 - (1 - 1 / N) ** LAST)  # without real texts


def test_a_retained_set_of_real_texts_draws_shares_back_to_its_own():
    a, size = 0.2, 10
    retained = FIRST + np.arange(size)[:, None]  # one each: r = 1 / 10
    shares = np.full(size, 1 / size)

    def rule(model: NGram, words: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        return np.concatenate([retained, model.sample(N - len(retained), rng)])

    def chain(seed: int) -> Shares:
        rng, words = np.random.default_rng(seed), np.tile(retained, (N // size, 1))
        found = [shares]
        for _ in range(LAST - 1):
            words = rule(unigram(words), words, rng)
            found.append(shares_of(words, size))
        return np.array(found)

    found = spread(np.array([chain(seed) for seed in range(60)]), shares)
    follows(found, fixed_variance(N, a, LAST))
    within(found[:, -1].mean(), 0.00893617 / 0.21, found[:, -1].std(ddof=1) / sqrt(60) + 0.001)


def accumulated_variance(n: int, synthetic: int) -> float:
    return 1 - float(np.prod([1 - 1 / (n * i**2) for i in range(1, synthetic + 2)]))


ACCUMULATED = {  # Var / (p q) after g synthetic batches
    50: {0: 0.02, 1: 0.0249, 2: 0.02706689, 5: 0.02959984, 10: 0.03089258, 20: 0.03167531},
    1000: {0: 0.001, 1: 0.00124975, 2: 0.00136072, 5: 0.00149082, 10: 0.00155736, 20: 0.00159769},
}


def pools(runs: int, generations: int, train_on: int | None = None) -> tuple[Shares, Shares]:
    """(runs, generations, MANY): shares in the pool, and those of each model; it learns from `train_on` of the pool."""
    of_pool, of_model = np.zeros((2, runs, generations, MANY))
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        pool = drawn(np.full(MANY, 1 / MANY), N, rng)
        for g in range(generations):
            chosen = pool if train_on is None else rng.permutation(pool)[:train_on]
            model = unigram(chosen)
            of_pool[seed, g], of_model[seed, g] = shares_of(pool, MANY), shares_of(chosen, MANY)
            pool = np.concatenate([pool, model.sample(N, rng)])
    return of_pool, of_model


def test_accumulated_texts_lose_little_and_no_type():
    for n, values in ACCUMULATED.items():
        for g, value in values.items():
            assert accumulated_variance(n, g) == pytest.approx(value, abs=1e-8)
    limit = 1 - sin(pi / sqrt(N)) / (pi / sqrt(N))
    assert limit == pytest.approx(0.03257551, abs=1e-8)
    assert accumulated_variance(N, 5000) < limit < pi**2 / (6 * N)
    pool, _ = pools(RUNS, LAST)
    follows(spread(pool, np.full(MANY, 1 / MANY)), np.array([accumulated_variance(N, g) for g in range(LAST)]))
    assert ((pool > 0) == (pool[:, :1] > 0)).all()


def subsampled_variance(n: int, synthetic: int) -> float:
    """Of the model that learns from n of the pool, as a fraction of p (1 - p)."""
    left = 1 - 1 / n
    for g in range(synthetic + 1):
        pool = (g + 1) * n
        c = (pool - n) / ((pool - 1) * n)
        model, left = left * (1 - c), left * (1 - (c + (1 - c) / n) / (g + 2) ** 2)
    return 1 - model


def test_a_subsample_of_the_accumulated_texts_drifts_less_than_twice_as_far():
    for g, value in ((0, 0.02), (1, 0.034749), (5, 0.048643), (20, 0.054707)):
        assert subsampled_variance(N, g) == pytest.approx(value, abs=1e-6)
    _, model = pools(RUNS, LAST, train_on=N)
    follows(spread(model, np.full(MANY, 1 / MANY)), np.array([subsampled_variance(N, g) for g in range(LAST)]))


def test_a_minority_drifts_faster_by_one_over_its_share():
    """Texts are a group and a type. Expected diversity within a group is that at first times prod(1 - 1 / n_t)."""
    kinds, types, n, generations, runs = np.array([0.8, 0.2]), 6, 100, 7, 60
    start, found, expected = 1 - 1 / types, np.zeros((runs, 2)), np.full((runs, 2), 1 - 1 / types)
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        texts = np.column_stack([FIRST + rng.choice(2, n, p=kinds), FIRST + 2 + rng.choice(types, n)])
        for g in range(generations):
            texts = NGram(2, 0.0, "continuation").fit(texts).sample(n, rng) if g else texts
            sizes = np.bincount(texts[:, 0] - FIRST, minlength=2)
            expected[seed] *= 1 - 1 / np.maximum(sizes, 1)
        for group in np.flatnonzero(sizes):
            shares = shares_of(texts[texts[:, 0] == FIRST + group, 1] - 2, types)
            found[seed, group] = 1 - (shares**2).sum()
    for group in (0, 1):
        apart = found[:, group] - expected[:, group]
        within(apart.mean(), 0, apart.std(ddof=1) / sqrt(runs))
    majority, minority = (start - found).mean(axis=0)
    assert 2.5 < minority / majority < 6.5  # 4, while both are small


def visits(model: NGram, order: int, texts: NDArray[np.int64]) -> tuple[list[tuple[int, ...]], Shares, Shares]:
    """The contexts of the model, P(token | context), and the visits per text: the solution of a flow's balance."""
    marked = [[BEGIN] * (order - 1) + [t for t in row if t != PAD] for row in texts.tolist()]
    contexts = sorted({tuple(row[i : i + order - 1]) for row in marked for i in range(len(row) - order + 1)})
    place = {context: i for i, context in enumerate(contexts)}
    shares = model.probabilities(np.array([c[::-1] for c in contexts], np.int64).reshape(len(contexts), order - 1))
    moves = np.zeros((len(contexts), len(contexts)))
    for context, i in place.items():
        for token in np.flatnonzero(shares[i]).tolist():
            if token != END:
                moves[i, place[(*context, token)[1:]]] += shares[i, token]
    start = np.zeros(len(contexts))
    start[place[(BEGIN,) * (order - 1)]] = 1
    return contexts, shares, np.linalg.solve(np.eye(len(contexts)) - moves.T, start)


def counted(texts: NDArray[np.int64], order: int, contexts: list[tuple[int, ...]], size: int) -> Shares:
    place, counts = {context: i for i, context in enumerate(contexts)}, np.zeros((len(contexts), size))
    for row in texts.tolist():
        marked = [BEGIN] * (order - 1) + [token for token in row if token != PAD]
        for i in range(order - 1, len(marked)):
            counts[place[tuple(marked[i - order + 1 : i])], marked[i]] += 1
    return counts


@pytest.mark.parametrize("order", [1, 2, 3])
@settings(max_examples=20, deadline=None)
@given(texts=some_texts())
def test_an_unsmoothed_model_expects_as_many_of_each_n_gram_as_it_counted(order, texts):
    size = 9
    model = NGram(order, 0.0, "continuation", size).fit(texts)
    contexts, shares, times = visits(model, order, texts)
    expected = len(texts) * times[:, None] * shares
    assert np.allclose(expected, counted(texts, order, contexts, size), atol=1e-9)


def test_each_bigram_survives_as_often_as_its_closed_form_says():
    texts = ids(*SENTENCES, length=40)  # long enough that a sample is cut in 1 of 10^5 texts
    m, runs = len(texts), 400
    model = NGram(2, 0.0, "continuation", VOCABULARY).fit(texts)
    contexts, shares, _ = visits(model, 2, texts)
    counts = counted(texts, 2, contexts, VOCABULARY)
    moves = np.array([[row[c[0]] if c[0] != BEGIN else 0.0 for c in contexts] for row in shares])
    reach = np.linalg.inv(np.eye(len(contexts)) - moves)
    fresh = model.sample(m * runs, np.random.default_rng(3)).reshape(runs, m, -1)
    alive_in = np.array([counted(sample, 2, contexts, VOCABULARY) > 0 for sample in fresh]).mean(axis=0)
    for i, context in enumerate(contexts):
        for token in np.flatnonzero(counts[i]).tolist():
            back = 0.0 if token == END else reach[contexts.index((token,)), i]
            r = counts[i, token] / m / (1 + back * shares[i, token])
            chance = 1 - (1 - r) ** m
            error = sqrt(chance * (1 - chance) / runs)
            assert abs(alive_in[i, token] - chance) <= 4.5 * error + 1e-3, (context, token)


@settings(max_examples=30, deadline=None)
@given(texts=some_texts())
def test_kneser_ney_bigrams_keep_the_expected_count_of_each_word(texts):
    size = 9
    model = NGram(2, 0.75, "continuation", size).fit(texts)
    before = np.array([[b] for row in texts.tolist() for b, token in pairwise([BEGIN, *row]) if token != PAD])
    counts = np.bincount(texts[texts != PAD], minlength=size)
    assert np.allclose(model.probabilities(before).sum(axis=0), counts, atol=1e-9)
    mutating = NGram(2, 0.75, "uniform", size).fit(texts)
    assert mutating.probabilities(before).sum(axis=0)[3] > 0  # a word that no text has
