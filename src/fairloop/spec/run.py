"""RunSpec: everything that defines a run. Validated as a whole, before anything starts.

A spec is plain data: it round-trips through YAML and JSON, and `--set` and `--grid` name its fields.
This module imports no torch, so that the help of a command appears at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, ValidationInfo, model_validator

from fairloop._util.as_json import digest
from fairloop._util.limits import parsed
from fairloop.curation import ideal as ideals
from fairloop.data import DataSpec, are_texts, is_table
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.errors import InputError
from fairloop.seeding import ModelRole
from fairloop.spec import people as of_people
from fairloop.spec.fields import Row, explained, rows_of
from fairloop.spec.models import FOR_TABLES, FOR_TEXTS, ClassifierSpec, GeneratorSpec, TrainingSpec
from fairloop.spec.names import identity_of
from fairloop.spec.people import PEOPLE, PeopleSpec
from fairloop.spec.schedule import assign, check_change, named
from fairloop.spec.sections import (
    CurationSpec,
    DataPolicySpec,
    LabelsSpec,
    PolicySpec,
    ResponseSpec,
    Section,
    Target,
)
from fairloop.spec.setting import EVERY_SETTING, Setting
from fairloop.spec.star import StarSpec

SettingName = Literal["seqgen-seqclass", "seqgen-nonseqclass", "seqclass", "control", "people"]

FREE_TO_CHANGE = ("name", "generations", "keep", "on_divergence", "data.root", "data.cache")
"""Fields about the name of a run, its length, its stored models, its end, and the location of its data.

