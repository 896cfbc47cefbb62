"""The section of a spec about STAR."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from fairloop.curation import ideal as ideals
from fairloop.spec.sections import Learner, Section, Target


class StarSpec(Section):
    """Algorithmic reparation by STAR."""

    target: Target = Field("none", description="the models that learn from curated batches")
    ideal: ideals.Ideal = Field(
        "uniform", description=f"{ideals.WAYS}; or a mixture with the population, {{kind: any of these, strength: 0.5}}"
    )
    budget: int | None = Field(
        None, ge=0, description="extra candidates for each curated batch; default: a quarter of the batch"
    )
    batch: int | None = Field(
        None, ge=1, description="samples in a curated classifier batch; default: classifier.batch"
    )
    rounding: Literal["floor", "stochastic"] = Field(
        "floor",
        description="rounding of quotas; stochastic keeps the expected shares of strata below one sample",
    )

    @field_validator("ideal", mode="before")
    @classmethod
    def _is_an_ideal(cls, value: object) -> ideals.Ideal:
        return ideals.plain(value)

    def curates(self, model: Learner) -> bool:
        """Whether batches of that model are curated."""
        return self.target in (model, "both")
