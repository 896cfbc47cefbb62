"""When a measure leaves its band for good, collapses, and minoritized groups."""

import numpy as np
import pandas as pd
import pytest

from fairloop.errors import InputError
from fairloop.report import compare
from test_compare import ACCURACY, NONE, SPREAD, STAR, shown, steps, table


def test_a_measure_leaves_its_own_band_where_its_seeds_move_alike():
    moves = {
        "inside": [0.01, -0.01, 0.02, -0.02, 0.03, 0.03],  # a mean change of .01
        "left": [0.01, 0.01, 0.01, 0.02, 0.01, 0.01],
    }
    for where, of_seeds in moves.items():
        rows = table({NONE: steps(*([value, value + move] for value, move in zip(SPREAD, of_seeds, strict=True)))})
        found = compare.departures(rows, ACCURACY).iloc[0]
        assert (found["band"], found["seeds"], found["last"]) == ("own", 6, 1)
        assert pd.isna(found["left"]) == (where == "inside")


def test_leaving_a_band_for_a_while_is_not_leaving_it_for_good():
    moves = [0, -0.1, 0, 0.1, 0.1]
    rows = table({NONE: steps(*([value + move for move in moves] for value in SPREAD))})
    found = compare.departures(rows, ACCURACY).iloc[0]
    assert (found["left"], found["stays"], found["last"]) == (1, 3, 4)
    back = compare.departures(rows[rows["generation"] < 3], ACCURACY).iloc[0]
    assert back["left"] == 1
    assert pd.isna(back["stays"])


def test_the_other_band_is_that_of_the_same_generation():
    falling = steps(*([value, value - 0.2] for value in SPREAD))
    steady = steps(*([value, value] for value in SPREAD))
    found = compare.departures(table({NONE: falling, STAR: steady}), ACCURACY).set_index(["case", "band"])
    star = "seqgen-seqclass + STAR on classifier"
    assert found.loc[("seqgen-seqclass", "own"), "left"] == 1
    assert pd.isna(found.loc[(star, "own"), "left"])
    assert found.loc[(star, "seqgen-seqclass"), "left"] == 1  # it has not moved, but the other has


@pytest.mark.parametrize(("seeds", "p"), [(1, "2^-0 = 1"), (5, "2^-4 = 0.0625")])
def test_few_seeds_have_no_band(seeds, p):
    rows = table({NONE: steps(*([value, 0.1] for value in SPREAD[:seeds])), STAR: {0: [0.5, 0.5]}})
    found = compare.departures(rows, ACCURACY)
    assert (found["seeds"] == 0).all()
    assert found[["left", "stays", "last"]].isna().all(axis=None)
    assert f"a band at the 5 % level takes 6 seeds; with {seeds} the smallest p-value is {p}" in shown(rows)


def test_without_a_difference_few_cases_leave_a_band_whatever_their_generations():
    rng = np.random.default_rng(0)
    cases = {(f"{i}", "none"): dict(enumerate(rng.normal(0.7, 0.02, (6, 41)))) for i in range(60)}
    found = compare.departures(table(cases), ACCURACY)
    assert len(found) == 119  # each case has its own band, and all but one that of the first
    assert found["left"].notna().sum() <= 14  # at 5 % more come once in 2,000 times


def test_generations_that_too_few_seeds_reached_are_not_judged():
    rows = table({NONE: steps(*([value, value, 0.0] for value in SPREAD[:5]), [0.74, 0.74])})
    found = compare.departures(rows, ACCURACY).iloc[0]
    assert (found["last"], found["seeds"]) == (1, 6)
    assert pd.isna(found["left"])


def test_a_difference_says_in_how_many_seeds_it_is_defined_and_how_many_would_show_it():
    noise = [0.03, -0.02, 0.01, -0.03, 0.04, np.nan]
    rows = table({NONE: {i: [0.8] for i in range(6)}, STAR: {i: [0.8 + e] for i, e in enumerate(noise)}})
    found = compare.differences(rows, ACCURACY).iloc[0]
    assert (found["seeds"], found["of"]) == (5, 6)
    assert found["seeds_needed"] == 205  # of an effect of .1967: 2.8016^2 / .1967^2 = 202.8, and 1.96^2 / 2 = 1.9 for t
    page = shown(rows)
    assert "+0.006 [-0.032, +0.044], 5 of 6 seeds" in page
    assert "no; about 205 seeds" in page
    assert "yes" in shown(table({NONE: {i: [0.8] for i in range(5)}, STAR: {i: [0.9 + i / 99] for i in range(5)}}))
    one = shown(table({NONE: {0: [0.8]}, STAR: {0: [0.9]}}))
    assert "One seed cannot tell how many would show such a difference." in one


