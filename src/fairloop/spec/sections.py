"""Sections of a spec about the next generation's data: policies, labels, curation, people who leave.

The default of each is the method of the paper (arXiv 2403.07857). A recipe omits defaults.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from fairloop.curation import CURATORS
from fairloop.data.shared_fields import Probability
from fairloop.errors import InputError
from fairloop.spec.policies import Policy, policy

Target = Literal["none", "classifier", "generator", "both"]
Learner = Literal["classifier", "generator"]


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` as they are in recipes and spec.yaml. Raises ValueError for values that change there."""
    for name, value in fields.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise ValueError(
                f"{name}={value!r} is not plain data, so no recipe can hold it: give finite numbers, text, true, "
                "false, null, and lists and mappings of these; put a date in quotes"
            ) from None
    plain: dict[str, Any] = json.loads(json.dumps(fields))
    return plain


Plain = Annotated[dict[str, Any], AfterValidator(_plain)]
"""Arguments of a user's class. A resumed run reads the same values from spec.yaml."""


class Section(BaseModel):
    """Fields that belong together."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DataPolicySpec(Section):
    """The data that one kind of model learns from."""

    kind: str = Field(
        "replace",
        description="replace (by the latest generation's), accumulate, accumulate-subsample, window(k) or module:Name",
    )
    weights: Literal["equal", "size"] = Field(
        "equal", description="weights of generations: equal, or by their number of samples"
    )
    real_share: Probability | None = Field(
        None, description="share of real people, with their true labels, before curation; default: as the policy has it"
    )
    samples: int | None = Field(
        None, ge=1, description="samples that each generation makes; default: as many as there are real people"
    )
    kept: bool = Field(
        False, description="each generation makes its samples once; if false, samples are drawn afresh for every batch"
    )

    @model_validator(mode="after")
    def _is_known(self) -> DataPolicySpec:
        if ":" in self.kind:  # the user's code; tables of the run can be read without it
            return self
        try:
            self.policy()
        except InputError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def takes_people(self) -> bool:
        """Whether real people are among the data."""
        return self.kind != "replace" if self.real_share is None else self.real_share > 0

    def policy(self) -> Policy:
        """The policy as an object."""
        return policy(self.kind, "kind")


class PolicySpec(Section):
    """The data of generators and of classifiers."""

    generator: DataPolicySpec = Field(DataPolicySpec(), description="for G_1, G_2, ...")
    classifier: DataPolicySpec = Field(DataPolicySpec(), description="for C_0, C_1, ...")
    people: int | None = Field(
        None, ge=1, description="real people that a generation can learn from; default: all of the training set"
    )
    real: Literal["fixed", "fresh"] = Field(
        "fixed", description="the same real people in every generation, or new ones; fresh needs policy.people"
    )

    @model_validator(mode="after")
    def _fresh_people_are_counted(self) -> PolicySpec:
        if self.real == "fresh" and self.people is None:
            raise ValueError("real=fresh: set policy.people to the number of new people in each generation")
        return self


class LabelsSpec(Section):
    """The labels of samples."""

    choice: Literal["argmax", "sample"] = Field("argmax", description="the likeliest label, or a draw by probabilities")
    human_share: Probability = Field(0.0, description="share of samples that A_L labels, as a stand-in for people")
    error: list[Probability] = Field(
        [],
        description="P(a label by A_L is wrong): one number for all, or one for each group; empty: A_L's labels stay",
    )

    @field_validator("error", mode="before", json_schema_input_type=Probability | list[Probability])
    @classmethod
    def _one_for_all(cls, value: object) -> object:
        return [value] if isinstance(value, int | float) else value


class CurationSpec(Section):
    """Curators other than STAR. They curate a batch before STAR does."""

    target: Target = Field("none", description="the models that learn from curated batches")
    steps: list[Plain] = Field(
        [], description="in their order, each {kind: NAME, ...its arguments}: " + ", ".join(CURATORS) + ", module:Name"
    )

    @field_validator("steps")
    @classmethod
    def _have_a_kind(cls, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for step in steps:
            if not isinstance(step.get("kind"), str):
                raise ValueError("each step needs a kind, such as {kind: best-of, k: 4}")
        return steps

    @model_validator(mode="after")
    def _both_or_neither(self) -> CurationSpec:
        if (self.target == "none") != (not self.steps):
            raise ValueError("give both target and steps, or neither")
        return self

    def curates(self, model: Learner) -> bool:
        """Whether batches of that model are curated."""
        return self.target in (model, "both")


class ResponseSpec(Section):
    """The return of real people by their outcome."""

    retention: list[Annotated[list[Probability], Field(min_length=1)]] = Field(
        [], description="P(a person returns), a row for each group with one for each outcome; empty: all return"
    )
    arrivals: Probability = Field(
        0.0, description="share of each generation's people who are new, with the distribution of the first generation"
    )

    @property
    def on(self) -> bool:
        """Whether outcomes change the population."""
        return bool(self.retention)
