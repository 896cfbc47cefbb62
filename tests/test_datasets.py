"""Every data set, read from small files with the true schema."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import files
from fairloop import data
from fairloop.data.population import Population
from fairloop.errors import InputError
from fairloop.spec.run import from_mapping


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("FAIRLOOP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def loaded(seed: int = 0, **fields: object) -> Population:
    return data.load(from_mapping({"data": fields}).data, seed)


def test_svhn_comes_from_its_matlab_files(tmp_path):
    truth = files.svhn_mat(tmp_path)
    population = loaded(name="colored-svhn", root=tmp_path, label_noise=0.0)
    assert {name: len(split) for name, split in population.splits.items()} == {
        "train": 50,  # five sevenths, as 52,327 are of 73,257
        "valid": 20,
        "test": 70,
        "test_balanced": 70,
    }
    assert population.shape == (3, 64, 64)
    assert np.array_equal(population.train.labels, truth["train"][:50] < 5)
    images = population.train.inputs[np.arange(50)]
    channel = np.where(population.train.groups == 0, 1, 0)
    assert images[np.arange(50), channel].any(axis=(1, 2)).all()
    images[np.arange(50), channel] = 0
    assert not images.any()


def test_svhn_is_resized_from_grey_as_pillow_does_it(tmp_path):
    from scipy.io import loadmat

    files.svhn_mat(tmp_path)
    population = loaded(name="colored-svhn", root=tmp_path)
    picture = Image.fromarray(loadmat(tmp_path / "train_32x32.mat")["X"][..., 3])
    expected = np.asarray(picture.convert("L").resize((64, 64), Image.Resampling.BILINEAR))
    assert np.array_equal(population.train.inputs[3:4].max(axis=1)[0], expected)


def test_svhn_from_parquet_equals_svhn_from_matlab_files(tmp_path):
    from scipy.io import loadmat

    truth = files.svhn_mat(tmp_path)
    for split, digits in truth.items():
        pixels = np.moveaxis(loadmat(tmp_path / f"{split}_32x32.mat")["X"], -1, 0)
        names = [str(digit) for digit in range(10)]
        files.hub_parquet(tmp_path / "hub", split, [files.encoded(p) for p in pixels], label=(digits.tolist(), names))
    one, other = (loaded(name="colored-svhn", root=root) for root in (tmp_path, tmp_path / "hub"))
    for name, split in one.splits.items():
        assert np.array_equal(split.inputs[:], other.splits[name].inputs[:])
        assert np.array_equal(split.labels, other.splits[name].labels)


def test_celeba_comes_from_its_official_files(tmp_path):
    has = files.celeba(tmp_path)
    population = loaded(name="celeba", root=tmp_path, size=16)
    assert [len(split) for split in population.splits.values()] == [30, 15, 15, 12]
    assert population.label_names == ("not Attractive", "Attractive")
    assert population.group_names == ("female", "male")
    assert np.array_equal(population.train.labels, has[:30, 0])
    assert np.array_equal(population.tests["test"].groups, has[45:, 1])
    with Image.open(tmp_path / "img_align_celeba" / "000046.jpg") as picture:
        expected = np.moveaxis(np.asarray(picture.resize((16, 16), Image.Resampling.BILINEAR)), -1, 0)
    assert np.array_equal(population.tests["test"].inputs[0:1][0], expected)
    assert population.train.mirror
    assert not any(split.mirror for split in population.tests.values())


def test_any_attribute_is_the_label_and_several_make_groups(tmp_path):
    has = files.celeba(tmp_path)
    population = loaded(name="celeba", root=tmp_path, size=8, label="Bald", groups=["Male", "Young"])
    assert population.group_names == ("female & not Young", "female & Young", "male & not Young", "male & Young")
    assert np.array_equal(population.train.labels, has[:30, 3])
    assert np.array_equal(population.train.groups, has[:30, 1] * 2 + has[:30, 2])


def test_celeba_from_the_hubs_parquet_equals_the_official_files(tmp_path):
    has = files.celeba(tmp_path)
    parts = {"train": range(30), "valid": range(30, 45), "test": range(45, 60)}
    for split, people in parts.items():
        images = [(tmp_path / "img_align_celeba" / f"{i + 1:06d}.jpg").read_bytes() for i in people]
        attributes = {name: [bool(has[i, column]) for i in people] for column, name in enumerate(files.ATTRIBUTES)}
        files.hub_parquet(
            tmp_path / "hub" / "img_align+identity+attr", split, images, celeb_id=[1] * len(images), **attributes
        )
    one, other = (loaded(name="celeba", root=root, size=8) for root in (tmp_path, tmp_path / "hub"))
    for name, split in one.splits.items():
        assert np.array_equal(split.inputs[:], other.splits[name].inputs[:])
        assert np.array_equal(split.groups, other.splits[name].groups)


def test_celeba_comes_from_the_hub(tmp_path, monkeypatch):
    import datasets

    has = files.celeba(tmp_path)
    asked = []

    def load_dataset(name: str, config: str | None, split: str) -> datasets.Dataset:
        asked.append((name, config, split))
        people = {"train": range(30), "valid": range(30, 45), "test": range(45, 60)}[split]
        images = [
            {"bytes": (tmp_path / f"img_align_celeba/{i + 1:06d}.jpg").read_bytes(), "path": None} for i in people
        ]
        columns = {name: [bool(has[i, c]) for i in people] for c, name in enumerate(files.ATTRIBUTES)}
        features = {"image": datasets.Image()} | {name: datasets.Value("bool") for name in columns}
        return datasets.Dataset.from_dict({"image": images, **columns}, features=datasets.Features(features))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    population = loaded(name="celeba", size=8)
    assert asked == [("flwrlabs/celeba", None, split) for split in ("train", "valid", "test")]
    assert np.array_equal(population.train.inputs[:], loaded(name="celeba", root=tmp_path, size=8).train.inputs[:])
    asked.clear()
    loaded(name="celeba", size=8, label="Young")
    assert asked == []  # decoded once, whatever the label


def test_an_unreachable_hub_names_the_remedy(monkeypatch):
    import datasets

    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    for name in ("celeba", "fairface", "colored-svhn"):
        with pytest.raises(InputError, match=r"no network.*data\.root"):
            loaded(name=name)


@pytest.mark.parametrize("name", ["celeba", "fairface", "colored-svhn", "colored-mnist"])
def test_without_the_extra_the_hub_names_it_and_files_are_read(tmp_path, monkeypatch, name):
    digits = np.arange(20) % 10
    pictures = [files.encoded(np.full((28, 28), 10 * digit, np.uint8)) for digit in digits]
    for split in ("train", "test"):
        files.hub_parquet(tmp_path, split, pictures, label=(digits.tolist(), list("0123456789")))
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"'fairloop\[hub\]'; or set data\.root") as caught:
        loaded(name=name, **({"source": "hub"} if name == "colored-mnist" else {}))
    assert "\n" not in str(caught.value)
    if name.startswith("colored"):  # as parquet of the hub; CelebA's and FairFace's files are tables and folders
        assert len(loaded(name=name, root=tmp_path).tests["test"]) == len(digits)


def test_fairface_has_14_groups_and_28_strata(tmp_path):
    files.fairface(tmp_path)
    population = loaded(name="fairface", root=tmp_path, size=16)
    assert [len(split) for split in population.splits.values()] == [112, 56, 56, 56]
    assert len(population.group_names) == 14
    assert population.group_names[:3] == ("White & <=29", "White & >=30", "Latino_Hispanic & <=29")
    assert all((split.strata(2, 14) > 0).all() for split in population.splits.values())
    first = population.tests["test"]  # the first rows of the training file
    assert first.labels[:15].tolist() == [0] * 14 + [1]
    assert population.group_names[first.groups[0]] == "East Asian & <=29"


def test_fairface_from_parquet_equals_its_own_tables(tmp_path):
    files.fairface(tmp_path)
    for split, official in (("train", "train"), ("validation", "val")):
        table = pd.read_csv(tmp_path / f"fairface_label_{official}.csv")
        images = [(tmp_path / file).read_bytes() for file in table["file"]]
        coded = {
            "age": ([files.AGES.index(age) for age in table["age"]], files.AGES),
            "gender": ([["Male", "Female"].index(gender) for gender in table["gender"]], ["Male", "Female"]),
            "race": ([files.RACES.index(race) for race in table["race"]], files.RACES),
        }
        files.hub_parquet(tmp_path / "hub", split, images, service_test=[True] * len(images), **coded)
    one, other = (loaded(name="fairface", root=root, size=16) for root in (tmp_path, tmp_path / "hub"))
    for name, split in one.splits.items():
        assert np.array_equal(split.inputs[:], other.splits[name].inputs[:])
        assert np.array_equal(split.groups, other.splits[name].groups)
        assert np.array_equal(split.labels, other.splits[name].labels)


def test_a_folder_of_images_with_the_hubs_metadata_is_read(tmp_path):
    truth = files.svhn_mat(tmp_path)
    for split, digits in truth.items():
        folder = tmp_path / "folder" / split
        folder.mkdir(parents=True)
        for i, pixels in enumerate(files.faces(70, (32, 32))):
            (folder / f"{i}.png").write_bytes(files.encoded(pixels))
        frame = pd.DataFrame({"file_name": [f"{i}.png" for i in range(70)], "label": digits})
        frame.to_csv(folder / "metadata.csv", index=False)
    population = loaded(name="colored-svhn", root=tmp_path / "folder", label_noise=0)
    assert np.array_equal(population.train.labels, truth["train"][:50] < 5)


OWN = {"name": "pictures", "label": "shape", "groups": ["place", "sex"], "size": 16}


@pytest.mark.parametrize(("table", "image"), [("people.csv", "file"), ("people.parquet", "picture")])
def test_pictures_of_ones_own_keep_their_names(tmp_path, table, image):
    images = files.own_pictures(tmp_path, table=table)
    population = loaded(**OWN, table=tmp_path / table, image=image, split="part", beneficial="circle")
    assert population.label_names == ("circle", "square")
    assert population.beneficial == 0
    assert "north, far & f" in population.group_names
    assert [len(split) for split in population.splits.values()][:3] == [24, 24, 12]
    expected = Image.fromarray(images[12]).resize((16, 16), Image.Resampling.BILINEAR)
    assert np.array_equal(population.tests["valid"].inputs[0:1][0], np.moveaxis(np.asarray(expected), -1, 0))


def test_grey_pictures_have_one_channel(tmp_path):
    files.own_pictures(tmp_path)
    fields = {**OWN, "table": tmp_path / "people.csv", "image": "file", "beneficial": "circle"}
    assert loaded(**fields, mode="L").shape == (1, 16, 16)


def test_a_table_cannot_name_files_outside_its_root(tmp_path):
    files.own_pictures(tmp_path)
    (tmp_path / "inner").mkdir()
    text = (tmp_path / "people.csv").read_text().replace("pictures/7.png", "../../secret.png")
    (tmp_path / "people.csv").write_text(text)
    with pytest.raises(InputError, match="outside"):
        loaded(**OWN, table=tmp_path / "people.csv", image="file")


# Fingerprints, the cache


def test_the_fingerprint_changes_with_the_data_and_with_what_is_made_of_them(tmp_path):
    files.celeba(tmp_path / "one")
    files.celeba(tmp_path / "two", seed=1)
    kinds = [
        {},
        {"size": 9},
        {"label": "Young"},
        {"groups": ["Young"]},
        {"mirror": False},
        {"seed": 3},
        {"root": tmp_path / "two"},
        {"minoritized": ["female"]},
    ]
    base = {"name": "celeba", "root": tmp_path / "one", "size": 8}
    prints = [loaded(**{**base, **kind}).fingerprint for kind in kinds]
    assert len(set(prints)) == len(prints)
    assert loaded(**base).fingerprint == prints[0]


def test_pictures_are_decoded_once_and_mapped_from_disk(tmp_path, cache, monkeypatch):
    from fairloop.data import cache as room

    files.celeba(tmp_path)
    first = loaded(name="celeba", root=tmp_path, size=8)
    monkeypatch.setattr(room, "_decoded", None)  # a second decoding would fail
    second = loaded(name="celeba", root=tmp_path, size=8, label="Young")
    assert np.array_equal(first.train.inputs[:], second.train.inputs[:])
    assert isinstance(second.train.inputs.images, np.memmap)
    assert sorted(path.suffix for path in cache.iterdir() if not path.is_dir()) == [".lock"]


def test_new_files_are_decoded_anew(tmp_path):
    files.celeba(tmp_path)
    before = loaded(name="celeba", root=tmp_path, size=8).fingerprint
    picture = tmp_path / "img_align_celeba" / "000003.jpg"
    picture.unlink()
    picture.write_bytes(files.encoded(np.zeros((218, 178, 3), np.uint8), "JPEG"))
    os.utime(tmp_path / "img_align_celeba", ns=(1, 1))  # whatever the clock's grain
    assert loaded(name="celeba", root=tmp_path, size=8).fingerprint != before


def test_nothing_half_done_is_left_in_the_cache(tmp_path, cache):
    files.celeba(tmp_path)
    (tmp_path / "img_align_celeba" / "000050.jpg").write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(InputError, match=r"000050\.jpg cannot be decoded"):
        loaded(name="celeba", root=tmp_path, size=8)
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_a_damaged_cache_is_named(tmp_path, cache):
    files.celeba(tmp_path)
    loaded(name="celeba", root=tmp_path, size=8)
    place = next(path for path in cache.iterdir() if path.is_dir())
    content = (place / "images.npy").read_bytes()
    (place / "images.npy").write_bytes(content[:-100])
    with pytest.raises(InputError, match=r"is damaged.*delete this directory"):
        loaded(name="celeba", root=tmp_path, size=8)


def test_data_commands_show_counts_and_examples(tmp_path, capsys):
    from fairloop.cli import app

    files.celeba(tmp_path / "celeba")
    run = ["data", "inspect", "celeba", "--root", str(tmp_path / "celeba"), "--out", str(tmp_path / "seen")]
    app([*run, "--set", "data.size=16"], standalone_mode=False)
    said = capsys.readouterr().out
    assert "30 train, 15 valid, 15 test, 12 test_balanced; each 3 x 16 x 16" in said
    with Image.open(tmp_path / "seen" / "label-1-group-0-attractive-female.png") as grid:
        assert grid.size == (16 * 8, 16)  # eight of thirty are attractive women
    app(["data", "list"], standalone_mode=False)
    assert "list_attr_celeba.txt" in capsys.readouterr().out
    app(
        ["data", "prepare", "celeba", "--root", str(tmp_path / "celeba"), "--out", str(tmp_path / "kept")],
        standalone_mode=False,
    )
    assert "ready after" in capsys.readouterr().out
    assert any(path.is_dir() for path in (tmp_path / "kept").iterdir())


def test_anybodys_function_gives_a_population(tmp_path, monkeypatch):
    (tmp_path / "outside.py").write_text(
        "import numpy as np\n"
        "from fairloop import Population, Split\n"
        "def people(seed, n=20):\n"
        "    half = lambda k: Split(np.full((k, 2), seed, np.float32), np.arange(k) % 2, np.arange(k) // 2 % 2)\n"
        "    tests = {name: half(8) for name in ('valid', 'test', 'test_balanced')}\n"
        "    return Population('mine', ('no', 'yes'), ('a', 'b'), ('b',), half(n), tests)\n"
        "def nothing(seed):\n    return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    population = loaded(seed=7, name="outside:people", arguments={"n": 12})
    assert (len(population.train), population.train.inputs[0][0]) == (12, 7)
    with pytest.raises(InputError, match=r"returned int, not a fairloop\.Population"):
        loaded(name="outside:nothing")
    with pytest.raises(InputError, match="gave no data: ModuleNotFoundError"):
        loaded(name="nowhere:people")


def test_the_data_set_is_told_by_its_name():
    assert from_mapping({"data": {"threshold": 4}}).data.name == "colored-mnist"
    with pytest.raises(InputError, match=r"data\.name=celebb: is not one of colored-mnist, colored-svhn, celeba"):
        from_mapping({"data": {"name": "celebb"}})
    with pytest.raises(InputError, match=r"data\.sizes: there is no such field; did you mean data\.size\?"):
        from_mapping({"data": {"name": "celeba", "sizes": 3}})
    spec = from_mapping({"data": {"name": "fairface", "groups": ["race"]}})
    import yaml

    assert from_mapping(yaml.safe_load(spec.to_yaml())) == spec
