"""Lending (Liu et al., 2018): policies, outcome curves, and changes of scores against closed forms and enumeration."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import norm

from benchmarks.people import bare_rounds, check_same, kind_rounds, whole_rounds
from fairloop.people import policies
from fairloop.people.groups import mean
from fairloop.people.interface import Streams
from fairloop.people.lending import Lending
from fairloop.people.outcome_curve import Changes, OutcomeCurve
from fairloop.people.policies import Lender, ScorePolicy, demographic_parity, equal_opportunity, max_profit, top
from fairloop.people.rounds import play
from fairloop.people.scores import ScoreLaw, normal, uniform
from fairloop.store.directory import RunDirectory
from fairloop.store.log import SCHEMA

FREE = Changes(1.0, -1.5, None)
U1 = uniform((0.1, 0.3), (0.9, 1.0), (0.25, 0.75), ("A", "B"), 20_000)
U3 = uniform((0.0, 0.3), (0.7, 1.0), (0.1, 0.9), ("A", "B"), 20_000)
COARSE = ScoreLaw(
    np.array([300.0, 500.0, 620.0, 700.0, 840.0]),
    np.array([[0.2, 0.3, 0.25, 0.15, 0.1], [0.05, 0.15, 0.2, 0.25, 0.35]]),
    np.array([[0.1, 0.4, 0.6, 0.75, 0.85], [0.2, 0.5, 0.7, 0.8, 0.9]]),
    np.array([0.4, 0.6]),
    ("A", "B"),
)


def lender(threshold):
    """Gain 1, and the loss at which this is the break-even probability."""
    return Lender(1.0, -threshold / (1 - threshold))


def rates(law, accepts):
    return (law.pmf * accepts).sum(axis=1)


def tprs(law, accepts):
    return (law.pmf * law.repays * accepts).sum(axis=1) / (law.pmf * law.repays).sum(axis=1)


@st.composite
def laws(draw):
    """Two groups on six scores; repayment rises with the score."""
    numbers = st.floats(0.02, 1)
    pmf = np.array([[draw(numbers) for _ in range(6)] for _ in range(2)])
    repays = np.sort([[draw(st.floats(0.01, 0.99)) for _ in range(6)] for _ in range(2)], axis=1)
    share = draw(st.floats(0.05, 0.95))
    mass = pmf / pmf.sum(axis=1, keepdims=True)
    return ScoreLaw(np.arange(6.0), mass, repays, np.array([share, 1 - share]), ("A", "B"))


@settings(max_examples=30, deadline=None)
@given(laws(), st.floats(0.1, 0.9))
def test_policies_equal_linear_programmes_over_all_rules(law, break_even):
    bank = lender(break_even)
    value = law.shares[:, None] * law.pmf * bank.utility(law.repays)
    assert bank.break_even == pytest.approx(break_even)
    for policy, mass in (
        (demographic_parity, law.pmf),
        (equal_opportunity, law.pmf * law.repays / (law.pmf * law.repays).sum(axis=1, keepdims=True)),
    ):
        equal = np.concatenate([mass[0], -mass[1]])[None]
        best = linprog(-value.ravel(), A_eq=equal, b_eq=[0], bounds=(0, 1), method="highs")
        found = policy(law, bank)
        assert (value * found).sum() == pytest.approx(-best.fun, abs=1e-9)
        assert (mass * found).sum(axis=1) == pytest.approx([(mass[0] * found[0]).sum()] * 2, abs=1e-9)
        assert ((found > 0) & (found < 1)).any(axis=1).sum() <= 1
    assert (value * max_profit(law, bank)).sum() == pytest.approx(value.clip(0).sum(), abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8).filter(lambda mass: sum(mass) > 0.01), st.floats(0, 1))
def test_top_takes_the_share_from_above_and_shares_one_score_at_most(mass, share):
    mass = np.array(mass)
    accepts = top(mass, share)
    assert (mass * accepts).sum() == pytest.approx(share * mass.sum(), abs=1e-8)
    assert (np.diff(accepts[mass > 0]) >= 0).all()
    assert ((accepts > 0) & (accepts < 1)).sum() <= 1


def test_free_losses_accept_all_and_endless_losses_nobody():
    assert (max_profit(COARSE, Lender(1, -1e-9)) == 1).all()
    assert not max_profit(COARSE, Lender(1, -1e12)).any()


@pytest.mark.parametrize(
    ("law", "b", "profit", "best", "none", "relative", "parity", "tpr", "changes"),
    [
        (U1, 0.75, (0.1875, 0.357143), 0.375, 0.75, 0.5625, 0.310345, 0.443727, (0.105469, 0.136445, 0.131941)),
        (U1, 0.65, (0.3125, 0.5), 0.375, 0.75, 0.4375, 0.448276, 0.601208, (0.136719, 0.135256, 0.139537)),
        (U3, 0.65, (0.071429, 0.5), 0.142857, 0.285714, 0.214286, 0.457143, 0.606713, (0.013393, -0.068571, -0.028437)),
    ],
)
def test_uniform_scores_have_the_closed_forms(law, b, profit, best, none, relative, parity, tpr, changes):
    bank, curve = lender(b), OutcomeCurve.of(law, 0, FREE)
    found = {name: policy(law, bank) for name, policy in policies.POLICIES.items()}
    assert rates(law, found["max-profit"]) == pytest.approx(profit, abs=1e-4)
    assert curve.best == pytest.approx(best, abs=1e-4)
    assert curve.falls_to(0) == pytest.approx(none, abs=1e-4)
    assert curve.falls_to(float(curve.at(profit[0]))) == pytest.approx(relative, abs=2e-4)
    assert rates(law, found["demographic-parity"]) == pytest.approx((parity, parity), abs=1e-4)
    assert tprs(law, found["equal-opportunity"]) == pytest.approx((tpr, tpr), abs=2e-4)
    if law is U1 and b == 0.75:
        lowest = [law.scores[np.flatnonzero(row > 0)[0]] for row in found["equal-opportunity"]]
        assert lowest == pytest.approx([0.674550, 0.772145], abs=1e-4)
    values = [float(curve.at(rates(law, one)[0])) for one in found.values()]
    assert values == pytest.approx(changes, abs=1e-4)


def test_the_uniform_curve_is_the_parabola_and_its_regions_follow():
    curve, beta = OutcomeCurve.of(U1, 0, FREE), np.linspace(0, 1, 101)
    assert curve.at(beta) == pytest.approx(beta * (2.5 * (0.9 - beta * 0.4) - 1.5), abs=1e-6)
    assert curve.at(0) == 0
    assert curve.values.max() == pytest.approx(0.140625, abs=1e-6)
    regions = [curve.region(rate, 0.1875) for rate in (0.1, 0.1875, 0.3, 0.6, 0.8)]
    words = ["relative harm", "no change", "relative improvement", "relative harm", "active harm"]
    assert regions == words
    assert np.isnan(OutcomeCurve.of(U1, 1, FREE).falls_to(-1))


def test_normal_scores_have_the_closed_forms():
    law = normal((0.0,), (1.0,), 0.0, 1.0, (1.0,), ("A",), (-8, 8), 20_001)
    curve, bank = OutcomeCurve.of(law, 0, Changes(75, -150, None)), Lender(1, -4)
    rate = rates(law, max_profit(law, bank))[0]
    assert rate == pytest.approx(0.2, abs=2e-4)
    assert (curve.best, curve.falls_to(0)) == pytest.approx((1 / 3, 2 / 3), abs=3e-4)
    assert curve.falls_to(float(curve.at(rate))) == pytest.approx(0.466667, abs=3e-4)
    assert [curve.at(0.2), curve.values.max(), curve.at(1)] == pytest.approx([10.5, 12.5, -37.5], abs=1e-3)
    beta = np.linspace(0, 1, 50)
    assert curve.at(beta) == pytest.approx(75 * beta - 112.5 * beta**2, abs=1e-3)


def test_shifted_normal_scores_have_their_thresholds():
    law = normal((-0.5,), (1.0,), 0.0, 0.8, (1.0,), ("A",), (-8, 8), 20_001)
    curve = OutcomeCurve.of(law, 0, FREE)
    marks = [rates(law, max_profit(law, lender(0.75)))[0], curve.best, curve.falls_to(0)]
    marks.append(curve.falls_to(float(curve.at(marks[0]))))
    thresholds = -0.5 + norm.ppf(1 - np.array(marks))
    assert thresholds == pytest.approx([0.539592, 0.202678, -0.517414, -0.078225], abs=1e-3)
    found = [curve.at(marks[0]), curve.values.max(), curve.at(1)]
    assert found == pytest.approx([0.104314, 0.121256, -0.629731], abs=1e-4)
    assert (law.pmf * law.repays).sum() == pytest.approx(norm.cdf(-0.5 / np.sqrt(0.8**2 + 1)), abs=1e-6)


@given(laws())
def test_the_curve_is_concave_where_repayment_rises_and_nothing_is_clipped(law):
    curve = OutcomeCurve.of(law, 0, FREE)
    slopes = np.diff(curve.values) / np.diff(curve.rates)
    assert (np.diff(slopes) <= 1e-9).all()


# One round, and its law: the mean change of a whole group is its outcome curve at its selection rate.


def clips_each_person(changes):
    """The expected change against an enumeration of both outcomes of each score."""
    for score, chance in ((840.0, 0.5), (310.0, 0.3), (600.0, 0.8)):
        after = [min(max(score + move, 300), 850) for move in (75, -150)]
        exact = chance * after[0] + (1 - chance) * after[1] - score
        assert changes.expected(np.array([score]), np.array([chance]))[0] == pytest.approx(exact)


def follows_its_outcome_curve(kind, policy=demographic_parity, seed=3, n=100_000):
    """Realised mean changes by group within 4.5 standard errors of the curve of enumerated changes."""
    accepts = policy(COARSE, Lender(1, -4))
    rngs = Streams.of(seed)
    state = kind.start(n, rngs.arrivals)
    played = play(kind, state, n, ScorePolicy(COARSE, accepts), rngs)
    exact = OutcomeCurve.of(COARSE, 0, Changes()), OutcomeCurve.of(COARSE, 1, Changes())
    change = played.state["scores"] - state["scores"]
    for group, curve in enumerate(exact):
        members = played.people.groups == group
        error = change[members].std() / np.sqrt(members.sum())
        rate = rates(COARSE, accepts)[group]
        assert abs(played.measures["score_change"][group] - curve.at(rate)) < 4.5 * error
        assert abs(played.accepted[members].mean() - rate) < 4.5 * np.sqrt(rate * (1 - rate) / members.sum()) + 1e-9
        assert abs(played.measures["expected_score_change"][group] - curve.at(rate)) < 4.5 * error


@dataclass(frozen=True)
class ClipTheMean(Changes):
    def expected(self, scores, repays):
        moved = scores + repays * self.repaid + (1 - repays) * self.default
        return np.clip(moved, *self.bounds) - scores


class RepayAtTheNewScore(Lending):
    def arrive(self, state, n, published, rngs):
        people = super().arrive(state, n, published, rngs)
        chance = self.law.repayment(people.features[:, 0] + 75, people.groups)
        return replace(people, potential={"probability": chance})


class MeanOverBorrowers(Lending):
    def measures(self, state, people, accepted, outcome, published):
        found = dict(super().measures(state, people, accepted, outcome, published))
        change = self._after(people, accepted, outcome) - people.features[:, 0]
        return found | {"score_change": mean(change[accepted], people.groups[accepted], 2)}


def test_one_round_follows_the_outcome_curve():
    clips_each_person(Changes())
    for policy in (max_profit, demographic_parity, equal_opportunity):
        follows_its_outcome_curve(Lending(COARSE), policy)


def test_each_broken_step_fails_the_law(monkeypatch):
    with pytest.raises(AssertionError):
        clips_each_person(ClipTheMean())
    for broken in (RepayAtTheNewScore, MeanOverBorrowers):
        with pytest.raises(AssertionError):
            follows_its_outcome_curve(broken(COARSE))
    monkeypatch.setattr("fairloop.people.rounds.decide", lambda chances, rng: chances >= 0.5)
    with pytest.raises(AssertionError):
        follows_its_outcome_curve(Lending(COARSE))


def test_the_profit_of_a_loan_decides_the_rule_and_swapped_profits_fail(monkeypatch):
    def accepts_above_break_even(kind):
        rule = kind.rule()
        scores = COARSE.scores
        for group in (0, 1):
            worth = [repaid * 1 + (1 - repaid) * -4 >= 0 for repaid in COARSE.repays[group]]
            found = rule.accepts(scores[:, None], np.full(len(scores), group))
            assert found.tolist() == worth

    accepts_above_break_even(Lending(COARSE))
    monkeypatch.setattr(Lender, "break_even", property(lambda bank: bank.gain / (bank.gain - bank.loss)))
    with pytest.raises(AssertionError):
        accepts_above_break_even(Lending(COARSE))


def test_changes_of_nothing_leave_the_population_as_it_is():
    kind = Lending(COARSE, changes=(0, 0))
    state = kind.start(500, np.random.default_rng(0))
    after = play(kind, state, 500, kind.rule(), Streams.of(1)).state
    assert np.array_equal(after["scores"], state["scores"])


def test_repayment_is_that_of_the_nearest_score_and_of_the_lower_of_two():
    assert COARSE.nearest(np.array([300, 400, 400.1, 9999, -5])).tolist() == [0, 0, 1, 4, 0]


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=20))
def test_an_even_grid_has_the_same_places_without_a_search(scores):
    law = Lending().law
    assert law.step == 0.5
    assert COARSE.step is None
    found = law.nearest(np.array(scores))
    assert np.array_equal(found, np.searchsorted(law.borders, scores, side="left"))


def test_the_kind_ends_with_the_scores_of_a_bare_loop():
    assert np.array_equal(kind_rounds(6, 700), bare_rounds(6, 700))


def test_the_whole_loop_keeps_the_measures_and_the_log_of_a_bare_loop(tmp_path):
    (tmp_path / "bare").mkdir()
    bare_rounds(3, 300, tmp_path / "bare")
    whole_rounds(3, 300, tmp_path / "run")
    check_same(tmp_path / "run", tmp_path / "bare")
    assert all(pq.read_schema(path).equals(SCHEMA) for path in (tmp_path / "run" / "log").iterdir())
    assert not (tmp_path / "run" / "galleries").exists()
    assert RunDirectory(tmp_path / "run").gallery(1).is_empty


def test_scores_are_drawn_by_their_law():
    scores, groups = COARSE.draw(40_000, np.random.default_rng(5))
    for group in (0, 1):
        found = [(scores[groups == group] == one).mean() for one in COARSE.scores]
        assert found == pytest.approx(COARSE.pmf[group], abs=0.015)
    assert groups.mean() == pytest.approx(0.6, abs=0.01)
