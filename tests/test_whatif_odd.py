"""Forecasts of odd logs: what they say about them, what they refuse; and one forecast against a calculation by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fairloop import whatif
from fairloop.auditing.measures.values import Measure
from fairloop.errors import InputError

ASKED = {"round": "round", "label": "good", "prediction": "chosen", "groups": "group", "features": ["x"],
         "rounds": 1, "seeds": 2}  # fmt: skip
COUNTS = {("A", 1): (288, 72), ("A", -1): (48, 192), ("B", 1): (96, 24), ("B", -1): (56, 224)}
"""By group and feature, the people of a round with and without the beneficial label."""


def log(rounds: int = 3) -> pd.DataFrame:
    """Rounds of 1,000 people of these counts, of whom those with x = 1 are chosen."""
    one = [
        (group, x, good) for (group, x), counts in COUNTS.items() for good in (1, 0) for _ in range(counts[1 - good])
    ]
    people = pd.DataFrame(one, columns=["group", "x", "good"])
    people["chosen"] = (people["x"] == 1).astype(int)
    return pd.concat([people.assign(round=number) for number in range(rounds)], ignore_index=True)


def test_a_forecast_has_the_rates_and_the_spread_that_follow_by_hand():
    """A model on one feature of two values decides by it, so each rate is a share of the last round's people.

    A seed's value has the error of the bootstrap and that of the draw, p (1 - p) / n each.
    """
    seeds = 10
    found = whatif(log(2), **ASKED | {"seeds": seeds})
    assert found.replay.others == {"1": 0}
    assert not found.replay.differing
    fans = found.fans.set_index(["metric", "group"])
    values = dict(zip(found.measures, found.paths[0, :, 0].T, strict=True))
    for measure, wanted, size in (
        (Measure("selection_rate", "A"), 0.6, 600), (Measure("selection_rate", "B"), 0.3, 400),
        (Measure("accuracy"), 0.8, 1000), (Measure("group_share", "A"), 0.6, 1000),
    ):  # fmt: skip
        error = np.sqrt(2 * wanted * (1 - wanted) / size)
        assert abs(fans.loc[tuple(measure), "mean"] - wanted) < 4 * error / np.sqrt(seeds)
        assert values[measure].std(ddof=1) == pytest.approx(error, rel=4 / np.sqrt(2 * seeds))
    tpr, fpr = 288 / 336 - 96 / 152, 72 / 264 - 24 / 248
    assert fans.loc[("tpr", "difference"), "mean"] == pytest.approx(tpr, abs=4 * 0.06 / np.sqrt(seeds))
    assert fans.loc[("fpr", "difference"), "mean"] == pytest.approx(fpr, abs=4 * 0.05 / np.sqrt(seeds))


def assumed(frame: pd.DataFrame, **asked: object) -> str:
    """The assumptions of a forecast."""
    return " ".join(whatif(frame, **ASKED | asked).document()["assumptions"])


def test_features_of_one_value_and_groups_that_do_not_come_are_named():
    frame = log().assign(country="AT", fee=3.5)
    frame.loc[(frame["round"] == 0) & (frame.index % 9 == 0), "group"] = "C"
    told = assumed(frame, features=["country", "x", "fee"])
    assert "All rows have the same country, fee" in told
    assert "Nobody of C is in the last round" in told
    assert "Nobody of" not in assumed(frame, last=3)


def test_policies_that_can_reveal_no_more_are_named():
    asked = {"policy": ["explore(0.1)", "labels(0.2)", "explore(0)"], "seeds": 1}
    assert "so explore(0.1) and labels(0.2) can reveal no more" in assumed(log(), **asked)
    hidden = log()
    hidden["good"] = hidden["good"].where(hidden["chosen"] == 1)
    hidden.loc[::10, "good"] = log()["good"][::10]
    assert "can reveal no more" not in assumed(hidden, **asked)


REFUSED = {
    "2 rows with an infinite number": lambda people: people["x"].where(people.index > 1, np.inf),
    "from 1e\\+12 to 1e\\+12, too large to be told apart": lambda people: people["x"] + 1e12,
    "too large to be told apart": lambda people: people["x"] * 1e300,
    "'x' holds times; give a number": lambda people: (
        pd.Timestamp("2026-01-01") + pd.to_timedelta(people["x"], unit="D")
    ),
    "'x' holds the label": lambda people: people["good"].map({1: "paid", 0: "late"}),
    "'x' holds the label in every": lambda people: 3 - 2.5 * people["good"],
}


@pytest.mark.parametrize("words", REFUSED)
def test_features_that_cannot_be_are_refused_in_one_line(words, monkeypatch):
    monkeypatch.setattr("fairloop.loop.trainer.ModelTrainer.fit_roots", lambda self: pytest.fail("it trains"))
    with pytest.raises(InputError, match=words) as refused:
        whatif(log().assign(x=REFUSED[words]), **ASKED)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("asked", [{"propensity": "chance"}, {"weight": "size"}, {"policy": "explore(0.1)"}])
def test_an_estimator_that_takes_no_weights_is_refused_where_people_have_some(asked, monkeypatch):
    monkeypatch.setattr("fairloop.loop.trainer.ModelTrainer.fit_roots", lambda self: pytest.fail("it trains"))
    frame = log().assign(chance=lambda people: np.where(people["chosen"] == 1, 1.0, 0.5), size=lambda people: 1 +
                         people.index % 2)  # fmt: skip
    drawn = np.random.default_rng(0).random(len(frame)) < frame["chance"]
    frame["good"] = frame["good"].where(drawn)
    with pytest.raises(InputError, match=r"estimator: the fit of KNeighborsClassifier has no .* name another$"):
        whatif(frame, **ASKED | {"estimator": "sklearn.neighbors:KNeighborsClassifier"} | asked)
