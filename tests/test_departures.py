"""By how much means depart from published ones: coverage by simulation, cases counted by hand."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairloop.report import published as paper
from fairloop.report.published import departures as of
from fairloop.report.published import words
from fairloop.report.published.curves import curve

ANNOTATORS = Path(__file__).parents[1] / "docs/reproduction/annotators.parquet"
NONE, STAR = ("seqgen-seqclass", "none"), ("seqclass", "classifier")


def rows(case: tuple[str, str], seed: int, values: list[float], role: str = "classifier") -> list[dict[str, object]]:
    setting, star = case
    return [
        {"run": f"{setting}-{star}-{seed}", "dataset": "colored-mnist", "setting": setting, "star": star, "seed": seed,
         "generation": generation, "epoch": None, "role": role, "split": "test", "label": None, "group": "overall",
         "metric": "accuracy", "value": value, "standard_error": np.nan}
        for generation, value in enumerate(values)
    ]  # fmt: skip


def table(curves: dict[tuple[str, str], list[list[float]]], annotators: list[float] | None = None) -> pd.DataFrame:
    """The tidy table of accuracies: by case, a list of values for each seed; and A_L's accuracy for each seed."""
    found = []
    for case, seeds in curves.items():
        for seed, values in enumerate(seeds):
            found += rows(case, seed, values)
            found += rows(case, seed, annotators[seed : seed + 1], "label_annotator") if annotators else []
    return pd.DataFrame(found)


def published(case: tuple[str, str]) -> pd.DataFrame:
    curves = paper.published()
    setting, star = case
    named = (curves["dataset"] == "colored-mnist") & (curves["metric"] == "accuracy")
    return curves[named & (curves["setting"] == setting) & (curves["star"] == star)].set_index("generation")


def test_a_departure_is_ours_less_the_published_mean_at_each_generation():
    values = [[0.92, 0.90], [0.94, 0.91], [0.90, 0.95]]
    found = of.departures(table({NONE: values}))
    assert found["less"].unique().tolist() == [of.AS_IS]
    theirs = published(NONE)
    for generation, row in found.set_index("generation").iterrows():
        ours = [of_seed[generation] for of_seed in values]
        told = theirs.loc[generation]
        assert row["difference"] == pytest.approx(np.mean(ours) - told["mean"])
        draw = of.DRAW_STD["accuracy"] ** 2  # of each of ours, and once of the published mean
        one = (2 * np.var(ours, ddof=1) + 24 * (told["std"] ** 2 + draw)) / 26
        reach = stats.t.ppf(0.975, 26) * np.sqrt(one / 3 + told["std"] ** 2 / 25 + draw)
        assert (row["low"], row["high"]) == pytest.approx((row["difference"] - reach, row["difference"] + reach))
        at_once = stats.t.ppf(1 - 0.025 / 2, 26) / stats.t.ppf(0.975, 26) * reach  # two generations
        assert row["high_all"] == pytest.approx(row["difference"] + at_once)


def test_less_the_annotator_the_draw_of_the_test_data_is_left_out():
    shift = np.array([0.01, -0.02, 0.005])
    annotators = 0.93 + shift
    found = of.departures(table({NONE: [[0.92 + s] for s in shift]}, list(annotators)))
    one = found[found["less"] == of.LESS_ANNOTATOR].iloc[0]
    told = paper.models().loc[("A_L test", "accuracy")]
    assert one["mean"] == pytest.approx(-0.01)
    assert one["std"] == pytest.approx(0, abs=1e-12)
    assert one["published"] == pytest.approx(published(NONE)["mean"][0] - told["mean"])
    # Three seeds without any spread, beside 25 seeds, and A_L of 150 runs.
    theirs = published(NONE)["std"][0] ** 2
    v = 24 / 26 * (theirs + told["std"] ** 2) / 3 + theirs / 25 + told["std"] ** 2 / 150
    assert one["high"] - one["difference"] == pytest.approx(stats.t.ppf(0.975, 26) * np.sqrt(v))


