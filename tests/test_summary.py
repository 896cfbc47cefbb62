from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fairloop.errors import InputError
from fairloop.report.summary import Finding, headline, on_verdicts, summary
from fairloop.report.text import number
from test_compare import NONE, SPREAD, STAR, steps, table
from test_compare_departures import shares

ONE = "one seed: no interval and no band, so chance cannot be told from drift"
CONTROL = ("control", "none")


def told(rows: pd.DataFrame) -> dict[str, Finding]:
    return {finding.title: finding for finding in summary(headline(rows))}


def sentences(finding: Finding) -> list[str]:
    return [sentence.about + sentence.words for sentence in finding.sentences]


def test_one_seed_is_told_without_chance():
    found = told(table({NONE: {0: [0.9, 0.8, 0.7]}}))["seqgen-seqclass"]
    assert found.scope == f"Generations 0 to 2, split test, {ONE}"
    assert sentences(found) == [
        "Not distinguishable from no change, without an interval: accuracy, 0.900 then 0.700 (\N{MINUS SIGN}0.200).",
        "Collapse: never within 3 generations (accuracy below 0.6).",
    ]


def test_seeds_give_an_interval_and_the_generation_from_which_on():
    falling = steps(*([value, value, value - 0.2] for value in SPREAD))
    found = told(table({NONE: falling}))["seqgen-seqclass"]
    minus = "\N{MINUS SIGN}0.200"
    assert found.scope == "Generations 0 to 2, split test, mean over 6 seeds; in brackets 95 % intervals"
    first = f"Accuracy fell from 0.725 to 0.525 ({minus} [{minus}, {minus}]), outside its band from generation 2 on."
    assert sentences(found) == [first, "Collapse: accuracy below 0.6 first at generation 2."]


def test_what_seeds_alone_could_do_is_no_clear_change():
    moves = [0.03, -0.02, 0.0, -0.03, 0.04, 0.01]
    still = steps(*([value, value + move] for value, move in zip(SPREAD, moves, strict=True)))
    found = sentences(told(table({NONE: still}))["seqgen-seqclass"])
    assert found[0].startswith(
        "Not distinguishable from no change: accuracy, 0.725 then 0.730 (+0.005 [\N{MINUS SIGN}0.0"
    )
    assert len(found) == 2


def test_one_generation_is_no_change():
    found = told(table({NONE: {0: [0.9]}}))["seqgen-seqclass"]
    assert found.scope == f"Generation 0, split test, {ONE}"
    assert sentences(found)[0] == "So far: accuracy, 0.900."


def test_it_says_for_whom():
    rows = [
        table({NONE: {0: values}}).assign(group=group)
        for group, values in {"overall": [0.9, 0.8], "green": [0.9, 0.9], "red": [0.9, 0.6]}.items()
    ]
    found = sentences(told(pd.concat(rows))["seqgen-seqclass"])
    assert "By group, accuracy changed by \N{MINUS SIGN}0.300 for red and +0.000 for green." in found


def test_of_many_groups_the_two_extremes_are_named():
    rows = [table({NONE: {0: [0.9, 0.9 - i / 10]}}).assign(group=f"group {i}") for i in range(6)]
    found = sentences(told(pd.concat([table({NONE: {0: [0.9, 0.7]}}), *rows]))["seqgen-seqclass"])
    words = "\N{MINUS SIGN}0.500 for group 5 and +0.000 for group 0 (the other 4 groups lie between)."
    assert any(sentence.endswith(words) for sentence in found)


def test_a_minoritized_group_that_fades_is_told():
    rows = pd.concat(
        [table({NONE: {0: [0.9, 0.9]}}), shares("colored-mnist", {"green": [0.5, 0.95], "red": [0.5, 0.05]})]
    )
    found = sentences(told(rows)["seqgen-seqclass"])
    assert "share of red, 0.500 then 0.050 (\N{MINUS SIGN}0.450)." in found[0]
    collapse = "never within 2 generations (accuracy below 0.6); share of red below 0.1 first at generation 1."
    assert f"Collapse: {collapse}" in found


