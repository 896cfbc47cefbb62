"""The data of real people: one module for each data set, and their common type `Population`.

A data set is a spec (a pydantic model whose `name` is its key here) and `load(spec, seed) -> Population`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Tag

from fairloop.data import (
    acs,
    bios,
    celeba,
    colored_mnist,
    colored_svhn,
    colours,
    comments,
    credit_default,
    fairface,
    law_school,
    own_function,
    own_pictures,
    own_texts,
    tabular,
)
from fairloop.data.acs import AcsSpec
from fairloop.data.biographies import data as biographies
from fairloop.data.biographies.spec import BiographiesSpec
from fairloop.data.bios import BiasInBiosSpec
from fairloop.data.celeba import CelebASpec
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.data.colored_svhn import ColoredSVHNSpec
from fairloop.data.comments import CivilCommentsSpec
from fairloop.data.credit_default import CreditDefaultSpec
from fairloop.data.fairface import FairFaceSpec
from fairloop.data.law_school import LawSchoolSpec
from fairloop.data.own_function import ElsewhereSpec
from fairloop.data.own_pictures import OwnPicturesSpec
from fairloop.data.own_texts import OwnTextsSpec
from fairloop.data.population import Population, Split
from fairloop.data.tabular import AdultSpec, CompasSpec, GermanSpec, OwnTableSpec

__all__ = ["DATASETS", "DEFAULT", "MINORITIZED", "DataSet", "DataSpec", "Population", "Split", "load"]

DEFAULT = "colored-mnist"
"""The data set of a spec without `data.name`."""

ELSEWHERE = "module:name"


def _tag(fields: Any) -> str:
    name = fields.get("name", DEFAULT) if isinstance(fields, dict) else getattr(fields, "name", "")
    return ELSEWHERE if ":" in str(name) else str(name)


DataSpec = Annotated[
    Annotated[ColoredMNISTSpec, Tag("colored-mnist")]
    | Annotated[ColoredSVHNSpec, Tag("colored-svhn")]
    | Annotated[CelebASpec, Tag("celeba")]
    | Annotated[FairFaceSpec, Tag("fairface")]
    | Annotated[AdultSpec, Tag("adult")]
    | Annotated[CompasSpec, Tag("compas")]
    | Annotated[GermanSpec, Tag("german")]
    | Annotated[AcsSpec, Tag("acs")]
    | Annotated[CreditDefaultSpec, Tag("credit-default")]
    | Annotated[LawSchoolSpec, Tag("law-school")]
    | Annotated[OwnPicturesSpec, Tag("pictures")]
    | Annotated[OwnTableSpec, Tag("table")]
    | Annotated[OwnTextsSpec, Tag("text")]
    | Annotated[BiographiesSpec, Tag("biographies")]
    | Annotated[BiasInBiosSpec, Tag("bias-in-bios")]
    | Annotated[CivilCommentsSpec, Tag("civil-comments")]
    | Annotated[ElsewhereSpec, Tag(ELSEWHERE)],
    Discriminator(_tag),
]
"""The spec of any data set; `name` selects its type."""


@dataclass(frozen=True)
class DataSet:
    """A data set: the type of its spec, `load(spec, seed) -> Population`, and whether it is a table, or texts."""

    spec: type[BaseModel]
    load: Callable[[Any, int], Population]
    tabular: bool = False
    texts: bool = False


DATASETS = {
    "colored-mnist": DataSet(ColoredMNISTSpec, colored_mnist.load),
    "colored-svhn": DataSet(ColoredSVHNSpec, colored_svhn.load),
    "celeba": DataSet(CelebASpec, celeba.load),
    "fairface": DataSet(FairFaceSpec, fairface.load),
    "adult": DataSet(AdultSpec, tabular.adult, tabular=True),
    "compas": DataSet(CompasSpec, tabular.compas, tabular=True),
    "german": DataSet(GermanSpec, tabular.german, tabular=True),
    "acs": DataSet(AcsSpec, acs.load, tabular=True),
    "credit-default": DataSet(CreditDefaultSpec, credit_default.load, tabular=True),
    "law-school": DataSet(LawSchoolSpec, law_school.load, tabular=True),
    "pictures": DataSet(OwnPicturesSpec, own_pictures.load),
    "table": DataSet(OwnTableSpec, tabular.own, tabular=True),
    "text": DataSet(OwnTextsSpec, own_texts.load, texts=True),
    "biographies": DataSet(BiographiesSpec, biographies.load, texts=True),
    "bias-in-bios": DataSet(BiasInBiosSpec, bios.load, texts=True),
    "civil-comments": DataSet(CivilCommentsSpec, comments.load, texts=True),
    ELSEWHERE: DataSet(ElsewhereSpec, own_function.load),
}

MINORITIZED: dict[str, tuple[str, ...]] = {
    "colored-mnist": colours.MINORITIZED,
    "colored-svhn": colours.MINORITIZED,
    "celeba": ("male",),
    "adult": ("Female",),
    "compas": ("African-American", "Hispanic", "other"),
    "german": ("female",),
}
"""The minoritized groups of a data set by default. Runs of fairloop 0.1.0 did not store theirs."""


def is_table(data: Any) -> bool:
    """Whether `data` (a spec or its fields) names a data set of table rows. False for the data of a user's function."""
    return _tag(data) in DATASETS and DATASETS[_tag(data)].tabular


def are_texts(data: Any) -> bool:
    """Whether `data` (a spec or its fields) names a data set of texts. False for the data of a user's function."""
    return _tag(data) in DATASETS and DATASETS[_tag(data)].texts


def load(spec: DataSpec, seed: int) -> Population:
    """The population that `spec` describes. seed: of the run, for specs without a seed of their own.

    Raises InputError for files that are missing, damaged or of another kind.
    """
    return DATASETS[_tag(spec)].load(spec, seed)