@pytest.mark.parametrize("spread", [0.2, 5.0])
def test_from_five_seeds_on_the_interval_is_the_wider_of_welchs_and_of_equal_spreads(spread):
    told = published(NONE).loc[0]
    values = [[told["mean"] + spread * told["std"] * step] for step in (-1.5, -0.5, 0.0, 0.5, 1.5)]
    found = of.departures(table({NONE: values})).iloc[0]
    ours, n, m = np.std(values, ddof=1), 5, 25
    v, w, draw = ours**2 / n, told["std"] ** 2 / m, of.DRAW_STD["accuracy"] ** 2
    freedom = (v + w + draw) ** 2 / (v**2 / (n - 1) + w**2 / (m - 1) + draw**2 / 199)
    welchs = stats.t.ppf(0.975, freedom) * np.sqrt(v + w + draw)
    one = ((n - 1) * ours**2 + (m - 1) * (told["std"] ** 2 + draw)) / (n + m - 2)
    equal = stats.t.ppf(0.975, n + m - 2) * np.sqrt(one / n + w + draw)
    assert (welchs > equal) == (spread > 1)
    assert (found["high"] - found["low"]) / 2 == pytest.approx(max(welchs, equal))


@pytest.mark.parametrize("seeds", [5, 8, 10])
@pytest.mark.parametrize("ratio", [1.0, 1.5])
def test_the_interval_of_all_generations_at_once_seldom_excludes_0_anywhere(seeds, ratio):
    """For equal curves of 40 independent generations, with seeds that spread as the published ones, or more."""
    rng, trials = np.random.default_rng(seeds), 1_500
    ours, theirs = (rng.normal(0, one, (n, trials * 40)) for n, one in ((seeds, ratio), (25, 1)))
    rows = pd.DataFrame({"difference": ours.mean(axis=0) - theirs.mean(axis=0), "std": ours.std(axis=0, ddof=1)})
    rows = rows.assign(seeds=seeds, published_seeds=25, published_std=theirs.std(axis=0, ddof=1))
    low, high = of._interval(rows.assign(annotator_std=0.0, annotator_runs=np.inf, less="", metric=""), 0.05 / 40)
    assert ((low > 0) | (high < 0)).reshape(trials, 40).any(axis=1).mean() <= 0.08


def simulated(case: tuple[str, str], seeds: int, shift: float, rng: np.random.Generator) -> pd.DataFrame:
    """Runs drawn as the published ones, or with another mean."""
    theirs = published(case)
    values = rng.normal(theirs["mean"] + shift * theirs["std"], theirs["std"], (seeds, len(theirs)))
    return table({case: values.tolist()})


def test_runs_that_are_drawn_alike_seldom_differ_and_agree_with_seeds_enough():
    rng = np.random.default_rng(1)
    few = [of.verdicts(of.departures(simulated(NONE, 3, 0.0, rng))).iloc[0] for _ in range(3)]
    assert [found["verdict"] for found in few] == ["cannot tell"] * 3  # three seeds are too few to say that they agree
    theirs, annotator = published(NONE), paper.models().loc["A_L test", "mean"]["accuracy"]
    values = rng.normal(theirs["mean"], theirs["std"], (25, len(theirs))).tolist()
    many = of.verdicts(of.departures(table({NONE: values}, [annotator] * 25))).iloc[0]
    assert (many["verdict"], many["seeds"], many["generations"]) == ("agrees", 25, 40)
    assert len(many["apart"]) <= 8  # of 40; 2 are expected


def test_runs_that_are_drawn_otherwise_differ():
    found = of.verdicts(of.departures(simulated(STAR, 10, 3.0, np.random.default_rng(2)))).iloc[0]
    assert found["verdict"] == "differs"
    assert len(found["apart"]) > 30
    assert found["largest"] > 0


