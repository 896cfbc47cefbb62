"""The population of `biographies`: counts, texts, labels, and the twins of each test text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fairloop.data.biographies.derivations import Codes, Derivations, drawn, swap, texts
from fairloop.data.biographies.entropy import bits_lost, entropies
from fairloop.data.biographies.spec import BiographiesSpec, Chances, Floats, chances
from fairloop.data.biographies.words import GROUPS, PROFESSIONS, SENTIMENTS, TOWNS
from fairloop.data.population import Population, Split
from fairloop.data.texts import TextFacts, Twins, learned, warn_of_lost_words
from fairloop.data.tokens import Vocabulary
from fairloop.seeding import Role, numpy_stream
from fairloop.tables.token_ids import END, UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

_PARTS = {"train": (0.0, 0.7), "valid": (0.7, 0.8), "test": (0.8, 0.9), "test_balanced": (0.9, 1.0)}
"""The interval of hashes of each split's derivations. The intervals are disjoint, so no text is in two splits."""

_ROLES = {
    "train": Role.TRAIN_DATA, "valid": Role.VALID_DATA, "test": Role.TEST_DATA, "test_balanced": Role.BALANCED_DATA,
}  # fmt: skip


def load(spec: BiographiesSpec, seed: int) -> Population:
    """The texts that `spec` describes."""
    known = chances(spec)
    derived = {name: derivations(spec, name, seed) for name in _PARTS}
    written = {name: texts(derivation) for name, derivation in derived.items()}
    vocabulary = learned(written["train"], spec.vocabulary, spec.vocabulary_size)
    splits = {
        name: Split(
            vocabulary.encode(written[name], spec.length),
            labels(spec, derivation, spec.seed_of(seed), _ROLES[name]),
            derivation.group,
        )
        for name, derivation in derived.items()
    }
    warn_of_lost_words(splits["train"].inputs[:], spec.length)
    bits = _bits(spec, vocabulary, [(splits[name].inputs[:], derivation.town) for name, derivation in derived.items()])
    test = derived["test"]
    pair = [texts(test), texts(swap(test))]
    by_group = [[pair[int(group != own)][n] for n, own in enumerate(test.group)] for group in range(len(GROUPS))]
    twins = Twins(
        np.stack([vocabulary.encode(of_group, spec.length) for of_group in by_group]),
        test.profession,
        PROFESSIONS[: spec.professions],
    )
    return Population(
        name=spec.name,
        label_names=SENTIMENTS if spec.label == "sentiment" else PROFESSIONS[: spec.professions],
        group_names=GROUPS,
        minoritized=GROUPS[1:],
        train=splits.pop("train"),
        tests=splits,
        beneficial=1 if spec.label == "sentiment" else _advantage(known),
        tokens=vocabulary,
        texts=TextFacts(
            PROFESSIONS[: spec.professions],
            twins if spec.pronouns == "explicit" else None,
            shown=spec.shown,
            bits=bits,
        ),
    )


def _bits(spec: BiographiesSpec, vocabulary: Vocabulary, written: Sequence[tuple[Codes, Codes]]) -> float | None:
    """The entropy of a text as its tokens tell it; None where they lack more than the names of some towns.

    written: (N, L) tokens of texts, and (N,) codes of their towns.
    """
    unknown = np.array([ids == [UNKNOWN] for ids in vocabulary.split(TOWNS[: spec.towns])])
    for rows, towns in written:
        cut = not (rows == END).any(axis=1).all()
        if cut or ((rows == UNKNOWN).sum(axis=1) != unknown[towns]).any():
            return None
    return sum(entropies(spec).values()) - bits_lost(spec, unknown)


def _advantage(known: Chances) -> int:
    """The profession with the lowest share of the minoritized group; among equal ones the first."""
    return int((known.profession[0] - known.profession[1]).argmax())


def derivations(spec: BiographiesSpec, split: str, seed: int) -> Derivations:
    """The derivations of a split: `train`, `valid`, `test` or `test_balanced`, in the order of its texts."""
    known = chances(spec)
    rng = numpy_stream(spec.seed_of(seed), _ROLES[split])
    n = spec.train if split == "train" else spec.valid if split == "valid" else spec.test
    cells = known.independent if split == "test_balanced" else known.cells
    people = _people(n, cells, exact=spec.counts == "exact", rng=rng)
    return drawn(people, spec, known, _PARTS[split], rng)


def labels(spec: BiographiesSpec, derived: Derivations, seed: int, role: Role) -> Codes:
    """(N,) labels; `label_noise` replaces some of them."""
    true = derived.sentiment if spec.label == "sentiment" else derived.profession
    k = 2 if spec.label == "sentiment" else spec.professions
    rng = numpy_stream(seed, role, epoch=1)
    noisy = rng.random(len(derived)) < np.array(spec.label_noise)[derived.group]
    return np.where(noisy, (true + rng.integers(1, k, len(derived))) % k, true)


def table(spec: BiographiesSpec, split: str, seed: int) -> pd.DataFrame:
    """A row for each text of a split: `text`, `label`, and its derivation in columns `*_true`."""
    import pandas as pd

    derived = derivations(spec, split, seed)
    names = SENTIMENTS if spec.label == "sentiment" else PROFESSIONS
    codes = labels(spec, derived, spec.seed_of(seed), _ROLES[split])
    frame = pd.DataFrame({"text": texts(derived), "label": [names[code] for code in codes]})
    for name, words in (("group", GROUPS), ("profession", PROFESSIONS), ("sentiment", SENTIMENTS)):
        frame[f"{name}_true"] = [words[code] for code in getattr(derived, name)]
    for name in ("pronoun", "template", "opinion", "task", "tool", "place", "years", "town", "pastime"):
        frame[f"{name}_true"] = getattr(derived, name)
    return frame.assign(**{f"marker_{k}_true": marks for k, marks in enumerate(derived.marks.T)})


def _people(n: int, cells: Floats, *, exact: bool, rng: np.random.Generator) -> Codes:
    """(n, 3): group, profession and sentiment of each person, in random order."""
    if exact:
        codes = rng.permutation(np.repeat(np.arange(cells.size), largest_remainders(n, cells.ravel())))
    else:
        codes = rng.choice(cells.size, n, p=cells.ravel())
    return np.column_stack(np.unravel_index(codes, cells.shape))


def largest_remainders(n: int, shares: Floats) -> Codes:
    """Whole numbers that sum to `n`, each within 1 of its share of it."""
    exact = n * shares / shares.sum()
    whole = np.floor(exact + 1e-9).astype(np.int64)
    short = n - int(whole.sum())
    whole[np.argsort(-(exact - whole), kind="stable")[:short]] += 1
    return np.asarray(whole)
