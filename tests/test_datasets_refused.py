"""Wrong files of pictures, and data sets that cannot be told apart, are refused with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import files
from fairloop.errors import InputError
from test_datasets import loaded

# Wrong inputs: one clear line each


def wreck_celeba(root: Path, how: str) -> dict[str, object]:
    files.celeba(root)
    attributes, partition = root / "list_attr_celeba.txt", root / "list_eval_partition.txt"
    if how == "no attributes":
        attributes.unlink()
    elif how == "archive":
        (root / "img_align_celeba").rename(root / "elsewhere")
        (root / "img_align_celeba.zip").write_bytes(b"PK")
    elif how == "truncated table":
        attributes.write_text(attributes.read_text()[:700])
    elif how == "truncated partition":
        partition.write_text("\n".join(partition.read_text().splitlines()[:20]))
    elif how == "one byte of the partition":
        partition.write_text(partition.read_text()[:1])
    elif how == "empty partition":
        partition.write_text("")
    elif how == "no picture":
        (root / "img_align_celeba" / "000007.jpg").unlink()
    elif how == "truncated picture":
        picture = root / "img_align_celeba" / "000007.jpg"
        picture.write_bytes(picture.read_bytes()[:3000])
    return {"label": "Handsome"} if how == "unknown attribute" else {}


CELEBA_WRONG = {
    "no attributes": "has no list_attr_celeba.txt; put img_align_celeba/",
    "archive": r"has no img_align_celeba \(unpack img_align_celeba.zip\)",
    "truncated table": r"it has \d+ rows and should have 60|has not 4 values",
    "truncated partition": r"list_eval_partition.txt does not say of \d+ pictures whether",
    "one byte of the partition": r"list_eval_partition.txt is truncated or not CelebA's table \(the line of 0",
    "empty partition": r"list_eval_partition.txt does not say of 60 pictures whether",
    "no picture": r"000007.jpg is not there, though the table names it",
    "truncated picture": r"000007.jpg cannot be decoded",
    "unknown attribute": "CelebA has no attribute 'Handsome'; it has Attractive, Male",
}


@pytest.mark.parametrize("how", CELEBA_WRONG)
def test_what_is_wrong_with_celeba_is_said(tmp_path, how):
    fields = wreck_celeba(tmp_path, how)
    with pytest.raises(InputError, match=CELEBA_WRONG[how]) as caught:
        loaded(name="celeba", root=tmp_path, size=8, **fields)
    assert "\n" not in str(caught.value)


def test_a_label_that_all_share_is_refused(tmp_path):
    files.celeba(tmp_path)
    text = (tmp_path / "list_attr_celeba.txt").read_text().splitlines()
    lines = [text[0], text[1], *(line[:-2] + "-1" for line in text[2:])]
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines))
    with pytest.raises(InputError, match="all people of the training data have the label 'not Bald'"):
        loaded(name="celeba", root=tmp_path, size=8, label="Bald")


def test_a_truncated_matlab_file_is_named(tmp_path):
    files.svhn_mat(tmp_path)
    path = tmp_path / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"train_32x32\.mat is truncated"):
        loaded(name="colored-svhn", root=tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=r"has no train_32x32\.mat.*`fairloop data fetch colored-svhn --out DIR`"):
        loaded(name="colored-svhn", root=tmp_path)
