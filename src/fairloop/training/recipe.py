"""Recipes: all inputs of a trained model. The fingerprint of a recipe is the model's name in stores.

A trained model is a pure function of its recipe. Recipes follow from the spec and the data, before any training, so
two runs can share a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from fairloop._util.as_json import digest
from fairloop.curation.star import Star
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.sources.origin import REAL
from fairloop.sources.quotas import Rounding
from fairloop.spec.models import TrainingSpec
from fairloop.spec.people import PeopleSpec
from fairloop.spec.policies import Part
from fairloop.training.batches import Schedule, synthetic_part
from fairloop.training.mixture import AS_PUBLISHED, Mixture, latest
from fairloop.training.streams import Streams

MATHS_VERSION = 4
"""The version of computations. Raise it when the same recipe would give other bits. Models of other versions are not
used.

3: faster transposed convolutions and pooling. 4: `conv-vae` has no activation after its decoder's linear layer.
"""


class Influence(StrEnum):
    """The influence of a model on a later model."""

    GENERATOR = "generator"  # made samples
    LABELLER = "labeller"  # labelled samples
    GROUPER = "grouper"  # named the groups of samples
    ANNOTATOR = "annotator"  # labelled samples in place of people, or advised a curation
    DECIDER = "decider"  # decided about real people before they left or returned
    START = "start"  # gave its weights as initial weights


@dataclass(frozen=True)
class Parent:
    """A model that shaped another one.

    generation: of the samples that it made or labelled, or of the decider; None for a model without generations.
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
    """STAR in a recipe: its ideal as (K, S) shares, its budget as a number."""

    ideal: tuple[tuple[float, ...], ...]
    budget: int
    rounding: Rounding

    def curator(self) -> Star:
        """STAR as an object that draws."""
        return Star(np.asarray(self.ideal), self.budget, self.rounding)


@dataclass(frozen=True)
class CurationRules:
    """The curation of batches: first by each of `steps`, then by STAR. The default is no curation."""

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
    """All inputs of the training of a model.

    role, seed, generation: the streams of its random numbers.
    training: the model and its training.
    schedule: the batches of an epoch.
    data: fingerprint of its real training data; None without real data.
    curation: of its batches.
    synthetic_share: of its batches; None for batches without a fixed share.
    mixture: the generations and real people that it learned from, and the rules for their samples.
    parents: the models that influenced it.
    people: arrival, decisions and known labels of the people of its round; None without rounds of people.
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
        """All fields as plain data, as in a model's file. The published mixture is left out, because the first models
        had no such field.
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
        """The model's name for readers, such as `generator 3`. Annotators have no generation."""
        if self.role in (ModelRole.GENERATOR, ModelRole.CLASSIFIER):
            return f"{self.role} {self.generation}"
        return self.role.replace("_", " ")

    @property
    def full_title(self) -> str:
        """The title with the name of the network, for errors: `generator 3 (conv-vae)`."""
        return f"{self.title} ({self.training.model})"

    @property
    def filename(self) -> str:
        """A readable and unique name for files."""
        return f"{self.title.replace(' ', '-')}-{self.fingerprint[:16]}"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The generations, or `REAL` for real people, that the model learns from, with their shares."""
        if self.mixture.parts or self.people is not None:
            return self.mixture.parts
        return (Part(latest(self.role, self.generation), 1.0),)

    @property
    def made_by(self) -> list[int]:
        """The generations of the samples that the model learns from; empty if it learns only from real people."""
        return [part.generation for part in self.parts if part.generation != REAL and self.people is None]

    @property
    def curated(self) -> bool:
        """Whether batches are curated."""
        return self.curation != CurationRules()

    @property
    def curated_batch(self) -> int:
        """The number of curated samples in a full batch: all but the real people."""
        share = 1.0 if self.synthetic_share is None else self.synthetic_share
        return synthetic_part(share, self.schedule.batch)

    @property
    def tells_origins(self) -> bool:
        """Whether training counts origins of its data: if they are mixed, or differ from the published settings."""
        return (self.mixture != AS_PUBLISHED and self.people is None) or self.synthetic_share is not None

    @property
    def starts_warm(self) -> bool:
        """Whether the model starts with the weights of its predecessor."""
        return any(parent.influence is Influence.START for parent in self.parents)

    def streams(self, device: str = "cpu") -> Streams:
        """The model's random numbers."""
        return Streams(self.seed, self.generation, self.role, device)
