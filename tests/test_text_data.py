"""Texts in tables: your own, Bias in Bios and CivilComments, as their publishers lay them out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import files
from fairloop.data import load
from fairloop.data.bios import PROFESSIONS, BiasInBiosSpec
from fairloop.data.comments import CivilCommentsSpec
from fairloop.data.own_texts import OwnTextsSpec
from fairloop.errors import InputError

FIELDS = {"label": "praised", "beneficial": "y", "groups": ("who",), "split": "part"}


def own(root, **fields):
    return load(OwnTextsSpec(**{"table": root / "texts.csv", **FIELDS, **fields}), 0)


@pytest.fixture
def root(tmp_path):
    files.own_texts(tmp_path)
    return tmp_path


def test_texts_come_from_every_kind_of_table_alike(root):
    frame = pd.read_csv(root / "texts.csv")
    frame.to_parquet(root / "texts.parquet")
    (root / "texts.jsonl").write_text("\n".join(json.dumps(row) for row in frame.to_dict("records")))
    prints = {own(root, table=root / f"texts.{kind}").fingerprint for kind in ("csv", "jsonl", "parquet")}
    assert len(prints) == 1


def test_a_population_of_texts_is_what_the_table_says(root):
    population = own(root)
    frame = pd.read_csv(root / "texts.csv")
    assert [len(population.splits[name]) for name in ("train", "valid", "test")] == [30, 30, 30]
    for name, part in (("train", "train"), ("valid", "dev"), ("test", "test")):
        split, rows = population.splits[name], frame[frame["part"] == part]
        assert [population.label_names[code] for code in split.labels] == rows["praised"].tolist()
        assert [population.group_names[code] for code in split.groups] == rows["who"].tolist()
    assert population.tokens.decode(population.train.inputs[:]) == frame.loc[frame["part"] == "train", "text"].tolist()
    assert population.texts.shown


def test_words_outside_of_the_training_split_are_unknown(root):
    tokens = own(root).tokens
    assert "clinic" in tokens.words
    assert "draws" not in tokens.words  # a word of the second sentence, which is in `dev` only


def test_shares_split_a_table_that_says_nothing(root):
    population = own(root, split=None, valid=0.2, test=0.3)
    assert [len(population.splits[name]) for name in ("train", "valid", "test")] == [45, 18, 27]


def test_byte_pairs_leave_no_word_unknown(root):
    pytest.importorskip("tokenizers")
    population = own(root, vocabulary="byte-pairs", vocabulary_size=300)
    assert len(population.tokens) <= 300
    assert "draws houses" in population.tokens.decode(population.tests["valid"].inputs[:])[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": "words"}, "data.text: .* has no column 'words'"),
        ({"label": "prised"}, "did you mean 'praised'"),
        ({"groups": ("who", "who")}, "named twice"),
        ({"groups": ("praised",)}, "is the label, too"),
        ({"split": "text"}, "is the split, too"),
        ({"split": "who", "groups": ("part",)}, "not train, valid or test"),
        ({"beneficial": "x"}, "data.beneficial=x"),
        ({"length": 2}, "data.length=2"),
        ({"table": "none.csv"}, "there is no file"),
    ],
)
def test_wrong_fields_are_refused_before_anything_is_trained(root, change, said):
    with pytest.raises(InputError, match=said) as error:
        own(root, **change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("cell", "said"), [("", "holds no text in row 4"), ("  ", "holds no text in row 4")])
def test_empty_texts_are_refused(root, cell, said):
    frame = pd.read_csv(root / "texts.csv")
    frame.loc[4, "text"] = cell
    frame.to_csv(root / "texts.csv", index=False)
    with pytest.raises(InputError, match=said):
        own(root)


def test_numbers_are_no_texts(root):
    pd.read_csv(root / "texts.csv").assign(text=1).to_parquet(root / "numbers.parquet")
    with pytest.raises(InputError, match="holds 1, which is no text, in row 0"):
        own(root, table=root / "numbers.parquet")


def bios(root, **fields):
    return load(BiasInBiosSpec(root=root, **fields), 0)


def test_bias_in_bios_is_read_by_the_ids_of_the_hub(tmp_path):
    files.bias_in_bios(tmp_path)
    population = bios(tmp_path)
    assert len(PROFESSIONS) == 28
    assert list(PROFESSIONS) == sorted(PROFESSIONS)
    assert [PROFESSIONS[code] for code in (0, 13, 24, 25)] == ["accountant", "nurse", "software_engineer", "surgeon"]
    assert population.label_names == PROFESSIONS
    assert population.group_names == ("male", "female")
    assert population.minoritized == ("female",)
    assert population.train.labels[:3].tolist() == [0, 1, 2]
    assert population.tests["valid"].labels[:2].tolist() == [2, 3]  # the third file of the fixture is `dev`
    assert population.train.groups[[0, 27, 28]].tolist() == [0, 0, 1]
    assert not population.texts.shown


def test_some_professions_of_bias_in_bios(tmp_path):
    files.bias_in_bios(tmp_path)
    population = bios(tmp_path, professions=("surgeon", "nurse"))
    assert population.label_names == ("nurse", "surgeon")
    assert len(population.train) == 4
    for fields, said in (
        ({"professions": ("nurse", "wizard")}, "'wizard' is not in"),
        ({"professions": ("nurse", "poet")}, "data.beneficial=surgeon"),
    ):
        with pytest.raises(InputError, match=said):
            bios(tmp_path, **fields)


def test_bias_in_bios_says_what_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"no file train\*.parquet; its publishers offer it"):
        bios(tmp_path)
    files.bias_in_bios(tmp_path)
    wrong = pd.DataFrame({"hard_text": ["a b"], "profession": [28], "gender": [0]})
    wrong.to_parquet(next((tmp_path / "data").glob("dev*")))
    with pytest.raises(InputError, match="holds 28"):
        bios(tmp_path)


def comments(root, **fields):
    return load(CivilCommentsSpec(root=root, **fields), 0)


def test_civil_comments_have_one_group_each(tmp_path):
    """By hand: of 96 rows, those of the table that mention exactly one of the identities, and those that do not."""
    files.civil_comments(tmp_path)
    frame = pd.read_csv(tmp_path / "all_data_with_identities.csv")
    male, female = (frame[name].fillna(0) >= 0.5 for name in ("male", "female"))
    alone = comments(tmp_path)
    assert alone.group_names == ("male", "female")
    assert sum(len(alone.splits[name]) for name in ("train", "valid", "test")) == (male ^ female).sum()
    every = comments(tmp_path, others=True)
    assert every.group_names == ("male", "female", "several", "none")
    groups = np.concatenate([every.splits[name].groups for name in ("train", "valid", "test")])
    wanted = [(male & ~female).sum(), (female & ~male).sum(), (male & female).sum(), (~male & ~female).sum()]
    assert np.bincount(groups).tolist() == wanted


def test_a_comment_is_toxic_from_a_half_on(tmp_path):
    files.civil_comments(tmp_path)
    every = comments(tmp_path, others=True)
    assert every.label_names == ("toxic", "not toxic")
    assert every.beneficial == 1
    assert every.train.labels[:4].tolist() == [0, 0, 0, 1]  # rows 0, 1, 6 and 7: .5, .5, .5 and .4999
    assert not every.texts.shown


def test_the_file_of_the_competition_is_split_at_random(tmp_path):
    files.civil_comments(tmp_path)
    frame = pd.read_csv(tmp_path / "all_data_with_identities.csv").drop(columns="split")
    (tmp_path / "all_data_with_identities.csv").unlink()
    frame.rename(columns={"toxicity": "target"}).to_csv(tmp_path / "train.csv", index=False)
    assert len(comments(tmp_path, others=True).tests["test"]) == round(0.15 * 96)


def test_the_copy_without_identities_is_refused(tmp_path):
    files.civil_comments(tmp_path)
    path = tmp_path / "all_data_with_identities.csv"
    pd.read_csv(path).drop(columns=list(files.IDENTITIES)).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"data.identities: .* has no column 'male'"):
        comments(tmp_path)