All other fields define the experiment. They may not change between the sessions of one run.
"""

LATER = ("policy", "labels", "curation", "response", "people", "temperature", "warm_start", "schedule")
"""Fields that are newer than the first runs. Names omit their defaults, so that older runs keep their names."""

_LINE_BREAKS = "\x85\u2028\u2029"
_SCHEDULED = ("synthetic_share", "generator", "classifier", "star", *LATER[:-1])
_OF_ONE_GENERATION = "the spec of one generation: requirements across generations are checked in the whole spec"


class MeasureSpec(Section):
    """The samples for the measures of each generation."""

    samples: int = Field(10_000, ge=1, description="samples behind each population share")
    gallery: int = Field(64, ge=0, description="pictures kept per generation, of the same latents each time")
    latents: int = Field(1_000, ge=0, description="samples whose positions in G_0's latent space are stored")


class RunSpec(Section):
    """One run: the simulation of a data ecosystem over generations.

    >>> spec = RunSpec(generations=3, star={"target": "classifier"}, schedule={2: {"synthetic_share": 0.5}})
    >>> spec.identity, spec.at(2).synthetic_share, list(spec.spans), spec.flat()["star.ideal"]
    ('seqgen-seqclass.classifier.seed-0.a74dccf9', 0.5, [0, 2], 'uniform')
    >>> spec.to_yaml().splitlines()[:2]
    ['name: run', 'seed: 0']
    """

    name: str = Field("run", description="name of the run in tables and figures")
    seed: int = Field(0, ge=0, lt=2**63, description="of every random number in the run")
    setting: SettingName = Field(
        "seqgen-seqclass", description="the generators that learn from samples, and the model that labels"
    )
    generations: int = Field(40, ge=1, description="number of generations, with the one on real data")
    synthetic_share: float = Field(
        1.0, ge=0, le=1, description="share of each generator batch that is synthetic, from generation 1 on"
    )
    data: DataSpec = Field(ColoredMNISTSpec(), description="the real data")
    generator: GeneratorSpec = Field(GeneratorSpec(), description="the generator of each generation, G_i")
    classifier: ClassifierSpec = Field(ClassifierSpec(), description="the classifier of each generation, C_i")
    annotator: ClassifierSpec = Field(ClassifierSpec(), description="the annotators, A_L and A_S")
    star: StarSpec = Field(StarSpec(), description="algorithmic reparation by STAR")
    curation: CurationSpec = Field(CurationSpec(), description="curators other than STAR, and baselines")
    policy: PolicySpec = Field(PolicySpec(), description="the data that the next generation learns from")
    labels: LabelsSpec = Field(LabelsSpec(), description="the source of labels")
    response: ResponseSpec = Field(ResponseSpec(), description="real people who leave or return")
    people: PeopleSpec = Field(PeopleSpec(), description="people who come in rounds and respond to decisions")
    temperature: float = Field(1.0, gt=0, description="standard deviation of the latents that data are made from")
    warm_start: Target = Field(
        "none", description="the models that start from their predecessors' weights, from generation 1 on"
    )
    schedule: dict[int, dict[str, Any]] = Field(
        {},
        description="{generation: {field: value}}: other values of fields from that generation on; of a section "
        "only the fields that are named change, but lists and mappings such as arguments are replaced as a whole",
    )
    measure: MeasureSpec = Field(MeasureSpec(), description="the measurements of each generation")
    on_divergence: Literal["stop", "go_on"] = Field(
        "stop",
        description="if a loss or weights are no longer finite: stop, or go_on; with go_on the measures of that model, "
        "and of all models that learn from it, are undefined",
    )
    keep: Literal["all", "last", "none"] = Field(
        "all", description="models that stay on disk: all, those of the last generation, or none after the run"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="of large matrix products; auto is bf16 where the hardware has it"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="the device that trains models")
    threads: int = Field(1, ge=1, description="CPU threads; several runs side by side are faster than several threads")

    @model_validator(mode="before")
    @classmethod
    def _models_follow_the_data(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        values = of_people.folded(values)
        defaults: Mapping[str, str] = {}
        if is_table(data := values.get("data", {})) or values.get("setting") == PEOPLE:
            defaults = FOR_TABLES
        elif are_texts(data):
            defaults = FOR_TEXTS
        return {**values, **{name: _with_model(values.get(name, {}), model) for name, model in defaults.items()}}

    @model_validator(mode="after")
    def _star_needs_a_generator_that_learns(self) -> RunSpec:
        if self.star.curates("generator") and self.rules.generators == "fixed":
            raise ValueError(
                f"star.target={self.star.target}: setting {self.setting} keeps its generator, so there is nothing "
                "to curate for it; use star.target=classifier or a seqgen setting"
            )
        return self

    @model_validator(mode="after")
    def _people_suit_the_setting(self) -> RunSpec:
        of_people.check(self)
        return self

    @model_validator(mode="after")
    def _regime_is_possible(self) -> RunSpec:
        generator = self.policy.generator
        about_generators = generator != DataPolicySpec() or self.curation.curates("generator") or self.warm_start in (
            "generator", "both"
        )  # fmt: skip
        if about_generators and self.rules.generators == "fixed":
            raise ValueError(
                f"setting={self.setting}: keeps its generator, so policy.generator, curation.target and warm_start can "
                "say nothing about it; use a seqgen setting"
            )
        if generator.real_share is not None and self.synthetic_share < 1:
            raise ValueError(
                f"synthetic_share={self.synthetic_share}: policy.generator.real_share sets the share of real people, "
                "too; set one of them"
            )
        return self

    @model_validator(mode="after")
    def _schedule_is_possible(self) -> RunSpec:
        before = self
        for generation in sorted(self.schedule):
            if generation < 0:
                raise ValueError(f"schedule.{generation}: generations are counted from 0 on")
            try:
                paths = named(RunSpec, self.schedule[generation])
                if wrong := [path for path in paths if path.partition(".")[0] not in _SCHEDULED]:
                    raise ValueError(f"{wrong[0]}: cannot change between generations")
                now = self.at(generation)
                keeps = self.rules.generators == "fixed"
                check_change(before.model_dump(mode="json"), now.model_dump(mode="json"), generation, keeps)
                before = now
            except ValidationError as error:
                raise ValueError(f"schedule.{generation}: {explained(error, field_table())}") from None
            except (ValueError, InputError) as error:
                raise ValueError(f"schedule.{generation}.{error}") from None
        return self

    @model_validator(mode="after")
    def _what_is_needed_later_is_kept(self, info: ValidationInfo) -> RunSpec:
        if info.context is _OF_ONE_GENERATION:
            return self
        if self.keep != "all" and self.looks_back:
            raise ValueError(f"keep={self.keep}: a policy or people who respond need earlier models; use keep=all")
        spans = self.spans
        responding = [start for start, span in spans.items() if span.response.on]
        if responding and self.policy.real == "fresh":
            raise ValueError("response: people who are new each time have no outcome before; set policy.real=fixed")
        if responding and not any(span.takes_people for start, span in spans.items() if start >= responding[0]):
            raise ValueError(
                "response: no real people enter the data; let them, for example by policy.classifier.real_share=0.5"
            )
        return self

    def at(self, generation: int) -> RunSpec:
        """The spec that holds in `generation`: the changes of `schedule` up to it are applied, and its schedule is
        empty.
        """
        if not self.schedule:
            return self
        fields = self.model_dump(mode="json", exclude={"schedule"})
        for i in sorted(self.schedule):
            for path, value in named(RunSpec, self.schedule[i]).items() if i <= generation else ():
                assign(fields, path, value)
        return RunSpec.model_validate(fields, context=_OF_ONE_GENERATION)

    @property
    def spans(self) -> dict[int, RunSpec]:
        """The specs that hold in turn, by their first generation."""
        return {generation: self.at(generation) for generation in sorted({0, *self.schedule})}

    def responds(self, generation: int) -> bool:
        """Whether people respond to outcomes in `generation` or an earlier one."""
        return any(span.response.on for start, span in self.spans.items() if start <= generation)

    @property
    def looks_back(self) -> bool:
        """Whether some generation needs models from before the one before it."""
        return self.setting == PEOPLE or any(
            span.response.on or {span.policy.generator.kind, span.policy.classifier.kind} != {"replace"}
            for span in self.spans.values()
        )

    @property
    def takes_people(self) -> bool:
        """Whether real people are among those that models after G_0 learn from."""
        return self.synthetic_share < 1 or self.policy.generator.takes_people or self.policy.classifier.takes_people

    @property
    def dataset(self) -> str:
        """The name of the data in tables: of the data set, or of the kind if the kind makes the people."""
        by_kind = self.setting == PEOPLE and not of_people.draws_from(self.data)
        return self.people.kind if by_kind else self.data.name

    @property
    def rules(self) -> Setting:
        """The setting as an object."""
        return EVERY_SETTING[self.setting]

    @property
    def annotators(self) -> tuple[ModelRole, ...]:
        """The annotators that the run trains: in rounds of people only those that it needs."""
        both = self.setting != PEOPLE or any(span.curation.steps for span in self.spans.values())
        roles = ModelRole.LABEL_ANNOTATOR, ModelRole.GROUP_ANNOTATOR
        return roles if both else roles[: int(self.people.by_annotator)]

    @property
    def names_files(self) -> bool:
        """Whether an ideal is a file that is not read yet."""
        return any(ideals.names_file(span.star.ideal) for span in (self, *self.spans.values()))

    def experiment(self) -> dict[str, Any]:
        """The fields that define the run's models and measures, as plain data.

        Raises InputError if an ideal is a file that is not read yet, because its shares define the run.
        """
        if self.names_files:
            how = "read it with fairloop.spec.files.with_files_read"
            raise InputError(f"star.ideal: names a file that is not read yet; {how}")
        fields = self.model_dump(mode="json")
        for path in FREE_TO_CHANGE:
            *parents, leaf = path.split(".")
            place = fields
            for parent in parents:
                place = place[parent]
            place.pop(leaf, None)
        return fields

    def flat(self) -> dict[str, Any]:
        """The fields of `experiment` by their full path, `a.b.c`."""
        return dict(_leaves(self.experiment()))

    @property
    def identity(self) -> str:
        """The run's name in tables: readable, and different for different experiments."""
        told = self.experiment()
        for name in LATER:
            if getattr(self, name) == RunSpec.model_fields[name].default:
                del told[name]
        return identity_of(self.setting, self.star.target, self.seed, digest=digest(told)[:8])

    def to_yaml(self) -> str:
        """Every field, resolved, as text that `from_mapping` reads back."""
        fields = self.model_dump(mode="json")
        text = json.dumps(fields, ensure_ascii=False)
        breaks = any(mark in text for mark in _LINE_BREAKS)  # YAML folds these unless they are escaped
        return yaml.safe_dump(fields, sort_keys=False, allow_unicode=not breaks)


