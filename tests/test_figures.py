"""What figures show, on tables that a hand can count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairloop.errors import InputError
from fairloop.metrics import statistics
from fairloop.report.figures import compared, curves, generated, lines, star
from fairloop.report.figures.measures import Measure, of_classifier, over_seeds, spread
from fairloop.report.figures.style import one_legend

NAN = float("nan")
ACCURACY = Measure("accuracy", "accuracy", "classifier", "test", "overall", "accuracy")


def table(*rows: dict, **common) -> pd.DataFrame:
    """The tidy table with these fields, one dictionary a row; `seeds` holds one value for each seed."""
    base = {
        "dataset": "colored-mnist", "setting": "seqgen-seqclass", "star": "none", "generation": 0, "epoch": None,
        "role": "classifier", "split": "test", "label": None, "group": "overall", "metric": "accuracy",
        "standard_error": NAN,
    }  # fmt: skip
    found = []
    for row in rows:
        fields = {**base, **common, **row}
        for seed, value in enumerate(fields.pop("seeds")):
            run = f"{fields['setting']}-{fields['star']}-{fields.get('synthetic_share')}-{seed}"
            found.append({"run": run, "seed": seed, "value": value, **fields})
    return pd.DataFrame(found)


def drawn(axes: Axes) -> dict[str, dict[float, float]]:
    """The lines of a legend, as they are drawn: y by x."""
    handles, names = axes.get_legend_handles_labels()
    return {
        name: dict(zip(handle.get_xdata(), handle.get_ydata(), strict=True))
        for handle, name in zip(handles, names, strict=True)
        if name not in (lines.INTERVAL, lines.SPREAD)
    }


def test_a_mean_over_few_seeds_has_their_spread_and_says_how_many_are_absent():
    found = over_seeds(table({"seeds": [0.0, 1.0]}, {"generation": 1, "seeds": [0.5, NAN]}))
    first, second = found.to_dict("records")
    assert (first["mean"], first["lowest"], first["highest"], first["seeds"], first["absent"]) == (0.5, 0, 1, 2, 0)
    assert (second["mean"], second["seeds"], second["absent"]) == (0.5, 1, 1)
    assert np.isnan([first["low"], first["high"], second["low"], second["lowest"]]).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_figures_draw_what_the_one_rule_says(values):
    axes = curves.accuracy(table({"seeds": values, "group": "green", "metric": "accuracy"}))
    shown = set(axes.get_legend_handles_labels()[1]) & {lines.INTERVAL, lines.SPREAD}
    assert shown == {"interval": {lines.INTERVAL}, "spread": {lines.SPREAD}}.get(statistics.shown(len(values)), set())


def test_a_single_seed_has_no_band_and_what_is_undefined_has_no_point():
    found = over_seeds(table({"seeds": [0.4]}, {"generation": 1, "seeds": [NAN]}))
    assert found[["low", "high"]].isna().all(axis=None)
    assert found["mean"].tolist() == pytest.approx([0.4, NAN], nan_ok=True)


def test_runs_of_several_cases_are_never_averaged():
    both = pd.concat([table({"seeds": [0.1]}), table({"seeds": [0.9]}, star="classifier")])
    with pytest.raises(InputError, match="one case at a time"):
        curves.accuracy_difference(both)


def test_hollow_markers_say_that_seeds_are_missing():
    axes = curves.accuracy_difference(table({"seeds": [0.4, 0.6]}, {"generation": 1, "seeds": [0.5, NAN]}))
    (hollow,) = [line for line in axes.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert (hollow.get_xdata().tolist(), hollow.get_ydata().tolist()) == ([1], [0.5])
    assert "not all seeds" in drawn(axes)


@pytest.mark.parametrize("split", ["test", "test_balanced"])
@pytest.mark.parametrize(
    ("figure", "metric", "wanted"),
    [
        (curves.dp_difference, "demographic_parity", {"DP difference": "difference"}),
        (curves.dp_difference, "selection_rate", {"selection rate": "overall"}),
        (curves.dp_ratio, "demographic_parity", {"DP ratio": "ratio"}),
        (curves.selection_rate, "selection_rate", {"green": "green", "red": "red"}),
        (curves.accuracy_difference, "accuracy", {"accuracy difference": "difference", "accuracy": "overall"}),
        (curves.accuracy, "accuracy", {"green": "green", "red": "red"}),
        (curves.fpr, "fpr", {"green": "green", "red": "red"}),
        (curves.fnr, "fnr", {"green": "green", "red": "red"}),
        (curves.tpr, "tpr", {"green": "green", "red": "red"}),
        (curves.tnr, "tnr", {"green": "green", "red": "red"}),
        (curves.equalized_odds, "equalized_odds", {"EO difference": "difference", "EO ratio": "ratio"}),
        (curves.BY_MEASURE["ppv"], "ppv", {"green": "green", "red": "red"}),
        (
            curves.BY_MEASURE["predictive_parity"],
            "predictive_parity",
            {"predictive parity difference": "difference", "predictive parity ratio": "ratio"},
        ),
    ],
)
def test_each_curve_shows_its_measure_on_its_split(figure, metric, wanted, split):
    groups = ("overall", "green", "red", "difference", "ratio", "min", "max")
    values = {group: 0.1 + 0.1 * place for place, group in enumerate(groups)}
    rows = [
        {"generation": i, "group": group, "seeds": [value + 0.01 * i, value + 0.03 * i]}
        for group, value in values.items()
        for i in (0, 2)
    ]
    right = table(*rows, metric=metric, split=split)
    wrong = table(*rows, metric=metric, split="valid").assign(value=-1.0)
    axes = figure(pd.concat([wrong, right], ignore_index=True), split=split)
    assert drawn(axes) == {
        name: pytest.approx({0: values[group], 2: values[group] + 0.04}) for name, group in wanted.items()
    }
    assert axes.get_xlabel() == "generation"
    assert f"on {split.replace('_', ' ')}" in axes.get_ylabel()


def test_a_figure_draws_on_the_axes_it_is_given():
    axes = Figure().subplots(1, 2)
    rows = table({"seeds": [0.4]})
    assert curves.accuracy_difference(rows, axes[1]) is axes[1]
    assert drawn(axes[0]) == {}
    assert curves.accuracy_difference(rows).get_legend() is not None


def test_shares_and_confidence_of_generated_data():
    generator = {"role": "generator", "split": "generated"}
    rows = table(
        {"metric": "group_share", "group": "green", "seeds": [0.6, 0.8]},
        {"metric": "group_share", "group": "red", "seeds": [0.4, 0.2]},
        {"metric": "label_share", "label": "<5", "seeds": [0.75, 0.75]},
        {"metric": "label_share", "label": ">=5", "seeds": [0.25, 0.25]},
        {"metric": "label_share_by_labeller", "label": "<5", "seeds": [0.0, 0.0]},
        {"metric": "group_confidence", "group": "green", "seeds": [0.9, 0.8]},
        {"metric": "group_confidence", "group": "red", "seeds": [NAN, NAN]},
        **generator,
    )
    assert drawn(generated.group_share(rows)) == {"green": {0: pytest.approx(0.7)}, "red": {0: pytest.approx(0.3)}}
    assert drawn(generated.label_share(rows)) == {"<5": {0: 0.75}, ">=5": {0: 0.25}}
    shown = drawn(generated.group_confidence(rows))
    assert shown["green"] == {0: pytest.approx(0.85)}
    assert np.isnan(shown["red"][0])


def test_losses_run_over_epochs_a_line_for_each_of_some_generations():
    rows = table(
        *({"generation": i, "epoch": epoch, "seeds": [10.0 * i + epoch]} for i in range(11) for epoch in range(3)),
        role="generator", split=None, metric="loss",
    )  # fmt: skip
    shown = drawn(generated.generator_loss(rows))
    assert list(shown) == [f"generation {i}" for i in (0, 2, 4, 6, 8, 10)]
    assert shown["generation 4"] == {0: 40, 1: 41, 2: 42}
    assert generated.generator_loss(rows).get_xlabel() == "epoch"


@given(st.integers(0, 60), st.integers(2, 10))
def test_some_of_many_are_the_first_the_last_and_as_even_as_can_be(n, most):
    chosen = spread(range(n), most)
    assert len(chosen) == min(n, most)
    assert not n or (chosen[0], chosen[-1]) == (0, n - 1)
    steps = np.diff(chosen)
    assert not len(steps) or steps.max() - steps.min() <= 1


def test_the_redrawn_share_is_of_what_the_run_says_that_a_batch_curates():
    rows = pd.concat(
        table(*({"epoch": e, "seeds": [v, 2 * v]} for e, v in enumerate((4.0, 12.0))), role=role, metric="star_redrawn")
        for role in ("classifier", "generator")
    )
    batches = pd.concat(
        table({"seeds": [size, size]}, role=role, metric="star_batch")
        for role, size in (("classifier", 40.0), ("generator", 32.0))
    )
    shown = drawn(star.star_redrawn(pd.concat([rows, batches])))
    # Epochs' mean 8 and 16 by seed, so 12 on average.
    assert shown["the classifier's batches"] == {0: pytest.approx(12 / 40)}
    assert shown["the generator's batches"] == {0: pytest.approx(12 / 32)}
    assert star.star_redrawn.data(rows).empty  # nobody derives what a run did not store


def test_bars_stack_the_candidates_of_each_stratum():
    rows = table(
        *(
            {"generation": i, "epoch": epoch, "label": label, "group": group, "seeds": [height + i + epoch] * 2}
            for i in (0, 1)
            for epoch in (0, 2)
            for (label, group), height in {("0", "a"): 5.0, ("0", "b"): 1.0, ("1", "a"): 2.0, ("1", "b"): 0.0}.items()
        ),
        metric="star_candidates",
    )
    axes = star.star_candidates(rows)
    bars = {container.get_label(): container.patches for container in axes.containers}
    assert list(bars) == ["0, a", "0, b", "1, a", "1, b"]
    assert [(bar.get_y(), bar.get_height()) for bar in bars["1, a"]] == [(8, 3), (10, 4)]
    assert bars["0, a"][0].get_facecolor() == bars["1, a"][0].get_facecolor()
    assert bars["0, a"][0].get_hatch() != bars["1, a"][0].get_hatch()


def test_many_strata_all_have_looks_of_their_own():
    rows = table(
        *(
            {"label": label, "group": f"group {k}", "metric": metric, "seeds": [1.0 + k]}
            for metric in ("accuracy", "star_candidates")
            for label in ((None,) if metric == "accuracy" else ("0", "1"))
            for k in range(14)
        )
    )
    lines = [line for line in curves.accuracy(rows).lines if not line.get_label().startswith("_")]
    assert len({(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}) == 14
    bars = [container.patches[0] for container in star.star_candidates(rows).containers]
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 28


LOOP = table({"seeds": [0.9, 0.8]}, {"generation": 1, "seeds": [0.5, 0.7]}, {"generation": 2, "seeds": [0.4, 0.3]})
STAR = table({"seeds": [0.9, 0.9]}, {"generation": 1, "seeds": [0.8, 0.8]}, star="classifier")
CONTROL = table({"seeds": [0.7, 0.7]}, setting="seqgen-nonseqclass")


def test_cases_are_compared_by_what_they_differ_in_alone():
    both = pd.concat([LOOP, STAR, CONTROL], ignore_index=True)
    (name, rows), *others = compared.alike(both, compared.by_star, compared.but_star).items()
    assert (name, others) == ("seqgen-seqclass", [])
    assert drawn(compared.compared(ACCURACY, compared.by_star)(rows)) == {
        "without STAR": pytest.approx({0: 0.85, 1: 0.6, 2: 0.35}), "STAR on the classifier": {0: 0.9, 1: 0.8},
    }  # fmt: skip
    ((name, rows),) = compared.alike(both, compared.by_labels, compared.but_labels).items()
    assert name == "sequential generators"
    shown = drawn(compared.compared(ACCURACY, compared.by_labels)(rows))
    assert shown["labels of the annotator"] == pytest.approx({0: 0.7})


def test_an_ablation_goes_from_light_to_dark():
    shares = pd.concat([table({"seeds": [share]}, synthetic_share=share) for share in (0.0, 0.5, 1.0)])
    by = compared.by_field("synthetic_share")
    ((_, rows),) = compared.alike(shares, by, compared.but_field("synthetic_share")).items()
    axes = compared.compared(ACCURACY, by, ordered=True)(rows)
    assert drawn(axes) == {f"synthetic_share = {share}": {0: share} for share in (0.0, 0.5, 1.0)}
    named = [line for line in axes.lines if not line.get_label().startswith("_")]
    assert [sum(bytes.fromhex(line.get_color()[1:])) for line in named] == sorted(
        (sum(bytes.fromhex(line.get_color()[1:])) for line in named), reverse=True
    )


def test_collapse_is_the_median_over_seeds_of_accuracy_or_share():
    # Accuracy falls under .6 at generation 1 in one seed and at 2 in the other; the lower median is 1.
    assert compared.collapse(LOOP, {}, "test") == 1
    assert compared.collapse(STAR, {}, "test") is None
    share = table({"seeds": [0.05, 0.02]}, role="generator", split="generated", metric="group_share", group="red")
    red = dict.fromkeys(share["run"], ("red",))
    assert compared.collapse(compared.with_headline(pd.concat([LOOP, share]), red), red, "test") == 0


def test_names_that_look_like_mathematics_are_text():
    rows = table({"group": r"$\frac$", "seeds": [0.5]}, {"group": "_hidden", "seeds": [0.4]})
    axes = curves.accuracy(rows)
    assert [text.get_text() for text in axes.get_legend().texts] == [r"\$\frac\$", " _hidden"]
    axes.figure.draw_without_rendering()


def test_names_with_braces_are_text():
    shown = of_classifier("accuracy", "{x}", "test_balanced", called="accuracy of {x}")
    axes = compared.compared(shown)(
        table({"group": "{x}", "split": "test_balanced", "seeds": [0.5]}), None, "test_balanced"
    )
    assert axes.get_ylabel() == "accuracy of {x} on test balanced\n(0: all wrong, 1: all right)"


@given(st.integers(1, 60), st.integers(1, 80), st.floats(4, 14), st.floats(3, 12))
def test_a_legend_never_makes_the_panels_small(names, letters, width, height):
    """It takes at most as much of the width as of a page's third, or at most half as much height as the panels."""
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    for i in range(names):
        axes.plot([0, 1], [0, i], label=f"{i:02}".ljust(letters, "x"))
    one_legend(figure)
    wider, higher = figure.get_size_inches() - (width, height)
    assert min(wider, higher) == 0
    assert higher <= max(height / 2, 4 * 0.22) + 0.3 or wider <= width / 3
    assert wider <= width / 3 or names * 0.22 >= height / 2


def test_a_legend_of_long_names_is_below():
    figure = Figure(figsize=(9.6, 5.1))
    figure.subplots().plot(
        [[0] * 7, [1] * 7], label=[f"generators: 50% real people, fresh people, {i}" for i in range(7)]
    )
    one_legend(figure)
    assert figure.get_size_inches()[0] == 9.6
