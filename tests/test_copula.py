"""The Gaussian copula, by itself: correlations and margins that were put in come out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairloop.models.copula import GaussianCopula
from test_estimators import people


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.8, 0.8), st.integers(0, 1000))
def test_the_copula_recovers_correlations_and_margins(correlation, seed):
    rng = np.random.default_rng(seed)
    normal = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 4000)
    real = pd.DataFrame({"pay": np.exp(normal[:, 0]), "age": np.rint(40 + 10 * normal[:, 1]).astype(int)})
    made = GaussianCopula().fit(real).sample(4000, np.random.default_rng(seed + 1))
    assert made.dtypes.equals(real.dtypes)
    assert made.corr("spearman").iloc[0, 1] == pytest.approx(real.corr("spearman").iloc[0, 1], abs=0.08)
    for name in real:
        assert np.quantile(made[name], [0.1, 0.5, 0.9]) == pytest.approx(
            np.quantile(real[name], [0.1, 0.5, 0.9]), rel=0.12
        )
        assert real[name].min() <= made[name].min() <= made[name].max() <= real[name].max()


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.6, 0.6), st.integers(0, 1000))
def test_the_copula_keeps_how_texts_depend_on_numbers_and_on_texts(correlation, seed):
    rng = np.random.default_rng(seed)
    normal = rng.multivariate_normal(np.zeros(3), [[1, correlation, 0], [correlation, 1, 0], [0, 0, 1]], 6000)
    real = pd.DataFrame({
        "sex": pd.Categorical(np.where(normal[:, 0] > 0.3, "f", "m")),
        "pay": normal[:, 1],
        "old": pd.Categorical(np.where(normal[:, 2] + normal[:, 0] > 1, "yes", "no"), ["no", "yes", "never"]),
    })  # fmt: skip
    made = GaussianCopula().fit(real).sample(6000, np.random.default_rng(seed + 1))
    assert list(made["old"].cat.categories) == ["no", "yes", "never"]
    assert not (made["old"] == "never").any()

    def told(frame: pd.DataFrame) -> list[float]:
        women = frame["sex"] == "f"
        return [women.mean(), (frame["old"] == "yes").mean(), frame["pay"][women].mean() - frame["pay"][~women].mean(),
                (frame["old"] == "yes")[women].mean() - (frame["old"] == "yes")[~women].mean()]  # fmt: skip

    assert told(made) == pytest.approx(told(real), abs=0.08)


@pytest.mark.parametrize("value", [5, "a"])
def test_a_column_of_one_value_changes_no_correlation(value):
    rng = np.random.default_rng(0)
    real = pd.DataFrame(rng.multivariate_normal([0, 0], [[1, -0.6], [-0.6, 1]], 2000), columns=["pay", "age"])
    made = GaussianCopula().fit(real.assign(same=value)).sample(2000, np.random.default_rng(1))
    assert (made["same"] == value).all()
    assert made["pay"].corr(made["age"]) == pytest.approx(real["pay"].corr(real["age"]), abs=0.06)


def test_the_copula_comes_back_from_its_bytes_and_refuses_holes():
    real = people().drop(columns=["part"]).astype({"home": "category"}).assign(flag=lambda found: found["age"] > 40)
    copula, other = GaussianCopula().fit(real), GaussianCopula()
    other.from_bytes(copula.to_bytes())
    first, second = (each.sample(50, np.random.default_rng(1)) for each in (copula, other))
    pd.testing.assert_frame_equal(first, second)
    assert first.dtypes.equals(real.dtypes)
    array = GaussianCopula().fit(real[["age", "pay"]].to_numpy()).sample(5, np.random.default_rng(0))
    assert array.shape == (5, 2)
    with pytest.raises(ValueError, match="no missing values"):
        GaussianCopula().fit(real.assign(pay=np.nan))
