"""The tables of acs, credit-default and law-school, from files with their publishers' schemas."""

from __future__ import annotations

import gzip
import os
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import files
from fairloop import data
from fairloop.data import Population
from fairloop.data.acs import people
from fairloop.data.columns import decode
from fairloop.errors import InputError
from fairloop.spec.run import from_mapping

TASKS = ("ACSIncome", "ACSPublicCoverage", "ACSMobility", "ACSEmployment", "ACSTravelTime")
STORED = Path(__file__).parent / "stored" / "credit"
PUBLISHED = Path(os.environ.get("FAIRLOOP_TABULAR", Path(__file__).parents[2] / "shared" / "data" / "tabular"))


def loaded(**fields: object) -> Population:
    return data.load(from_mapping({"data": fields}).data, 0)


def everybody(population: Population) -> list[tuple[dict[str, Any], str, str]]:
    """(features, label, group) of all people, in no order."""
    found = []
    for part in ("train", "valid", "test"):
        split = population.splits[part]
        values = decode(split.inputs[:], population.columns)
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        names = (population.label_names[code] for code in split.labels)
        found += zip(rows, names, (population.group_names[code] for code in split.groups), strict=True)
    return found


# folktables' tasks, rebuilt person by person from its published definitions.


def over(value: object, least: float) -> bool:
    return value is not None and value > least  # type: ignore[operator]


def is_of(row: dict[str, Any], task: str) -> bool:
    if task == "ACSIncome":
        return row["AGEP"] > 16 and over(row["PINCP"], 100) and over(row["WKHP"], 0) and row["PWGTP"] >= 1
    if task == "ACSPublicCoverage":
        return row["AGEP"] < 65 and row["PINCP"] is not None and row["PINCP"] <= 30_000
    if task == "ACSMobility":
        return 18 < row["AGEP"] < 35
    if task == "ACSTravelTime":
        return row["AGEP"] > 16 and row["PWGTP"] >= 1 and row["ESR"] == 1
    return True


TARGETS = {
    "ACSIncome": lambda row: over(row["PINCP"], 50_000),
    "ACSPublicCoverage": lambda row: row["PUBCOV"] == 1,
    "ACSMobility": lambda row: row["MIG"] == 1,
    "ACSEmployment": lambda row: row["ESR"] == 1,
    "ACSTravelTime": lambda row: over(row["JWMNP"], 20),
}
FEATURES = {
    "ACSIncome": "AGEP COW SCHL MAR OCCP POBP RELP WKHP SEX RAC1P",
    "ACSPublicCoverage": "AGEP SCHL MAR SEX DIS ESP CIT MIG MIL ANC NATIVITY DEAR DEYE DREM PINCP ESR ST FER RAC1P",
    "ACSMobility": "AGEP SCHL MAR SEX DIS ESP CIT MIL ANC NATIVITY RELP DEAR DEYE DREM RAC1P GCL COW ESR WKHP JWMNP "
    "PINCP",
    "ACSEmployment": "AGEP SCHL MAR RELP DIS ESP CIT MIG MIL ANC NATIVITY DEAR DEYE DREM SEX RAC1P",
    "ACSTravelTime": "AGEP SCHL MAR SEX DIS ESP MIG RELP RAC1P PUMA ST CIT OCCP JWTR POWPUMA POVPIP",
}
POSITIVE = dict(zip(TASKS, (">50K", "covered", "same home", "employed", ">20 minutes"), strict=True))


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_the_people_features_and_labels_of_folktables(task):
    rows = files.acs_people(700, seed=3)
    kept = [row for row in rows if is_of(row, task)]
    assert 0 < len(kept) <= len(rows)
    features, label = people(pd.DataFrame(rows), task)
    assert list(features) == FEATURES[task].split()
    assert (label == POSITIVE[task]).tolist() == [TARGETS[task](row) for row in kept]
    codes = features.assign(SEX=features["SEX"].map({"male": 1, "female": 2}), RAC1P=[row["RAC1P"] for row in kept])
    asked = [[row[name] or 0 for name in FEATURES[task].split()] for row in kept]  # what is missing is 0
    assert codes.to_numpy(float).tolist() == np.array(asked, float).tolist()


