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


@pytest.mark.slow
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


def test_published_shares_of_labels_are_named_by_the_annotator_but_in_seqclass_by_the_labeller():
    """docs/upstream.md, "Names of results"."""
    shares = {"label_share": 0.4, "label_share_by_labeller": 0.5, "label_share_by_classifier": 0.6}
    rows = pd.concat(
        [
            table({case: {0: [value]}}).assign(role="generator", split="generated", label=">=5", metric=metric)
            for case in (("seqclass", "none"), NONE) for metric, value in shares.items()
        ]
    )  # fmt: skip
    cells = paper.laid_over(rows).set_index("setting")
    assert cells["metric"].unique().tolist() == ["generated_label_1_share"]
    assert cells["value"].to_dict() == {"seqclass": 0.5, "seqgen-seqclass": 0.4}


def test_without_enough_published_seeds_there_is_no_verdict(monkeypatch):
    monkeypatch.setattr(paper, "FEWEST_PUBLISHED", 26)
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
