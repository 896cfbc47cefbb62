"""Derivations: the random choices that determine a text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fairloop.data.biographies.spec import BiographiesSpec, Chances, Floats, zipf
from fairloop.data.biographies.words import (
    GERUNDS,
    MARKERS,
    NEUTRAL,
    NOUNS,
    OBJECTS,
    OPINIONS,
    PLACES,
    PROFESSIONS,
    PRONOUNS,
    SENIORITY,
    TOOLS,
    TOWNS,
    VERBS,
    YEARS,
)

Codes = NDArray[np.int64]

TASKS, TOOLS_OF_A_TASK, PLACES_OF_A_PROFESSION, TEMPLATES = 12, 4, 6, 8
EXPONENTS = {"opinion": 0.8, "task": 1.0, "tool": 1.0, "place": 1.0, "town": 1.0, "pastime": 1.0}


@dataclass(frozen=True)
class Derivations:
    """N derivations, (N,) codes each; marks: (N, M), whether each marker has its marked form.

    pronoun: the group that pronouns tell, which a swap changes; 2: neutral. The slots are `opinion` of its sentiment,
    `task` and `place` of its profession, `tool` of its task, `years` less 1, `town` and `pastime` by rank.
    """

    group: Codes
    profession: Codes
    sentiment: Codes
    pronoun: Codes
    template: Codes
    opinion: Codes
    task: Codes
    tool: Codes
    place: Codes
    years: Codes
    town: Codes
    pastime: Codes
    marks: Codes

    def __len__(self) -> int:
        return len(self.group)

    def rows(self) -> Codes:
        """(N, 12 + M): all codes but the group."""
        slots = [getattr(self, name) for name in self.__dataclass_fields__ if name not in ("group", "marks")]
        return np.column_stack([*slots, self.marks])

    def hashes(self) -> Floats:
        """(N,) a place in [0, 1) for each derivation; pronouns do not count, so that twins stay together."""
        plain = replace(self, pronoun=np.zeros_like(self.pronoun)).rows()
        digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in plain)
        return np.array([int.from_bytes(digest, "big") / 2**64 for digest in digests])


def swap(derivations: Derivations) -> Derivations:
    """The derivations with the pronouns of the other group. Neutral pronouns stay. Two swaps give the original."""
    pronoun = derivations.pronoun
    return replace(derivations, pronoun=np.where(pronoun < 2, 1 - pronoun, pronoun))


def slots(n: int, spec: BiographiesSpec, rng: np.random.Generator) -> dict[str, Codes]:
    """(n,) codes of the slots that depend on neither group nor profession nor sentiment, by name."""
    sizes = slot_sizes(spec)
    drawn = {name: rng.choice(size, n, p=zipf(size, EXPONENTS[name])) for name, size in sizes.items()}
    return {**drawn, "template": rng.integers(TEMPLATES, size=n), "years": rng.integers(YEARS, size=n)}


def slot_sizes(spec: BiographiesSpec) -> dict[str, int]:
    """The number of values of each slot that is drawn by rank."""
    return {
        "opinion": len(OPINIONS[0]), "task": TASKS, "tool": TOOLS_OF_A_TASK, "place": PLACES_OF_A_PROFESSION,
        "town": spec.towns, "pastime": len(GERUNDS) * len(NOUNS),
    }  # fmt: skip


def drawn(
    cells: Codes, spec: BiographiesSpec, chances: Chances, part: tuple[float, float], rng: np.random.Generator
) -> Derivations:
    """Derivations of people in `cells` ((N, 3): group, profession, sentiment) whose hashes lie in `part`.

    Slots and markers are redrawn until each hash lies in `part`.
    """
    group, profession, sentiment = cells.T
    pronoun = group if spec.pronouns == "explicit" else np.full(len(group), 2)
    found: dict[str, Codes] = {}
    missing = np.arange(len(cells))
    while len(missing):
        marks = (rng.random((len(missing), spec.markers)) < chances.marked[group[missing], None]).astype(np.int64)
        fresh = {**slots(len(missing), spec, rng), "marks": marks}
        named = {"group": group, "profession": profession, "sentiment": sentiment, "pronoun": pronoun}
        tried = Derivations(**{name: codes[missing] for name, codes in named.items()}, **fresh)
        for name, codes in fresh.items():
            found.setdefault(name, np.zeros((len(cells), *codes.shape[1:]), np.int64))[missing] = codes
        places = tried.hashes()
        missing = missing[(places < part[0]) | (places >= part[1])]
    return Derivations(group, profession, sentiment, pronoun, **found)


def texts(derivations: Derivations) -> list[str]:
    """The text of each derivation."""
    rows = zip(*(getattr(derivations, name).tolist() for name in _OF_TEXTS), strict=True)
    return [_text(*row) for row in rows]


_OF_TEXTS = (
    "profession", "sentiment", "pronoun", "template", "opinion", "task", "tool", "place", "years", "town", "pastime",
    "marks",
)  # fmt: skip


def task_words(profession: int, task: int) -> tuple[str, str]:
    """The verb and the object of a task."""
    return VERBS[(profession + 5 * task) % len(VERBS)], OBJECTS[(3 * profession + 7 * task) % len(OBJECTS)]


def tool_word(profession: int, task: int, tool: int) -> str:
    """The tool of a task."""
    return TOOLS[(2 * profession + 3 * task + 5 * tool) % len(TOOLS)]


def seniority(years: int) -> str:
    """The word that fits `years`."""
    return SENIORITY[min(years // 10, 2)]


def _text(
    profession: int, sentiment: int, pronoun: int, template: int, opinion: int, task: int, tool: int, place: int,
    years: int, town: int, pastime: int, marks: list[int],
) -> str:  # fmt: skip
    subject, possessive = (*PRONOUNS, NEUTRAL)[pronoun]
    works, with_, years_, at_night, people, enjoys, call, the = _forms(marks)
    verb, object_ = task_words(profession, task)
    post = f"{seniority(years + 1)} {PROFESSIONS[profession]}"
    home = f"at {the} {PLACES[(5 * profession + 7 * place) % len(PLACES)]} in {TOWNS[town]}"
    means = f"{with_} one {tool_word(profession, task, tool)}"
    pursuit = f"{enjoys} {GERUNDS[pastime // len(NOUNS)]} {NOUNS[pastime % len(NOUNS)]}"
    first = f"{subject} is a {post} and {works} {home}." if template & 1 else f"{subject} {works} as a {post} {home}."
    does = f"{means}, {subject} {verb} {object_}." if template & 2 else f"{subject} {verb} {object_} {means}."
    said = f"after {years + 1} {years_}, {people} {call} {possessive} work {OPINIONS[sentiment][opinion]}."
    likes = f"{at_night} {subject} {pursuit}." if at_night.startswith("at") else f"{subject} {pursuit} at night."
    middle = (said, does) if template & 4 else (does, said)
    return " ".join((first, *middle, likes))


def _forms(marks: list[int]) -> Iterable[str]:
    """The form of each marker. The fourth, a place, is empty unless marked."""
    forms = [pair[mark] for pair, mark in zip(MARKERS, [*marks, *[0] * (len(MARKERS) - len(marks))], strict=True)]
    if len(marks) < 4 or not marks[3]:
        forms[3] = ""
    return forms
