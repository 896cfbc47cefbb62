"""What names a population: everything that shapes a model or a number, and for the same data always the same."""

from __future__ import annotations

import json
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

import files
from fairloop import data
from fairloop.data import Population, Split
from fairloop.data.columns import Categorical, Numeric
from fairloop.data.tokens import Words
from fairloop.sources.batch import Batch
from fairloop.spec.run import from_mapping


def split(seed: int = 0, **changed: object) -> Split:
    rng = np.random.default_rng(seed)
    return replace(Split(rng.random((8, 3), np.float32), np.arange(8) % 2, np.arange(8) // 2 % 2), **changed)


def population(**changed: object) -> Population:
    plain = Population("mine", ("no", "yes"), ("a", "b"), ("b",), split(), {"valid": split(1), "test": split(2)})
    return replace(plain, **changed)


COLUMNS = (Numeric("age", (0.0, 1.0), (0.0, 1.0), True), Categorical("sex", ("f", "m")))
OTHERS = {
    "name": ["theirs"],
    "label_names": [("yes", "no"), ("no", "y")],
    "group_names": [("b", "a")],
    "minoritized": [(), ("a",), ("a", "b")],
    "train": [
        split(3), split(mirror=True), split(labels=np.arange(8) // 4), split(groups=np.arange(8) // 4),
        split(inputs=np.zeros((8, 3), np.float32)), split(inputs=np.zeros((8, 3), np.uint8)),
    ],
    "tests": [
        {"valid": split(1)}, {"valid": split(1), "other": split(2)}, {"valid": split(2), "test": split(1)},
        {"valid": split(1), "test": split(2, mirror=True)},
    ],
    "beneficial": [0],
    "tokens": [Words(["a"]), Words(["b"]), Words(["a", "b"])],
    "columns": [COLUMNS, COLUMNS[:1], COLUMNS[::-1], (replace(COLUMNS[0], whole=False), COLUMNS[1])],
}  # fmt: skip


def test_every_field_of_a_population_changes_its_fingerprint():
    assert {*OTHERS, "fingerprint", "texts"} == {field.name for field in fields(Population)}
    assert {field.name for field in fields(Split)} == {"inputs", "labels", "groups", "mirror"}  # each is in `train`
    prints = [population().fingerprint]
    prints += [population(**{name: value}).fingerprint for name, values in OTHERS.items() for value in values]
    assert len(set(prints)) == len(prints)
    assert population().fingerprint == prints[0]


def test_a_fingerprint_of_ones_own_is_kept():
    mine = population(fingerprint="mine")
    assert mine.fingerprint == "mine"
    assert replace(mine, beneficial=0).fingerprint == "mine"


def test_a_fingerprint_is_plain_text():
    found = population().fingerprint
    assert json.loads(json.dumps(found)) == found
    assert pickle.loads(pickle.dumps(population())).fingerprint == found


SHIPPED = {
    "colored-mnist": "7cbfa9164a20c56f32bfbd6529ce82827749f00399638642f5762393ee1684f6",
    "colored-svhn": "73a6489b4fd89f8d16137b6807b90a306d615cb58a66eb1e0f8b4bef194fde3b",
    "adult": "9d9eefbf23eeefab4c45f0073501f13e9c703da9bae62be37967c969e56ecf4e",
    "compas": "85ac054ec4e33212c2a7a7c955c523abcb118f9e344735a0111a3d2ce95409aa",
    "german": "73aa29d89113055487844ee968f1a94b091d226c729c28b38e9cba0fee790e9f",
    "table": "691006b09cf337447153c23d0a2757decfb4a7bb88ef7ec32cd18daf1ff1428d",
}
"""As version 0.1.0 has them: by these, runs find their models."""


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_data_sets_keep_their_fingerprints(name, tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRLOOP_CACHE", str(tmp_path / "cache"))
    made = {"colored-svhn": files.svhn_mat, "table": files.own_pictures}
    asked = {
        "colored-mnist": {"train": 100, "valid": 20, "test": 20},
        "table": {"table": tmp_path / "people.csv", "label": "shape", "groups": ["sex"], "split": "part",
                  "beneficial": "square", "leave_out": ["file"]},
    }.get(name, {"root": tmp_path})  # fmt: skip
    if name != "colored-mnist":
        made.get(name, getattr(files, name, None))(tmp_path)
    assert data.load(from_mapping({"data": {"name": name, **asked}}).data, 0).fingerprint == SHIPPED[name]


def test_the_default_data_keep_their_fingerprint():
    found = data.load(from_mapping({}).data, 0).fingerprint
    assert found == "b1ac570700ef6930b50cc9a6c74e3f4fec607566d80dcd7bd4f0446665d890aa"


def test_inputs_answer_to_their_former_name_for_one_release():
    split = Split(np.zeros((2, 3), np.float32), np.zeros(2, np.int64), np.zeros(2, np.int64))
    assert split.images is split.inputs
    batch = Batch(torch.zeros(2, 3), torch.zeros(2), torch.zeros(2))
    assert batch.images is batch.inputs
