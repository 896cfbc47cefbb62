"""The page of an audit: as a file, and in a browser (headless Chromium, a file, no network)."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from playwright import sync_api

from banks import COLUMNS, GATE, bank
from chromium import PHONE, in_browser, opening
from fairloop import audit
from fairloop.auditing import Audit, Measure
from fairloop.auditing.output import page
from fairloop.auditing.output.page import content
from test_page import HOSTILE


@pytest.fixture(scope="module")
def found() -> Audit:
    return audit(bank(), **COLUMNS, propensity="propensity", fail_on=GATE)


@pytest.fixture(scope="module")
def report(found, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("audit") / "report.html"
    page.write(found, out)
    return out


def data_of(path: Path) -> dict:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', path.read_text(), re.DOTALL)
    return json.loads(found[1])


def test_the_page_holds_every_value(found, report):
    data = data_of(report)
    held = {}
    for metric, group, *columns in data["series"]:
        for i, name in enumerate(data["rounds"]):
            held[metric, group, name] = [column[i] if isinstance(column, list) else column for column in columns]
    values = [value for value, _ in found.measured.all(0.05)]
    assert len(held) == len(values)
    for value in values:
        cells = held[*value.measure, found.measured.rounds.names[value.round]]
        numbers = [content.number(getattr(value, name)) for name in ("value", "low", "high", "lower", "upper")]
        assert cells[:5] == numbers
        assert cells[5:7] == [value.labelled, value.people]
        assert [data["statuses"][cells[7]], data["reasons"][cells[8]]] == [value.status, value.reason]


def test_the_page_leads_with_the_verdict_then_labels_then_the_finding(report):
    text = report.read_text()
    order = [text.index(words) for words in ('class="badge"', "Labels are known for", "<h3>Finding</h3>", 'id="gate"')]
    assert order == sorted(order)
    assert "<title>Audit of log: FAIL</title>" in text
    verdicts = re.findall(r'class="mark \w+">(\w+)<', text)
    assert verdicts == ["UNDEFINED", "FAIL", "UNDEFINED", "PASS"]


@pytest.mark.parametrize(
    ("limits", "said"),
    [([], "NO LIMIT"), (["selection_rate<0.2"], "PASS"), (["tpr<0.2"], "UNDEFINED"), (["tpr<0.2", "count>1"], "FAIL")],
)
def test_the_badge_is_the_verdict_of_all_limits(tmp_path, limits, said):
    page.write(audit(bank(3), **COLUMNS, fail_on=limits), tmp_path / "report.html")
    badge = re.search(r'<p class="badge">(.*?)</p>', (tmp_path / "report.html").read_text())[1]
    assert badge.endswith(said)


def test_measures_without_a_limit_are_drawn_if_there_is_none(tmp_path):
    page.write(audit(bank(3), **COLUMNS), tmp_path / "report.html")
    assert [one[1] for one in data_of(tmp_path / "report.html")["charts"]] == ["difference"] * 3


def test_the_page_asks_nobody_for_anything(report):
    text = report.read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src &#39;none&#39;; img-src data:;")
    assert "unsafe" not in policy
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)


def hostile(name: str, column: str) -> Audit:
    """A log in which a name from the user is `name`."""
    log, columns = bank(3), dict(COLUMNS)
    if column == "group":
        log["sex"] = log["sex"].replace("Female", name)
    elif column == "round":
        log["month"] = log["month"].replace("2024-02", name)
    else:
        log, columns[column] = log.rename(columns={columns[column]: name}), name
    order = ["2024-01", name, "2024-03"] if column == "round" else None
    limits = [f"tpr[{name}]<0.5"] if column == "group" and "\n" not in name else []
    return audit(log, **columns, round_order=order, fail_on=limits)


@in_browser
@pytest.mark.parametrize("column", ["group", "round", "label", "prediction", "groups"])
@pytest.mark.parametrize(
    "name", ["".join(HOSTILE), "two\nlines", "'\"`${alert(1)}`\u202e"], ids=["html", "lines", "js"]
)
def test_names_are_text_everywhere(browser, tmp_path, name, column):
    page.write(hostile(name, column), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert text.count("<script") == text.count("</script>") == 2  # the data, and the page's own
    with opening(browser, tmp_path / "report.html") as shown:
        shown.select_option("#mode", "each")
        assert shown.locator("#rows tr").count() == 100
        assert shown.evaluate("[document.scripts.length, document.images.length]") == [2, 0]
        if column in ("group", "round"):
            assert name in json.dumps(data_of(tmp_path / "report.html"), ensure_ascii=False) or name in shown.evaluate(
                "[...DATA.groups, ...DATA.rounds]"
            )


@in_browser
def test_a_chart_shows_values_bounds_limits_and_rounds_without_labels(opened):
    def count(selector: str) -> int:
        return opened.locator(f"#charts figure:nth-child(1) .plot {selector}").count()

    assert opened.locator("#charts figure").count() == len(GATE)
    assert [count(".bounds"), count(".line"), count(".band"), count(".limit"), count(".marked")] == [1, 1, 2, 1, 1]
    assert count(".dot.hollow") == 3  # three rounds with propensities; four are bounded, the last has no labels
    assert "no labels" in opened.locator("#charts figure:nth-child(1) .plot").inner_text()
    assert opened.locator("#charts figure:nth-child(2) .limit.fail").count() == 1
    assert opened.locator("#charts figure:nth-child(2) .dot").count() == 8  # it needs no labels


@in_browser
def test_each_chart_has_a_name_and_a_table_behind_it(opened, found):
    for i, title in enumerate(
        ["Equalized odds difference between groups", "Demographic parity difference between groups"]
    ):
        figure = opened.locator("#charts figure").nth(i)
        name = figure.locator("[role=img]").get_attribute("aria-label")
        assert name.startswith(f"{title}, over 8 rounds.")
        assert "Limit: fails if > 0." in name
        figure.locator("summary").click()
        sync_api.expect(figure.locator("tbody tr")).to_have_count(8)  # the table is filled when it opens
        rows = figure.locator("tbody tr").all_inner_texts()
        assert rows[-1].startswith("2024-08 (no labels)")
    value = found.measured.value(Measure("demographic_parity", "difference"), 0)
    assert f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})" in rows[0]
    named = "select, input, button, img, [role=img], [role=region], table"
    nameless = f"""[...document.querySelectorAll('{named}')].filter((e) => !(
        e.ariaLabel || e.alt || e.labels?.length || e.textContent.trim()))"""
    assert opened.evaluate(f"{nameless}.map((e) => e.outerHTML)") == []
    levels = opened.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((e) => Number(e.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))


@in_browser
def test_arrow_keys_and_the_pointer_read_rounds(opened):
    plot, line = opened.locator("#charts .plot").nth(1), opened.locator("#charts .readout-line").nth(1)
    assert line.inner_text().startswith("2024-08: no labels; ")
    plot.focus()
    opened.keyboard.press("Home")
    assert line.inner_text().startswith("2024-01: 0.")
    assert line.get_attribute("aria-live") == "polite"
    opened.keyboard.press("ArrowRight")
    assert opened.locator("#curves .readout-line").inner_text().startswith("2024-02: Female* between ")
    box = plot.bounding_box()
    opened.mouse.move(box["x"] + box["width"] - 5, box["y"] + 30)
    assert line.inner_text().startswith("2024-08")


SORTED = "[...document.querySelectorAll('#columns th')].map((e) => e.getAttribute('aria-sort'))"


@in_browser
def test_the_table_is_sorted_by_click_and_keyboard(opened):
    opened.fill("#search", "selection rate")
    opened.click("#columns button:has-text('value')")
    column = opened.locator("#rows td:nth-child(4)").all_inner_texts()
    assert column == sorted(column, key=float)
    assert opened.evaluate(SORTED)[3] == "ascending"
    opened.keyboard.press("Enter")  # the head keeps the focus
    again = opened.locator("#rows td:nth-child(4)").all_inner_texts()
    assert again == sorted(again, key=float, reverse=True)
    assert opened.evaluate(SORTED).count("none") == 9
    assert opened.evaluate(SORTED)[3] == "descending"
    opened.fill("#search", "")
    opened.click("#columns button:has-text('value')")
    opened.select_option("#only", label="2024-08")
    last = opened.locator("#rows td:nth-child(4)").all_inner_texts()
    assert last == sorted(last, key=lambda cell: (cell == "", float(cell.replace(",", "") or 0)))  # undefined is last


@in_browser
def test_the_count_is_that_of_the_filtered_rows(opened, found):
    values = [value for value, _ in found.measured.all(None)]
    assert opened.inner_text("#count") == f"1 to 100 of {len(values):,} values"
    opened.fill("#search", "female true positive")
    some = [value for value in values if value.measure == Measure("tpr", "Female")]
    assert opened.inner_text("#count") == f"1 to {len(some)} of {len(some)} values ({len(values):,} in all)"
    opened.select_option("#status", "bounded")
    some = [value for value in some if value.status == "bounded"]
    assert opened.locator("#rows tr").count() == len(some) == 4
    opened.select_option("#only", label="2024-03")
    assert opened.inner_text("#count") == f"1 to 1 of 1 values ({len(values):,} in all)"
    opened.fill("#search", "nothing of the kind")
    assert opened.inner_text("#count") == f"No value of {len(values):,} fits."


@in_browser
def test_the_chosen_rows_are_downloaded(opened, found, tmp_path):
    opened.fill("#search", "accuracy male")
    with opened.expect_download() as download:
        opened.click("#download")
    download.value.save_as(tmp_path / "values.csv")
    back = pd.read_csv(tmp_path / "values.csv")
    assert set(back["metric"]) == {"accuracy"}
    for row in back.itertuples():
        place = found.measured.rounds.names.index(row.round)
        value = found.measured.value(Measure(row.metric, row.group), place)
        assert (row.status, row.labelled) == (value.status, value.labelled)
        assert row.low == pytest.approx(value.low, nan_ok=True, rel=1e-5)


@in_browser
def test_a_link_restores_the_view(browser, report, opened):
    opened.select_option("#metric", label="selection rate")
    opened.select_option("#mode", "each")
    opened.uncheck("#boxes label:has-text('Male') >> nth=1")
    opened.fill("#search", "tpr")
    opened.select_option("#status", "bounded")
    opened.click("#columns button:has-text('labelled')")
    opened.locator("#charts .plot").first.focus()
    opened.keyboard.press("Home")
    opened.click("nav a:has-text('Values')")

    def view(shown) -> list:
        return [
            shown.input_value("#metric"), shown.input_value("#mode"), shown.input_value("#search"),
            shown.inner_text("#chosen"), shown.inner_text("#rows"), shown.evaluate(SORTED), shown.inner_text("#count"),
            shown.locator(".readout-line").first.inner_text(), shown.locator("#curves figure h4").all_inner_texts(),
        ]  # fmt: skip

    address = opened.evaluate("location.hash")
    with opening(browser, report) as other:
        assert view(other) != view(opened)
        other.evaluate(f"location.hash = {json.dumps(address)}")
        sync_api.expect(other.locator("#chosen")).to_have_text("1 of 2")
        assert view(other) == view(opened)
        assert other.evaluate("document.getElementById('values').getBoundingClientRect().top") < 200
        other.evaluate("location.hash = 'metric=constructor&group=__proto__&only=x&by=y&status=z&round=q'")
        sync_api.expect(other.locator("#chosen")).to_have_text("0 of 2")


@in_browser
def test_a_chart_is_saved_as_png(opened, tmp_path):
    from PIL import Image

    with opened.expect_download() as download:
        opened.locator("#charts .png").first.click()
    assert download.value.suggested_filename == "Equalized-odds-difference-between-groups.png"
    download.value.save_as(tmp_path / "chart.png")
    with Image.open(tmp_path / "chart.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 600
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    blue = opened.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--c0')").strip()
    assert (255, 255, 255) in colours
    assert tuple(int(blue[i : i + 2], 16) for i in (1, 3, 5)) in colours


CONTRAST = """() => {
  const parts = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const back = parts(getComputedStyle(at).backgroundColor);
      if (back.length && back[3] !== 0) return light(back);
    }
    return light([255, 255, 255]);
  };
  const shown = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility());
  const own = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  const texts = shown.filter((e) => own(e) && !e.matches(':disabled, option, script'));
  const lines = shown.filter((e) => e.matches('.plot .line, .plot .limit, .plot .end-of, .plot .dot'));
  const worst = (list, ink) => list.map((e) => [ratio(light(parts(ink(e))), behind(e)), e.outerHTML.slice(0, 90)])
    .sort(([a], [b]) => a - b)[0];
  return { text: worst(texts, (e) => (e instanceof SVGElement ? getComputedStyle(e).fill : getComputedStyle(e).color)),
    lines: worst(lines, (e) => getComputedStyle(e).stroke), several: [texts.length, lines.length] };
}"""


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_4_5_and_lines_of_3(browser, report, tmp_path, scheme):
    page.write(audit(bank(4, 3000, groups=tuple("ABCDEFGHIJ")), **COLUMNS), tmp_path / "many.html")
    for path in (report, tmp_path / "many.html"):
        with opening(browser, path, color_scheme=scheme) as shown:
            if path != report:
                shown.click("#all")
                assert shown.locator("#curves .name").count() == 11
            worst = shown.evaluate(CONTRAST)
            assert min(worst["several"]) > 8
            assert worst["text"][0] >= 4.5, worst
            assert worst["lines"][0] >= 3, worst


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(browser, report, scheme):
    with opening(browser, report, viewport=PHONE, color_scheme=scheme) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") == 360
        shown.select_option("#mode", "each")
        for details in shown.locator("details").all():
            details.locator("summary").click()
        assert shown.evaluate("document.documentElement.scrollWidth") == 360


CUT = """() => [...document.querySelectorAll('table, figure, .plot svg, .verdict')]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((e) => e.outerHTML.slice(0, 80))"""


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_prints_without_controls_and_without_cut_tables_in_light_colours(browser, report, scheme):
    with opening(browser, report, viewport={"width": 690, "height": 1000}, color_scheme=scheme) as shown:
        shown.emulate_media(media="print")
        shown.evaluate("dispatchEvent(new Event('beforeprint'))")
        visible = "[...document.querySelectorAll('{}')].filter((e) => e.checkVisibility()).length"
        assert shown.evaluate(visible.format("select, input, nav, .pages button, .png, #download")) == 0
        assert shown.evaluate(visible.format("#values tbody tr")) == 100
        assert shown.evaluate(CUT) == []
        assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert shown.evaluate("getComputedStyle(document.querySelector('.values thead')).display") == (
            "table-header-group"
        )
        assert shown.pdf(format="A4", print_background=True).startswith(b"%PDF")


def timed(shown: sync_api.Page, work: str) -> float:
    """Milliseconds."""
    return shown.evaluate(f"(() => {{ const from = performance.now(); {work}; return performance.now() - from; }})()")


@pytest.mark.slow
@in_browser
def test_fifty_groups_in_36_rounds_stay_usable(browser, tmp_path):
    groups = tuple(f"region {i // 10} & age {i % 10}" for i in range(50))
    page.write(audit(bank(36, 1500, explored=36, groups=groups, late=0), **COLUMNS), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    with opening(browser, tmp_path / "report.html") as shown:
        assert shown.inner_text("#chosen") == "6 of 50"
        shown.select_option("#metric", "selection_rate")
        all_in_one = timed(shown, "document.getElementById('all').click()")
        assert "only the first 12 are drawn" in shown.inner_text("#chosen")
        shown.select_option("#mode", "each")
        assert shown.locator("#curves figure").count() == 50
        moved = timed(shown, "go(3)")
        sorts = timed(shown, "set({ by: 'value', falling: false })")
        assert max(all_in_one, moved, sorts) < 2000, (all_in_one, moved, sorts)
        shown.fill("#find", "region 4")
        assert shown.locator("#boxes label").count() == 10


@in_browser
def test_one_round_and_one_group_have_a_page(browser, tmp_path):
    log = bank(1, late=0)
    page.write(audit(log[log["sex"] == "Male"], **COLUMNS, fail_on=["tpr<0.1"]), tmp_path / "report.html")
    with opening(browser, tmp_path / "report.html") as shown:
        assert shown.inner_text("#change-heading") == "Measures in 2024-01"
        assert shown.locator("#charts .bounds").count() == 1
