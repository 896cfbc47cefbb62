"""Models that are not fairloop's: a fault is one line that says whose and what to do, before anything is trained."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conftest import TINY, tiny
from fairloop import simulate
from fairloop.cli import main
from fairloop.data import load
from fairloop.data.columns import Numeric
from fairloop.errors import DivergedError, InputError
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.checks import range_fault
from fairloop.models.interface import Classifier, Generator
from fairloop.seeding import Role
from fairloop.spec.run import from_mapping
from fairloop.store.memory import MemoryModels


class Pixels(Generator):
    """Every value on its own, clamped to [0, 1]."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.full(shape, 0.5))

    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return ((images - self.mean) ** 2).mean()

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return (self.mean + 0.1 * torch.randn((n, *self.mean.shape), generator=rng)).clamp(0, 1)


class Linear(Classifier):
    """Logistic regression."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(torch.Size(shape).numel(), classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images.flatten(1))


class OneLogit(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, :1]


class FlatLogit(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)[:, 0]


class NamesClasses(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).argmax(dim=1, keepdim=True).expand(-1, 2)


class Arrays(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).detach().numpy()


class Detached(Linear):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).detach()


class Breaks(Linear):
    def forward(self, images: Tensor) -> Tensor:
        raise RuntimeError("two\nlines")


class Frozen(Linear):
    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__(shape, classes)
        self.requires_grad_(False)


class NoForward(Classifier):
    pass


class Tanh(Pixels):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return 2 * super().sample(n, rng) - 1


class Bytes(Pixels):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return (255 * super().sample(n, rng)).byte()


class Doubles(Pixels):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng).double()


class Flat(Pixels):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng).flatten(1)


class NumbersAsLoss(Pixels):
    def loss(self, images: Tensor, rng: torch.Generator) -> float:
        return super().loss(images, rng).item()


class LossWithoutGradient(Pixels):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return super().loss(images, rng).detach()


class LossOfEach(Pixels):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return ((images - self.mean) ** 2).flatten(1).mean(dim=1)


class Nothing(Pixels):
    def sample(self, n: int, rng: torch.Generator) -> None:
        return None


class NoSample(Generator):
    def loss(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return images.mean()


class Plain(nn.Module):
    def __init__(self, shape: tuple[int, ...], classes: int = 2) -> None:
        super().__init__()


NOT_A_CLASS = 5

# What is wrong, and what the line says of it beside whose it is: the remedy.
CLASSIFIERS = {
    "OneLogit": r"shape \(2, 1\), not \(2, 2\).*one logit",
    "FlatLogit": r"shape \(2,\), not \(2, 2\).*width `classes`",
    "NamesClasses": "int64.*return scores",
    "Arrays": "ndarray.*return logits",
    "Detached": "no gradient.*without",
    "Breaks": "forward fails on a few samples: RuntimeError: two lines; correct",
    "Frozen": "no parameters.*give it",
    "NoForward": "no method forward; define it",
    "Plain": "does not inherit from .*Classifier; let",
    "NOT_A_CLASS": "is a int; name a class",
}
GENERATORS = {
    "Tanh": r"range from -[\d.]+ to [\d.]+; .*clamp\(0, 1\)",
    "Bytes": r"uint8.*\.float\(\) / 255",
    "Doubles": r"float64.*end `sample` with \.float\(\)",
    "Flat": r"shape \(2, 2352\), not \(2, 3, 28, 28\)",
    "Nothing": "NoneType.*return one of shape",
    "NumbersAsLoss": "loss is a float; return a scalar tensor",
    "LossWithoutGradient": "no gradient.*compute it from the parameters",
    "LossOfEach": "the shape.*return a scalar",
    "NoSample": "no method sample; define it",
    "Plain": "does not inherit from .*Generator; let",
    "NOT_A_CLASS": "is a int; name a class",
}
FAULTS = [
    *(("classifier", r"classifier( 0 \(|\.model)", name, words) for name, words in CLASSIFIERS.items()),
    *(("annotator", r"(label annotator \(|annotator\.model)", name, words) for name, words in CLASSIFIERS.items()),
    *(("generator", r"generator( 0 \(|\.model)", name, words) for name, words in GENERATORS.items()),
]


class Untouched(MemoryModels):
    """A store that nothing may be asked of."""

    def model(self, recipe, fit):
        raise AssertionError(f"{recipe.title} is asked for")


def ours(**models: str):
    """A tiny run with models of this file."""
    sections = {
        section: {**TINY[section], "arguments": {}, "model": f"test_others:{models[section]}"} for section in models
    }
    return from_mapping({**TINY, **sections})


@pytest.mark.parametrize(("section", "whose", "model", "words"), FAULTS)
def test_a_wrong_model_is_one_line_before_anything_is_trained(section, whose, model, words):
    with pytest.raises(InputError) as caught:
        list(simulate(ours(**{section: model}), Untouched()))
    line = str(caught.value)
    assert re.match(whose, line), line
    assert f"test_others:{model}" in line
    assert re.search(words, line), line
    assert "\n" not in line


def test_right_models_of_others_run():
    generations = list(simulate(ours(generator="Pixels", classifier="Linear", annotator="Linear")))
    assert [generation.index for generation in generations] == [0, 1, 2]


@pytest.mark.slow
def test_a_trial_leaves_every_number_as_it_was(monkeypatch):
    def rows():
        return [tuple(map(repr, row)) for generation in simulate(tiny("generations=2")) for row in generation.rows]

    state = torch.get_rng_state()
    tried = rows()
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr("fairloop.loop.trainer.try_generator", lambda model, title, images, *rest: images)
    monkeypatch.setattr("fairloop.loop.trainer.try_classifier", lambda *rest: None)
    monkeypatch.setattr(ModelTrainer, "_look_at", lambda self, trained: None)
    assert rows() == tried


class Leaves(Pixels):
    """Stays in [0, 1] until it has learned something."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.start = nn.Parameter(self.mean.detach().clone(), requires_grad=False)

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng) - 2 * (self.mean - self.start).norm().sign()


