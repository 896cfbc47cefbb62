"""Fields that several data sets share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fairloop.data.spelling import Written

Probability = Annotated[float, Field(ge=0, le=1)]


class DataFields(BaseModel):
    """What every data set's spec can say."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    root: Path | None = Field(None, description="directory of the data set's files")
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="of everything random about the data; default: the run's seed"
    )

    def seed_of(self, run: int) -> int:
        """The data's seed in a run with seed `run`."""
        return run if self.seed is None else self.seed


class NaturalFields(DataFields):
    """Data sets whose groups are people's, not colours that a simulation gives them."""

    minoritized: tuple[Written, ...] | None = Field(
        None,
        description="names of groups; default: the data set says them, else those with less than an equal "
        "share of the training data",
    )


class PictureFields(DataFields):
    """Data sets of pictures that are decoded once."""

    cache: Path | None = Field(
        None, description="directory of decoded pictures; default: $FAIRLOOP_CACHE, or the user's cache directory"
    )


class SplitFields(NaturalFields):
    """Data sets that are split at random where their files do not say how."""

    valid: float = Field(0.15, gt=0, lt=0.5, description="share of people to validate on")
    test: float = Field(0.15, gt=0, lt=0.5, description="share of people to test on")
