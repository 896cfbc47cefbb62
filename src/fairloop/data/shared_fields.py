"""Fields that several data sets share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from fairloop.data.spelling import Written

Probability = Annotated[float, Field(ge=0, le=1)]


Spec = TypeVar("Spec", bound=BaseModel)


class StartsFrom(NamedTuple):
    """A mark on a path: the field with the directory that the path is relative to, if that field is set."""

    field: str


def placed(spec: Spec, base: Path) -> Spec:
    """`spec` with absolute paths. Relative paths are relative to `base`, or to the directory of another field.

    The result names the same files from any directory. It is another spec, so names of runs never come from it.
    """
    whole = {}
    for name, info in type(spec).model_fields.items():
        value = getattr(spec, name)
        within = any(isinstance(mark, StartsFrom) and getattr(spec, mark.field) for mark in info.metadata)
        if isinstance(value, Path) and not within:
            whole[name] = base / value
    return spec.model_copy(update=whole)


class DataFields(BaseModel):
    """Fields of every data set."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    root: Path | None = Field(None, description="directory of the data set's files")
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="of all random choices about the data; default: the run's seed"
    )

    def seed_of(self, run: int) -> int:
        """The data's seed in a run with seed `run`."""
        return run if self.seed is None else self.seed


class NaturalFields(DataFields):
    """Fields of data sets with groups of people, in contrast to simulated colours."""

    minoritized: tuple[Written, ...] | None = Field(
        None,
        description="names of groups; default: those that the data set names, else those with less than an equal "
        "share of the training data",
    )


class PictureFields(DataFields):
    """Fields of data sets of pictures, which are decoded once."""

    cache: Path | None = Field(
        None, description="directory of decoded pictures; default: $FAIRLOOP_CACHE, or the user's cache directory"
    )


class SplitFields(NaturalFields):
    """Fields of data sets with a random split, unless their files define one."""

    valid: float = Field(0.15, gt=0, lt=0.5, description="share of people to validate on")
    test: float = Field(0.15, gt=0, lt=0.5, description="share of people to test on")


class OwnFields(SplitFields):
    """Fields of a user's own data: the columns of a table with labels, groups and splits."""

    label: Written = Field(description="column of the label; text or numbers")
    beneficial: Written | None = Field(
        None,
        description="the label that is good for the person; needed unless labels are 0 and 1, -1 and 1, or false and "
        "true",
    )
    groups: tuple[Written, ...] = Field(
        min_length=1, description="sensitive columns; several make intersectional groups"
    )
    split: Written | None = Field(None, description="column of train, valid and test; default: split at random")


class TextFields(DataFields):
    """Fields of data sets of texts."""

    vocabulary: Literal["words", "byte-pairs"] | Path = Field(
        "words",
        description="tokens of the texts: `words` or `byte-pairs`, learned from the training split, or the directory "
        "of a pretrained model, whose tokenizer.json is read; all but words need the extra `text`",
    )
    vocabulary_size: int | None = Field(
        None,
        ge=5,
        description="most token ids that are learned; default: all words, or 1024 byte pairs; other words are <unk>",
    )
    length: int = Field(64, ge=2, description="tokens of a text at most, its end mark included; longer texts are cut")
    shown: bool = Field(True, description="whether reports show generated texts")
