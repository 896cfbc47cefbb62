"""The laws of the loop."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from conftest import tiny
from fairloop.data import Split
from fairloop.errors import DivergedError
from fairloop.loop.generations import Generation, simulate
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.interface import Classifier, Generator
from fairloop.models.numerics import Numerics
from fairloop.seeding import ModelRole
from fairloop.sources.batch import Batch
from fairloop.sources.source import RealData
from fairloop.spec.setting import SETTINGS
from fairloop.store.interface import Fit, M, Trained
from fairloop.store.memory import MemoryModels
from fairloop.store.models import DirectoryModels
from fairloop.training.batches import Schedule, mixed
from fairloop.training.recipe import Influence, Parent, Recipe
from fairloop.training.streams import Streams


class Counting(MemoryModels):
    """Counts what is fitted, and remembers every model."""

    def __init__(self) -> None:
        super().__init__()
        self.fitted: Counter[str] = Counter()
        self.trained: dict[str, Trained] = {}

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        if not self.has(recipe):
            self.fitted[recipe.role] += 1
        trained = super().model(recipe, fit)
        self.trained[recipe.title] = trained
        return trained


def table(generations: list[Generation]) -> list[tuple]:
    return [tuple(map(repr, row)) for generation in generations for row in generation.rows]


def weights(trained: Trained) -> list[torch.Tensor]:
    return list(trained.module.state_dict().values())


def same(first: Trained, second: Trained) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def run(*overrides: str, models: MemoryModels | None = None) -> list[Generation]:
    return list(simulate(tiny(*overrides), models))


def test_same_seed_same_bits_other_seed_other_bits():
    first, second, other = run(), run(), run("seed=1")
    assert table(first) == table(second)
    assert table(first) != table(other)


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_decide_who_learns_from_whom(name):
    plan = ModelTrainer(tiny(f"setting={name}"), MemoryModels()).plan
    sequential, by_annotator = SETTINGS[name].generators == "sequential", SETTINGS[name].labels == "annotator"
    for i in range(3):
        generator = plan.generators[i if sequential else 0]
        labeller = plan.label_annotator if i == 0 or by_annotator else plan.classifiers[i - 1]
        assert plan.generators[i] == generator
        maker, namer = (
            Parent(Influence.GENERATOR, generator.fingerprint),
            Parent(Influence.LABELLER, labeller.fingerprint),
        )
        assert plan.classifiers[i].parents == (maker, namer)
        if i and sequential:
            assert generator.parents == (Parent(Influence.GENERATOR, plan.generators[i - 1].fingerprint),)


@pytest.mark.slow
def test_settings_differ_only_where_they_should():
    runs = {name: run(f"setting={name}") for name in SETTINGS}
    for generations in runs.values():  # generation 0 is the same everywhere: A_L labels, G_0 makes
        assert table(generations[:1]) == table(runs["control"][:1])
    for i in (1, 2):
        assert same(runs["seqgen-seqclass"][i].generator, runs["seqgen-nonseqclass"][i].generator)
        assert not same(runs["seqgen-seqclass"][i].generator, runs["seqclass"][i].generator)
        assert not same(runs["seqgen-nonseqclass"][i].classifier, runs["control"][i].classifier)
        for name in ("seqclass", "control"):
            assert same(runs[name][i].generator, runs[name][0].generator)


@pytest.mark.slow
def test_star_and_no_curation_agree_until_the_first_curated_batch():
    kept = {target: Counting() for target in ("none", "classifier", "generator", "both")}
    for target, models in kept.items():
        run(f"star.target={target}", models=models)
    plain = kept["none"].trained
    for models in kept.values():
        for title in ("label annotator", "group annotator", "generator 0"):
            assert same(models.trained[title], plain[title])
    for i in (1, 2):  # cla-STAR leaves the chain of generators as it is
        assert same(kept["classifier"].trained[f"generator {i}"], plain[f"generator {i}"])
    assert same(kept["generator"].trained["classifier 0"], plain["classifier 0"])
    assert same(kept["both"].trained["classifier 0"], kept["classifier"].trained["classifier 0"])
    assert not same(kept["generator"].trained["generator 1"], plain["generator 1"])


@pytest.mark.slow
def test_runs_that_share_a_store_share_models():
    shared = Counting()
    alone = {}
    pairs = [("seqgen-seqclass", "none"), ("seqgen-nonseqclass", "none"), ("seqgen-seqclass", "classifier"),
             ("seqclass", "none"), ("control", "none")]  # fmt: skip
    for setting, target in pairs:
        overrides = (f"setting={setting}", f"star.target={target}")
        alone[setting, target] = table(run(*overrides))
        assert table(run(*overrides, models=shared)) == alone[setting, target]
    assert shared.fitted["generator"] == 3
    assert shared.fitted["label_annotator"] == shared.fitted["group_annotator"] == 1


def test_recipes_are_known_before_anything_is_trained():
    models = Counting()
    spec = tiny("star.target=both")
    planned = [recipe.fingerprint for recipe in ModelTrainer(spec, MemoryModels()).plan]
    list(simulate(spec, models))
    assert sorted(planned) == sorted(trained.recipe.fingerprint for trained in models.trained.values())


@pytest.mark.slow
@pytest.mark.parametrize("start", [1, 2, 3])
def test_a_run_goes_on_from_any_generation(start):
    models = MemoryModels()
    whole = run(models=models)
    assert table(list(simulate(tiny(), models, start=start))) == table(whole[start:])


@pytest.mark.slow
def test_a_run_goes_on_without_its_models_too():
    assert table(list(simulate(tiny(), start=2))) == table(run()[2:])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.57, 1.0])
def test_a_mixed_batch_holds_its_share_of_synthetic_samples(share):
    class Made:
        def draw(self, source: object, n: int, rng: torch.Generator) -> tuple[Batch, None]:
            return Batch(torch.full((n, 1), 2.0), torch.zeros(n), torch.zeros(n)), None

    people = np.zeros((130, 1), np.float32)
    real = RealData(Split(people, np.zeros(130, np.int64), np.zeros(130, np.int64)), Numerics())
    streams = Streams(0, 1, ModelRole.GENERATOR)
    feed = mixed(None, Made(), real, share, Schedule(4, 100, 100), streams)
    batches = [batch.inputs[:, 0] for batch, _ in feed(0)]
    assert [len(batch) for batch in batches] == [100] * 4
    assert [int((batch == 2).sum()) for batch in batches] == [round(share * 100)] * 4
    if 0 < share < 1:
        assert not torch.equal(batches[0], batches[0].sort(descending=True).values)  # shuffled


@pytest.mark.slow
def test_synthetic_share_shapes_generators_from_the_first_on():
    models = Counting()
    run("synthetic_share=0.5", models=models)
    assert models.trained["generator 1"].recipe.synthetic_share == 0.5
    assert models.trained["generator 1"].recipe.data == models.trained["generator 0"].recipe.data
    plain = Counting()
    run(models=plain)
    assert same(models.trained["generator 0"], plain.trained["generator 0"])
    assert not same(models.trained["generator 1"], plain.trained["generator 1"])


def test_a_kept_model_does_not_change_with_the_one_that_was_handed_out():
    models = MemoryModels()
    first = run("generations=1", models=models)[0]
    before = [tensor.clone() for tensor in weights(first.classifier)]
    for parameter in first.classifier.module.parameters():
        parameter.data.zero_()
    again = run("generations=1", models=models)[0]
    assert all(torch.equal(a, b) for a, b in zip(before, weights(again.classifier), strict=True))


def test_threads_of_the_recipe_hold_whatever_others_set():
    spec = tiny("generations=1")
    simulation = simulate(spec)
    torch.set_num_threads(2)
    next(simulation)
    assert torch.get_num_threads() == 1


def test_weights_that_are_no_numbers_end_the_run():
    with pytest.raises(DivergedError, match="learning_rate"):
        run("classifier.learning_rate=1e30")


@pytest.mark.slow
def test_star_is_recorded_and_fills_its_batches():
    generation = run("star.target=both", "star.budget=32")[1]
    for trained in (generation.generator, generation.classifier):
        candidates, redrawn = trained.log["candidates"], trained.log["redrawn"]
        assert (candidates.sum(dim=-1) == 64 + 32).all()
        expected = 64 - candidates.clamp(max=16).sum(dim=-1)
        assert torch.equal(redrawn, expected.int())
    rows = [row for row in generation.rows if row.metric == "star_redrawn"]
    assert {row.role for row in rows} == {"generator", "classifier"}


def test_classifier_batches_copy_the_short_last_one_unless_curated():
    plain = ModelTrainer(tiny("data.train=330"), MemoryModels()).plan.classifiers[0].schedule
    assert list(plain.sizes()) == [64] * 5 + [10]
    curated = ModelTrainer(tiny("data.train=330", "star.target=classifier", "star.batch=32"), MemoryModels())
    assert list(curated.plan.classifiers[0].schedule.sizes()) == [32] * 6
    assert list(curated.plan.generators[1].schedule.sizes()) == [64] * 6


@pytest.mark.slow
def test_every_measure_is_recorded():
    first = run()[0]
    for role in ("classifier", "label_annotator", "group_annotator"):
        for split in ("valid", "test", "test_balanced"):
            for metric in ("accuracy", "selection_rate", "count", "tpr", "tnr", "fpr", "fnr"):
                for group in ("overall", "green", "red", "difference", "ratio", "min", "max"):
                    first.value(metric, group, role=role, split=split)
            for metric in ("demographic_parity", "equalized_odds"):
                for group in ("difference", "ratio"):
                    first.value(metric, group, role=role, split=split)
    shares = [row for row in first.rows if row.metric == "stratum_share"]
    assert len(shares) == 4
    assert sum(row.value for row in shares) == pytest.approx(1)
    assert all(row.standard_error >= 0 for row in shares)
    assert first.gallery.images.shape == (8, 3, 28, 28)
    assert first.gallery.latents.shape == (16, 4)
    assert len({row[:7] for row in first.rows}) == len(first.rows)


class Identity(Generator):
    """Makes exactly the population that it is told, whatever it is shown."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.images = images

    def loss(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        raise AssertionError("is not trained")

    def sample(self, n: int, rng: torch.Generator) -> torch.Tensor:
        return self.images[torch.randint(len(self.images), (n,), generator=rng)]


class Colour(Classifier):
    """Names the colour, without fail."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([images[:, 1].sum(dim=(1, 2)), images[:, 0].sum(dim=(1, 2))], dim=1)


class PerfectBeginning(MemoryModels):
    """Hands out a perfect generator and perfect annotators; classifiers are really trained."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.images = images

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        if recipe.role is ModelRole.CLASSIFIER:
            return super().model(recipe, fit)
        module = Identity(self.images) if recipe.role is ModelRole.GENERATOR else Colour()
        return Trained(recipe, module.eval(), {"loss": torch.zeros(1)})


@pytest.mark.slow
def test_an_identity_generator_and_a_perfect_labeller_never_drift():
    # The label is the colour, so that a classifier can learn it without fault.
    colours = ("data.green_given_label=[1,0]", "data.label_noise=0", "generations=5", "measure.samples=4000")
    spec = tiny(*colours, "classifier.epochs=3", "classifier.learning_rate=0.003")
    population = ModelTrainer(spec, MemoryModels()).population
    images = torch.from_numpy(population.train.inputs).float() / 255
    share = (population.train.groups == 1).mean()
    for generation in simulate(spec, PerfectBeginning(images)):
        assert generation.value("accuracy") >= 0.99
        # With the colour as the label, a group has one label only: half of its rates are undefined, and say so.
        assert np.isnan(generation.value("equalized_odds", "difference"))
        found = generation.value("group_share", "red", role="generator", split="generated")
        assert abs(found - share) < 5 * (0.25 / 4000) ** 0.5


class Pixels(Generator):
    """Every pixel on its own. It has no encoder."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.mean = torch.nn.Parameter(torch.full(shape, 0.5))

    def loss(self, images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return ((images - self.mean) ** 2).sum()

    @torch.no_grad()
    def sample(self, n: int, rng: torch.Generator) -> torch.Tensor:
        return (self.mean + 0.1 * torch.randn((n, *self.mean.shape), generator=rng)).clamp(0, 1)


class FaultyEncoder(Pixels):
    """Its encoder fails."""

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        raise TypeError("a fault of its own")


@pytest.mark.slow
def test_a_generator_without_an_encoder_is_measured_as_any_other():
    plain = ("generator.model=test_loop:Pixels", "generator.arguments={}")
    first = run(*plain)[0]
    assert first.gallery.latents.shape == (0, 0)
    assert first.gallery.images.shape == (8, 3, 28, 28)
    assert {row[:7] for row in first.rows} == {row[:7] for row in run()[0].rows}
    with pytest.raises(TypeError, match="a fault of its own"):  # not taken for a missing encoder
        run("generator.model=test_loop:FaultyEncoder", "generator.arguments={}")


BATCH_NORM = (
    *("generator.model=celeba-vae", "generator.arguments={widths: [4, 8], latent: 4}", "generator.epochs=2"),
    *("classifier.model=resnet-20", "classifier.arguments={width: 2}", "classifier.epochs=2", "generations=2"),
)


class Paused(MemoryModels):
    """Every fit is broken off after its first epoch, put to sleep, and taken up again by a model that is built anew."""

    def model(self, recipe: Recipe, fit: Fit[M]) -> Trained[M]:
        if self.has(recipe):
            return super().model(recipe, fit)
        asleep = next(iter(fit(None))).state(resumable=True)
        return super().model(recipe, lambda _: fit(asleep))


@pytest.mark.slow
def test_models_with_running_statistics_pause_and_resume_to_the_same_bits(tmp_path):
    whole = table(run(*BATCH_NORM))
    assert table(run(*BATCH_NORM, models=Paused())) == whole
    kept = DirectoryModels(tmp_path)
    assert table(run(*BATCH_NORM, models=kept)) == whole
    assert table(run(*BATCH_NORM, models=kept)) == whole  # this time all are loaded


@pytest.mark.slow
def test_batch_norm_learns_in_every_step_of_training_and_from_no_other_batch():
    last = run(*BATCH_NORM)[1]
    for trained in (last.generator, last.classifier):
        seen = {int(tensor) for name, tensor in trained.module.state_dict().items() if "num_batches" in name}
        assert seen == {2 * trained.recipe.schedule.steps}


@pytest.mark.slow
def test_global_random_state_and_call_order_do_not_matter():
    first = table(run())
    torch.manual_seed(99)
    np.random.seed(99)
    torch.rand(1000)
    assert table(run()) == first


def test_a_spec_that_does_not_fit_fails_before_training():
    with pytest.raises(Exception, match="divisible"):
        simulate(tiny("generator.arguments.widths=[4,4,4]"))
    with pytest.raises(Exception, match=r"star\.ideal"):
        simulate(tiny("star.ideal=[[.5,.25,.25],[0,0,0]]"))


def test_strata_that_no_batch_has_room_for_are_warned_of():
    with pytest.warns(UserWarning, match="4 of 4 strata"):
        simulate(tiny("star.target=classifier", "star.batch=3"))
