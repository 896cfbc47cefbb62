"""Other people's logs: the same numbers from whatever they are kept in, rounds in their order, people with weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fairlearn import metrics as fl
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from fairloop import audit
from fairloop.auditing.log.order import ordered
from fairloop.errors import InputError
from test_run import here

ORACLES = {
    "accuracy": accuracy_score, "selection_rate": fl.selection_rate, "tpr": fl.true_positive_rate,
    "tnr": fl.true_negative_rate, "fpr": fl.false_positive_rate, "fnr": fl.false_negative_rate,
}  # fmt: skip
NAMED = {"round": "round", "label": "label", "groups": "group"}


# The order of rounds

ORDERS = {
    "versions": (["1.9", "1.10", "1.11"], "versions"),
    "tagged versions": (["v1.9.0-rc1", "v1.9.0", "v1.10.0"], "versions"),
    "days": (["28.02.2023", "15.03.2023", "01.04.2023"], "day.month.year"),
    "days that only day/month fits": (["13/04/2023", "01/05/2023", "02/06/2023"], "day/month/year"),
    "days that only month/day fits": (["04/13/2023", "05/01/2023", "06/02/2023"], "month/day/year"),
    "firsts of months, in both readings": (["01/01/2023", "01/02/2023", "01/03/2023"], "day/month/year"),
    "months": (["9/2023", "10/2023", "1/2024"], "month/year"),
    "named months": (["Sep 2023", "Oct 2023", "Jan 2024"], "month and year"),
    "quarters": (["Q4 2023", "Q1 2024", "Q2 2024"], "quarters"),
    "periods": (["2023Q4", "2024Q1", "2024Q2"], None),
    "ISO months": (["2025-2", "2025-10", "2026-1"], None),
    "ISO days": (["2025-02-28", "2025-03-01", "2025-03-02"], None),
    "times around the end of summer time": (
        ["2023-10-29 02:30:00+02:00", "2023-10-29 02:45:00.5+0200", "2023-10-29 02:30:00+01:00"], None,
    ),
    "numbers": (["-1", "9", "10"], None),
    "decimals": (["0.05", "0.1", "0.2"], None),
    "numbered": (["round 9", "round 10", "round 11"], None),
    "words": (["a", "b", "c"], "a guess"),
    "months without a year": (["Jan", "Feb", "Dec"], "a guess"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ORDERS)
def test_rounds_are_ordered_by_what_their_names_say(kind):
    names, said = ORDERS[kind]
    for shuffled in (names[::-1], [names[1], names[2], names[0]]):
        found = ordered(shuffled)
        assert found.names == names
        assert (found.said is None) if said is None else (said in found.said)


@pytest.mark.parametrize(
    ("names", "remedies"),
    [
        (["03/04/2023", "01/05/2023"], ["date:%d/%m/%Y", "date:%m/%d/%Y"]),
        (["1.1", "1.10", "1.2"], ["number", "natural"]),
        (["1.9", "1.11", "1.12"], ["number", "natural"]),
        (["31012023", "28022023"], ["number", "date:%d%m%Y"]),
    ],
)
def test_an_open_order_is_refused_and_each_remedy_is_one(names, remedies):
    with pytest.raises(InputError, match="--round-order") as caught:
        ordered(names)
    assert "\n" not in str(caught.value)
    orders = [ordered(names, remedy).names for remedy in remedies]
    assert all(f"--round-order {remedy}" in str(caught.value) for remedy in remedies)
    assert orders[0] != orders[1]


def test_a_wish_for_an_order_is_met_or_refused():
    assert ordered(["b", "c", "a"], "given").names == ["b", "c", "a"]
    assert (
        ordered(["b", "c", "a"], ["c", "a", "x", "b"]).names
        == ordered(["b", "c", "a"], "c, a,b").names
        == ["c", "a", "b"]
    )
    assert ordered(["2", "10"], [10, 2.0]).names == ["10", "2"]
    for wish, words in {
        "a,b": "leaves out",
        "number": "not a number",
        "date:%Y": "not a date of this form",
        "natual": "natural",
    }.items():
        with pytest.raises(InputError, match=words):
            ordered(["a", "b", "c"], wish)
    with pytest.raises(InputError, match="twice"):
        ordered(["a", "b"], ["a", "b", "a"])


def falling(names: list[str]) -> pd.DataFrame:
    """The true positive rate falls from .9 to .33 in the order of `names`; rows come in another order."""
    rows = []
    for i, name in enumerate(names):
        hits = round(300 * (0.9 - 0.57 * i / (len(names) - 1)))
        for label, kept, n in ((1, 1, hits), (1, 0, 300 - hits), (0, 1, 30), (0, 0, 270)):
            rows += [{"round": name, "label": label, "prediction": kept, "group": "fm"[k % 2]} for k in range(n)]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


@pytest.mark.parametrize("kind", ["versions", "days", "months", "named months", "quarters"])
def test_a_fall_of_57_points_falls_whatever_rounds_are_called(kind, tmp_path):
    names, said = ORDERS[kind]
    falling(names).to_csv(tmp_path / "log.csv", index=False)
    found = audit(tmp_path / "log.csv", **NAMED, prediction="prediction")
    assert found.measured.rounds.names == tuple(names)
    (tpr,) = [one for one in found.drifts if str(one.measure) == "tpr"]
    assert (tpr.verdict, round(tpr.change, 6)) == ("fell", -0.57)
    assert f"order of rounds: read as {said}" in found.verdict


def test_ordered_categories_keep_their_order(tmp_path):
    log = falling(["start", "middle", "end"])
    log["round"] = pd.Categorical(log["round"], ["start", "middle", "later", "end"], ordered=True)
    log.to_parquet(tmp_path / "log.parquet", row_group_size=100)
    enum = pl.DataFrame(
        log.astype({"round": str}), schema_overrides={"round": pl.Enum(list(log["round"].cat.categories))}
    )
    for form in (log, tmp_path / "log.parquet", enum):
        assert audit(form, **NAMED, prediction="prediction").measured.rounds.names == ("start", "middle", "end")


def test_the_command_takes_an_order(tmp_path, capsys):
    falling(["03/04/2023", "01/05/2023"]).to_csv(tmp_path / "log.csv", index=False)
    command = ("audit", tmp_path / "log.csv", "--round", "round", "--label", "label", "--prediction", "prediction",
               "--group", "group", "--out", tmp_path / "out")  # fmt: skip
    assert here(*command) == 2
    assert "--round-order date:%d/%m/%Y" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert here(*command, "--round-order", "date:%d/%m/%Y") == 0
    assert "(03/04/2023 to 01/05/2023)" in capsys.readouterr().out


# Thresholds


@settings(max_examples=20)
@given(st.sampled_from(["float16", "float32", "float64"]), st.integers(1, 99), st.integers(0, 99))
@example("float32", 70, 0)
@example("float32", 90, 1)
@example("float16", 90, 2)
def test_a_threshold_means_the_same_in_every_width_and_as_text(tmp_path_factory, width, threshold, seed):
    place = tmp_path_factory.mktemp("log")
    score = np.random.default_rng(seed).integers(0, 100, 200) / 100
    score[:40] = threshold / 100
    log = pd.DataFrame({"round": 0, "label": 1, "group": "a", "score": score.astype(width)})
    log.to_csv(place / "log.csv", index=False)
    log.to_parquet(place / "log.parquet")
    expected = np.mean(np.round(score * 100) >= threshold)
    for form in (log, place / "log.csv", place / "log.parquet", pa.Table.from_pandas(log)):
        found = audit(form, **NAMED, score="score", threshold=threshold / 100)
        assert found.measured.rates[0]["selection_rate"].overall == pytest.approx(expected, abs=1e-12)


def test_no_number_is_no_threshold():
    log = {"round": [0], "label": [1], "group": ["a"], "score": [0.5]}
    with pytest.raises(InputError, match="threshold"):
        audit(log, **NAMED, score="score", threshold=float("nan"))
