"""`fairloop synthetic`: its files, its page, its words, and refusals before anything is fitted."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fairloop._util.directories import kind_of
from fairloop.cli import main
from fairloop.synthetic_data import FILES, arms
from test_synthetic import people


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    real, made = tmp_path / "real.csv", tmp_path / "<made>.parquet"
    people(90).assign(sex=lambda of: of["sex"].replace("f", "<b>f|&")).to_csv(real, index=False)
    people(80, 1).assign(sex=lambda of: of["sex"].replace("f", "<b>f|&")).to_parquet(made)
    return [str(real), str(made), "--label", "ok", "--group", "sex"]


def here(monkeypatch: Any, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["fairloop", "synthetic", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_writes_its_files_and_says_the_tables(tables, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    words = [*tables, "--out", out, "--splits", 5, "--estimator", "sklearn.tree:DecisionTreeClassifier"]
    assert here(monkeypatch, *words, "--arguments", "{max_depth: 3}", "--json") == 0
    printed = capsys.readouterr()
    given = json.loads(printed.out)
    assert set(given["files"]) == {path.name for path in out.iterdir()} == set(FILES)
    assert kind_of(out) == "a comparison"
    for line in ("90 real people", "Accuracy on real people held out", "synthetic less real", "Distances of columns"):
        assert line in printed.err
    told = json.loads((out / "comparison.json").read_text())
    assert (told["label"], told["beneficial"], told["splits"], told["seed"]) == ("ok", "1", 5, 0)
    measures = pd.read_csv(out / "measures.csv")
    assert len(measures) == len(told["measures"]) == len(given["measures"])
    assert set(measures["trained_on"]) == {
        "real",
        "synthetic",
        "both",
        "synthetic - real",
        "both - real",
        "both - synthetic",
    }
    row = measures.set_index(["trained_on", "group", "metric"]).loc["both - real", "overall", "accuracy"]
    assert f"{row['value']:+.3f}".replace("-", "\N{MINUS SIGN}") in (out / "comparison.md").read_text()
    assert here(monkeypatch, *words) == 2
    assert "holds report.html; choose another directory, or say --overwrite" in capsys.readouterr().err
    assert here(monkeypatch, *words, "--overwrite", "--quiet") == 0
    assert capsys.readouterr().out == ""


def test_the_page_holds_all_it_shows_and_runs_nothing(tables, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert here(monkeypatch, *tables, "--out", out, "--splits", 2, "--quiet", "--estimator",
                "sklearn.naive_bayes:GaussianNB") == 0  # fmt: skip
    page = (out / "report.html").read_text()
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    assert "<b>f" not in page
    assert "&lt;b&gt;f|&amp;" in page
    assert "&lt;made&gt;.parquet beside real.csv" in page
    assert page.count('<svg class="change"') > 20
    assert "cannot be judged by fewer than 5 splits" in page
    places = [float(place) for place in re.findall(r' (?:c?x[12]?)="([\d.]+)"', page)]
    assert 0 <= min(places) <= max(places) <= 160


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--group", "age ", "--splits", "1"], "--group: "),
        (["--splits", "0"], "--splits: 0 is not a whole number of 1"),
        (["--estimator", "nothing"], "--estimator: 'nothing' is not a module:Name"),
        (["--arguments", "[1]"], "--arguments [1]: names no arguments"),
        (["--arguments", "{a: ["], "--arguments {a: [: is not YAML"),
        (["--leave-out", "pet"], "--leave-out: neither table has a column 'pet'"),
    ],
)
def test_wrong_options_end_with_a_line_before_anything_is_fitted(words, said, tables, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(arms, "all_measured", lambda *_: pytest.fail("fitted"))
    assert here(monkeypatch, *tables, "--out", tmp_path / "out", *words) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_another_kind_of_directory_is_left_alone(tables, tmp_path, monkeypatch, capsys):
    (tmp_path / "verdict.txt").write_text("")
    (tmp_path / "drift.csv").write_text("")
    assert here(monkeypatch, *tables, "--out", tmp_path, "--overwrite") == 2
    assert "holds an audit, not a comparison" in capsys.readouterr().err
