"""Recipes: everything that shaped a trained model. A fingerprint is the name by which stores keep and find it.

A trained model is a pure function of its recipe. Recipes follow from the spec and the data alone, before
anything is trained, so two runs that need the same model know it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from fairloop._util.plain import digest
from fairloop.curation.star import Star
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.sources.origin import REAL
from fairloop.sources.quotas import Rounding
from fairloop.spec.models import TrainingSpec
from fairloop.spec.people import PeopleSpec
from fairloop.spec.policies import Part
from fairloop.training.feeds import Schedule, synthetic_part
from fairloop.training.mixture import AS_PUBLISHED, Mixture, latest
from fairloop.training.streams import Streams

MATHS_VERSION = 4
"""Raised whenever the same recipe would give other bits than before. Models of another version are never used.

3: faster transposed convolutions and pooling. 4: `conv-vae` has no activation after its decoder's linear layer.
"""


class Influence(StrEnum):
    """How a model shaped another one that learned after it."""

    GENERATOR = "generator"  # made samples
    LABELLER = "labeller"  # labelled samples
    GROUPER = "grouper"  # named the groups of samples
    ANNOTATOR = "annotator"  # labelled samples in place of people, or advised a curation
    DECIDER = "decider"  # decided about real people before they left or returned
    START = "start"  # gave its weights as the first ones


@dataclass(frozen=True)
class Parent:
    """A model that shaped another one.

    generation: of the samples that it made or labelled, or of the decider; None where there is one of the kind.
    """

    influence: Influence
    fingerprint: str
    generation: int | None = None

    @property
    def name(self) -> str:
        """The name in a recipe, such as `generator 3`."""
        return self.influence if self.generation is None else f"{self.influence} {self.generation}"


@dataclass(frozen=True)
class StarRule:
    """STAR as a recipe has it: its ideal as (K, S) shares, its budget as a number."""

    ideal: tuple[tuple[float, ...], ...]
    budget: int
    rounding: Rounding

    def curator(self) -> Star:
        """STAR as an object that draws."""
        return Star(np.asarray(self.ideal), self.budget, self.rounding)


@dataclass(frozen=True)
class CurationRules:
    """How batches are curated: by each of `steps`, then by STAR; not at all by default."""

    steps: tuple[Mapping[str, Any], ...] = ()
    star: StarRule | None = None

    def described(self) -> dict[str, Any]:
        """The rules as plain data."""
        told: dict[str, Any] = {"steps": list(self.steps)} if self.steps else {}
        if self.star is None:
            return told
        return told | {"star": self.star.ideal, "budget": self.star.budget, "rounding": self.star.rounding}


@dataclass(frozen=True)
class Recipe:
    """Everything that a trained model is a function of.

    role, seed, generation: the streams of its random numbers.
    training: the model and its training.
    schedule: the batches of an epoch.
    data: fingerprint of the real data it saw; None if it saw none.
    curation: how its batches were curated.
    synthetic_share: of its batches; None if it saw only one kind.
    mixture: the generations and real people that it learned from, and how their samples were made.
    parents: the models that shaped it.
    people: how those of its round come, are decided about and become known; None where no people come in rounds.
    """

    role: ModelRole
    seed: int
    generation: int
    training: TrainingSpec
    numerics: Numerics
    schedule: Schedule
    data: str | None = None
    curation: CurationRules = CurationRules()
    synthetic_share: float | None = None
    parents: tuple[Parent, ...] = ()
    maths: int = MATHS_VERSION
    mixture: Mixture = AS_PUBLISHED
    people: PeopleSpec | None = None

    def described(self) -> dict[str, Any]:
        """All fields as plain data, as a model's file holds them. A mixture as published is left out: the first models
        had none.
        """
        told = {
            "role": self.role,
            "seed": self.seed,
            "generation": self.generation,
            "training": self.training.model_dump(mode="json"),
            "numerics": self.numerics.record(),
            "schedule": self.schedule,
            "data": self.data,
            "curation": self.curation.described() or None,
            "synthetic_share": self.synthetic_share,
            "parents": {parent.name: parent.fingerprint for parent in self.parents},
            "maths": self.maths,
        }
        if self.people is not None:
            told["people"] = self.people.model_dump(mode="json", exclude_defaults=True) | {"kind": self.people.kind}
        mixture = self.mixture.described()
        return told | {"mixture": mixture} if mixture else told

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all fields."""
        return digest(self.described())

    @property
    def title(self) -> str:
        """The model's name for a person, such as `generator 3`; annotators belong to no generation."""
        if self.role in (ModelRole.GENERATOR, ModelRole.CLASSIFIER):
            return f"{self.role} {self.generation}"
        return self.role.replace("_", " ")

    @property
    def full_title(self) -> str:
        """The title with the name of the network, for errors: `generator 3 (conv-vae)`."""
        return f"{self.title} ({self.training.model})"

    @property
    def filename(self) -> str:
        """A name for files: readable, and unique."""
        return f"{self.title.replace(' ', '-')}-{self.fingerprint[:16]}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The generations, or `REAL` for real people, that the model learns from, with their shares."""
        if self.mixture.parts or self.people is not None:
            return self.mixture.parts
        return (Part(latest(self.role, self.generation), 1.0),)

    @property
    def made_by(self) -> list[int]:
        """The generations whose samples the model learns from; none if it learns from real people alone."""
        return [part.generation for part in self.parts if part.generation != REAL and self.people is None]

    @property
    def curated(self) -> bool:
        """Whether batches are curated."""
        return self.curation != CurationRules()

    @property
    def curated_batch(self) -> int:
        """How many samples of a full batch a curation draws: all but the real people that are mixed in."""
        share = 1.0 if self.synthetic_share is None else self.synthetic_share
        return synthetic_part(share, self.schedule.batch)

    @property
    def tells_origins(self) -> bool:
        """Whether training counts where its data come from: wherever they are other than published, or mixed."""
        return (self.mixture != AS_PUBLISHED and self.people is None) or self.synthetic_share is not None

    @property
    def starts_warm(self) -> bool:
        """Whether the model begins with the weights of its predecessor."""
        return any(parent.influence is Influence.START for parent in self.parents)

    def streams(self, device: str = "cpu") -> Streams:
        """The model's random numbers."""
        return Streams(self.seed, self.generation, self.role, device)
