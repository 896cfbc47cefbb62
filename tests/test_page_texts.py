"""Generated texts on the page: shown as text, searchable, few enough, and none of data that should not be shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chromium import in_browser, opening
from fairloop.data.biographies import data as biographies
from fairloop.data.biographies.spec import BiographiesSpec
from fairloop.evaluation import measures_of
from fairloop.report import page
from fairloop.report.page import samples_of_texts
from fairloop.report.page.pictures import Recorded
from fairloop.report.table import gathered, run_directories
from fairloop.store.directory import RunDirectory
from fairloop.store.tidy_rows import Gallery
from test_page import HOSTILE, data_of, rows_of, run_in

WORDS = ("a gilder sings", "a cooper sings", "a gilder sleeps", *HOSTILE[:5])


def run_of_texts(root, *overrides: str, texts=WORDS) -> RunDirectory:
    directory = run_in(root, *overrides, pictures=8)
    rng = np.random.default_rng(0)
    for generation in range(3):
        shown = np.array([f"{text} in {generation}" for text in texts], np.str_)
        codes = np.arange(len(texts)) % 2
        ids = np.zeros((len(texts), 4), np.int64)
        gallery = Gallery(ids, codes, codes, np.zeros((0, 0), np.float32), texts=shown)
        directory.commit(generation, rows_of(generation, rng, False, 2), gallery)
    return directory


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("texts")
    run_of_texts(root)
    out = root / "report.html"
    page.write(gathered([root]), out, run_directories([root]))
    return out


def test_texts_are_on_the_page_as_data(report):
    ((name, generations),) = data_of(report)["texts"]["runs"].items()
    assert name
    assert [[row[0] for row in rows] for rows in generations.values()] == [
        [f"{text} in {generation}" for text in WORDS] for generation in range(3)
    ]
    content = report.read_text()
    assert content.count("<script") == content.count("</script>") == 2
    assert "<img" not in content
    assert data_of(report)["pictures"] is None


def test_a_page_without_texts_has_no_place_for_them(tmp_path):
    run_in(tmp_path)
    page.write(gathered([tmp_path]), tmp_path / "report.html", run_directories([tmp_path]))
    assert 'id="texts"' not in (tmp_path / "report.html").read_text()
    assert data_of(tmp_path / "report.html")["texts"] is None


def recorded(directory: RunDirectory) -> Recorded:
    spec = directory.spec()
    return Recorded(spec.identity, 0, directory, spec, ["<5", ">=5"], ["red", "green"])


def test_fewer_texts_then_fewer_seeds_are_kept_until_they_fit(tmp_path, monkeypatch):
    runs = [recorded(run_of_texts(tmp_path, f"seed={seed}", texts=["x" * 100] * 40)) for seed in (0, 1)]

    def shown(limit):
        monkeypatch.setattr(samples_of_texts, "LIMIT", limit)
        found = samples_of_texts.texts(runs)
        return found and (len(found["runs"]), found["samples"], found["every_seed"])

    assert shown(100_000) == (2, 64, True)
    assert shown(20_000) == (2, 16, True)
    assert shown(4_000) == (1, 8, False)
    assert shown(100) is None


def test_long_texts_are_cut(tmp_path):
    found = samples_of_texts.texts([recorded(run_of_texts(tmp_path, texts=["x" * 5000]))])
    (generations,) = found["runs"].values()
    assert generations[0][0] == ("x" * samples_of_texts.LONGEST + "…", "<5", "red")


def test_texts_that_nobody_should_read_are_not_even_kept():
    import torch

    population = biographies.load(BiographiesSpec(train=20, valid=4, test=8), 0)
    inputs = torch.from_numpy(population.train.inputs)
    assert measures_of(population).words(inputs) == population.tokens.decode(population.train.inputs)
    hidden = replace(population, texts=replace(population.texts, shown=False))
    assert measures_of(hidden).words(inputs) == []
    assert hidden.fingerprint == population.fingerprint


@in_browser
def test_a_search_finds_texts_marks_words_and_stays_when_the_generation_changes(opened):
    items = opened.locator("#written li")
    assert items.count() == len(WORDS)
    opened.fill("#texts-search", "GILDER sings")
    assert items.all_inner_texts()[0].startswith("a gilder sings in 2")
    assert items.count() == 1
    assert opened.locator("#written mark").all_inner_texts() == ["gilder", "sings"]
    assert opened.inner_text("#texts-count") == f"1 of {len(WORDS)} texts"
    opened.evaluate("go(0)")
    assert items.all_inner_texts()[0].startswith("a gilder sings in 0")
    opened.fill("#texts-search", "no such words")
    assert "no such text" in opened.inner_text("#written")


@in_browser
def test_hostile_texts_are_shown_as_they_are(browser, report):
    opening_ = opening(browser, report)
    with opening_ as shown:
        told = shown.locator("#written li").all_inner_texts()
        for text in WORDS:
            assert any(one.startswith(f"{text} in 2") for one in told), text
        assert shown.locator("#written img").count() == 0
    assert not opening_.troubles