def test_what_never_happens_is_said_once():
    rows = pd.concat([table({NONE: {i: [0.9] for i in range(2)}}), shares("colored-mnist", {"red": [0.5]})])
    found = told(rows)["seqgen-seqclass"]
    assert sentences(found)[-1] == "Collapse: never within 1 generation (accuracy below 0.6, share of red below 0.1)."
    assert found.scope.endswith("seed's difference: too few for intervals, which take 5")


def test_star_is_told_beside_the_same_without_it_and_loops_beside_their_control():
    rows = table({NONE: {0: [0.9, 0.6]}, STAR: {0: [0.9, 0.8]}, CONTROL: {0: [0.9, 0.9]}})
    found = told(rows)
    star = "seqgen-seqclass + STAR on classifier beside seqgen-seqclass"
    assert sentences(found[star]) == [
        "Not distinguishable, without an interval: accuracy, 0.800 beside 0.600 (+0.200)."
    ]
    assert found[star].scope == f"Generation 1, paired by seed, {ONE}"
    loop = "seqgen-seqclass beside control"
    assert sentences(found[loop]) == [
        "Not distinguishable, without an interval: accuracy, 0.600 beside 0.900 (\N{MINUS SIGN}0.300)."
    ]
    chapters = [finding.chapter for finding in summary(headline(rows))]
    assert chapters == [*["What drifted"] * 3, "What STAR changed", "What the loop changed"]


def test_runs_are_held_only_against_those_that_are_alike_otherwise():
    rows = table({NONE: {0: [0.9, 0.6]}, STAR: {1: [0.9, 0.8]}})
    assert not any(" beside " in title for title in told(rows))  # no seed in common
    rows = table({NONE: {0: [0.9, 0.6]}, STAR: {0: [0.9, 0.8]}}).assign(synthetic_share=1.0)
    rows.loc[rows["star"] != "none", "synthetic_share"] = 0.5
    assert not any(" beside " in title for title in told(rows))


def test_fields_of_star_do_not_matter_to_a_loop_without_it():
    rows = table({NONE: {0: [0.9, 0.6]}, STAR: {0: [0.9, 0.8]}}).assign(**{"star.budget": np.nan})
    rows.loc[rows["star"] != "none", "star.budget"] = 16
    assert "seqgen-seqclass + STAR on classifier, budget 16 beside seqgen-seqclass" in told(rows)


def test_what_is_alike_is_said_once():
    rows = table({NONE: {0: [0.9, 0.6]}, STAR: {0: [0.9, 0.6]}})
    star = "seqgen-seqclass + STAR on classifier beside seqgen-seqclass"
    assert sentences(told(rows)[star]) == ["Not distinguishable, without an interval: accuracy, 0.600."]


def test_a_table_of_other_things_has_no_findings():
    rows = table({NONE: {0: [0.9, 0.6]}}).assign(role="generator", split=None, metric="loss")
    head = headline(rows)
    assert (head.measures, head.split, summary(head)) == ((), None, [])


def test_another_split_is_taken_where_there_is_no_test():
    assert headline(table({NONE: {0: [0.9]}}).assign(split="log")).split == "log"
    with pytest.raises(InputError, match="both"):
        headline(pd.concat([table({NONE: {0: [0.9]}}), table({NONE: {0: [0.9]}}).assign(run="other")]))


def test_numbers_have_a_true_minus():
    assert (number(-0.5), number(0.25, sign=True), number(np.float64(0))) == ("\N{MINUS SIGN}0.500", "+0.250", "0.000")


VERDICTS = ("rose", "fell", "higher", "lower", "outside")


def words(rows: pd.DataFrame) -> str:
    return " ".join(sentence for finding in told(rows).values() for sentence in sentences(finding))


@pytest.mark.parametrize("seeds", range(1, 5))
def test_without_an_interval_nothing_rose_or_fell(seeds):
    ends = [[0.674, 0.33], [0.50, 0.52], [0.6, 0.4], [0.2, 0.9]][:seeds]
    said = words(table({NONE: dict(enumerate(ends)), STAR: {i: [a, a - 0.1] for i, (a, _) in enumerate(ends)}}))
    assert not any(verdict in said for verdict in VERDICTS)
    assert said.count("Not distinguishable") == 3
    assert ("seeds from" in said) == (seeds > 1)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [5, 8])
