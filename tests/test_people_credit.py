"""The credit simulator of Perdomo et al. (2020) on a table with the schema of its data, or on the real file.

FAIRLOOP_CREDIT names the file of the competition GiveMeSomeCredit, whose label 1 is a default; then the published
numbers are compared, too.
"""

import os

import numpy as np
import pandas as pd
import pytest

from fairloop.people.families import Credit, gradient_descent, minimisation

LABEL = "SeriousDlqin2yrs"
FEATURES = (
    "RevolvingUtilizationOfUnsecuredLines",
    "age",
    "NumberOfTime30-59DaysPastDueNotWorse",
    "DebtRatio",
    "MonthlyIncome",
    "NumberOfOpenCreditLinesAndLoans",
    "NumberOfTimes90DaysLate",
    "NumberRealEstateLoansOrLines",
    "NumberOfTime60-89DaysPastDueNotWorse",
    "NumberOfDependents",
)
STRATEGIC = np.isin(np.arange(11), (0, 5, 7)).astype(float)


def written(path):
    """Rows with the schema and other numbers; some have empty cells."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.gamma(2, 1, (700, 10)), columns=FEATURES)
    odds = 0.8 * table["NumberOfTimes90DaysLate"] - 0.6 * table["RevolvingUtilizationOfUnsecuredLines"] - 2
    table.insert(0, LABEL, (rng.random(700) < 1 / (1 + np.exp(-odds))).astype(int))
    table.loc[::9, "MonthlyIncome"] = np.nan
    table.to_csv(path)
    return path


@pytest.fixture
def people(tmp_path):
    """Standardised features with a column of ones, labels, and whether they are the real ones."""
    real = os.environ.get("FAIRLOOP_CREDIT")
    table = pd.read_csv(real or written(tmp_path / "credit.csv"), index_col=0).dropna()
    assert list(table.columns) == [LABEL, *FEATURES]
    labels, features = table[LABEL].to_numpy(float), table[list(FEATURES)].to_numpy(float)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    rows = np.concatenate([np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)[:10_000]])
    return np.hstack([features[rows], np.ones((len(rows), 1))]), labels[rows], bool(real)


def simulator(people, epsilon, scale=1000, penalise_intercept=True):
    """Defaulters lower their score of default: the strength is negative. The ridge is scale / n."""
    features, labels, _ = people
    ridge = np.full(11, scale / len(labels))
    ridge[-1] *= penalise_intercept
    return Credit(features, labels, -epsilon * STRATEGIC, ridge)


def gaps(path):
    return np.linalg.norm(np.diff(path, axis=0), axis=1)


def test_the_credit_simulator(people):
    features, labels, real = people
    for epsilon in (1, 100):
        path = minimisation(simulator(people, epsilon, penalise_intercept=False), np.zeros(11), 4)
        assert np.abs(path[2, :-1] - path[1, :-1]).max() < 1e-9
        assert gaps(path)[2:].max() < 1e-9
        assert gaps(path)[1] == pytest.approx(epsilon * (path[1] ** 2 * STRATEGIC).sum())
    first = gaps(minimisation(simulator(people, 10), np.zeros(11), 6))
    assert first[2] > 1e-9
    known = simulator(people, 1)
    assert np.array_equal(known.shifted(path[1])[:, STRATEGIC == 0], features[:, STRATEGIC == 0])
    assert np.array_equal(known.labels, labels)
    if real:
        matches_the_published_risks(people)
        matches_the_published_gaps(people)


def matches_the_published_risks(people):
    features, labels, _ = people
    assert len(labels) == 18_357
    curvature = max(2, (features**2).sum(axis=1).mean() / 4 + 1000 / len(labels))
    assert curvature == pytest.approx(4.720759, abs=6e-7)
    assert 1000 / len(labels) / curvature == pytest.approx(0.01153949, abs=6e-9)
    for scale, loss, accuracy in ((1000, 0.65044051, 0.66426976), (1, 0.60999240, 0.71923517)):
        known = simulator(people, 0, scale, penalise_intercept=False)
        theta = known.minimiser(np.zeros(11))
        assert known.risk(theta) == pytest.approx(loss, abs=6e-9)
        assert ((features @ theta > 0) == labels).mean() == pytest.approx(accuracy, abs=6e-9)
        if scale == 1000:
            assert theta[[0, 5, 7]] == pytest.approx([-0.00716799, -0.01840819, 0.04500531], abs=6e-9)


def matches_the_published_gaps(people):
    absorbed = minimisation(simulator(people, 100, penalise_intercept=False), np.zeros(11), 2)
    assert gaps(absorbed)[1] == pytest.approx(0.2415720, abs=6e-8)
    table = (
        (1, 3.502e-3, 0.0662, None),
        (10, 3.820e-2, 0.6473, None),
        (100, 2.305e-1, 0.0623, 0.85),
        (1000, 2.466e-1, None, 1),
    )
    for epsilon, gap, ratio, later in table:
        found = gaps(minimisation(simulator(people, epsilon), np.zeros(11), 40))[1:]
        assert found[0] == pytest.approx(gap, rel=2e-4)
        assert ratio is None or found[1] / found[0] == pytest.approx(ratio, abs=6e-5)
        assert later is None or found[-1] / found[-2] == pytest.approx(later, abs=0.01)
    known = simulator(people, 10)
    path = gradient_descent(known, known.minimiser(np.zeros(11)), 0.418828, 600)
    assert gaps(path)[[0, -1]] == pytest.approx([2.784e-3, 1.655e-6], rel=1e-3)