def test_a_single_seed_differs_if_it_is_far_away_and_else_cannot_tell():
    found = of.verdicts(of.departures(table({NONE: [[0.1, 0.2]]}))).iloc[0]
    assert (found["verdict"], found["seeds"], found["apart"]) == ("differs", 1, (0, 1))
    near = published(NONE)["mean"].head(2).tolist()
    found = of.verdicts(of.departures(table({NONE: [near]}))).iloc[0]
    assert (found["verdict"], found["seeds"], found["apart"]) == ("cannot tell", 1, ())


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_runs_that_are_drawn_alike_seldom_differ(seeds):
    rng = np.random.default_rng(seeds)
    found = [of.verdicts(of.departures(simulated(STAR, seeds, 0.0, rng))).iloc[0] for _ in range(20)]
    assert sum(one["verdict"] == "differs" for one in found) <= 3  # one in 20, or fewer, is expected


@pytest.mark.parametrize("seeds", [1, 2, 5, 25])
@pytest.mark.parametrize("measure", [*of.DRAW_STD])
def test_draws_seldom_make_equal_curves_differ(measure, seeds):
    """With STAR, as it is: one draw shifts all published runs, and each of ours has its own."""
    curves = paper.published()
    named = (curves["metric"] == measure) & (curves["dataset"] == "colored-mnist")
    std = curves[named & (curves["setting"] == STAR[0]) & (curves["star"] == STAR[1])]["std"].to_numpy()
    rng, trials, draw = np.random.default_rng(seeds), 1_500, of.DRAW_STD[measure]
    ours = rng.normal(0, std, (seeds, trials, 40)) + rng.normal(0, draw, (seeds, trials, 1))
    theirs = rng.normal(0, std, (25, trials, 40)) + rng.normal(0, draw, (1, trials, 1))
    own = ours.std(0, ddof=1) if seeds > 1 else np.full(ours[0].shape, np.nan)
    value, own, other = (x.ravel() for x in (ours.mean(0) - theirs.mean(0), own, theirs.std(0, ddof=1)))
    rows = pd.DataFrame({"difference": value, "std": own, "published_std": other, "seeds": seeds})
    rows = rows.assign(published_seeds=25, annotator_std=0.0, annotator_runs=np.inf, less=of.AS_IS, metric=measure)
    apart = {}
    for alpha in (0.05 / 40, 0.05):
        low, high = of._interval(rows, alpha)
        apart[alpha] = ((low > 0) | (high < 0)).reshape(trials, 40)
    assert apart[0.05 / 40].any(axis=1).mean() <= 0.08
    assert apart[0.05][:, :3].mean() <= 0.06  # where seeds spread least beside a draw


def test_the_annotator_is_not_subtracted_where_a_draw_shifts_it_otherwise():
    """The EO difference is judged as it is, though the published value of A_L is known."""
    accuracy = table({STAR: [[0.92], [0.93]]}, [0.93, 0.94])
    equalized = accuracy.assign(metric="equalized_odds", group="difference")
    found = of.departures(pd.concat([accuracy, equalized]))
    assert set(found.loc[found["metric"] == "equalized_odds_difference", "less"]) == {of.AS_IS, of.LESS_ANNOTATOR}
    judged = of.verdicts(found).set_index("metric")
    assert judged["less"].to_dict() == {"accuracy": of.LESS_ANNOTATOR, "equalized_odds_difference": of.AS_IS}
    assert judged["annotator"].to_dict() == {"accuracy": "like", "equalized_odds_difference": ""}


def test_an_annotator_that_failed_does_not_cancel_a_classifier_that_failed():
    told, annotator = published(STAR), paper.models().loc["A_L test", "mean"]["accuracy"]
    rng = np.random.default_rng(3)
    ours = rng.normal(told["mean"], told["std"], (25, len(told)))
    alike = of.verdicts(of.departures(table({STAR: ours.tolist()}, [annotator] * 25))).iloc[0]
    assert (alike["less"], alike["annotator"], alike["verdict"]) == (of.LESS_ANNOTATOR, "like", "agrees")
    found = of.departures(table({STAR: (ours - 0.4).tolist()}, [annotator - 0.4] * 25))
    failed = of.verdicts(found).iloc[0]
    assert (failed["less"], failed["annotator"], failed["verdict"]) == (of.AS_IS, "unlike", "differs")
    said = words.opening(found, of.verdicts(found))
    assert "`A_L` is unlike the published one, so it is not subtracted, in seqclass + STAR on classifier, acc" in said
    assert "the largest difference is " in said