def test_of_noise_few_verdicts_say_anything(seeds):
    rng = np.random.default_rng(0)
    noise = {(str(i), "none"): dict(enumerate(rng.normal(0.7, 0.02, (seeds, 3)))) for i in range(20)}
    found = summary(headline(table(noise)))
    verdicts = sum(finding.verdicts for finding in found)
    assert verdicts == 20 * (1 if seeds < 6 else 2)  # an interval at the end, and a band where there is one
    text = " ".join(sentence for finding in found for sentence in sentences(finding))
    said = sum(text.count(word) for word in (" rose ", " fell ", "outside its band at", "outside its band from"))
    assert said <= 0.05 * verdicts + 3 * np.sqrt(0.05 * 0.95 * verdicts)


def test_the_level_and_the_number_of_verdicts_are_told():
    falling = steps(*([value, value - 0.2] for value in SPREAD))
    found = summary(headline(table({NONE: falling})))
    assert "Here are 2 such verdicts, each at the 5 % level by itself" in on_verdicts(found)
    assert "about 0.1 of them" in on_verdicts(found)
    assert on_verdicts(summary(headline(table({NONE: {0: [0.9, 0.8]}})))) == ""


def test_too_few_seeds_for_a_band_are_told_where_the_band_would_be():
    said = words(table({NONE: steps(*([value, value - 0.2] for value in SPREAD[:5]))}))
    assert "Accuracy fell from" in said
    assert "Since when: not told; a band at the 5 % level takes 6 seeds; with 5 the smallest p-value is 2^-4" in said


def test_a_change_says_in_how_many_seeds_it_is_defined():
    falling = steps(*([value, value - 0.2 - value / 99] for value in SPREAD), [0.7, np.nan])
    assert "; 6 of 7 seeds)" in words(table({NONE: falling}))


def test_a_band_that_ends_early_is_not_said_to_be_left_to_the_end():
    falling = [[value, value - 0.2, value - 0.2, value - 0.2] for value in SPREAD]
    diverged = [[*seed[:3], np.nan] if i < 4 else seed for i, seed in enumerate(falling)]
    said = words(table({NONE: steps(*diverged)}))
    assert "outside its band from generation 1 to 2" in said
    assert "outside its band from generation 1 on" in words(table({NONE: steps(*falling)}))
    inside = steps(*([value, value + shift, np.nan if i < 2 else value - 0.3] for i, (value, shift) in enumerate(
        zip(SPREAD, [0.1, -0.1] * 3, strict=True))))  # fmt: skip
    assert "outside its band" not in words(table({NONE: inside}))


def test_a_band_that_is_judged_further_than_all_seeds_reach_says_how_far():
    falling = [[value, value - 0.2, value - 0.2, value] for value in SPREAD]
    rows = table({NONE: steps(*falling, falling[0][:2])})
    found = told(rows)["seqgen-seqclass"]
    assert found.scope.startswith("Generations 0 to 1,")
    assert "outside its band at generation 1 but not at generation 3" in " ".join(sentences(found))


def test_a_seed_that_is_ahead_does_not_speak_for_the_others():
    values = {seed: [value, value] for seed, value in enumerate(SPREAD)}
    ahead = values | {0: [*values[0], 0.1]}
    star = {seed: [value + 0.1 for value in seeds] for seed, seeds in ahead.items()}
    found = next(f for f in summary(headline(table({NONE: ahead, STAR: star}))) if f.chapter == "What STAR changed")
    assert found.scope.startswith("Generation 1, paired by seed, mean over 6 seeds")
    assert sentences(found)[0].startswith("Accuracy is higher: ")


def test_a_limit_that_was_passed_once_is_not_said_to_be_passed_to_the_end():
    said = words(table({NONE: {0: [0.9, 0.5, 0.9]}}))
    assert "accuracy below 0.6 first at generation 1." in said
