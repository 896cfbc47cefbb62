"""The fields of `biographies`, and the probabilities that follow from them."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from fairloop.data.biographies.words import MARKERS, PROFESSIONS, TOWNS
from fairloop.data.shared_fields import Probability, TextFields

Floats = NDArray[np.float64]

_SUM = 1e-6


def zipf(size: int, exponent: float = 1.0) -> Floats:
    """(size,) probabilities that fall with the rank to the power of `exponent`."""
    weights = np.arange(1, size + 1) ** -float(exponent)
    return np.asarray(weights / weights.sum())


def _shares(row: tuple[float, ...]) -> tuple[float, ...]:
    if abs(sum(row) - 1) > _SUM:
        raise ValueError(f"probabilities of professions sum to {sum(row):g}; they should sum to 1")
    return row


Shares = Annotated[tuple[Probability, ...], AfterValidator(_shares)]


class BiographiesSpec(TextFields):
    """Short invented biographies with exactly known biases; of no real people."""

    name: Literal["biographies"] = "biographies"
    root: None = Field(None, description="not used: the texts are generated")
    train: int = Field(4000, ge=4, description="training texts")
    valid: int = Field(1000, ge=1, description="texts to validate on")
    test: int = Field(1000, ge=1, description="texts to test on; as many more have groups independent of labels")
    label: Literal["sentiment", "profession"] = Field("sentiment", description="the label that classifiers learn")
    minoritized_share: float = Field(0.5, gt=0, lt=1, description="P(talva), the group that is minoritized")
    professions: int = Field(len(PROFESSIONS), ge=2, le=len(PROFESSIONS), description="how many there are")
    zipf: float = Field(1.0, ge=0, le=4, description="how fast the shares of professions fall with their rank")
    association: Probability = Field(
        0.5, description="of groups and professions: of each two, P(profession | group) is 1 +- this times their mean"
    )
    profession_given_group: tuple[Shares, Shares] | None = Field(
        None, description="P(profession | group), for orrin and talva, in place of zipf and association"
    )
    favourable_given_group: tuple[Probability, Probability] = Field(
        (0.65, 0.35), description="P(favourable | group), for orrin and talva"
    )
    favourable_given_both: tuple[tuple[Probability, ...], tuple[Probability, ...]] | None = Field(
        None, description="P(favourable | group, profession), a row for each group, in place of the field above"
    )
    label_noise: tuple[Probability, Probability] = Field(
        (0.0, 0.0), description="P(label is replaced by another one, at random | group), for orrin and talva"
    )
    markers: int = Field(4, ge=0, le=len(MARKERS), description="words or places of a dialect, one choice each")
    marked_given_group: tuple[Probability, Probability] = Field(
        (0.2, 0.6), description="P(a marker has its marked form | group), for orrin and talva"
    )
    pronouns: Literal["explicit", "neutral"] = Field("explicit", description="whether pronouns tell the group")
    counts: Literal["exact", "drawn"] = Field(
        "exact",
        description="of group, profession and sentiment: their shares to the nearest whole number, or random draws",
    )
    towns: int = Field(len(TOWNS), ge=1, le=len(TOWNS), description="how many there are")
    length: int = Field(48, ge=2, description="tokens of a text at most, its end mark included; longer texts are cut")

    @model_validator(mode="after")
    def _of_all_professions(self) -> BiographiesSpec:
        for field in ("profession_given_group", "favourable_given_both"):
            for row in getattr(self, field) or ():
                if len(row) != self.professions:
                    raise ValueError(f"{field} has {len(row)} professions, and data.professions={self.professions}")
        return self


class Chances(NamedTuple):
    """group: (2,). profession: (2, K) given the group. favourable: (2, K) given both. marked: (2,) given the group."""

    group: Floats
    profession: Floats
    favourable: Floats
    marked: Floats

    @property
    def cells(self) -> Floats:
        """(2, K, 2): P(group, profession, sentiment)."""
        sentiment = np.stack([1 - self.favourable, self.favourable], axis=2)
        return np.asarray(self.group[:, None, None] * self.profession[:, :, None] * sentiment)

    @property
    def independent(self) -> Floats:
        """(2, K, 2): the same, with the group independent of the others."""
        return np.asarray(self.group[:, None, None] * self.cells.sum(axis=0))


def chances(spec: BiographiesSpec) -> Chances:
    """The probabilities of `spec`."""
    given = spec.profession_given_group
    profession = _associated(spec) if given is None else np.array(given)
    favourable = spec.favourable_given_both or [[p] * spec.professions for p in spec.favourable_given_group]
    minoritized = spec.minoritized_share
    return Chances(
        np.array([1 - minoritized, minoritized]), profession, np.array(favourable), np.array(spec.marked_given_group)
    )


def _associated(spec: BiographiesSpec) -> Floats:
    """(2, K): of two neighbours in rank with the same mean, each group prefers one."""
    shares = zipf(spec.professions, spec.zipf)
    paired = spec.professions // 2 * 2
    shares[:paired] = shares[:paired].reshape(-1, 2).mean(axis=1).repeat(2)
    lean = np.zeros(spec.professions)
    lean[:paired] = np.tile([spec.association, -spec.association], paired // 2)
    return np.stack([shares * (1 + lean), shares * (1 - lean)])