def test_acs_reads_csv_packed_csv_and_parquet_alike_and_chooses_states(tmp_path):
    places = [tmp_path / name for name in ("csv", "packed", "parquet")]
    for place in places:
        place.mkdir()
    files.acs(places[0])
    content = (places[0] / "psam_p06.csv").read_bytes()
    (places[1] / "psam_p06.csv.gz").write_bytes(gzip.compress(content))
    pd.DataFrame(files.acs_people()).to_parquet(places[2] / "everybody.parquet")
    one, *others = (loaded(name="acs", root=place) for place in places)
    assert {other.fingerprint for other in others} == {one.fingerprint}
    assert one.group_names[:2] == ("Alaska Native", "American Indian")
    assert "White" not in one.minoritized
    more = pd.DataFrame(files.acs_people(500, state=48, seed=1))
    more.to_csv(places[0] / "psam_p48.csv", index=False)
    assert len(everybody(loaded(name="acs", root=places[0]))) > len(everybody(one))
    assert loaded(name="acs", root=places[0], states=["ca"]).fingerprint == one.fingerprint
    more.to_csv(places[1] / "psam_pusa.csv", index=False)
    assert len(everybody(loaded(name="acs", root=places[1], states=["TX"]))) == sum(
        is_of({name: None if isinstance(value, float) and isnan(value) else value for name, value in row.items()},
              "ACSIncome")
        for row in more.to_dict("records")
    )  # fmt: skip


def test_acs_reads_files_of_2016_and_before_by_their_names(tmp_path):
    for name, state in (("ss16pca.csv", 6), ("ss16ptx.csv", 48)):
        pd.DataFrame(files.acs_people(400, state=state, seed=state)).to_csv(tmp_path / name, index=False)
    found = {one: everybody(loaded(name="acs", root=tmp_path, states=[one])) for one in ("CA", "TX")}
    assert len(everybody(loaded(name="acs", root=tmp_path))) == len(found["CA"]) + len(found["TX"])


@pytest.mark.parametrize(
    ("names", "same"),
    [
        (("psam_p06.csv", "psam_p06.csv.gz"), True),
        (("psam_p06.csv", "psam_pusa.csv"), True),
        (("psam_p06.csv", "people.parquet"), True),
        (("psam_pusa.csv", "psam_pusb.csv"), False),
        (("psam_p06.csv", "ss16pca.csv"), False),
        (("ca.parquet", "tx.parquet"), False),
    ],
)
def test_nobody_of_acs_is_read_twice(tmp_path, names, same):
    """Else the same people are learnt from and tested on."""
    frame = pd.DataFrame(files.acs_people(300))
    for name in names:
        frame.to_parquet(tmp_path / name) if name.endswith("parquet") else frame.to_csv(tmp_path / name, index=False)
    if same:
        with pytest.raises(InputError, match=r"and .* may hold the same people; keep one of them"):
            loaded(name="acs", root=tmp_path)
    else:
        assert loaded(name="acs", root=tmp_path, states=["CA"]).group_names


@pytest.mark.parametrize(
    ("change", "fields", "words"),
    [
        (lambda frame: frame.rename(columns={"RELP": "RELSHIPP"}), {}, "RELSHIPP in place of RELP"),
        (lambda frame: frame.drop(columns="COW"), {}, "has no column COW"),
        (lambda frame: frame.assign(COW="x"), {}, "is truncated or damaged"),
        (lambda frame: frame.assign(SEX=3), {}, "SEX is 3 for a person"),
        (lambda frame: frame.assign(AGEP=3), {}, "none of the 600 people are among those of ACSIncome"),
        (lambda frame: frame, {"states": ["XX"]}, "'XX' is not a postal code"),
        (lambda frame: frame.rename_axis("row"), {"states": ["TX"]}, "has no psam_pXX.csv"),
        (lambda frame: frame, {"root": None}, "needs the directory of psam_pXX.csv"),
    ],
)
def test_acs_says_what_is_wrong(tmp_path, change, fields, words):
    change(pd.DataFrame(files.acs_people())).to_csv(tmp_path / "psam_p06.csv", index=False)
    with pytest.raises(InputError, match=words):
        loaded(**{"name": "acs", "root": tmp_path, **fields})


