"""The page in a browser: headless Chromium, a file, no network."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright import sync_api

from chromium import PHONE, in_browser, opening
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.report import page
from fairloop.report.table import gathered, run_directories
from test_compare import NONE, STAR, table
from test_compare_departures import shares
from test_page import HOSTILE, run_in

pytestmark = in_browser


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """Two cases of five seeds."""
    root = tmp_path_factory.mktemp("sweep")
    for seed in range(5):
        run_in(root, f"seed={seed}", generations=4)
        run_in(root, f"seed={seed}", "star.target=classifier", generations=4)
    return root


@pytest.fixture(scope="module")
def report(sweep) -> Path:
    out = sweep / "report.html"
    page.write(gathered([sweep]), out, run_directories([sweep]))
    return out


def drawn(shown) -> str:
    """The chart's pixels."""
    return shown.evaluate("document.querySelector('#chart canvas').toDataURL()")


def readout(shown) -> list[str]:
    return shown.locator("#readout tr").all_inner_texts()


def test_every_menu_changes_the_curves(opened):
    seen = [(drawn(opened), opened.inner_text("#curves-title"))]
    for menu, option in (("measure", "equalized odds"), ("split", "valid"), ("part", "ratio between groups"),
                         ("measure", "share of groups"), ("part", "red"), ("by", "every run")):  # fmt: skip
        opened.select_option(f"#{menu}", label=option)
        now = (drawn(opened), opened.inner_text("#curves-title"))
        assert now[0] != seen[-1][0], (menu, option)
        assert menu == "by" or now[1] != seen[-1][1]
        seen.append(now)
    assert opened.locator("#readout tr").count() == 10
    assert "standard error" in opened.inner_text("#spread")


def test_the_slider_moves_curves_samples_and_strata_together(opened):
    def state() -> list[str]:
        images = opened.locator("#sheets img")
        return [
            drawn(opened), readout(opened)[0], images.first.get_attribute("src"), images.first.get_attribute("alt"),
            opened.inner_text("#strata-words"), opened.inner_html("#strata-rows"), opened.inner_text(".dock label"),
            opened.inner_html(".spark"),
        ]  # fmt: skip

    last = state()
    assert "generation 3" in last[3]
    opened.fill("#generation", "1")
    moved = state()
    assert all(a != b for a, b in zip(last, moved, strict=True))
    assert "Generation 1: a batch of 64 was chosen from" in moved[4]
    opened.fill("#generation", "3")
    assert state() == last


def test_values_under_the_pointer_are_those_of_the_table(opened, sweep):
    opened.locator("#curves-what").scroll_into_view_if_needed()
    opened.evaluate("document.getElementById('curves').scrollIntoView()")
    box = opened.locator("#chart .u-over").bounding_box()
    opened.mouse.move(box["x"] + 2, box["y"] + 40)
    rows = gathered([sweep])
    rows = rows[(rows["role"] == "classifier") & (rows["split"] == "test") & (rows["group"] == "overall")]
    rows = rows[(rows["metric"] == "accuracy") & (rows["generation"] == 0)]
    means = rows.groupby("star")["value"].mean()
    tip = opened.inner_text("#tip")
    assert tip.startswith("generation 0")
    assert all(f"{mean:.3f}" in tip for mean in means)
    opened.mouse.click(box["x"] + 2, box["y"] + 40)
    assert opened.input_value("#generation") == "0"


def test_lines_can_be_hidden(opened):
    before = drawn(opened)
    box = opened.locator("#readout input").first
    box.uncheck()
    assert drawn(opened) != before
    box.check()
    assert drawn(opened) == before


def test_the_heads_of_the_summary_choose_the_curves(opened):
    opened.click("text=EO difference")
    assert opened.inner_text("#curves-title") == "Equalized odds, difference between groups, split test"
    opened.click("th button:has-text('share of red')")
    assert "Share of groups" in opened.inner_text("#curves-title")


def test_it_plays(opened):
    opened.click("#play")
    sync_api.expect(opened.locator("#generation")).to_have_value("1")
    sync_api.expect(opened.locator("#play")).to_have_text("Play", timeout=10_000)
    assert opened.input_value("#generation") == "3"


def test_the_keyboard_reaches_and_moves_everything(opened):
    reached = []
    for _ in range(60):
        opened.keyboard.press("Tab")
        reached.append(opened.evaluate("document.activeElement.id"))
    wanted = ["measure", "split", "part", "by", "seed", "search", "only", "download", "next", "generation", "play"]
    assert [name for name in dict.fromkeys(reached) if name in wanted] == wanted
    before = drawn(opened)
    opened.focus("#measure")
    opened.keyboard.press("ArrowDown")
    assert drawn(opened) != before
    opened.focus("#generation")
    opened.keyboard.press("ArrowLeft")
    assert opened.inner_text(".dock label") == "Generation 2"
    assert opened.get_attribute("#generation", "aria-valuetext") == "generation 2"
    opened.focus("#columns button >> nth=0")
    opened.keyboard.press("Enter")
    assert opened.get_attribute("#columns th", "aria-sort") == "ascending"


