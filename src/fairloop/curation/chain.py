"""Chains of curators: each curator draws from the samples that its predecessor selects."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fairloop._util.lookup import find
from fairloop.curation import CURATORS
from fairloop.curation.interface import Curation, Curator, NoCuration
from fairloop.errors import InputError
from fairloop.models.interface import Classifier
from fairloop.models.numerics import Numerics
from fairloop.sources.batch import Batch, Strata
from fairloop.sources.source import Supply


@dataclass(frozen=True)
class Critics:
    """The models and facts that a curator may use to judge samples.

    strata: of the data. beneficial: the label that is good for the person. majoritized: codes of these groups.
    annotator: A_L. labeller: the labeller of the generation, C_{i-1} or A_L. grouper: A_S.
    """

    strata: Strata
    beneficial: int
    majoritized: tuple[int, ...]
    annotator: Classifier
    labeller: Classifier
    grouper: Classifier
    numerics: Numerics

    @torch.no_grad()
    def probabilities(self, critic: Classifier, images: Tensor) -> Tensor:
        """(B, K) float32, on the device of `images`."""
        with self.numerics.autocast():
            logits: Tensor = critic(images)
        return logits.float().softmax(dim=1)


@dataclass(frozen=True)
class Chain:
    """A curator that draws with `last` from the samples that `earlier` selects. Its curation holds the counts of
    both.
    """

    earlier: Curator
    last: Curator

    def draw(self, source: Supply, n: int, rng: torch.Generator) -> tuple[Batch, Curation | None]:
        """Draw n samples that both curators select; return them with the counts of both."""
        curated = _Curated(self.earlier, source)
        batch, curation = self.last.draw(curated, n, rng)
        return batch, _together(curated.curations[0], curation)


@dataclass(frozen=True)
class _Curated:
    """A source of the samples that a curator selects."""

    curator: Curator
    source: Supply
    curations: list[Curation | None] = field(default_factory=list)

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        batch, curation = self.curator.draw(self.source, n, rng)
        self.curations.append(curation)
        return batch


def _together(first: Curation | None, last: Curation | None) -> Curation | None:
    """Join two curations: the candidates of the first, and every other count of the last, or of the first if it has
    none.
    """
    if first is None or last is None:
        return last if first is None else first
    told = last._asdict() | {name: value for name, value in first._asdict().items() if getattr(last, name) is None}
    return Curation(**told | {"offered": last.offered if first.offered is None else first.offered})


def chained(curators: Sequence[Curator]) -> Curator:
    """One curator that applies all of them in order."""
    whole: Curator = NoCuration()
    for curator in curators:
        whole = curator if isinstance(whole, NoCuration) else Chain(whole, curator)
    return whole


def curator_of(step: Mapping[str, Any], critics: Critics) -> Curator:
    """The curator that a step of `curation.steps` names.

    Raises InputError for an unknown name, and for arguments that the curator does not take.
    """
    arguments = {name: value for name, value in step.items() if name != "kind"}
    kind = find(CURATORS, step["kind"], "curation.steps")
    try:
        inspect.signature(kind).bind(critics, **arguments)
        made: Curator = kind(critics, **arguments)
        return made
    except Exception as error:  # a user's constructor may raise anything
        raise InputError(f"curation.steps: {dict(step)} cannot be built: {' '.join(str(error).split())}") from error