def test_credit_default_reads_all_forms_of_its_file_alike(tmp_path):
    places = [tmp_path / name for name in ("uci", "long", "both")]
    for place in places:
        place.mkdir()
    files.credit_default(places[0], 40)
    rows = [",".join(map(str, row)) for row in files.credit_rows(40)]
    short = ",".join(["", *(f"X{i}" for i in range(1, 24)), "Y"])
    long = ",".join(["ID", *files.CREDIT, "default payment next month"])
    (places[1] / "default of credit card clients.csv").write_text("\n".join([long, *rows]))
    (places[2] / "default of credit card clients.csv").write_text("\n".join([short, long, *rows]))
    found = [loaded(name="credit-default", root=place).fingerprint for place in places]
    assert len(set(found)) == 1
    pytest.importorskip("python_calamine")
    assert loaded(name="credit-default", root=STORED).fingerprint == found[0]


def test_credit_default_names_its_codes(tmp_path):
    files.credit_default(tmp_path)
    population = loaded(name="credit-default", root=tmp_path, groups=["sex", "age"])
    told = everybody(population)
    rows = files.credit_rows()
    assert len(told) == len(rows)
    assert sum(label == "default" for _, label, _ in told) == sum(row[24] for row in rows)
    assert sum(group == "female & <=25" for _, _, group in told) == sum(row[2] == 2 and row[5] <= 25 for row in rows)
    assert sum(row["EDUCATION"] == "other" for row, _, _ in told) == sum(row[3] in (0, 4, 5, 6) for row in rows)
    assert sum(row["MARRIAGE"] == "other" for row, _, _ in told) == sum(row[4] in (0, 3) for row in rows)
    assert population.label_names[population.beneficial] == "no default"
    assert "ID" not in told[0][0]


def test_law_school_names_its_codes(tmp_path):
    files.law_school(tmp_path)
    population = loaded(name="law-school", root=tmp_path, groups=["race", "sex"])
    told = everybody(population)
    assert [sum(group == name for _, _, group in told) for name in population.group_names] == [40, 40, 40, 40]
    assert population.label_names[population.beneficial] == "passed"
    assert {row["fulltime"] for row, _, _ in told} == {"full-time", "part-time"}
    assert set(told[0][0]).isdisjoint({"male", "pass_bar"})


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "words"),
    [
        ("law-school", "law_school_clean.csv", "pass_bar", "passed", "no column 'pass_bar'"),
        ("law-school", "law_school_clean.csv", "White,1.0", "White,7.0", "'pass_bar' of .* holds '7"),
        ("credit-default", "data.csv", "X5", "Z5", "no column 'AGE'"),
        ("credit-default", "data.csv", "\n1,", "\n1,x", "column 'LIMIT_BAL' should hold numbers"),
        ("law-school", "law_school_clean.csv", "\n", "\nx", "column 'decile1b' should hold numbers"),
    ],
)
def test_files_of_another_schema_are_refused_in_a_line(tmp_path, name, file, old, new, words):
    getattr(files, name.replace("-", "_"))(tmp_path)
    path = tmp_path / file
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=words):
        loaded(name=name, root=tmp_path)
    with pytest.raises(InputError, match=f"fairloop data fetch {name}"):
        loaded(name=name, root=tmp_path / "elsewhere")


@pytest.mark.real
@pytest.mark.skipif(not (PUBLISHED / "law_school_clean.csv").is_file(), reason="needs the publisher's file")
def test_the_published_law_school_has_its_published_size():
    population = loaded(name="law-school", root=PUBLISHED)
    assert len(everybody(population)) == 20_798