def test_everything_has_a_name_for_those_who_do_not_see_it(opened):
    named = "select, input, button, img, [role=img], [role=region], table"
    nameless = f"""[...document.querySelectorAll('{named}')].filter((e) => !(
        e.ariaLabel || e.alt || e.labels?.length || e.textContent.trim()))"""
    assert opened.evaluate(f"{nameless}.map((e) => e.outerHTML)") == []
    assert "from" in opened.get_attribute("#chart", "aria-label")
    levels = opened.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_values_are_searched_sorted_and_downloaded(opened, sweep, tmp_path):
    opened.fill("#search", "classifier star_redrawn seed=3")
    rows = gathered([sweep])
    wanted = rows[(rows["metric"] == "star_redrawn") & (rows["seed"] == 3)]
    assert f"of {len(wanted)} values" in opened.inner_text("#count")
    opened.click("#columns button:has-text('value')")
    column = opened.locator("#rows tr td:nth-child(6)").all_inner_texts()
    assert column == sorted(column, key=float)
    opened.check("#only")
    assert f"of {(wanted['generation'] == 3).sum()} values" in opened.inner_text("#count")
    opened.uncheck("#only")
    opened.fill("#search", "")
    with opened.expect_download() as download:
        opened.click("#download")
    download.value.save_as(tmp_path / "values.csv")
    columns = ["run", "star", "seed", "generation", "epoch", "role", "split", "label", "group", "metric", "value"]
    back = gathered([tmp_path / "values.csv"])
    pd.testing.assert_frame_equal(
        *(frame[columns].sort_values(columns, ignore_index=True) for frame in (back, rows)), rtol=1e-5
    )
    assert back["standard_error"].notna().sum() == rows["standard_error"].notna().sum()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(browser, report, scheme):
    with opening(browser, report, viewport=PHONE, color_scheme=scheme) as shown:
        wide = shown.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide == [360, 360]
        shown.select_option("#by", "run")
        shown.select_option("#measure", label="confidence in groups")
        assert shown.evaluate("document.documentElement.scrollWidth") == 360


def test_no_line_is_hard_to_see(browser, report):
    """Every line's colour has a contrast of 3 or more with the page, in light and in dark."""
    contrast = """() => {
      const style = getComputedStyle(document.documentElement);
      const light = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
        .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
      const full = (hex) => (hex.length === 4 ? '#' + [...hex.slice(1)].map((c) => c + c).join('') : hex);
      const of = (name) => light(full(style.getPropertyValue(name).trim()));
      const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return { lines: [0, 1, 2, 3, 4, 5].map((i) => ratio(of(`--c${i}`), of('--paper'))),
        text: [of('--ink'), of('--soft'), of('--accent')].map((ink) => ratio(ink, of('--paper'))) };
    }"""
    for scheme in ("light", "dark"):
        with opening(browser, report, color_scheme=scheme) as shown:
            found = shown.evaluate(contrast)
            assert min(found["lines"]) >= 3, (scheme, found)
            assert min(found["text"]) >= 4.5, (scheme, found)