def test_a_generator_that_leaves_the_range_by_learning_ends_the_run_before_others_learn_from_it():
    asked = []

    class Watched(MemoryModels):
        def model(self, recipe, fit):
            asked.append(recipe.title)
            return super().model(recipe, fit)

    with pytest.raises(InputError, match=r"^generator 0 \(test_others:Leaves\): samples range from -.*clamp"):
        list(simulate(ours(generator="Leaves"), Watched()))
    assert "classifier 0" not in asked


class RarelyWrong(Pixels):
    """Leaves [0, 1] in one of many samples."""

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        made = super().sample(n, rng)
        made[100:] += 1
        return made


def test_the_samples_that_are_measured_are_looked_at_as_well():
    with pytest.raises(InputError, match=r"^generator 0 \(test_others:RarelyWrong\): samples range from .* must stay"):
        list(simulate(ours(generator="RarelyWrong")))


class Undefined(Pixels):
    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        return super().sample(n, rng) * torch.nan


def test_what_is_no_number_has_no_range():
    assert range_fault(torch.tensor([torch.nan, 0.5])) is None
    assert range_fault(torch.full((3,), torch.nan)) is None
    assert range_fault(torch.tensor([torch.nan, 1.5])) is not None
    with pytest.raises(DivergedError, match="classifier 0"):  # the first that learns from it
        list(simulate(ours(generator="Undefined")))


def table(columns: tuple = ()):
    """The digits of a tiny run as rows of a table with numbers from -1 to 1."""
    people = load(tiny().data, 0)

    def rows(split):
        flat = split.inputs[:].reshape(len(split), -1)[:, ::98].astype(np.float32)
        return replace(split, inputs=flat / 127.5 - 1)

    tests = {name: rows(split) for name, split in people.tests.items()}
    return replace(people, train=rows(people.train), tests=tests, columns=columns, fingerprint="")


@pytest.mark.parametrize("known", [False, True])
def test_rows_have_the_range_of_their_columns_if_these_are_known(known):
    # Standardised columns may have any range; those that fairloop encodes are in [0, 1].
    width = table().shape[0]
    columns = tuple(Numeric(f"c{i}", (0.0, 1.0), (0.0, 1.0), whole=False) for i in range(width)) if known else ()
    spec = ours(generator="Tanh", classifier="Linear", annotator="Linear")

    def first():
        trainer = ModelTrainer(spec, MemoryModels(), population=table(columns))
        return trainer.first_generator()

    if not known:
        assert first().module.sample(9, workshop_stream()).min() < 0
        return
    with pytest.raises(InputError, match=r"generator 0 .*range"):
        first()


def workshop_stream() -> torch.Generator:
    return torch.Generator().manual_seed(len(Role.EXPORT))


def test_a_finished_run_of_such_a_generator_can_still_be_read():
    spec = ours(generator="Tanh")
    with pytest.raises(InputError, match="range"):
        ModelTrainer(spec, MemoryModels())
    numerics = ModelTrainer(tiny(), MemoryModels()).numerics
    assert ModelTrainer(spec, MemoryModels(), recorded=numerics).plan.generators


@pytest.mark.parametrize("section", ["generator", "classifier", "annotator"])
def test_arguments_that_a_preset_sets_are_named_as_such(section, tmp_path, monkeypatch, capsys):
    # The user changed the model only. What was set for another one is not taken away in silence: that would be another
    # experiment wherever both models have the argument.
    name = {"generator": "Pixels"}.get(section, "Linear")
    spec = from_mapping({**TINY, section: {**TINY[section], "arguments": {"widths": [4, 8]}}},
                        [f"{section}.model=test_others:{name}"])  # fmt: skip
    with pytest.raises(InputError) as caught:
        simulate(spec, Untouched()).__next__()
    assert "widths" in str(caught.value)
    assert f"preset's or a spec file's arguments stay when only {section}.model is set" in str(caught.value)
    remedy = re.search(r"--set '([^']*)' clears them", str(caught.value))[1]
    assert remedy == f"{section}.arguments={{}}"
    cleared = from_mapping(spec.model_dump(mode="json"), [remedy])
    assert next(iter(simulate(cleared))).index == 0


def test_the_command_line_says_so_in_one_line(tmp_path, monkeypatch, capsys):
    argv = ["fairloop", "run", "demo", "--set", "generator.model=test_others:Pixels", "--out", str(tmp_path / "run")]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.count("\n") == 1
    assert "--set 'generator.arguments={}' clears them" in said


def test_setting_a_model_alone_keeps_the_arguments_of_a_spec():
    fields = {**TINY, "generator": {"model": "conv-vae", "arguments": {"widths": [2, 4]}}}
    changed = from_mapping(fields, ["generator.model=celeba-vae-64"])
    assert changed.generator.arguments == {"widths": [2, 4]}
    assert (
        changed.identity
        == from_mapping({**fields, "generator": {"model": "celeba-vae-64", "arguments": {"widths": [2, 4]}}}).identity
    )
