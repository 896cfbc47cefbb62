"""STAR as a sampler of imbalanced-learn's kind: its checks, scikit-learn's, and the choice of `curate`."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import estimator_checks_generator as of_imblearn
from scipy import sparse
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator as of_sklearn

from fairloop import InputError, StarResampler
from fairloop.curation.table import curate


def checks(generator: Any) -> list[Any]:
    """All but one that needs an array API of SciPy, which is off."""
    found = [(check, getattr(check, "func", check).__name__) for _, check in generator(StarResampler(random_state=0))]
    return [pytest.param(check, id=name) for check, name in found if name != "check_array_api_input"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", checks(of_imblearn))
def test_it_is_a_sampler_of_imbalanced_learn(check):
    check(StarResampler(random_state=0))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", checks(of_sklearn))
def test_it_is_an_estimator_of_scikit_learn(check):
    check(StarResampler(random_state=0))


@pytest.fixture
def people() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    sex, race = rng.choice(["f", "m"], 600, p=[0.3, 0.7]), rng.choice(["a", "b", "c"], 600, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame({"age": rng.integers(18, 90, 600), "sex": pd.Categorical(sex), "race": race})
    return frame, (rng.random(600) < np.where(sex == "m", 0.6, 0.2)).astype(int)


def test_its_rows_are_those_that_curate_chooses(people, tmp_path):
    features, y = people
    features.assign(y=y, row=np.arange(600)).to_parquet(tmp_path / "in.parquet")
    ideal = {"kind": "groups-within-labels", "strength": 0.5}
    curate(tmp_path / "in.parquet", tmp_path / "out.parquet", "y", ["sex", "race"], ideal, size=300, seed=4)
    star = StarResampler(ideal, groups=["sex", "race"], size=300, random_state=4)
    rows, labels = star.fit_resample(features, y)
    assert star.sample_indices_.tolist() == pq.read_table(tmp_path / "out.parquet")["row"].to_pylist()
    pd.testing.assert_frame_equal(rows, features.iloc[star.sample_indices_])
    np.testing.assert_array_equal(labels, y[star.sample_indices_])
    assert star.tally_.names.columns == ("y", "sex", "race")
    assert star.sampling_strategy_.shape == (2, 6)


@pytest.mark.parametrize("kind", ["frame", "positions", "one name", "polars", "array", "list", "sparse"])
def test_groups_are_columns_by_name_or_position(people, kind):
    features, y = people
    coded = np.stack([features["age"], features["sex"].cat.codes], axis=1)
    given, groups = {
        "frame": (features, ["sex"]),
        "positions": (features, [1]),
        "one name": (features, "sex"),
        "polars": (pl.from_pandas(features), ["sex"]),
        "array": (coded, 1),
        "list": (coded.tolist(), [1]),
        "sparse": (sparse.csc_matrix(coded), [1]),
    }[kind]
    star = StarResampler(groups=groups, size=240, random_state=1)
    rows, labels = star.fit_resample(given, y)
    cells = Counter(zip(features["sex"].iloc[star.sample_indices_], y[star.sample_indices_], strict=True))
    assert set(cells.values()) == {60}
    assert (rows.shape[0] if hasattr(rows, "shape") else len(rows)) == len(labels) == 240
    assert sparse.issparse(rows) if kind == "sparse" else isinstance(rows, type(given))


def test_pipelines_and_searches_take_it(people):
    features, y = people
    numbers = make_column_transformer((StandardScaler(), make_column_selector(dtype_include=np.number)))
    pipeline = make_pipeline(StarResampler(groups=["sex"], random_state=0), numbers, LogisticRegression())
    search = GridSearchCV(pipeline, {"starresampler__sampling_strategy": ["uniform", "population"]}, cv=2)
    search.fit(features, y)
    assert len(search.predict(features)) == 600  # nobody is resampled where nothing is trained


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"groups": ["sexe"]}, "groups: X has no column 'sexe'"),
        ({"groups": [7]}, "groups: X has no column 7"),
        ({"sampling_strategy": "auto"}, "sampling_strategy=auto: is not one of uniform"),
        ({"sampling_strategy": {0: 10}}, "sampling_strategy: "),
        ({"size": 0}, "size: 0 is not a whole number of 1 or more"),
        ({"random_state": -1}, "random_state: -1"),
    ],
)
def test_a_wrong_argument_is_explained(people, change, problem):
    with pytest.raises(InputError, match=problem) as caught:
        StarResampler(**{"groups": ["sex"], **change}).fit_resample(*people)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_without_a_seed_choices_differ(people):
    chosen = [StarResampler(groups=["sex"]) for _ in range(2)]
    for star in chosen:
        star.fit_resample(*people)
    assert chosen[0].sample_indices_.tolist() != chosen[1].sample_indices_.tolist()


@pytest.mark.slow
def test_fairloop_needs_neither_scikit_learn_nor_imbalanced_learn():
    code = "import sys; import fairloop; fairloop.StarSampler; print({'sklearn', 'imblearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
    code = "import sys; sys.modules['sklearn'] = None; from fairloop import StarResampler"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "StarResampler needs scikit-learn 1.6 or newer, pip install scikit-learn" in said
