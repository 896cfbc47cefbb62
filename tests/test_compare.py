from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fairloop.errors import InputError
from fairloop.report import compare, compare_text
from fairloop.report import published as paper
from fairloop.report.text import latex, markdown, show

ACCURACY = compare.fairness()[:1]


def table(values: dict[tuple[str, str], dict[int, list[float]]], dataset: str = "colored-mnist") -> pd.DataFrame:
    """The tidy table of accuracies, by (setting, star), seed and generation."""
    rows = [
        {"run": f"{setting}-{star}-{seed}", "dataset": dataset, "setting": setting, "star": star, "seed": seed,
         "generation": generation, "epoch": None, "role": "classifier", "split": "test", "label": None,
         "group": "overall", "metric": "accuracy", "value": value, "standard_error": np.nan}
        for (setting, star), seeds in values.items()
        for seed, accuracies in seeds.items()
        for generation, value in enumerate(accuracies)
    ]  # fmt: skip
    return pd.DataFrame(rows)


NONE, STAR = ("seqgen-seqclass", "none"), ("seqgen-seqclass", "classifier")


def test_differences_are_paired_by_seed():
    found = compare.differences(table({NONE: {0: [0.5], 1: [0.9], 7: [0.1]}, STAR: {0: [0.6], 1: [0.8]}}), ACCURACY)
    assert found["seeds"].tolist() == [2]
    assert found["difference"].tolist() == pytest.approx([0.0])
    assert found["low"].isna().all()  # two seeds have no interval


@given(st.lists(st.floats(0, 1), min_size=5, max_size=8), st.floats(-0.5, 0.5))
def test_a_constant_shift_has_an_interval_of_no_width(values, shift):
    seeds = {seed: [value] for seed, value in enumerate(values)}
    moved = {seed: [value + shift] for seed, (value,) in seeds.items()}
    found = compare.differences(table({NONE: seeds, STAR: moved}), ACCURACY).iloc[0]
    assert (found["difference"], found["low"], found["high"]) == pytest.approx((shift,) * 3)


def test_an_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        noise = rng.normal(0.1, 1, 25)
        found = compare.differences(
            table({NONE: {i: [0.0] for i in range(25)}, STAR: {i: [v] for i, v in enumerate(noise)}}), ACCURACY
        ).iloc[0]
        hits += found["low"] <= 0.1 <= found["high"]
    assert 85 <= hits <= 100


def test_an_undefined_value_leaves_its_pair_out():
    found = compare.differences(table({NONE: {0: [0.5], 1: [np.nan]}, STAR: {0: [0.75], 1: [0.9]}}), ACCURACY)
    assert (found["seeds"].tolist(), found["difference"].tolist()) == ([1], [0.25])


def test_cases_are_told_apart_by_fields_that_vary():
    rows = table({NONE: {0: [0.5]}})
    both = pd.concat([rows.assign(run=str(value), **{"data.threshold": value}) for value in (3, 5)])
    assert set(compare.cases(both)) == {"seqgen-seqclass, data.threshold=3", "seqgen-seqclass, data.threshold=5"}
    assert compare.differences(both, ACCURACY, "seqgen-seqclass, data.threshold=5")["difference"].tolist() == [0.0]


def test_fields_that_are_unset_name_nothing():
    rows = pd.concat([table({NONE: {0: [0.5]}}), table({STAR: {0: [0.5]}}).assign(**{"star.budget": 16.0, "x": "a"})])
    assert compare.cases(rows).tolist() == [
        "seqgen-seqclass", "seqgen-seqclass + STAR on classifier, budget 16, x=a",
    ]  # fmt: skip


def test_runs_that_a_table_cannot_tell_apart_are_never_averaged():
    rows = table({NONE: {0: [0.1]}, STAR: {0: [0.5]}})
    both = pd.concat([rows, rows.assign(run="another")])
    with pytest.raises(InputError, match="both"):
        compare.differences(both, ACCURACY)
    with pytest.raises(InputError, match="both"):
        paper.laid_over(both)


def test_nothing_to_compare_is_explained():
    with pytest.raises(InputError, match="share a seed"):
        compare.differences(table({NONE: {0: [0.5]}, STAR: {1: [0.5]}}), ACCURACY)
    with pytest.raises(InputError, match="--against x"):
        compare.differences(table({NONE: {0: [0.5]}}), ACCURACY, "x")


def test_the_published_curves_are_all_there():
    curves = paper.published()
    assert set(curves["dataset"]) == {"colored-mnist", "colored-svhn", "celeba"}
    first = curves[(curves["published_name"] == "MC") & (curves["dataset"] == "colored-mnist")]
    assert first[(first["generation"] == 0) & (first["metric"] == "accuracy")]["mean"].tolist() == [0.92382]
    assert set(paper.measures("colored-mnist")) == set(first["metric"])


