"""For how many generations cases keep their fairness, and the figure of paths, on tables that a hand can count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairloop.errors import InputError
from fairloop.report.figures import all_figures, paths
from fairloop.report.kept_fairness import FAIRER, LIKE_AT_FIRST, generations_kept

NAN = float("nan")
PLAIN, OTHER = "seqgen-seqclass", "seqgen-seqclass + class-STAR"


def table(unfair: dict[str, list[list[float]]], dataset: str = "adult") -> pd.DataFrame:
    """Unfairness by STAR, seed and generation; the accuracy is .9 less a hundredth a generation."""
    rows = []
    for star, seeds in unfair.items():
        for seed, values in enumerate(seeds):
            for generation, value in enumerate(values):
                told = {
                    "run": f"{dataset} {star} {seed}",
                    "dataset": dataset,
                    "setting": "seqgen-seqclass",
                    "star": star,
                }
                told |= {"seed": seed, "generation": generation, "epoch": None, "role": "classifier", "split": "test"}
                told |= {"label": None, "standard_error": NAN}
                rows.append(told | {"group": "difference", "metric": "equalized_odds", "value": value})
                rows.append(told | {"group": "overall", "metric": "accuracy", "value": 0.9 - 0.01 * generation})
    return pd.DataFrame(rows)


def kept(unfair: dict[str, list[list[float]]], **options: Any) -> dict[tuple[str, str], dict[str, Any]]:
    cases = table(unfair)
    other = next(name for name in all_figures.Study(cases, {}).cases if name != PLAIN)
    found = generations_kept(cases, {other: PLAIN}, **options)
    return {("plain" if row["case"] == PLAIN else "other", row["rule"]): row for row in found.to_dict("records")}


def test_generations_are_counted_until_the_first_that_breaks_the_rule():
    plain = [[0.3, 0.3, 0.3, 0.3]] * 2
    found = kept({"none": plain, "classifier": [[0.1, 0.2, 0.31, 0.1], [0.1, 0.1, 0.1, 0.1]]})
    fairer, like = found["other", FAIRER], found["other", LIKE_AT_FIRST]
    assert (fairer["mean"], fairer["lowest"], fairer["highest"], fairer["never_lost"]) == (3, 2, 4, 1)
    assert (like["mean"], like["lowest"], like["highest"], like["never_lost"]) == (2.5, 1, 4, 1)
    assert (fairer["of"], fairer["seeds"]) == (4, 2)
    assert found["plain", LIKE_AT_FIRST]["mean"] == 4
    assert ("plain", FAIRER) not in found


@pytest.mark.parametrize(
    ("values", "fairer", "like"),
    [
        ([0.3, 0.1], 0, 2),
        ([0.4, 0.1], 0, 2),
        ([0.1, NAN], 1, 1),
        ([NAN, 0.1], 0, 0),
        ([0.1, 0.15], 2, 2),
        ([0.1, 0.2], 2, 1),
    ],
)
def test_equal_and_undefined_values_do_not_count_as_fair(values, fairer, like):
    found = kept({"none": [[0.3, 0.3]], "classifier": [values]})
    assert (found["other", FAIRER]["mean"], found["other", LIKE_AT_FIRST]["mean"]) == (fairer, like)


@pytest.mark.slow
@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=5, max_size=7), st.floats(0, 0.5))
def test_counts_agree_with_a_loop_and_grow_with_the_tolerance(values, within):
    found = kept({"none": [[0.5] * 4] * len(values), "classifier": values}, within=within)

    def count(keeps: list[bool]) -> int:
        return keeps.index(False) if False in keeps else len(keeps)

    fairer = [count([value < 0.5 for value in seed]) for seed in values]
    like = [count([value <= seed[0] + within for value in seed]) for seed in values]
    for rule, counts in ((FAIRER, fairer), (LIKE_AT_FIRST, like)):
        row = found["other", rule]
        assert row["mean"] == pytest.approx(np.mean(counts))
        assert 0 <= row["low"] <= row["mean"] + 1e-9
        assert row["mean"] - 1e-9 <= row["high"] <= 4
    wider = kept({"none": [[0.5] * 4] * len(values), "classifier": values}, within=within + 0.1)
    assert wider["other", LIKE_AT_FIRST]["mean"] >= found["other", LIKE_AT_FIRST]["mean"]


def test_seeds_of_one_case_alone_are_not_paired():
    cases = table({"none": [[0.3, 0.3]], "classifier": [[0.1, 0.1], [0.1, 0.1]]})
    other = next(name for name in all_figures.Study(cases, {}).cases if name != PLAIN)
    found = generations_kept(cases, {other: PLAIN}).set_index(["case", "rule"])["seeds"]
    assert (found[other, FAIRER], found[other, LIKE_AT_FIRST]) == (1, 2)
    with pytest.raises(InputError, match="against=nobody: is not one of"):
        generations_kept(cases, {other: "nobody"})


def test_a_path_goes_from_the_first_generation_to_the_last():
    cases = table({"none": [[0.3, 0.4], [0.5, 0.6]], "classifier": [[0.1, 0.2], [0.1, 0.2]]})
    drawn = all_figures.FIGURES["accuracy-against-equalized-odds"](all_figures.Study(cases, {}))
    by_line = {str(line): path for line, path in drawn.data.groupby("line")}
    plain = next(path for line, path in by_line.items() if "STAR" not in line)
    assert plain["x_mean"].tolist() == pytest.approx([0.4, 0.5])
    assert plain["y_mean"].tolist() == pytest.approx([0.9, 0.89])
    assert (plain["x_lowest"].tolist(), plain["x_highest"].tolist()) == ([0.3, 0.4], [0.5, 0.6])
    (axes,) = drawn.figure.axes
    path = next(line for line in axes.lines if len(line.get_xdata()) == 2)
    assert list(path.get_xdata()) == pytest.approx([0.4, 0.5])
    assert len(by_line) == 2


def test_a_line_looks_the_same_in_the_panel_of_each_data_set():
    two = [table({"none": [[0.3]], "classifier": [[0.1]]}), table({"classifier": [[0.1]], "none": [[0.3]]}, "compas")]
    shown = paths.data(pd.concat(two), "test")
    assert list(shown) == ["adult", "compas"]
    assert {line for path in shown.values() for line in path["line"]} == set(paths.styles_of(shown))
    figure = all_figures.FIGURES["accuracy-against-equalized-odds"](all_figures.Study(pd.concat(two), {})).figure
    looks = [
        {(line.get_label(), line.get_color()) for line in axes.lines if "STAR" in str(line.get_label())}
        for axes in figure.axes
    ]
    assert looks[0] == looks[1] != set()


def test_one_case_alone_has_no_path_to_compare():
    with pytest.raises(InputError, match="only one case"):
        all_figures.FIGURES["accuracy-against-equalized-odds"](all_figures.Study(table({"none": [[0.3]]}), {}))
