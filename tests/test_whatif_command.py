"""The command `whatif`: its files, its page, and what it refuses."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import fairloop
from fairloop import whatif
from fairloop._util.directories import kind_of
from fairloop.errors import InputError
from fairloop.forecasting import FILES
from test_run import here
from whatif_logs import NAMED, made

OPTIONS = ("--round", "round", "--label", "label", "--prediction", "prediction", "--group", "group", "--features",
           "x0,B", "--beneficial", "yes", "--rounds", "2", "--seeds", "2")  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return made(3, arrivals=200, exploration=0.2).log(3)


@pytest.fixture(scope="module")
def written(frame, tmp_path_factory):
    """The output of a forecast with limits, of a log whose groups have odd names."""
    folder = tmp_path_factory.mktemp("whatif")
    odd = frame.assign(group=frame["group"].map({"A": "<b>A</b>", "B": "=B"}))
    odd.to_csv(folder / "log.csv", index=False)
    found = whatif(folder / "log.csv", **NAMED, propensity="propensity", policy=["as-is", "explore(0.5)"], rounds=2,
                   seeds=2, fail_on=["tpr_difference>0.05", "upper(accuracy)<0.2"])  # fmt: skip
    assert found.write(folder / "out") == FILES
    return found, folder / "out"


class Page(HTMLParser):
    """The tags of a page, and the text of its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.words.append(data)


def test_all_files_are_written_and_say_the_same(written):
    found, out = written
    assert kind_of(out) == "a forecast"
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    table = pd.read_parquet(out / "forecast.parquet")
    pd.testing.assert_frame_equal(table, found.table)
    means = table.groupby(["policy", "ahead", "metric", "group"])["value"].mean()
    fans = found.fans.set_index(["policy", "ahead", "metric", "group"])["mean"]
    np.testing.assert_allclose(fans, means.loc[fans.index])
    document = json.loads((out / "whatif.json").read_text(encoding="utf-8"))
    assert document["policies"] == ["as-is", "explore(0.5)"]
    assert document["assumptions"] == json.loads(json.dumps(found.document()["assumptions"]))
    assert len(document["limits"]) == 2 * 2 * 2
    assert "'=B" in (out / "fans.csv").read_text(encoding="utf-8")  # no formula for a spreadsheet


def test_the_text_says_what_is_assumed(written):
    found, out = written
    told = " ".join((out / "whatif.txt").read_text(encoding="utf-8").split())
    missing = int((found.log.label[found.log.places[-1]] < 0).sum())
    assert f"Outcomes of {missing} of these rows are missing. A model gives them" in told
    assert "weighted by 1 / propensity" in told
    assert "Nobody responds to decisions" in told
    assert "20.0% of the rejected are accepted at random" in told
    assert "tpr_difference>0.05 under as-is:" in told


def test_the_page_shows_each_measure_with_fans_and_limits_and_runs_nothing(written):
    found, out = written
    page = Page((out / "report.html").read_text(encoding="utf-8"))
    assert page.tags.count("figure") == len(found.measures)
    assert page.tags.count("polygon") == len(found.measures) * 2
    assert "tpr_difference>0.05" in page.words
    assert "upper(accuracy)<0.2" in page.words
    assert "b" not in page.tags
    assert "script" not in page.tags


