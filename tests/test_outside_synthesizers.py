"""Synthesizers of other packages in the loop: scikit-learn's density, and metasyn's columns behind an adapter.

metasyn (MIT) is none of fairloop's dependencies. Where it is not installed, a stand-in has the parts of its API that
the adapter calls, and its habits: polars frames, and numpy's global random numbers.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest

from fairloop import simulate
from fairloop.seeding import ModelRole
from fairloop.spec.run import from_mapping
from fairloop.testing import ESTIMATOR_CHECKS, EstimatorCase
from test_estimators import fields, people

try:
    from metasyn import MetaFrame
except ImportError:

    class MetaFrame:  # type: ignore[no-redef]
        """Columns, each with its own distribution, as metasyn has them; here that of the data."""

        def __init__(self, frame: polars.DataFrame) -> None:
            self._frame = frame

        @classmethod
        def fit_dataframe(cls, df: polars.DataFrame, progress_bar: bool = True) -> MetaFrame:
            return cls(df)

        def synthesize(self, n: int, seed: int | None = None, progress_bar: bool = True) -> polars.DataFrame:
            np.random.seed(seed)
            drawn = {name: np.random.randint(len(self._frame), size=n) for name in self._frame.columns}
            return polars.DataFrame({name: self._frame[name][rows.tolist()] for name, rows in drawn.items()})


class Metasyn:
    """The adapter of docs/models/estimators.md."""

    def fit(self, X: pd.DataFrame) -> Metasyn:  # noqa: N803
        self._columns = MetaFrame.fit_dataframe(polars.from_pandas(X), progress_bar=False)
        return self

    def sample(self, n: int, seed: int) -> Any:
        before = np.random.get_state(), random.getstate()
        made = self._columns.synthesize(n, seed=seed, progress_bar=False)
        np.random.set_state(before[0])
        random.setstate(before[1])
        return made.to_pandas()


@pytest.mark.parametrize("check", ESTIMATOR_CHECKS[ModelRole.GENERATOR], ids=lambda check: check.__name__)
def test_the_adapter_passes_the_checks_of_generators(check):
    check(EstimatorCase("test_outside_synthesizers:Metasyn", ModelRole.GENERATOR))


@pytest.mark.parametrize("model", ["test_outside_synthesizers:Metasyn", "sklearn.neighbors:KernelDensity"])
def test_a_synthesizer_of_another_package_runs_in_the_loop(model, tmp_path):
    people().to_csv(tmp_path / "people.csv", index=False)
    spec = from_mapping(fields(tmp_path / "people.csv"), (f"generator.model={model}",))
    runs = [[row for generation in simulate(spec) for row in generation.rows] for _ in range(2)]
    assert list(map(repr, runs[0])) == list(map(repr, runs[1]))
    accuracies = [row.value for row in runs[0] if (row.metric, row.group, row.split) == ("accuracy", "overall", "test")]
    assert len(accuracies) >= 2
    assert all(0 <= accuracy <= 1 for accuracy in accuracies)