def test_cells_lie_inside_or_as_far_outside_as_they_do():
    # Published at generation 0: .9187 to .92748.
    cells = paper.laid_over(table({NONE: {0: [0.92], 1: [0.9087], 2: [0.93748]}}))
    assert cells["outside"].tolist() == pytest.approx([0.0, 0.01, 0.01])
    verdict = paper.verdicts(cells).iloc[0]
    assert (verdict["inside"], verdict["cells"], verdict["share"]) == (1, 3, pytest.approx(1 / 3))
    assert verdict["expected"] == pytest.approx(0.834, abs=5e-4)  # of a single new run beside 25 published ones
    assert verdict["farthest"] == pytest.approx(0.01)


def test_without_enough_published_seeds_there_is_no_verdict(monkeypatch):
    monkeypatch.setattr(paper, "FEWEST_SEEDS", 26)
    cells = paper.laid_over(table({NONE: {0: [0.5]}}))
    assert cells["outside"].isna().all()
    assert paper.verdicts(cells).empty


def test_what_was_never_published_is_explained():
    with pytest.raises(InputError, match="adult"):
        paper.laid_over(table({NONE: {0: [0.5]}}, dataset="adult"))
    with pytest.raises(InputError, match="nothing was published"):
        paper.laid_over(table({("control", "none"): {0: [0.5]}}))


def shown(rows: pd.DataFrame, **wishes) -> str:
    asked = {"against": None, "split": "test", "published": False, "style": "terminal", "out": None, "figure": None}
    text = io.StringIO()
    compare_text.show(rows, compare_text.Wishes(**{**asked, **wishes}), Console(file=text, width=200))
    return text.getvalue()


@pytest.mark.parametrize("width", [80, 110, 200])
def test_blocks_of_a_terminal_have_their_columns_below_each_other(width):
    header = ["case", "gen.", "seeds", "accuracy", "accuracy difference", "DP difference", "EO difference"]
    cells = ["+0.011 [-0.012, +0.027]"] * 4
    rows = [[f"a long name of a case, {case}", str(generation), "5", *cells] for case in "ab" for generation in (0, 12)]
    text = io.StringIO()
    terminal = Console(file=text, width=width, force_terminal=True, color_system=None)
    show(header, rows, "terminal", terminal, grouped=True)
    lines = text.getvalue().splitlines()
    half = len(lines) // 2
    assert max(map(len, lines)) <= width
    assert [line.replace("case, b", "case, a") for line in lines[half:]] == lines[:half]
    assert text.getvalue().count("[-0.012, +0.027]") == 16
    assert lines[0].rstrip() == "a long name of a case, a"


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        (1, "have. Fewer than 5 seeds have no interval. Without one no difference is distinguishable from none.\n"),
        (4, "In round brackets the lowest and the highest seed's difference: fewer than 5 seeds have no interval."),
        (5, "In square brackets a 95 % interval of the mean (Student's t), of each cell alone."),
    ],
)
def test_what_is_said_of_intervals(seeds, said):
    rows = table({NONE: {i: [0.9] for i in range(seeds)}, STAR: {i: [0.8] for i in range(seeds)}})
    assert said in shown(rows).replace("seeds. \n", "seeds.\n").replace(" \n", " ")


def test_what_is_printed_and_written(tmp_path):
    rows = table({NONE: {i: [0.92, 0.9] for i in range(5)}, STAR: {i: [0.94, 0.93] for i in range(5)}})
    assert "+0.020 [+0.020, +0.020]" in shown(rows, out=tmp_path / "cells.csv")
    assert pd.read_csv(tmp_path / "cells.csv")["difference"].tolist() == pytest.approx([0.02, 0.03])
    assert "| seqgen-seqclass + STAR on classifier | 1 | 5 | +0.030" in shown(rows, style="markdown")
    page = shown(rows, published=True, figure=tmp_path / "over.png")
    assert "5 of 10" in page
    assert "83% would be expected" in page.replace("\n", " ")
    assert (tmp_path / "over.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("wish", "value"),
    [("split", "tset"), ("style", "html"), ("out", "a.xls"), ("figure", "a.gif"), ("figure", "a.png")],
)
def test_wrong_wishes_are_explained(wish, value, tmp_path):
    with pytest.raises(InputError, match="--"):
        shown(table({NONE: {0: [0.5]}}), **{wish: tmp_path / value if wish in ("out", "figure") else value})


def test_names_cannot_break_out_of_text_tables():
    assert markdown(["a|b"], [["c"]]).splitlines()[0] == r"| a\|b |"
    assert r"50\% \& \textbackslash{}x\_y" in latex(["x"], [["50% & \\x_y"]])
    assert "[bold]" in shown(table({("[bold]x", "none"): {0: [0.5]}, STAR: {0: [0.6]}}))