def test_the_command_forecasts_and_refuses_to_replace(frame, tmp_path, capsys):
    log, out = tmp_path / "log.parquet", tmp_path / "out"
    frame.to_parquet(log)
    ask = ("whatif", str(log), *OPTIONS, "--seeds", "1", "--out", str(out))
    assert here(*ask, "--policy", "explore(0.5)", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["policies"] == ["explore(0.5)"]
    assert said["files"] == list(FILES)
    assert here(*ask) == 2
    assert "--overwrite" in capsys.readouterr().err


WRONG = {
    "features: name": {"features": []},
    "'label' is named twice": {"features": ["x0", "label"]},
    "'copy' holds the label": {"features": ["copy"]},
    "'guess' holds the prediction": {"features": ["x0", "guess"]},
    "no column 'x9'": {"features": ["x9"]},
    "'name' is text with": {"features": ["name"]},
    "'holes' has 1 rows without a value": {"features": ["holes"]},
    "explore(2)": {"policy": "explore(2)"},
    "explore(nan)": {"policy": "explore(nan)"},
    "needs a share": {"policy": "labels"},
    "as-is takes no number": {"policy": "as-is(0.1)"},
    "did you mean explore": {"policy": "explor(0.1)"},
    "named twice": {"policy": ["star", "star"]},
    "not a whole number": {"rounds": 0},
    "seeds": {"seeds": 0},
    "the 3 of the log": {"last": 4},
    "not mlp": {"estimator": "forest"},
    "cannot be imported": {"estimator": "nowhere:Nothing"},
    "a forecast has no auc": {"fail_on": "auc<0.5"},
    "there is no group 'C'": {"fail_on": "tpr[C]<0.5"},
    "not all or last": {"learn_from": "some"},
    "no column 'heavy'": {"weight": "heavy"},
    "has no weight in 1 rows": {"weight": "holes"},
    "weight: is 0 in all rows of the last": {"weight": "faded"},
    "does not model delays of labels": {"label": "late"},
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_questions_are_refused_in_a_line_before_anything_is_trained(words, frame, monkeypatch):
    monkeypatch.setattr("fairloop.loop.trainer.ModelTrainer.fit_roots", lambda self: pytest.fail("it trains"))
    frame = frame.assign(
        copy=frame["label"], guess=frame["prediction"], name=[f"n{i}" for i in range(len(frame))],
        holes=[None, *frame["x0"][1:]],
        faded=(frame["round"] < 2).astype(int),
        late=frame["label"].where((frame["round"] < 2) | (np.arange(len(frame)) % 3 == 0)),
    )  # fmt: skip
    with pytest.raises(InputError) as refused:
        whatif(frame, **NAMED | {"rounds": 1, "seeds": 1} | WRONG[words])
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "--" not in str(refused.value)


def test_logs_that_tell_too_little_are_refused(frame):
    for words, wrong in {
        "a forecast needs at least two": frame[frame["round"] == 1],
        "no label of group 'B'": frame.assign(label=frame["label"].where(frame["group"] == "A")),
        "are all the same": frame.assign(label=frame["label"].where(frame["label"] == "yes")),
        "its propensity is more than 0": frame.assign(propensity=0.0),
    }.items():
        with pytest.raises(InputError, match=words):
            whatif(wrong, **NAMED, propensity="propensity" if "propensity" in words else None)


@pytest.mark.parametrize("estimator", ["mlp", "sklearn.tree:DecisionTreeClassifier"])
def test_other_estimators_decide(estimator, frame):
    found = whatif(frame, **NAMED, estimator=estimator, rounds=1, seeds=1)
    assert np.isfinite(found.fans["mean"]).all()
    assert estimator in str(found)


def test_text_is_a_feature_by_value_and_scores_predict(frame):
    frame = frame.assign(
        job=np.where(frame["x0"] > 1, "a", np.where(frame["x0"] > 0, "b", "c")),
        score=np.where(frame["prediction"] == "yes", 0.9, 0.1),
    )
    names = {**NAMED, "features": ["x0", "job", "group"]} | {"rounds": 1, "seeds": 1}
    by_label = whatif(frame, **names)
    assert by_label.log.feature_names == ("x0", "job=a", "job=b", "job=c", "group=B")
    frame = frame.assign(label=frame["label"].map({"yes": 1, "no": 0}))
    by_score = whatif(frame, **names | {"prediction": None, "score": "score", "beneficial": None})
    np.testing.assert_array_equal(by_score.log.features, by_label.log.features)
    np.testing.assert_array_equal(by_score.log.selected, by_label.log.selected)
    np.testing.assert_array_equal(by_score.paths, by_label.paths)


def test_the_package_offers_it():
    assert fairloop.whatif is whatif
    assert "whatif" in fairloop.__all__
