"""The command and its errors: what is written, said, and refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fairloop import audit
from fairloop.auditing import FILES, JUNIT
from fairloop.errors import InputError
from test_audit import COMMAND, PARTS, people
from test_run import here


def test_the_command_writes_says_and_fails_as_told(tmp_path, capsys):
    log, out = tmp_path / "log.csv", tmp_path / "out"
    people(600).to_csv(log, index=False)
    predicted, scored = (("audit", log, *COMMAND, f"--{kind}", kind) for kind in ("prediction", "score"))
    limits = ("--fail-on", "equalized_odds_difference>0.01", "--fail-on", "tpr[Female & A]<0")

    assert here(*predicted, "--out", out, *limits) == 1
    said, complaint = capsys.readouterr()
    assert len(complaint.splitlines()) == 1
    assert complaint.startswith("fairloop: equalized_odds_difference>0.01: equalized_odds_difference is 0.")
    assert max(map(len, said.splitlines()[:-1])) <= 80
    assert sorted(path.name for path in out.iterdir()) == sorted((*FILES, JUNIT))
    assert "Audit of log.csv" in (out / "report.html").read_text()
    tables = pd.read_csv(out / "table.csv"), pd.read_parquet(out / "table.parquet")
    pd.testing.assert_frame_equal(*tables, check_dtype=False)

    assert here(*scored, "--out", out, *limits[2:]) == 2
    assert "say --overwrite" in capsys.readouterr().err
    assert here(*scored, "--out", out, *limits[2:], "--overwrite") == 0
    assert capsys.readouterr().err == ""
    assert here(*scored, "--out", tmp_path / "no", "--fail-on", "tpr") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "no").exists()
    assert here(*scored, "--out", log) == 2
    assert "is a file" in capsys.readouterr().err


WRONG_ARGUMENTS = {
    "no column": ({"label": "labl"}, "did you mean 'label'"),
    "neither": ({"prediction": None}, "prediction, score: name at least one"),
    "threshold alone": ({"threshold": 0.3}, "threshold: is for scores"),
    "threshold beside predictions": ({"score": "score", "threshold": 0.3}, "threshold: is for scores"),
    "twice": ({"groups": ["sex", "sex"]}, "named twice"),
    "no group": ({"groups": []}, "at least one"),
    "scores as predictions": ({"prediction": "score"}, "score"),
    "text as scores": ({"prediction": None, "score": "race"}, "holds no numbers"),
    "logits": ({"prediction": None, "score": "logit"}, "give one with threshold"),
    "labels of unknown worth": ({"label": "race", "prediction": "race2", "groups": "sex"}, "beneficial"),
    "no such label": ({"beneficial": "2"}, "beneficial 2"),
    "unclear makers": ({"provenance": "race"}, "model_made"),
    "no such maker": ({"provenance": "race", "model_made": ["D"]}, "model_made D"),
    "identifiers": ({"groups": "id"}, "no category"),
    "no such measure": ({"fail_on": ["demographic_parity>0.1"]}, "demographic_parity_difference"),
    "no such group": ({"fail_on": ["tpr[Femal]<0.5"]}, "'Female'"),
    "group of an aggregate": ({"fail_on": ["tpr_difference[Female]<0.5"]}, "leave out"),
    "no number": ({"fail_on": ["tpr<half"]}, "a number"),
    "no provenance": ({"fail_on": ["model_made_share>0.5"]}, "provenance"),
    "nobody left": ({"min_size": 10_000}, "leaves no group"),
}


@pytest.mark.parametrize("case", WRONG_ARGUMENTS)
def test_wrong_arguments_are_explained(case):
    changes, words = WRONG_ARGUMENTS[case]
    log = people(11_000)
    log = log.assign(logit=log["score"] * 8 - 4, race2=log["race"], id=np.arange(len(log)))
    with pytest.raises(InputError, match=words) as caught:
        audit(log, **{**PARTS, "groups": "sex", **changes})
    assert "\n" not in str(caught.value)


def test_logs_that_cannot_be_read_are_explained(tmp_path):
    head = "round,label,prediction,sex"
    cases = {
        "empty.csv": (b"", "is empty"),
        "header.csv": (f"{head}\n".encode(), "no rows"),
        "twice.csv": (f"{head},sex\n0,1,1,F,F\n".encode(), "2 columns 'sex'"),
        "ragged.csv": (f"{head}\n0,1,1\n".encode(), "row 1 has 3 cells, but the header has 4"),
        "blank.csv": (f"{head}\n,1,1,F\n0,1,,F\n".encode(), "no row of the log has both"),
        "damaged.parquet": (b"PAR1 and more", "cannot be read"),
        "what.xlsx": (b"x", "does not end in one of"),
    }
    for name, (content, words) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=words) as caught:
            audit(tmp_path / name, **PARTS, groups="sex")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="no file"):
        audit(tmp_path / "absent.csv", **PARTS, groups="sex")
    lists = pa.table({"round": [0], "label": [1], "prediction": [1], "sex": [["F", "M"]]})
    pq.write_table(lists, tmp_path / "lists.parquet")
    with pytest.raises(InputError, match="one value a row"):
        audit(tmp_path / "lists.parquet", **PARTS, groups="sex")


def test_names_that_tables_use_themselves_stay_apart():
    log = people(300).assign(sex=lambda log: log["sex"].map({"Female": "min", "Male": "overall"}))
    assert audit(log, **PARTS, groups="sex").measured.rounds.groups == ("sex=min", "sex=overall")
