"""The laws of curators beside STAR, and of their chains."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conftest import tiny
from fairloop.curation import CURATORS
from fairloop.curation.chain import Critics, chained, curator_of
from fairloop.curation.star import Star
from fairloop.loop.generations import Generation, simulate
from fairloop.models.numerics import Numerics
from fairloop.sources.batch import Batch, Strata
from fairloop.sources.origin import REAL
from fairloop.testing import CURATOR_CHECKS, CuratorCase
from fairloop.testing.streams import stream
from stand_ins import Sure


def run(*overrides: str) -> list[Generation]:
    return list(simulate(tiny(*overrides)))


def critics(labels: int = 2, groups: int = 2) -> Critics:
    strata = Strata(labels, groups)
    return Critics(strata, labels - 1, (0,), Sure(labels), Sure(labels, shift=1), Sure(groups), Numerics())


@pytest.mark.parametrize("check", CURATOR_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", CURATORS)
def test_every_curator_passes_the_checks_of_curators(kind, check):
    curator = curator_of({"kind": kind}, critics(3, 4))
    check(CuratorCase(curator, labels=3, groups=4, repeats=kind == "oversample"))


def test_star_can_come_after_another_curator():
    star = Star(np.full((3, 4), 1 / 12), budget=500)
    batch, told, urn = CuratorCase(chained([curator_of({"kind": "verifier"}, critics(3, 4)), star]), 3, 4).draw(48)
    assert len(batch.labels) == 48
    assert urn.drawn[0] == 2 * 548
    assert told.offered.sum() == 2 * 548
    assert told.candidates.sum() == 548


class Urn:
    """Hands out the rows that it was made from, in their order, then again."""

    def __init__(self, images: list[float], labels: list[int], groups: list[int], real: list[bool] | None = None):
        self.rows = [torch.tensor(images)[:, None], torch.tensor(labels), torch.tensor(groups)]
        self.real = torch.tensor(real) if real else None

    def draw(self, n: int, rng: torch.Generator) -> Batch:
        index = torch.arange(n) % len(self.rows[0])
        origins = None
        if self.real is not None:
            made_by = torch.where(self.real, REAL, 0)[index]
            origins = torch.stack([made_by, made_by], dim=1)
        return Batch(*(row[index] for row in self.rows), origins)


def test_a_verifier_keeps_the_plausible_and_one_without_quality_any():
    half_right = Urn([0.0, 0, 1, 1], [0, 1, 0, 1], [0, 0, 0, 0])
    batch, told = curator_of({"kind": "verifier", "keep": 0.5}, critics()).draw(half_right, 100, stream(0))
    assert torch.equal(batch.labels, batch.inputs[:, 0].long())
    assert told.offered.sum() == 200
    blind, _ = curator_of({"kind": "verifier", "quality": 0.0}, critics()).draw(half_right, 1000, stream(0))
    assert (blind.labels == blind.inputs[:, 0]).float().mean().item() == pytest.approx(0.5, abs=0.07)
    own, _ = curator_of({"kind": "verifier", "by": "labeller"}, critics()).draw(half_right, 100, stream(0))
    assert torch.equal(own.labels, 1 - own.inputs[:, 0].long())  # it verifies its own mistakes


def test_confident_labels_come_first_and_the_next_best_fill():
    quarter_right = Urn([0.0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0])
    batch, _ = curator_of({"kind": "confident", "factor": 2}, critics()).draw(quarter_right, 100, stream(0))
    assert (batch.labels == 0).sum() == 50


def test_the_best_of_k_has_the_largest_reward_and_taste_is_as_bradley_and_terry_say():
    images = Urn([0.0, 1.0], [0, 0], [0, 0])
    for reward, best in (("beneficial", 1), ("majoritized", 0)):
        batch, _ = curator_of({"kind": "best-of", "k": 2, "reward": reward}, critics()).draw(images, 50, stream(0))
        assert (batch.inputs == best).all()
    likely = Critics(Strata(2, 2), 1, (0,), Sure(chance=0.75), Sure(), Sure(), Numerics())
    step = {"kind": "best-of", "k": 2, "reward": "beneficial", "temperature": 1.0}
    batch, _ = curator_of(step, likely).draw(images, 20_000, stream(0))
    assert batch.inputs.mean().item() == pytest.approx(0.75, abs=0.02)  # exp(log .75) against exp(log .25)


def test_a_perfect_detector_lets_real_people_through_alone():
    urn = Urn([0.0, 1.0], [0, 0], [0, 0], real=[True, False])
    step = {"kind": "detector", "true_positive_rate": 1.0, "false_positive_rate": 0.0, "factor": 2}
    batch, _ = curator_of(step, critics()).draw(urn, 100, stream(0))
    assert (batch.origins[:, 0] == REAL).all()
    useless = {"kind": "detector", "true_positive_rate": 0.5, "false_positive_rate": 0.5}
    batch, _ = curator_of(useless, critics()).draw(urn, 4000, stream(0))
    assert (batch.origins[:, 0] == REAL).float().mean().item() == pytest.approx(0.5, abs=0.04)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=4, max_size=60))
def test_reweighed_labels_and_groups_are_independent(people):
    labels, groups = (list(column) for column in zip(*people, strict=True))
    urn = Urn([0.0] * len(people), labels, groups)
    batch, told = curator_of({"kind": "reweigh"}, critics(2, 3)).draw(urn, len(people), stream(0))
    counts = torch.bincount(batch.labels * 3 + batch.groups, minlength=6).reshape(2, 3)
    weighed = torch.zeros(6).index_add_(0, batch.labels * 3 + batch.groups, batch.weights).reshape(2, 3)
    assert batch.weights.mean().item() == pytest.approx(1, abs=1e-4)
    assert torch.allclose(told.chosen.reshape(2, 3), weighed)
    if (counts > 0).all():
        expected = counts.sum(1, keepdim=True) * counts.sum(0, keepdim=True) / counts.sum()
        assert torch.allclose(weighed, expected, rtol=1e-3)


def test_balanced_groups_count_alike_and_repeated_strata_are_as_many():
    urn = Urn([0.0] * 10, [0, 0, 0, 0, 0, 0, 1, 1, 1, 0], [0] * 8 + [1, 1])
    batch, _ = curator_of({"kind": "group-balanced"}, critics()).draw(urn, 10, stream(0))
    assert [batch.weights[batch.groups == group].sum().item() for group in (0, 1)] == pytest.approx([5, 5])
    batch, _ = curator_of({"kind": "oversample"}, critics()).draw(urn, 8000, stream(0))
    stratum = torch.bincount(batch.labels * 2 + batch.groups, minlength=4)
    assert (stratum - 2000).abs().max() < 250


def test_weights_weigh_the_loss():
    plain, weighed = (
        run("generations=1", *more)[0]
        for more in ([], ["curation.target=classifier", "curation.steps=[{kind: group-balanced}]"])
    )
    assert plain.classifier.log["loss"].tolist() != weighed.classifier.log["loss"].tolist()
    assert plain.generator.recipe == weighed.generator.recipe


@pytest.mark.slow
@pytest.mark.parametrize("kind", CURATORS)
def test_every_curator_runs_in_the_loop_and_tells_what_it_chose(kind):
    target = "classifier" if kind in ("reweigh", "group-balanced") else "both"
    last = run("generations=2", f"curation.target={target}", f"curation.steps=[{{kind: {kind}}}]")[1]
    rows = [row for row in last.rows if row.metric == "curation_chosen" and row.role == "classifier"]
    assert sum(row.value for row in rows) == pytest.approx(64, abs=0.01)
