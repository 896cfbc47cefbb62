"""Laws of forecasts, with logs that the loop itself has made, whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from scipy.stats import t as students

from fairloop import whatif
from fairloop.auditing.gate.limits import limit
from fairloop.auditing.log.columns import Columns
from fairloop.auditing.measures.values import Measure
from fairloop.forecasting import future
from fairloop.forecasting.logged import logged
from fairloop.forecasting.people import chances, past, source
from fairloop.forecasting.policies import policies
from fairloop.forecasting.setup import Setup
from fairloop.loop.generations import generations
from fairloop.loop.people import generations as of_people
from fairloop.loop.people.learning import known
from fairloop.loop.people.population import source_of
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.numerics import Numerics
from fairloop.spec.run import RunSpec, from_mapping
from fairloop.store.memory import MemoryModels
from whatif_logs import NAMED, Made, Recorded, made

RATES = [Measure("selection_rate", "A"), Measure("selection_rate", "B"), Measure("accuracy")]


@pytest.fixture(scope="module")
def loop() -> Made:
    return made(5)


def read(frame, propensity=None):
    columns = Columns("round", "label", ("group",), "prediction", propensity=propensity, features=("x0", "B"))
    return logged(frame, columns, "yes")


# one loop


def test_a_loop_goes_on_from_a_log_of_its_rounds_as_without_the_break(loop):
    log = read(loop.log(3))
    kind = Recorded()
    source = source_of(loop.spec)._replace(kind=kind, past=past(log))
    after = list(generations(ModelTrainer(loop.spec, MemoryModels(), source=source), start=3))
    assert [one.index for one in after] == [3, 4]
    for one, whole in zip(after, loop.rounds[3:], strict=True):
        assert [(row.metric, row.group, row.split) for row in one.rows] == [
            (row.metric, row.group, row.split) for row in whole.rows
        ]
        np.testing.assert_array_equal([row.value for row in one.rows], [row.value for row in whole.rows])


def test_only_the_last_of_past_rounds_teaches_a_classifier_that_is_needed(loop, monkeypatch):
    taught = []
    learn = of_people._Loop.learn
    monkeypatch.setattr(of_people._Loop, "learn", lambda self, i: taught.append(i) or learn(self, i))
    source = source_of(loop.spec)._replace(kind=Recorded(), past=past(read(loop.log(3))))
    list(generations(ModelTrainer(loop.spec, MemoryModels(), source=source), start=3))
    assert taught == [2, 3, 4]


# verified outcomes


def test_all_verified_is_all_revealed(loop):
    def rows(**people):
        fields = loop.spec.model_dump(mode="json")
        fields["people"] |= people
        return [
            row.value for one in generations(ModelTrainer(from_mapping(fields), MemoryModels())) for row in one.rows
        ]

    everything = rows(revealed="all")
    np.testing.assert_array_equal(rows(verified=1.0), everything)
    assert rows(verified=0.0) != everything


def test_verified_outcomes_change_neither_people_nor_outcomes_and_have_their_propensity():
    few, many = made(2, arrivals=4000, exploration=0.1), made(2, arrivals=4000, exploration=0.1, verified=0.2)
    for one, other in zip(few.people, many.people, strict=True):
        np.testing.assert_array_equal(one.features, other.features)
    log = many.log(2)
    rejected = log[log["prediction"] != "yes"]
    np.testing.assert_allclose(rejected["propensity"], 1 - 0.9 * 0.8)
    assert rejected["label"].notna().mean() == pytest.approx(0.28, abs=0.04)
    assert (log[log["prediction"] == "yes"]["propensity"] == 1).all()


def test_a_spec_without_verified_keeps_its_name():
    assert "verified" not in RunSpec(setting="people").experiment()["people"]
    assert RunSpec(setting="people", people={"verified": 0.1}).experiment()["people"]["verified"] == 0.1


# policies


def test_exploring_nobody_is_as_is_bit_for_bit_and_labels_of_nobody_too(loop):
    found = whatif(loop.log(3), **NAMED, policy=["as-is", "explore(0)", "labels(0)"], rounds=2, seeds=2)
    np.testing.assert_array_equal(found.paths[0], found.paths[1])
    np.testing.assert_array_equal(found.paths[0], found.paths[2])


def test_labels_of_everybody_are_those_of_a_log_that_reveals_all(loop, monkeypatch):
    ask = {**NAMED, "rounds": 2, "seeds": 1}
    by_policy = whatif(loop.log(3), **ask, policy="labels(1)").paths
    monkeypatch.setattr(Setup, "revealed", lambda self, log: "all")
    np.testing.assert_array_equal(whatif(loop.log(3), **ask, policy="as-is").paths, by_policy)


def test_policies_share_people_and_outcomes(loop):
    found = whatif(loop.log(3), **NAMED, policy=["as-is", "star", "explore(0.5)", "labels(0.5)"], rounds=2, seeds=2)
    shares = [found.measures.index(Measure("group_share", group)) for group in "AB"]
    for place in range(1, 4):
        np.testing.assert_array_equal(found.paths[0, :, :, shares], found.paths[place, :, :, shares])
        # without STAR, all decide about the first round by the same model, that of the log
        assert np.array_equal(found.paths[0, :, 0], found.paths[place, :, 0]) == (place > 1)
        assert (found.paths[0, :, 1] != found.paths[place, :, 1]).any()
    assert (found.paths[:, 0] != found.paths[:, 1]).any()


def test_as_is_explores_as_the_log_did():
    log = read(made(3, exploration=0.25).log(3), propensity="propensity")
    setup = Setup(policies(["as-is", "explore(0.1)"]))
    assert setup.spec(log, 0, setup.policies[0]).people.exploration == 0.25
    assert setup.spec(log, 0, setup.policies[1]).people.exploration == 0.1
    assert setup.spec(replace(log, propensity=None), 0, setup.policies[0]).people.exploration == 0


# replay


@pytest.mark.parametrize(("learn", "from_"), [("accumulate", "all"), ("replace", "last")])
def test_the_replay_of_the_same_estimator_decides_as_the_log(learn, from_):
    found = whatif(made(4, learn=learn).log(4), **NAMED, rounds=1, seeds=1, learn_from=from_)
    assert found.replay.others == {"1": 0, "2": 0, "3": 0}
    known = [line for line in found.replay.lines if np.isfinite(line.difference)]
    assert len(known) >= 6
    assert all(line.difference == 0 and not line.differs for line in known)


def test_the_replay_of_another_decision_maker_warns(loop):
    frame = loop.log(4)
    frame.loc[frame["group"] == "B", "prediction"] = np.where(frame[frame["group"] == "B"]["x0"] > 1.5, "yes", "no")
    found = whatif(frame, **NAMED, rounds=1, seeds=1)
    differing = {(line.measure.metric, line.measure.group) for line in found.replay.differing}
    assert ("selection_rate", "B") in differing
    assert ("selection_rate", "A") not in differing
    assert "WARNING" in str(found)


# the population


def test_known_outcomes_stay_and_weights_make_the_model_unbiased():
    rng, n = np.random.default_rng(0), 20_000
    log = read(made(2, arrivals=20).log(2), propensity="propensity")
    hidden, label = rng.random(n) < 0.5, np.zeros(n, np.int64)
    label[:] = rng.random(n) < np.where(hidden, 0.9, 0.1)  # the features tell nothing about it
    chance = np.where(hidden, 0.8, 0.1)
    label = np.where(rng.random(n) < chance, label, -1)
    group, features = rng.integers(2, size=n), rng.normal(size=(n, 2))
    log = replace(log, label=label, group=group, features=features, propensity=chance)
    rows = np.arange(n)
    found, known = chances(log, rows), label >= 0
    np.testing.assert_array_equal(found[known], label[known])
    assert found[~known].mean() == pytest.approx(0.5, abs=0.03)
    assert chances(replace(log, propensity=None), rows)[~known].mean() > 0.7


def test_a_row_of_weight_w_is_w_rows():
    log = read(made(2, arrivals=200, revealed="accepted").log(2))
    weight = np.random.default_rng(1).integers(0, 4, size=len(log.label))
    rows = np.flatnonzero(weight)
    weighed, repeated = replace(log, weight=weight.astype(float)), np.repeat(rows, weight[rows])
    np.testing.assert_allclose(chances(weighed, rows), _by_row(chances(log, repeated), repeated, rows), atol=0.02)
    pool = source(weighed, rows, 0, ()).kind.base
    drawn = np.mean([source(weighed, rows, seed, ()).kind.base.groups.mean() for seed in range(40)])
    assert len(pool.groups) == len(rows)
    assert drawn == pytest.approx(log.group[repeated].mean(), abs=0.02)
    batches = [known(dict(enumerate(past(one))), [0, 1], None, Numerics(), True).batch for one in (weighed, log)]
    seen = np.concatenate([places[log.label[places] >= 0] for places in log.places])
    mean = weight[seen].mean()
    np.testing.assert_allclose(batches[0].weights.numpy() * mean, weight[seen], rtol=1e-5)
    assert batches[1].weights is None


def _by_row(values, repeated, rows):
    return np.array([values[repeated == row][0] for row in rows])


# fans


@limits(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**31))
def test_fans_are_intervals_of_prediction_within_the_range(seeds, seed):
    paths = np.random.default_rng(seed).random((1, seeds, 3, 1))
    found = future.fans(paths, policies(["as-is"]), [Measure("accuracy")])
    values = paths[0, :, :, 0]
    reach = students.ppf(0.975, seeds - 1) * np.sqrt(values.var(axis=0, ddof=1) * (1 + 1 / seeds))
    np.testing.assert_allclose(found["mean"], values.mean(axis=0))
    np.testing.assert_allclose(found["low"], np.maximum(0, values.mean(axis=0) - reach))
    np.testing.assert_allclose(found["high"], np.minimum(1, values.mean(axis=0) + reach))


def test_a_limit_counts_seeds_that_have_broken_it_by_then():
    values = np.array([[0.0, 0.3, 0.0], [0.0, 0.0, np.nan], [0.1, 0.1, 0.1], [0.2, 0, 0]])[None, :, :, None]
    found = future.broken(values, policies(["as-is"]), [Measure("tpr", "difference")], [limit("tpr_difference>0.1")])
    assert [one.broken for one in found] == [1, 2, 3]
    assert {one.seeds for one in found} == {4}


def coverage(seeds: range, forecast: int = 4, runs: int = 8) -> float:
    """The share of values of the loop's own continuation that lie in their fans."""
    inside = []
    for seed in seeds:
        whole = made(3 + forecast, seed=seed, arrivals=200, exploration=0.1)
        found = whatif(whole.log(3), **NAMED, propensity="propensity", rounds=forecast, seeds=runs)
        fans = found.fans.set_index(["ahead", "metric", "group"])
        for ahead, one in enumerate(whole.rounds[3:], 1):
            for measure in RATES:
                row = fans.loc[(ahead, *measure)]
                inside.append(row["low"] <= one.value(*measure) <= row["high"])
    return float(np.mean(inside))


@pytest.mark.slow
def test_fans_cover_the_loops_own_continuation():
    assert coverage(range(2), forecast=2, runs=6) >= 0.75


@pytest.mark.slow
def test_fans_cover_the_loops_own_continuation_at_the_stated_rate():
    assert 0.9 <= coverage(range(10)) <= 0.99


def test_each_seed_draws_a_population_of_its_own(loop):
    log = read(loop.log(3))
    one, other = (source(log, log.places[-1], seed, ()).kind.base for seed in (0, 1))
    assert not np.array_equal(one.features, other.features)
    assert len(np.unique(one.features[:, 0])) == pytest.approx(0.632 * len(one.groups), rel=0.1)
    assert set(one.features[:, 0]) <= set(log.features[log.places[-1], 0])