def test_the_change_since_the_first_generation_is_paired_by_seed():
    rows = table({NONE: {0: [0.5, 0.4, 0.3], 1: [0.9, 0.7], 2: [np.nan, 0.1]}})
    found = compare.changes(rows, ACCURACY).iloc[0]
    assert (found["first"], found["last"], found["seeds"]) == (0, 1, 2)  # all have reached 1; seed 2 has no value at 0
    assert (found["before"], found["after"], found["change"]) == pytest.approx((0.7, 0.55, -0.15))
    assert np.isnan(found["low"])


def test_collapse_is_the_first_generation_below():
    rows = table({NONE: {0: [0.9, 0.6, 0.5, 0.7], 1: [0.9, 0.59], 2: [0.9, np.nan, 0.9]}})
    found = compare.collapses(rows, ACCURACY[0], 0.6).set_index("seed")
    assert found["generation"].to_list() == [2, 1, pd.NA]  # .6 is not below .6, and undefined is below nothing
    assert found["generations"].to_list() == [4, 2, 3]


@pytest.mark.parametrize(
    ("generations", "words"),
    [
        ([3], "3"),
        ([3, 3, 3], "3"),
        ([4, 2, 3], "3 (2 to 4)"),
        ([4, 2], "2 (2 to 4)"),
        ([2, None, 3], "3 (2 to never, 1 of 3 seeds)"),
        ([None, None, 7], "never within 9 generations in 2 of 3 seeds, else 7 at the earliest"),
        ([None], "never within 9 generations"),
    ],
)
def test_collapses_of_several_seeds_in_words(generations, words):
    runs = pd.DataFrame({"generations": 9, "generation": pd.array(generations, dtype="Int64")})
    assert compare.typical_collapse(runs) == words


def shares(dataset: str, at: dict[str, list[float]]) -> pd.DataFrame:
    """The tidy table of one run with these shares of groups over generations."""
    rows = [
        table({NONE: {0: values}}, dataset).assign(
            role="generator", split="generated", group=group, metric="group_share"
        )
        for group, values in at.items()
    ]
    return pd.concat(rows)


def said(rows: pd.DataFrame, minoritized: dict[str, int]) -> pd.DataFrame:
    """The rows, and those in which a run says which groups are minoritized."""
    first = rows.iloc[:1].assign(generation=0, role="group_annotator", split=None, metric="minoritized")
    return pd.concat([rows, *(first.assign(group=group, value=value) for group, value in minoritized.items())])


def test_the_minoritized_groups_are_those_named_or_those_that_the_run_stored():
    rows = shares("mine", {"a": [0.5, 0.1], "b": [0.2, 0.5], "c": [0.3, 0.4]})
    name = rows["run"].iloc[0]
    stored = said(rows, {"a": 1, "b": 0, "c": 1})
    assert compare.minoritized(stored) == {name: ("a", "c")}
    assert compare.minoritized(stored, ["c"]) == {name: ("c",)}
    assert compare.minoritized(said(rows, {"a": 0, "b": 0, "c": 0})) == {}  # the population says: none
    both = pd.concat([stored, said(rows.assign(run="other"), {"a": 0, "b": 1, "c": 0})])
    groups = compare.minoritized(both)
    assert groups == {name: ("a", "c"), "other": ("b",)}  # of one data set, and yet each its own
    found = compare.minoritized_share(groups).rows(compare.with_minoritized(both, groups))
    assert found.groupby("run")["value"].apply(list).to_dict() == {
        name: pytest.approx([0.8, 0.5]), "other": [0.2, 0.5]}  # fmt: skip
    assert compare.minoritized_share(groups).title == "share of the minoritized"


def test_runs_that_stored_no_minoritized_groups_have_those_of_the_first_version():
    rows = shares("mine", {"a": [0.5, 0.1], "b": [0.2, 0.5], "c": [0.3, 0.4]})
    name = rows["run"].iloc[0]
    assert compare.minoritized(rows) == {name: ("b",)}
    assert compare.minoritized(rows, ["c", "a"]) == {name: ("c", "a")}
    assert compare.minoritized(shares("colored-mnist", {"green": [0.4], "red": [0.6]})) == {name: ("red",)}
    assert compare.minoritized(table({NONE: {0: [0.5]}})) == {}
    with pytest.raises(InputError, match="--minoritized d: is not a group; there is a, b, c"):
        compare.minoritized(rows, ["d"])


def test_the_minoritized_share_is_the_sum_of_its_groups():
    rows = shares("mine", {"a": [0.5, 0.1], "b": [0.2, 0.5], "c": [0.3, np.nan]})
    groups = {str(rows["run"].iloc[0]): ("b", "c")}
    found = compare.minoritized_share(groups).rows(compare.with_minoritized(rows, groups))
    assert found["value"].tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert compare.minoritized_share(groups).title == "share of b and c"
