"""Tabular data sets, read from small files with the true schema."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import files
from fairloop import data
from fairloop.data import columns
from fairloop.data.population import Population
from fairloop.errors import InputError
from fairloop.spec.run import from_mapping

PUBLISHED = Path(os.environ.get("FAIRLOOP_TABULAR", Path(__file__).parents[2] / "shared" / "data" / "tabular"))


def loaded(**fields: object) -> Population:
    return data.load(from_mapping({"data": fields}).data, 0)


def test_adult_is_read_as_published_packed_or_not(tmp_path):
    files.adult(tmp_path)
    (tmp_path / "packed").mkdir()
    files.adult(tmp_path / "packed", packed=True)
    one, other = (loaded(name="adult", root=root) for root in (tmp_path, tmp_path / "packed"))
    assert one.fingerprint == other.fingerprint
    assert [len(split) for split in one.splits.values()][:3] == [200, 40, 120]
    assert (one.label_names, one.minoritized) == (("<=50K", ">50K"), ("Female",))
    assert one.train.inputs[:].min() >= 0
    assert one.train.inputs[:].max() <= 1
    assert {column.name for column in one.columns}.isdisjoint({"fnlwgt", "education", "income"})


def test_compas_is_filtered_as_its_publisher_did(tmp_path):
    files.compas(tmp_path)
    population = loaded(name="compas", root=tmp_path)
    everybody = sum(len(population.splits[name]) for name in ("train", "valid", "test"))
    assert everybody == 155  # 160 less the five that each break one rule
    assert population.group_names == ("African-American", "Caucasian", "Hispanic", "other")
    assert "Caucasian" not in population.minoritized
    assert population.label_names[population.beneficial] == "not arrested again"


def test_german_codes_become_sex_and_age(tmp_path):
    files.german(tmp_path)
    population = loaded(name="german", root=tmp_path, groups=["sex", "age"])
    assert population.group_names == ("female & <=25", "female & >25", "male & <=25", "male & >25")
    women = sum((split.groups < 2).sum() for name, split in population.splits.items() if name != "test_balanced")
    assert women == 30  # A92 is every fourth


@pytest.mark.slow
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="needs the publishers' files")
def test_the_publishers_files_have_their_published_sizes():
    adult, compas, german = (loaded(name=name, root=PUBLISHED) for name in ("adult", "compas", "german"))
    assert len(adult.train) + len(adult.tests["valid"]) == 32_561
    assert len(adult.tests["test"]) == 16_281
    assert sum(len(compas.splits[name]) for name in ("train", "valid", "test")) == 6_172  # as ProPublica counted
    assert sum(len(german.splits[name]) for name in ("train", "valid", "test")) == 1_000


@settings(max_examples=30)
@given(st.lists(st.one_of(st.integers(-50, 50), st.floats(-1e6, 1e6)), min_size=2, max_size=60))
def test_numbers_survive_their_features(values):
    frame = pd.DataFrame({"x": np.array(values, dtype=float)})
    learned = columns.learned(frame, np.ones(len(frame), bool))
    features = columns.encode(frame, learned)
    assert features.min() >= 0
    assert features.max() <= 1
    back = np.array(columns.decode(features, learned)["x"])
    assert np.allclose(back, frame["x"], rtol=1e-3, atol=1e-2 * (np.ptp(frame["x"]) + 1e-9))


def test_features_of_numbers_are_their_ranks():
    frame = pd.DataFrame({"x": [1, 10, 10, 1000]})
    learned = columns.learned(frame, np.ones(4, bool))
    assert columns.encode(frame, learned).ravel().tolist() == [0.125, 0.5, 0.5, 0.875]


def test_a_table_of_ones_own_is_encoded_and_decoded(tmp_path):
    frame = pd.DataFrame(
        {
            "case": [f"c{i}" for i in range(60)],
            "kind": [["a", "b", "c"][i % 3] for i in range(60)],
            "size": [i / 7 for i in range(60)],
            "who": [["f", "m"][i % 2] for i in range(60)],
            "ok": [["no", "yes"][i // 2 % 2] for i in range(60)],
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    said = {"label": "ok", "beneficial": "yes", "groups": ["who"], "leave_out": ["case"]}
    population = loaded(name="table", table=tmp_path / "t.csv", **said)
    assert population.label_names == ("no", "yes")
    assert [column.name for column in population.columns] == ["kind", "size", "who"]
    decoded = columns.decode(population.train.inputs[:], population.columns)
    assert decoded["who"] == [population.group_names[code] for code in population.train.groups]


def test_truncated_archives_of_tables_are_named(tmp_path):
    files.adult(tmp_path, packed=True)
    packed = tmp_path / "adult.data.gz"
    packed.write_bytes(packed.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"adult\.data\.gz is truncated or damaged"):
        loaded(name="adult", root=tmp_path)


def test_missing_values_are_counted_and_placed(tmp_path):
    pd.DataFrame({"a": [1.0, None, 3], "y": ["n", "y", "n"], "g": ["f", "m", "f"]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    with pytest.raises(InputError, match=r"column 'a' has no value in 1 rows.*row 1.*data.leave_out"):
        loaded(name="table", table=tmp_path / "t.csv", label="y", groups=["g"])
    pd.DataFrame({"a": [1.0, 2, 3], "y": ["n", None, "n"], "g": ["f", "m", "f"]}).to_csv(
        tmp_path / "t.csv", index=False
    )
    with pytest.raises(InputError, match=r"data\.label: column 'y' has no value in 1 rows"):
        loaded(name="table", table=tmp_path / "t.csv", label="y", groups=["g"])
    with pytest.raises(InputError, match=r"data\.groups: .* has no column 'gg'; did you mean 'g'"):
        loaded(name="table", table=tmp_path / "t.csv", label="y", groups=["gg"])


def test_a_group_that_the_test_split_lacks_is_undefined_not_zero(tmp_path):
    n = 90
    frame = pd.DataFrame({"x": np.arange(n), "y": np.arange(n) % 2, "g": np.arange(n) // 2 % 2})
    frame["part"] = ["train"] * 30 + ["valid"] * 30 + ["test"] * 30
    frame.loc[60:, "g"] = 0
    frame.to_csv(tmp_path / "t.csv", index=False)
    spec = from_mapping(
        {
            "generations": 1,
            "data": {"name": "table", "table": str(tmp_path / "t.csv"), "label": "y", "groups": ["g"], "split": "part"},
            "generator": {"model": "tabular-vae", "epochs": 1, "arguments": {"hidden": [4], "latent": 2}},
            "classifier": {"model": "mlp", "epochs": 1},
            "annotator": {"model": "mlp", "epochs": 1},
            "measure": {"samples": 50, "gallery": 4, "latents": 4},
        }
    )
    from fairloop import simulate

    (generation,) = simulate(spec)
    assert np.isnan(generation.value("accuracy", "1"))
    assert np.isnan(generation.value("equalized_odds", "difference"))
    assert not np.isnan(generation.value("accuracy", "0"))