@pytest.mark.parametrize(("failed", "shift"), [(1, 130), (1, -130), (25, 6), (25, 4), (25, -4)])
def test_no_curve_agrees_by_an_annotator_that_is_shifted_with_it(failed, shift):
    """One seed of 25 that fails with its A_L; and a shift of all that is small beside that of one seed."""
    curve, (annotator, std) = published(STAR), paper.models().loc["A_L test"].loc["accuracy", ["mean", "std"]]
    shifts = np.where(np.arange(25) < failed, shift * std, 0.0)
    for trial in range(3):
        ours = np.random.default_rng(trial).normal(curve["mean"], curve["std"], (25, len(curve))) - shifts[:, None]
        found = of.verdicts(of.departures(table({STAR: ours.tolist()}, (annotator - shifts).tolist()))).iloc[0]
        assert found["annotator"] == ("unlike" if abs(shift) > 7 else "like")
        assert found["verdict"] != "agrees"


@pytest.mark.parametrize("known", [0, 1, 4])
def test_an_annotator_that_some_seeds_lack_is_unknown_and_both_differences_have_all_seeds(known):
    annotator = paper.models().loc["A_L test", "mean"]["accuracy"]
    values = [[mean] for mean in published(STAR)["mean"].iloc[0] + np.arange(5) * 1e-3]
    undefined = table({STAR: values}, [annotator] * known + [np.nan] * (5 - known))
    for rows_ in (undefined, undefined.dropna(subset=["value"])):
        found = of.departures(rows_)
        judged = of.verdicts(found).iloc[0]
        assert (judged["less"], judged["annotator"], judged["seeds"]) == (of.AS_IS, "unknown", 5)
        said = words.opening(found, of.verdicts(found))
        assert said.startswith("There are 5 seeds.")
        assert "`A_L` is not known in every seed, so it is not subtracted, in seqclass + STAR on classifier" in said


def test_annotators_with_the_published_settings_are_like_the_published_one():
    """Eight seeds, each on its own draw, far within the limit."""
    found = pd.read_parquet(ANNOTATORS)
    own = found[(found["variant"] == "sgd") & (found["split"] == "test") & (found["draw"] == found["seed"])]
    own = own[own["epoch"] == own["epoch"].max()].pivot(index="seed", columns="metric", values="value")
    told = paper.models().loc["A_L test"]
    away = (own - told["mean"]).div(told["std"])[["accuracy", "DP difference", "EO difference"]]
    assert len(away) == 8
    assert away.abs().max().max() == pytest.approx(4.1, abs=0.05)
    assert of.LIKENESS == 7


def test_the_spread_of_draws_is_that_of_the_measured_classifiers():
    """The largest standard deviation over 200 draws, pooled over seeds, of any curve and generation."""
    found = pd.read_parquet(ANNOTATORS.with_name("draws.parquet"))
    of_classifiers = found[found["generation"] >= 0].replace(
        {"metric": {"DP difference": "demographic_parity_difference", "EO difference": "equalized_odds_difference"}}
    )
    by_seed = of_classifiers.groupby(["metric", "setting", "star", "generation", "seed"])["value"].agg(["var", "count"])
    assert set(by_seed["count"]) == {200}
    pooled_over_seeds = by_seed["var"].groupby(["metric", "setting", "star", "generation"]).mean() ** 0.5
    assert pooled_over_seeds.groupby("metric").max().round(3).to_dict() == of.DRAW_STD


