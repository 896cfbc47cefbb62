from __future__ import annotations

import warnings

import numpy as np
import pytest
from fairlearn import metrics as fl
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import precision_score

from fairloop.metrics import group_rates as perf
from fairloop.metrics import weighted
from fairloop.metrics.population import confidence, shares

ENTROPY = "generalized_entropy_index"
ORACLES = {
    "accuracy": lambda y, p: float((np.asarray(y) == np.asarray(p)).mean()),
    "selection_rate": fl.selection_rate,
    "tpr": fl.true_positive_rate,
    "tnr": fl.true_negative_rate,
    "fpr": fl.false_positive_rate,
    "fnr": fl.false_negative_rate,
    "ppv": lambda y, p: float(np.asarray(y)[np.asarray(p) == 1].mean()) if np.any(p) else np.nan,
}


def people(groups: int, classes: int = 2) -> st.SearchStrategy[tuple[np.ndarray, ...]]:
    """Labels, groups and predictions in which every (group, label) cell has a member."""
    cells = np.array([(k, s) for k in range(classes) for s in range(groups)])

    def complete(extra: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = np.concatenate([np.column_stack([cells, extra[: len(cells), 2]]), extra[len(cells) :]])
        return rows[:, 0], rows[:, 1], rows[:, 2]

    limits = np.array([classes, groups, classes])
    return hnp.arrays(np.int64, st.tuples(st.integers(len(cells), 80), st.just(3)), elements=st.integers(0, 999)).map(
        lambda rows: complete(rows % limits)
    )


@pytest.mark.slow
@given(st.integers(1, 5).flatmap(lambda groups: st.tuples(st.just(groups), people(groups))))
def test_rates_and_disparities_equal_fairlearns(case):
    group_count, (labels, groups, predictions) = case
    rates = perf.performance(perf.confusion(labels, groups, predictions, 2, group_count))
    frame = fl.MetricFrame(metrics=ORACLES, y_true=labels, y_pred=predictions, sensitive_features=groups)
    for name, rate in rates.items():
        if name == ENTROPY:
            continue  # fairlearn has no such measure; see below
        if name == "count":
            assert rate.by_group.tolist() == np.bincount(groups, minlength=group_count).tolist()
            continue
        assert rate.overall == pytest.approx(frame.overall[name], nan_ok=True)
        assert rate.by_group == pytest.approx(frame.by_group[name].to_numpy(float), nan_ok=True)
        found = rate.disparities()
        if np.isnan(rate.by_group).any():  # of ppv, where nobody is selected; fairlearn leaves such groups out
            assert np.isnan([*found.values()]).all()
            continue
        assert found["difference"] == pytest.approx(frame.difference()[name])
        assert found["min"] == pytest.approx(frame.group_min()[name])
        assert found["max"] == pytest.approx(frame.group_max()[name])
        if found["max"] > 0:
            assert found["ratio"] == pytest.approx(frame.ratio()[name])
        else:
            assert np.isnan(found["ratio"])
    sensitive = {"sensitive_features": groups}
    parity, odds = perf.demographic_parity(rates), perf.equalized_odds(rates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fairlearn divides 0 by 0
        assert parity["difference"] == pytest.approx(fl.demographic_parity_difference(labels, predictions, **sensitive))
        assert odds["difference"] == pytest.approx(fl.equalized_odds_difference(labels, predictions, **sensitive))
        if not np.isnan(parity["ratio"]):
            assert parity["ratio"] == pytest.approx(fl.demographic_parity_ratio(labels, predictions, **sensitive))
        if not np.isnan(odds["ratio"]):
            assert odds["ratio"] == pytest.approx(fl.equalized_odds_ratio(labels, predictions, **sensitive))


def precision(labels: np.ndarray, predictions: np.ndarray) -> float:
    return float(precision_score(labels, predictions, zero_division=np.nan))


@settings(max_examples=20)
@given(st.integers(1, 5).flatmap(lambda groups: st.tuples(st.just(groups), people(groups))))
def test_predictive_parity_is_the_distance_of_precisions(case):
    group_count, (labels, groups, predictions) = case
    rates = perf.performance(perf.confusion(labels, groups, predictions, 2, group_count))
    found = perf.disparities(rates, "predictive_parity")
    frame = fl.MetricFrame(metrics=precision, y_true=labels, y_pred=predictions, sensitive_features=groups)
    each = frame.by_group.to_numpy(float)
    assert rates["ppv"].by_group == pytest.approx(each, nan_ok=True)
    assert found["difference"] == pytest.approx(
        max(each) - min(each) if not np.isnan(each).any() else np.nan, nan_ok=True
    )
    if np.isnan(each).any() or not max(each):
        assert np.isnan(found["ratio"])
    else:
        assert found["ratio"] == pytest.approx(min(each) / max(each))


def test_predictive_parity_that_a_hand_can_count():
    #        of group 0, three are selected, of whom two are positive; of group 1, one, who is; of group 2, nobody
    counts = np.array([[[4, 1], [1, 2]], [[5, 0], [3, 1]], [[2, 0], [1, 0]]])
    two, three = perf.performance(counts[:2]), perf.performance(counts)
    assert two["ppv"].by_group.tolist() == pytest.approx([2 / 3, 1])
    assert two["ppv"].overall == pytest.approx(3 / 4)
    assert perf.disparities(two, "predictive_parity") == pytest.approx({"difference": 1 / 3, "ratio": 2 / 3})
    assert np.isnan([*perf.disparities(three, "predictive_parity").values()]).all()


def entropy(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The definition of Speicher et al. (2018), person by person; AIF360 has the same one."""
    benefit = predictions - labels + 1.0
    mean = np.average(benefit, weights=weights)
    return np.average(((benefit / mean) ** 2 - 1) / (2 * (2 - 1)), weights=weights) if mean else np.nan


@given(st.integers(1, 5).flatmap(lambda groups: st.tuples(st.just(groups), people(groups))), st.integers(0, 9_999))
def test_the_generalized_entropy_index_is_its_definition(case, seed):
    group_count, (labels, groups, predictions) = case
    weights = np.random.default_rng(seed).gamma(1, size=len(labels))
    rate = perf.performance(perf.confusion(labels, groups, predictions, 2, group_count))[ENTROPY]
    cell = (groups * 2 + labels) * 2 + predictions
    sums = [np.bincount(cell, w, group_count * 4).reshape(-1, 2, 2) for w in (weights, weights**2)]
    people_ = perf.confusion(labels, groups, predictions, 2, group_count)
    weighed = weighted.performance(people_, weighted.Sums(*sums))[ENTROPY]
    assert rate.overall == pytest.approx(entropy(labels, predictions), nan_ok=True)
    assert weighed.overall == pytest.approx(entropy(labels, predictions, weights), nan_ok=True)
    for group in range(group_count):
        mine = groups == group
        assert rate.by_group[group] == pytest.approx(entropy(labels[mine], predictions[mine]), nan_ok=True)
        expected = entropy(labels[mine], predictions[mine], weights[mine])
        assert weighed.by_group[group] == pytest.approx(expected, nan_ok=True)
    assert np.isnan(rate.standard_errors()).all()
    # Copies of a population are as unequal as one of it.
    assert perf.performance(3 * people_)[ENTROPY].overall == pytest.approx(rate.overall, nan_ok=True)


@given(people(3))
def test_the_index_is_inequality_within_and_between_groups(case):
    """Subgroup decomposability (Speicher et al., 2018): shares times squared relative means weigh the groups' own."""
    labels, groups, predictions = case
    rate = perf.performance(perf.confusion(labels, groups, predictions, 2, 3))[ENTROPY]
    benefit = predictions - labels + 1.0
    if not benefit.any():
        return
    of_groups = [benefit[groups == group] for group in range(3)]
    share = np.array([len(mine) for mine in of_groups]) / len(benefit)
    relative = np.array([mine.mean() for mine in of_groups]) / benefit.mean()
    own = np.where(relative > 0, rate.by_group, 0)
    between = (share * (relative**2 - 1) / 2).sum()
    assert rate.overall == pytest.approx((share * relative**2 * own).sum() + between, abs=1e-12)


def test_an_index_that_a_hand_can_count():
    #  benefits of group 0: 1, 1, 2, 0, with mean 1 and variance 1/2; of group 1 all 1; of group 2 all 0
    counts = np.array([[[1, 1], [1, 1]], [[2, 0], [0, 3]], [[0, 0], [2, 0]]])
    found = perf.performance(counts)[ENTROPY]
    assert found.by_group[:2].tolist() == [0.25, 0]
    assert np.isnan(found.by_group[2])
    assert found.overall == pytest.approx(entropy(np.array([0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1]),
                                                  np.array([0, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0])))  # fmt: skip
    assert perf.performance(counts * 10**9)[ENTROPY].overall == pytest.approx(found.overall)  # nothing overflows
    assert perf.disparities(perf.performance(counts), ENTROPY) == {}


@given(people(3, classes=4), st.integers(0, 3))
def test_many_labels_are_the_beneficial_one_against_the_rest(case, beneficial):
    labels, groups, predictions = case
    many = perf.performance(perf.confusion(labels, groups, predictions, 4, 3), beneficial)
    binary = perf.performance(
        perf.confusion((labels == beneficial).astype(int), groups, (predictions == beneficial).astype(int), 2, 3)
    )
    for name in ("selection_rate", "tpr", "tnr", "fpr", "fnr", "ppv", "count"):
        assert np.array_equal(many[name].by_group, binary[name].by_group, equal_nan=True)
    assert many["accuracy"].overall == pytest.approx((labels == predictions).mean())


def test_a_case_that_a_hand_can_count():
    #                 group 0: labels 0 0 1 1     group 1: labels 0 1 1 1
    labels = np.array([0, 0, 1, 1, 0, 1, 1, 1])
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    predictions = np.array([0, 1, 1, 1, 0, 0, 0, 1])
    rates = perf.performance(perf.confusion(labels, groups, predictions, 2, 2))
    assert rates["accuracy"].by_group.tolist() == [0.75, 0.5]
    assert rates["tpr"].by_group.tolist() == pytest.approx([1, 1 / 3])
    assert rates["fpr"].by_group.tolist() == [0.5, 0]
    assert perf.demographic_parity(rates) == pytest.approx({"difference": 0.5, "ratio": 1 / 3})
    assert perf.equalized_odds(rates) == pytest.approx({"difference": 2 / 3, "ratio": 0})
    assert rates["accuracy"].standard_errors()[0] == pytest.approx((0.625 * 0.375 / 8) ** 0.5)


def test_an_empty_group_is_undefined_and_so_is_what_involves_it():
    labels, groups, predictions = np.array([0, 1]), np.array([0, 0]), np.array([0, 1])
    rates = perf.performance(perf.confusion(labels, groups, predictions, 2, 2))
    assert rates["accuracy"].overall == 1
    assert np.isnan(rates["accuracy"].by_group[1])
    assert all(np.isnan(value) for value in rates["accuracy"].disparities().values())
    assert np.isnan(perf.equalized_odds(rates)["difference"])
    assert np.isnan(perf.demographic_parity(rates)["ratio"])
    assert rates["count"].by_group.tolist() == [2, 0]


@given(hnp.arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 6)))
def test_shares_sum_to_one_and_know_their_error(codes):
    share, error = shares(codes, 7)
    assert share.sum() == pytest.approx(1)
    assert error == pytest.approx(np.sqrt(share * (1 - share) / len(codes)))


def test_confidence_counts_certain_samples_only():
    sure, unsure, other = [0.9, 0.1], [0.6, 0.4], [0.2, 0.8]
    means, errors = confidence(np.array([sure, unsure, other, other]))
    assert means == pytest.approx([0.8, 0.6])
    assert np.isnan(errors[0])
    assert errors[1] == pytest.approx(0)
    assert np.isnan(confidence(np.array([unsure]))[0]).all()