@pytest.mark.parametrize(
    "column", ["run", "dataset", "setting", "group", "label", "metric", "split", "role", "a.field"]
)
def test_hostile_names_are_shown_and_do_nothing(browser, tmp_path, column):
    rows = pd.concat([table({NONE: {0: [0.9, 0.8]}, STAR: {0: [0.9, 0.85]}}), shares("mine", {"a": [0.5, 0.1]})])
    name = "".join(HOSTILE)
    page.write(rows.assign(**{column: rows["run"] + name if column == "run" else name}), tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        assert shown.locator("#rows tr").count() > 1
        assert shown.evaluate("[document.scripts.length, document.images.length]") == [2, 0]


def test_names_that_javascript_knows_are_names_like_others(browser, tmp_path):
    rows = table({NONE: {0: [0.9, 0.8]}})
    odd = {"group": "constructor", "metric": "toString", "role": "valueOf", "split": "__proto__"}
    page.write(pd.concat([rows, rows.assign(**odd)]), tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        shown.select_option("#measure", label="toString")
        assert shown.inner_text("#curves-title") == "ToString, constructor, split __proto__"
        assert readout(shown)[0].split()[-1] == "\N{MINUS SIGN}0.100"


def test_what_is_not_measured_is_told_from_what_is_undefined(browser, tmp_path):
    rows = table({NONE: {0: [0.9, np.nan, 0.7]}})
    page.write(rows, tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        shown.fill("#generation", "1")
        assert "undefined" in readout(shown)[0]
    page.write(pd.concat([rows.assign(metric="x"), rows.iloc[:1].assign(metric="y")]), tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        shown.select_option("#measure", label="y")
        assert "none" in readout(shown)[0]
        assert drawn(shown)


def test_batches_that_were_not_curated_are_said_to_be_none(browser, tmp_path):
    rows = table({STAR: {0: [0.9, 0.8]}})
    later = rows.iloc[1:].assign(role="generator", split="generated", metric="star_candidates", value=10.0)
    strata = [later.assign(label=label, group=group) for label in "ab" for group in "xy"]
    page.write(pd.concat([rows, *strata]), tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        unknown = "Its quotas are unknown: the version that made the run stored none."
        assert shown.inner_text("#strata-words") == (f"Generation 1: a batch was chosen from 40 candidates. {unknown}")
        shown.fill("#generation", "0")
        assert shown.inner_text("#strata-words") == "Generation 0: no batch was curated."
        assert shown.locator("#strata-rows tr").count() == 4


def test_quotas_are_those_that_the_run_stored(browser, tmp_path):
    rows = table({STAR: {0: [0.9, 0.8]}}).assign(role="classifier", split="generated")
    parts = [rows.assign(metric="star_batch", value=[100.0, 50.0])]
    for label, group, quotas in (("a", "x", [29.0, 14.5]), ("a", "y", [71.0, 35.5])):
        here = rows.assign(label=label, group=group)
        parts += [here.assign(metric="star_quota", value=quotas), here.assign(metric="star_candidates", value=62.5)]
    page.write(pd.concat(parts), tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        for generation, batch, quotas in (("0", 100, ["29", "71"]), ("1", 50, ["14.5", "35.5"])):
            shown.fill("#generation", generation)
            assert f"a batch of {batch} was chosen from 125 candidates." in shown.inner_text("#strata-words")
            assert shown.locator("#strata-rows tr td:nth-child(4)").all_inner_texts() == quotas


def test_long_names_become_letters_where_there_is_no_room(browser, report):
    with opening(browser, report) as shown:
        assert not shown.is_visible("#readout .letter >> nth=0")
        shown.set_viewport_size(PHONE)
        sync_api.expect(shown.locator("#readout .letter").first).to_be_visible()
        assert shown.locator("#readout .letter").all_inner_texts() == ["A", "B"]


def test_formulas_are_defused_in_the_download(browser, tmp_path):
    rows = table({NONE: {0: [0.9]}}).assign(group="=HYPERLINK(1)", metric="+1", split="@x", dataset="-1", label='"q')
    page.write(rows, tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        with shown.expect_download() as download:
            shown.click("#download")
        download.value.save_as(tmp_path / "values.csv")
    found = pd.read_csv(tmp_path / "values.csv").iloc[0]
    assert found[["group", "metric", "split", "dataset"]].tolist() == ["'=HYPERLINK(1)", "'+1", "'@x", "'-1"]
    assert (found["label"], found["value"]) == ('"q', 0.9)


def test_one_generation_needs_no_slider(browser, tmp_path):
    page.write(table({NONE: {0: [0.9]}}), tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        assert not shown.is_visible("#generation")
        assert readout(shown)[0].split()[-1] == "0.000"


def test_rounds_of_an_audit_have_their_names(browser, tmp_path):
    rows = table({("audit", "none"): {0: [0.9, 0.8]}}).assign(round=["=May", "<June>"])
    page.write(rows, tmp_path / "report.html", lead=["Fell."])
    with opening(browser, tmp_path / "report.html") as shown:
        assert shown.inner_text(".dock label") == "Round <June>"
        shown.fill("#generation", "0")
        assert "at round =May" in shown.inner_text("#readout-caption")
        with shown.expect_download() as download:
            shown.click("#download")
        download.value.save_as(tmp_path / "values.csv")
    assert pd.read_csv(tmp_path / "values.csv")["round"].tolist() == ["'=May", "<June>"]
    assert gathered([tmp_path / "values.csv"])["generation"].tolist() == [0, 1]


def test_the_curves_say_what_is_measured_and_which_values_are_good(opened):
    said = {}
    for part in ("overall", "difference between groups", "ratio between groups"):
        opened.select_option("#part", label=part)
        said[part] = opened.inner_text("#curves-what")
    meaning = CATALOGUE["accuracy"].sentence
    assert said == {
        "overall": f"{meaning} Higher is better.",
        "difference between groups": f"{meaning} 0 is best.",
        "ratio between groups": f"{meaning} 1 is best.",
    }