def test_where_curves_part_is_said_with_and_without_subtracting_the_annotator():
    told, annotator = published(STAR), paper.models().loc["A_L test", "mean"]["accuracy"]
    shifted = table({STAR: [(told["mean"] + 0.02).tolist()[:3]]}, [annotator + 0.02])
    found = of.departures(shifted)
    row = of.verdicts(found).iloc[0]
    assert (row["apart"], row["apart_as_is"], row["apart_at_once"]) == ((), (0, 1, 2), (0, 1, 2))
    said, curve_ = words.opening(found, of.verdicts(found)), "seqclass + STAR on classifier"
    without = "Without subtracting `A_L`, the interval of a single generation excludes 0 at generations of"
    assert f"{without} {curve_} (accuracy); the table says which." in said
    assert f"The interval for all generations at once excludes 0, too, in {curve_} (accuracy 0 to 2)." in said
    assert words.verdict_table(of.verdicts(found)).splitlines()[-1].endswith("| none | 0 to 2 |")


def test_a_measure_that_is_nowhere_defined_has_no_verdict_and_breaks_none():
    rows = table({STAR: [[np.nan, np.nan]], NONE: [[0.92]]}, [0.93])
    assert of.verdicts(of.departures(rows))["setting"].tolist() == [NONE[0]]
    undefined = of.departures(table({STAR: [[np.nan, np.nan]]}, [0.93]))
    assert of.verdicts(undefined).empty
    assert words.opening(undefined, of.verdicts(undefined)).startswith("No value of these runs is defined")
    assert len(words.verdict_table(of.verdicts(undefined)).splitlines()) == 2


def test_a_curve_falls_where_a_hand_says():
    found = of.falls(table({NONE: [[0.9, 0.84, 0.7, 0.6], [0.9, 0.87, 0.74, 0.72]]})).set_index("limit")
    assert found.loc[0.85, ["ours", "earliest", "latest"]].tolist() == [2, 1, 2]  # .855 at generation 1
    assert found.loc[0.75, ["ours", "earliest", "latest"]].tolist() == [2, 2, 2]
    assert found.loc[0.65, "earliest"] == 3
    assert found.loc[0.65, ["ours", "latest"]].isna().all()  # one seed, and the mean, never do
    assert (found["seeds"].unique().tolist(), found["generations"].unique().tolist()) == ([2], [4])
    theirs = published(NONE)
    for part, name in (("mean", "published"), ("p05", "published_earliest"), ("p95", "published_latest")):
        for limit, generation in found[name].items():
            below = [i for i in theirs.index if theirs[part][i] < limit]
            assert (below[:1] or [None])[0] == (None if pd.isna(generation) else generation)


def test_a_seed_that_is_ahead_does_not_speak_for_the_mean():
    found = of.falls(table({NONE: [[0.9, 0.1], [0.9]]})).set_index("limit")
    assert found.loc[0.85, "ours"] is pd.NA
    assert (found.loc[0.85, "earliest"], found.loc[0.85, "generations"]) == (1, 1)


def test_a_seed_that_is_behind_does_not_cut_the_others_short():
    """Two of three seeds are whole, so their mean is judged."""
    rows_ = table({NONE: [[0.9, 0.88, 0.8], [0.9, 0.87, 0.84], [0.5]]})
    found = of.falls(rows_).set_index("limit")
    assert found.loc[0.85, ["seeds", "of_seeds", "generations", "ours", "earliest"]].tolist() == [2, 3, 3, 2, 2]
    assert "| 0.85 | 2 of 3 | 2 (2 to 2) |" in words.falls_table(of.falls(rows_))


def test_the_words_say_how_few_the_seeds_are_how_far_they_came_and_where_curves_part():
    found = of.departures(simulated(STAR, 10, 3.0, np.random.default_rng(2)))
    said = words.opening(found, of.verdicts(found))
    assert said.startswith("There are 10 seeds. Verdicts: 1 *differs*. ")
    assert "The interval of a single generation excludes 0 at generations of seqclass + STAR on classifier (acc" in said
    three = of.departures(table({NONE: [[0.92, 0.9], [0.93, 0.92], [0.91, 0.9]]}))
    wide = "few seeds make wide intervals. These assume the published spread. Verdicts: "
    assert words.opening(three, of.verdicts(three)).startswith(f"Curves have 3 seeds, and {wide}")
    one = of.departures(table({NONE: [[0.92]]}, [0.93]))
    said = words.opening(one, of.verdicts(one))
    told, annotator = published(NONE).loc[0], paper.models().loc[("A_L test", "accuracy"), "mean"]
    as_is = abs(0.92 - told["mean"]) / told["std"]
    less = abs((0.92 - 0.93) - (told["mean"] - annotator)) / told["std"]
    assert said.startswith(f"Curves have one seed, and {wide}")
    assert (
        "In published standard deviations of a seed, the largest difference is "
        f"{as_is:.1f} without subtracting `A_L` (seqgen-seqclass, accuracy, generation 0), and "
        f"{less:.1f} after subtracting"
    ) in said
    both = of.departures(table({NONE: [[0.92]], STAR: [[0.92], [0.925]]}))
    said = words.opening(both, of.verdicts(both))
    assert said.startswith(f"Curves have 1 to 2 seeds, and {wide}")
    assert "Verdicts: 2 *cannot tell*. " in said


