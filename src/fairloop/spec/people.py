"""The section of a spec about people whose data depend on decisions, and the check of all other sections beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from fairloop._util.lookup import meant
from fairloop.data import ELSEWHERE, DataSpec, is_table
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.data.shared_fields import Probability
from fairloop.errors import InputError
from fairloop.people import KINDS, build_kind, check_takes_data, parameters, type_of
from fairloop.people.deciders import OF_LENDERS, RULES, rule
from fairloop.people.interface import Kind
from fairloop.spec.models import FOR_TABLES, GeneratorSpec
from fairloop.spec.sections import DataPolicySpec, LabelsSpec, Plain, ResponseSpec, Section

if TYPE_CHECKING:
    from fairloop.spec.run import RunSpec

PEOPLE = "people"
"""The setting without generators."""

NO_LABELS = "people.kind: its outcomes are not labels, so no classifier can learn them; use another kind or family"

ANNOTATOR = "annotator"
"""The value of `people.first` that names A_L."""

_FOLDED = {"retention": "retention", "newcomers": "arrivals"}
_RULES = ", ".join(RULES[:-1])


class PeopleSpec(Section):
    """People who come in rounds, and whose data depend on decisions; for setting=people."""

    kind: str = Field(
        "selective-labels", description=f"the people and their response: {', '.join(KINDS)}, or module:Name"
    )
    arguments: Plain = Field({}, description="keyword arguments of the kind")
    arrivals: int = Field(1000, ge=1, description="people in each round")
    history: int | None = Field(
        None,
        ge=0,
        description="people with known labels from before round 0, for A_L and policies; default: as many as arrivals "
        "if first=annotator, else none",
    )
    retention: list[Annotated[list[Probability], Field(min_length=1)]] = Field(
        [], description="P(a person returns), a row for each group: when rejected, when accepted; empty: all return"
    )
    newcomers: Probability = Field(0.0, description="share of returning people that new people replace at random")
    revealed: Literal["all", "accepted"] = Field("all", description="the people whose label becomes known")
    exploration: Probability = Field(0.0, description="share of rejected people that are accepted at random")
    verified: Probability = Field(
        0.0,
        exclude_if=lambda share: share == 0,  # older runs keep their names
        description="share of all people, drawn at random, whose label becomes known regardless of the decision",
    )
    delay: int = Field(0, ge=0, description="rounds until a label is known; 0: at the end of its own round")
    weights: Literal["propensity", "none"] = Field(
        "propensity",
        description="of known labels in the fit: 1 / P(the label is known) where exploration or verified makes that "
        "positive for all, or none",
    )
    first: str | Plain = Field(
        ANNOTATOR,
        description=f"the decisions before a classifier has learned: annotator (A_L), {_RULES} or {{kind: ...}}",
    )
    rule: str | Plain | None = Field(
        None, description=f"a rule for all rounds in place of a classifier: {_RULES} or {{kind: ...}}; default: none"
    )

    @field_validator("first", "rule")
    @classmethod
    def _is_a_rule(cls, value: object, info: Any) -> object:
        if value is None or (info.field_name == "first" and value == ANNOTATOR):
            return value
        try:
            rule(value)
        except InputError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("kind")
    @classmethod
    def _is_a_kind(cls, value: str) -> str:
        if value not in KINDS and ":" not in value:
            raise ValueError(f"is not one of {', '.join(KINDS)}, nor a module:Name{meant(value, KINDS)}")
        return value

    @property
    def known_before(self) -> int:
        """The number of people with known labels from before round 0."""
        if self.history is None:
            return self.arrivals if self.by_annotator else 0
        return self.history

    @property
    def by_annotator(self) -> bool:
        """Whether A_L decides before a classifier has learned."""
        return self.first == ANNOTATOR and self.rule is None

    @property
    def weighs(self) -> bool:
        """Whether known labels are weighted in the fit."""
        return self.weights == "propensity" and self.revealed == "accepted" and max(self.exploration, self.verified) > 0


def folded(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Collect the fields about leaving and returning people in one section.

    That section is `people` in setting=people, where its former name was `response`. It is `response` in all other
    settings.

    Raises ValueError if both sections set a field.
    """
    of_people, of_response = values.get("people"), values.get("response")
    if not isinstance(of_people, Mapping | None) or not isinstance(of_response, Mapping | None):
        return values
    sections = {"people": dict(of_people or {}), "response": dict(of_response or {})}
    target, source = ("people", "response") if values.get("setting") == PEOPLE else ("response", "people")
    for new, old in _FOLDED.items():
        into, out_of = (new, old) if target == "people" else (old, new)
        said = sections[source].pop(out_of, None)
        if not said:
            continue
        if sections[target].get(into):
            raise ValueError(f"people.{new}: is the same field as response.{old}; set one of them")
        sections[target][into] = said
    return {**values, **{name: fields for name, fields in sections.items() if name in values or fields}}


