from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fairloop import data
from fairloop.data import digits
from fairloop.data.colored_mnist import ColoredMNISTSpec
from fairloop.data.population_from_columns import Named, People
from fairloop.errors import InputError


def write_idx(root: Path, name: str, array: np.ndarray, *, packed: bool) -> None:
    content = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path = root / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content) if packed else content)


def write_mnist(root: Path, images: np.ndarray, labels: np.ndarray, *, packed: bool = False) -> None:
    for name in ("train", "t10k"):
        write_idx(root, f"{name}-images-idx3-ubyte", images, packed=packed)
        write_idx(root, f"{name}-labels-idx1-ubyte", labels, packed=packed)


@pytest.fixture
def some_digits() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.integers(0, 256, (60, 28, 28)).astype(np.uint8), random.integers(0, 10, 60)


def test_embedded_digits_are_mnists_first():
    train, test = digits.embedded("train"), digits.embedded("test")
    assert train.digits[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.digits[:5].tolist() == [7, 2, 1, 0, 4]
    assert (len(train.digits), len(test.digits)) == (10_000, 2_000)
    assert train.images.shape == (10_000, 28, 28)


@pytest.mark.parametrize("packed", [False, True])
def test_directory_of_idx_files_is_read_in_file_order(tmp_path, some_digits, packed):
    images, labels = some_digits
    write_mnist(tmp_path, images, labels, packed=packed)
    read = digits.from_directory(tmp_path, "train")
    assert np.array_equal(read.images, images)
    assert np.array_equal(read.digits, labels)


def test_directory_of_parquet_files_is_read(tmp_path, some_digits):
    images, labels = some_digits

    def png(pixels: np.ndarray) -> bytes:
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, format="PNG")
        return content.getvalue()

    rows = {
        "image": [{"bytes": png(pixels), "path": None} for pixels in images],
        "label": labels,
    }
    folder = tmp_path / "mnist"  # the hub's layout
    folder.mkdir()
    for split in ("train", "test"):
        pq.write_table(pa.table(rows), folder / f"{split}-00000-of-00001.parquet")
    read = digits.from_directory(tmp_path, "test")
    assert np.array_equal(read.images, images)
    assert np.array_equal(read.digits, labels)


def test_hub_data_set_is_decoded(monkeypatch, some_digits):
    import datasets

    images, labels = some_digits
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(num_classes=10)})
    pictures = [Image.fromarray(pixels) for pixels in images]
    hub = datasets.Dataset.from_dict({"image": pictures, "label": labels.tolist()}, features=features)
    asked = []
    monkeypatch.setattr(datasets, "load_dataset", lambda name, _, split: asked.append((name, split)) or hub)
    read = digits.from_hub("train")
    assert asked == [("ylecun/mnist", "train")]
    assert np.array_equal(read.images, images)
    assert np.array_equal(read.digits, labels)


def test_unreachable_hub_names_the_remedy(monkeypatch):
    import datasets

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(InputError, match=r"data\.root"):
        digits.from_hub("train")


def damage(root: Path, how: str, images: np.ndarray, labels: np.ndarray) -> None:
    write_mnist(root, images, labels)
    target = root / "train-images-idx3-ubyte"
    if how == "missing":
        target.unlink()
    elif how == "truncated":
        target.write_bytes(target.read_bytes()[:-100])
    elif how == "empty":
        target.write_bytes(b"")
    elif how == "foreign":
        target.write_bytes(b"not an IDX file at all")
    elif how == "short header":
        target.write_bytes(target.read_bytes()[:10])
    elif how.endswith("gzip"):
        packed = bytearray(gzip.compress(target.read_bytes()))
        target.unlink()
        if how == "corrupt gzip":
            packed[20:40] = b"\xff" * 20
        packed = packed[:-50] if how == "truncated gzip" else packed
        (root / "train-images-idx3-ubyte.gz").write_bytes(packed)
    elif how == "other labels":
        write_idx(root, "train-labels-idx1-ubyte", labels[:-1], packed=False)
    elif how == "label 11":
        write_idx(root, "train-labels-idx1-ubyte", np.full(60, 11), packed=False)
    elif how == "other size":
        write_idx(root, "train-images-idx3-ubyte", images[:, :14], packed=False)


DAMAGE = {
    "missing": "has no train-images-idx3-ubyte",
    "truncated": r"train-images-idx3-ubyte is truncated .*46940 of 47040 bytes",
    "empty": r"train-images-idx3-ubyte is truncated .*ends within its header",
    "short header": r"train-images-idx3-ubyte is truncated .*ends within its header",
    "foreign": r"train-images-idx3-ubyte .*is no IDX file",
    "truncated gzip": r"train-images-idx3-ubyte\.gz is truncated or damaged",
    "corrupt gzip": r"train-images-idx3-ubyte\.gz is truncated or damaged",
    "other labels": "60 train images but 59 labels",
    "label 11": "digits are 0 to 9",
    "other size": r"\(14, 28\), not \(28, 28\)",
}