def test_a_run_that_ends_early_is_not_said_never_to_fall():
    found = words.falls_table(of.falls(table({NONE: [[0.9, 0.84, 0.8], [0.9, 0.88, 0.87]]})))
    assert "| 0.85 | 2 | 2 (1 to not by 2) |" in found
    assert "| 0.65 | 2 | not by 2, where it ends |" in found
    whole = words.falls_table(of.falls(table({NONE: [[0.9] * 40]})))
    assert "| 0.85 | 1 | not within 40 |" in whole


@given(st.sets(st.integers(0, 30)))
def test_ranges_name_every_generation_once(generations):
    said = words.ranges(tuple(sorted(generations)))
    ends = [part.split(" to ") for part in said.split(", ") if part]
    assert [i for end in ends for i in range(int(end[0]), int(end[-1]) + 1)] == sorted(generations)
    assert all(int(b[0]) > int(a[-1]) + 1 for a, b in itertools.pairwise(ends))


def test_the_tables_have_a_row_for_each_curve_limit_and_generation():
    rows_ = table({NONE: [[0.92, 0.9], [0.93, 0.8]], STAR: [[0.9, 0.9], [0.93, 0.8]]}, [0.93, 0.94])
    found = of.departures(rows_)
    tables = [
        (words.verdict_table(of.verdicts(found)), 2),
        (words.falls_table(of.falls(rows_)), 6),
        (words.inside_table(paper.verdicts(paper.laid_over(rows_))), 2),
        (words.generations_table(found), 4),
    ]
    for text, count in tables:
        assert len(text.splitlines()) == count + 2
    assert f"{found[found['less'] == of.AS_IS]['difference'].abs().max():.3f}" in tables[3][0]


def test_a_figure_shows_both_bands_and_both_differences():
    rows_ = table({NONE: [[0.92, 0.9], [0.93, 0.8]]}, [0.93, 0.94])
    figure = curve(paper.laid_over(rows_), of.departures(rows_), ["accuracy"])
    above, below = figure.axes
    assert [len(line.get_xdata()) for line in above.lines] == [40, 2]
    assert len(above.collections) == 2
    assert len(below.containers) == 2
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named[:2] == ["published, mean and 5 to 95 % of 25 seeds", "ours, mean and 5 to 95 % of 2 seeds"]
    assert named[2:] == ["difference as it is, 95 % interval", "difference less A_L, 95 % interval"]


def test_a_figure_says_how_many_seeds_its_generations_have():
    rows_ = table({NONE: [[0.92, 0.9], [0.93]]}, [0.93, 0.94])
    (legend,) = curve(paper.laid_over(rows_), of.departures(rows_), ["accuracy"]).legends
    assert legend.get_texts()[1].get_text() == "ours, mean and 5 to 95 % of 1 to 2 seeds"


def test_the_figure_of_a_single_seed_says_so_and_has_intervals():
    rows_ = table({NONE: [[0.92, 0.9]]}, [0.93])
    (legend,) = curve(paper.laid_over(rows_), of.departures(rows_), ["accuracy"]).legends
    assert [text.get_text() for text in legend.get_texts()][1:] == [
        "ours, one seed",
        "difference as it is, 95 % interval",
        "difference less A_L, 95 % interval",
    ]