def arguments_of(people: PeopleSpec) -> dict[str, Any]:
    """The arguments of the kind, with the lender's policy if the spec names it as a rule."""
    names = {rule(chosen).kind for chosen in (people.first, people.rule) if chosen not in (None, ANNOTATOR)}
    policy = sorted(names & set(OF_LENDERS))
    takes_it = "policy" in parameters(type_of(people.kind))
    return people.arguments | ({"policy": policy[0]} if policy and takes_it else {})


def check_fit(people: PeopleSpec, kind: Kind, come_again: bool) -> None:
    """Raise InputError if retention, newcomers or decision rules of a spec do not fit people of this kind.

    come_again: whether the same people come in every round.
    """
    _check_return(people, come_again)
    groups = kind.names.groups
    if people.retention and len(people.retention) != len(groups):
        raise InputError(
            f"people.retention: has {len(people.retention)} rows; give one for each of {len(groups)} groups: "
            f"{', '.join(groups)}"
        )
    if people.rule is not None:
        rule(people.rule).published(kind, "people.rule")
    elif not people.by_annotator:
        rule(people.first).published(kind, "people.first")


def _check_return(people: PeopleSpec, come_again: bool) -> None:
    for name in ("retention", "newcomers"):
        if getattr(people, name) and not come_again:
            raise InputError(
                f"people.{name}: people of kind={people.kind} are new in every round, so none can leave or return; "
                "leave it out, or use a kind whose people come again: lending, strategic with same=true, or "
                "performative with family=credit"
            )


def draws_from(data: DataSpec) -> bool:
    """Whether people are rows of `data`. If not, the kind makes them."""
    return is_table(data) or getattr(data, "name", "").count(":") == 1


def check(spec: RunSpec) -> None:
    """Raise ValueError if the setting of a spec has no use for its section about people, or lacks fields of it."""
    if spec.setting != PEOPLE:
        if spec.people != PeopleSpec():
            wrong = next(name for name in PeopleSpec.model_fields if getattr(spec.people, name) != _default(name))
            raise ValueError(f"people.{wrong}: is for setting=people; this spec has setting={spec.setting}")
        return
    if spec.data != ColoredMNISTSpec() and not draws_from(spec.data):
        raise ValueError(
            f"data.name={spec.data.name}: setting=people takes people from a table or from people.kind, not from "
            f"pictures or texts; use a table, such as adult, or {ELSEWHERE}, or leave data out"
        )
    without = {
        "generator": spec.generator in (GeneratorSpec(), GeneratorSpec(model=FOR_TABLES["generator"])),
        "policy.generator": spec.policy.generator == DataPolicySpec(),
        "policy.people": spec.policy.people is None,
        "synthetic_share": spec.synthetic_share == 1,
        "temperature": spec.temperature == 1,
        "labels": spec.labels == LabelsSpec(),
        "policy.classifier": spec.policy.classifier == DataPolicySpec(kind=spec.policy.classifier.kind),
        "star.target": not spec.star.curates("generator"),
        "curation.target": not spec.curation.curates("generator"),
        "warm_start": spec.warm_start in ("none", "classifier"),
    }
    if unfit := [name for name, right in without.items() if not right]:
        only = "takes only the kind of policy.classifier" if unfit[0] == "policy.classifier" else "has no generator"
        raise ValueError(f"{unfit[0]}: setting=people {only}; leave the field out")
    _check_people(spec)


def _check_people(spec: RunSpec) -> None:
    people = spec.people
    if people.first == ANNOTATOR and people.rule is None and people.history == 0:
        raise ValueError(
            "people.history=0: A_L decides first and learns from them; give 1 or more, or another people.first"
        )
    if people.retention and any(len(row) != 2 for row in people.retention):
        raise ValueError("people.retention: needs two probabilities in each row, when rejected and when accepted")
    if people.rule is not None and (spec.star.target != "none" or spec.curation.target != "none"):
        raise ValueError("people.rule: decides in all rounds, so no classifier learns from curated batches; leave out "
                         "the rule, or star and curation")  # fmt: skip
    if spec.response != ResponseSpec():
        raise ValueError("response: is people.retention in setting=people")
    if people.kind in KINDS:
        try:
            _check_kind(people, draws_from(spec.data))
        except InputError as error:
            raise ValueError(str(error)) from None


def _check_kind(people: PeopleSpec, from_data: bool) -> None:
    """Raise InputError for a kind that cannot be built, or does not fit the spec.

    from_data: whether its people are rows of a data set. This check reads no data set and no file of arguments, so
    groups and features are checked when a run begins.
    """
    made, arguments = type_of(people.kind), arguments_of(people)
    if not made.gives_labels(arguments):
        raise InputError(NO_LABELS)
    _check_return(people, made.comes_again(arguments))
    law = arguments.get("law")
    if from_data:
        check_takes_data(people.kind, made, arguments)
    elif not (isinstance(law, Mapping) and "path" in law):
        check_fit(people, _built(people.kind, json.dumps(arguments)), made.comes_again(arguments))


@lru_cache(64)
def _built(name: str, arguments: str) -> Kind:
    return build_kind(name, json.loads(arguments))


def _default(name: str) -> Any:
    return getattr(PeopleSpec(), name)
