"""People who are rows of a table: of a data set's training set, with the labels that they have there."""

from __future__ import annotations

import numpy as np
import pytest

import files
from fairloop import simulate, table_of
from fairloop.data import load
from fairloop.errors import InputError
from fairloop.loop.people.population import source_of
from fairloop.people.interface import Streams
from fairloop.people.pool import Pool
from fairloop.spec.run import from_mapping

LOGISTIC = {"model": "sklearn.linear_model:LogisticRegression"}


def spec(root, name="adult", **people):
    root.mkdir(exist_ok=True)
    getattr(files, name)(root)
    return from_mapping(
        {"setting": "people", "generations": 2, "data": {"name": name, "root": str(root)}, "classifier": LOGISTIC,
         "annotator": LOGISTIC, "people": {"arrivals": 60, **people}},
    )  # fmt: skip


@pytest.mark.parametrize("name", ["adult", "compas"])
def test_people_are_rows_with_their_labels_and_groups(name, tmp_path):
    run = spec(tmp_path, name)
    real = load(run.data, run.seed)
    kind = source_of(run).kind
    come = kind.arrive({}, 60, None, Streams.of(3, 1))
    good = kind.outcome(come, np.random.default_rng(0))
    rows = [
        (*row.tolist(), label == real.beneficial, group)
        for row, label, group in zip(real.train.inputs, real.train.labels, real.train.groups, strict=True)
    ]
    for row, label, group in zip(come.features, good, come.groups, strict=True):
        assert (*row.tolist(), label == 1, group) in rows
    assert kind.names.labels[1] == real.label_names[real.beneficial]


def test_nobody_comes_a_second_time_before_all_came_once(tmp_path):
    run = spec(tmp_path)
    real = load(run.data, run.seed)
    size = len(real.train)
    drawn = Pool.of(real).draw(size + 5, np.random.default_rng(0))
    assert drawn.groups[:size].sum() == real.train.groups.sum()
    assert drawn.probability[:size].sum() == (real.train.labels == real.beneficial).sum()


def test_a_run_on_a_table_has_its_names_and_sees_its_frame(tmp_path):
    run = spec(tmp_path, revealed="accepted", exploration=0.3)
    table = table_of(run, simulate(run))
    assert set(table["dataset"]) == {"adult"}
    real = load(run.data, run.seed)
    assert set(real.group_names) <= set(table["group"])
    minoritized = table[(table["metric"] == "minoritized") & (table["value"] == 1)]
    assert tuple(minoritized["group"]) == real.minoritized
    assert source_of(run).population.columns == real.columns


def test_another_table_gives_another_fingerprint(tmp_path):
    first, second = (source_of(spec(tmp_path / name, name)).population.fingerprint for name in ("adult", "compas"))
    assert first != second


def test_a_kind_that_makes_its_people_takes_no_table(tmp_path):
    with pytest.raises(InputError, match=r"people\.kind=allocation: makes its people itself"):
        source_of(spec(tmp_path, kind="allocation"))
    with pytest.raises(InputError, match="leave out one of them"):
        source_of(spec(tmp_path, arguments={"law": {"kind": "uniform"}}))