@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_files_are_named(tmp_path, some_digits, how):
    damage(tmp_path, how, *some_digits)
    with pytest.raises(InputError, match=DAMAGE[how]):
        digits.from_directory(tmp_path, "train")


def test_published_split_sizes_follow_from_mnists_size(tmp_path):
    images, labels = np.zeros((60, 28, 28), np.uint8), np.arange(60) % 10
    write_mnist(tmp_path, images, labels)
    population = data.load(ColoredMNISTSpec(root=tmp_path), seed=0)
    assert (len(population.train), len(population.tests["valid"])) == (51, 9)  # 50,001 and 9,999 of 60,000


def test_colour_is_in_one_channel_alone():
    split = data.load(ColoredMNISTSpec(train=200, valid=50, test=50), seed=0).train
    grey = digits.embedded("train").images[:200]
    for image, group, digit in zip(split.inputs, split.groups, grey, strict=True):
        channel = {0: 1, 1: 0}[group]  # green is RGB's second channel, red its first
        assert np.array_equal(image[channel], digit)
        assert not np.delete(image, channel, axis=0).any()


@pytest.mark.slow
@settings(max_examples=20)
@given(
    threshold=st.integers(1, 9),
    green=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    noise=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_labels_and_colours_have_their_probabilities(threshold, green, noise, seed):
    n = 4000
    spec = ColoredMNISTSpec(
        threshold=threshold, green_given_label=green, label_noise=noise, train=n, valid=10, test=10, seed=seed
    )
    split = data.load(spec, seed=0).train
    flipped = split.labels != (digits.embedded("train").digits[:n] >= threshold)
    assert abs(flipped.mean() - noise) < 5 * (0.25 / n) ** 0.5
    for label in (0, 1):
        groups = split.groups[split.labels == label]
        if len(groups):
            assert abs((groups == 0).mean() - green[label]) < 5 * (0.25 / len(groups)) ** 0.5


def test_balanced_test_set_has_the_same_people_in_other_colours():
    tests = data.load(ColoredMNISTSpec(), seed=0).tests
    test, balanced = tests["test"], tests["test_balanced"]
    assert np.array_equal(test.inputs.max(axis=1), balanced.inputs.max(axis=1))
    assert np.array_equal(test.labels, balanced.labels)
    for label in (0, 1):
        green = (balanced.groups[balanced.labels == label] == 0).mean()
        assert abs(green - 0.5) < 5 * (0.25 / 900) ** 0.5
    assert abs((test.groups[test.labels == 1] == 0).mean() - 0.7) < 5 * (0.25 / 900) ** 0.5


def test_data_depend_on_their_own_seed_if_they_have_one():
    small = {"train": 100, "valid": 20, "test": 20}
    prints = [
        data.load(ColoredMNISTSpec(**small, seed=own), seed=run).fingerprint
        for own, run in ((None, 1), (None, 2), (1, 2), (1, 3))
    ]
    assert prints[0] != prints[1]
    assert prints[0] == prints[2] == prints[3]


@given(st.sampled_from(["threshold", "green_given_label", "label_noise", "train", "test"]))
def test_fingerprint_changes_with_every_parameter(parameter):
    other = {"threshold": 4, "green_given_label": (0.4, 0.7), "label_noise": 0.5, "train": 101, "test": 21}
    base = {"train": 100, "valid": 20, "test": 20}
    changed = {**base, parameter: other[parameter]}
    assert data.load(ColoredMNISTSpec(**base), 0).fingerprint != data.load(ColoredMNISTSpec(**changed), 0).fingerprint


def test_more_digits_than_there_are_is_an_error():
    with pytest.raises(InputError, match="10000"):
        data.load(ColoredMNISTSpec(train=9_999, valid=2), seed=0)
    with pytest.raises(InputError, match="2000"):
        data.load(ColoredMNISTSpec(test=2_001), seed=0)


@settings(max_examples=15)
@given(st.integers(0, 2**31))
def test_the_balanced_test_set_has_alike_many_of_each_stratum(seed):
    random = np.random.default_rng(seed)
    n = 300
    people = People(
        name="x",
        images=random.random((n, 2)).astype(np.float32),
        labels=Named(random.integers(0, 2, n), ("0", "1")),
        groups=Named(random.choice(3, n, p=[0.6, 0.3, 0.1]), ("a", "b", "c")),
        splits=random.integers(0, 3, n),
        contents="",
        beneficial="1",
    )
    population = people.population(seed)
    test = population.tests["test"].strata(2, 3)
    balanced = population.tests["test_balanced"].strata(2, 3)
    assert np.array_equal(balanced, np.where(test > 0, test[test > 0].min(), 0))
    assert people.population(seed).fingerprint == population.fingerprint