def _with_model(section: Any, model: str) -> Any:
    """A section in which `model` is the default."""
    if isinstance(section, TrainingSpec):
        return section if "model" in section.model_fields_set else section.model_copy(update={"model": model})
    return {"model": model, **section} if isinstance(section, Mapping) else section


def from_mapping(fields: object, overrides: Iterable[str] = ()) -> RunSpec:
    """A spec from plain data, with `a.b=value` overrides (values are YAML).

    Raises InputError: one line with every wrong field, its value and the remedy.
    """
    if not isinstance(fields, Mapping):
        raise InputError("spec: is not a mapping of fields; `fairloop run --help` lists the fields")
    try:
        merged = json.loads(json.dumps(fields, default=str))
    except (TypeError, ValueError, RecursionError):  # odd keys, or YAML that contains itself
        raise InputError("spec: holds something other than names, numbers, text and lists") from None
    for override in overrides:
        _override(merged, override)
    try:
        return RunSpec.model_validate(merged)
    except ValidationError as error:
        raise InputError(explained(error, field_table())) from None


def from_file(path: Path, overrides: Iterable[str] = ()) -> RunSpec:
    """A spec from a YAML or JSON file. Raises InputError if the file cannot be read or is not a spec."""
    fields = read_fields(path)
    return from_mapping(fields if fields is not None else {}, overrides)


def read_fields(path: Path) -> object:
    """The content of a YAML or JSON file. Raises InputError if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"spec: '{path}' cannot be read ({error})") from error
    try:
        return parsed(text)
    except ValueError as error:
        raise InputError(f"spec: '{path}' is not valid YAML: {error}") from error


def field_table() -> list[Row]:
    """(path, default, description) of every field; for `data`, of the fields of ColoredMNIST."""
    return rows_of(RunSpec)


def _leaves(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _override(fields: dict[str, Any], override: str) -> None:
    path, separator, text = override.partition("=")
    if not separator or not path.strip():
        raise InputError(f"--set {override}: write it as field=value, for example data.label_noise=0.1")
    try:
        value = parsed(text)
    except ValueError:
        raise InputError(f"--set {override}: '{text}' is not a value that YAML understands") from None
    assign(fields, path.strip(), value)