def steps(*rows: list[float]) -> dict[int, list[float]]:
    """A row of values over generations for each seed, from 0 on."""
    return dict(enumerate(rows))


SPREAD = [0.70, 0.71, 0.72, 0.73, 0.74, 0.75]  # six seeds at generation 0


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
    with pytest.raises(InputError, match="--minoritized d: is no group; there is a, b, c"):
        compare.minoritized(rows, ["d"])


def test_the_minoritized_share_is_the_sum_of_its_groups():
    rows = shares("mine", {"a": [0.5, 0.1], "b": [0.2, 0.5], "c": [0.3, np.nan]})
    groups = {str(rows["run"].iloc[0]): ("b", "c")}
    found = compare.minoritized_share(groups).rows(compare.with_minoritized(rows, groups))
    assert found["value"].tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert compare.minoritized_share(groups).title == "share of b and c"


def test_cases_come_as_loops_then_star_then_controls():
    control = ("control", "none")
    rows = table({control: {0: [0.5]}, STAR: {0: [0.6]}, NONE: {0: [0.4]}})
    names = ["seqgen-seqclass", "seqgen-seqclass + STAR on classifier", "control"]
    assert compare.case_names(compare.cased(rows)) == names
    assert set(compare.differences(rows, ACCURACY)["against"]) == {"seqgen-seqclass"}


@given(st.permutations([(0.0, "none"), (None, "none"), (96.0, "none"), (9.0, "generator"), (9.0, "both")]))
def test_the_order_of_cases_does_not_depend_on_the_order_of_runs(fields):
    runs = [
        table({(setting, "none"): {i: [0.5]}}).assign(**{"star.budget": budget, "warm_start": warm})
        for i, (budget, warm) in enumerate(fields)
        for setting in ("seqclass", "seqgen-seqclass")
    ]
    names = compare.case_names(compare.cased(pd.concat(runs)))
    fields = ["from scratch", "budget 0, from scratch", "budget 9, both fine-tuned", "budget 9, generator fine-tuned"]
    fields += ["budget 96, from scratch"]
    assert names == [f"{setting}, {words}" for setting in ("seqgen-seqclass", "seqclass") for words in fields]


def test_a_run_without_a_setting_is_a_case_of_its_own():
    rows = table({("x", "none"): {0: [0.5]}, ("y", "none"): {0: [0.6]}}).assign(setting=None)
    assert compare.cases(rows).tolist() == ["x-none-0", "y-none-0"]


def test_bands_and_collapses_are_printed_in_every_style():
    falling = steps(*([value, value - 0.2] for value in SPREAD))
    rows = table({NONE: falling, STAR: steps(*([value, value] for value in SPREAD))})
    page = shown(rows, style="markdown")
    assert "| seqgen-seqclass | own, gen. 0 | 1 | no band |" in page
    assert "| seqgen-seqclass + STAR on classifier | the other's | 1 | no band |" in page
    assert "Each of the 3 judged cells is a verdict of its own" in page
    assert "| seqgen-seqclass | 1 |" in page
    assert "| seqgen-seqclass + STAR on classifier | never within 2 generations |" in page
    assert "accuracy below 0.75" in shown(rows, accuracy_below=0.75)
    assert r"own, gen. 0 & 1 & no band" in shown(rows, style="latex")


def test_the_table_of_departures_says_how_far_it_was_judged():
    falling = {seed: [value, value - 0.2, value - 0.2] for seed, value in enumerate(SPREAD)}
    rows = table({NONE: falling, STAR: {seed: [*values[:2], np.nan] for seed, values in falling.items()}})
    page = shown(rows, style="markdown")
    assert "| seqgen-seqclass | own, gen. 0 | 1 |" in page
    assert "| seqgen-seqclass + STAR on classifier | own, gen. 0 | 1 (judged to 1) |" in page
    assert "| seqgen-seqclass + STAR on classifier | the other's | never (judged to 1) |" in page


def test_the_end_is_where_enough_seeds_are():
    values = {seed: [value, value] for seed, value in enumerate(SPREAD)}
    alone = values | {0: [0.5, 0.5, 0.5]}
    found = compare.differences(table({NONE: alone, STAR: alone}), ACCURACY)
    assert compare.at_the_end(found)["generation"].tolist() == [1]
    nearly = {seed: [0.5] * (3 if seed else 2) for seed in range(6)}
    found = compare.differences(table({NONE: nearly, STAR: nearly}), ACCURACY)
    assert compare.at_the_end(found)["generation"].tolist() == [2]  # five seeds have an interval
    page = shown(table({NONE: alone, STAR: alone}), style="markdown")
    assert "One seed cannot tell" not in page
