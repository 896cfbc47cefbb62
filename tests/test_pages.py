"""The pages about the published curves and about the studies say what their tables say."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from conftest import tiny
from fairloop import audit, presets
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.people.interface import Streams
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.seeding import ModelRole, Role
from fairloop.store.directory import RunDirectory
from test_departures import table as departures_of

if TYPE_CHECKING:
    from docs.pages import Tables

HERE = Path(__file__).parents[1] / "docs" / "reproduction"


ROOT = HERE.parents[1]


@pytest.fixture(scope="module", autouse=True)
def _scripts() -> Iterator[None]:
    """The scripts import each other as they do when one of them is run in the project's root."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield


@pytest.fixture(params=["reproduction", "studies"])
def tables(request: pytest.FixtureRequest) -> dict[Path, Tables]:
    """The tables of each page."""
    made = importlib.import_module(f"docs.{request.param}.tables")
    pages: dict[Path, Tables] = made.PAGES
    return pages


def test_the_page_about_speed_shows_what_was_committed():
    pages, speed = importlib.import_module("docs.pages"), importlib.import_module("docs.performance.tables")
    assert pages.filled(speed.PAGE, speed.TABLES) == speed.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["people", "texts"])
def test_a_page_of_arms_shows_the_committed_rows(name):
    pages, study = importlib.import_module("docs.pages"), importlib.import_module(f"docs.studies.{name}")
    assert pages.filled(study.PAGE, study.TABLES) == study.PAGE.read_text(encoding="utf-8")


def test_the_page_about_generators_of_tables_shows_the_quality_that_was_measured():
    """Each row of its tables of results is one of the committed benchmark, below the same header."""
    page = (ROOT / "docs" / "models" / "table-generators.md").read_text(encoding="utf-8")
    shown = [line for line in page.partition("\nAdult, 4,000 people")[2].splitlines() if line.startswith("| ")]
    written = (ROOT / "benchmarks" / "results" / "tabular_generators.md").read_text(encoding="utf-8").splitlines()
    assert len(shown) > 10
    places = [written.index(line) for line in shown if "---" not in line]
    assert places == sorted(places)


@pytest.fixture
def committed() -> ModuleType:
    return importlib.import_module("docs.reproduction.committed")


@pytest.mark.slow
def test_a_page_shows_what_its_tables_hold(tables):
    pages = importlib.import_module("docs.pages")
    assert [
        page.name for page, of in tables.items() if pages.filled(page, of) != page.read_text(encoding="utf-8")
    ] == []


@pytest.mark.slow
def test_every_measured_number_of_the_text_stands_in_a_table(tables):
    """With three decimals and more; settings have fewer."""
    total = 0
    for page, of in tables.items():
        text = page.read_text(encoding="utf-8")
        text = re.sub(r"<!-- table.*?<!-- end of table -->|^    .*?$|`.*?`", "", text, flags=re.DOTALL | re.MULTILINE)
        shown = "\n".join(make() for make in of.values())
        found = re.findall(r"(?<![\w.])-?\.\d{3,}", text)
        signed = [number.replace(".", "0.") for number in found if number.startswith("-")]
        absent = [n for n in found if f"0{n.lstrip('-')}" not in shown] + [n for n in signed if n not in shown]
        assert absent == [], page.name
        total += len(found)
    in_tables_alone = all(page.parent.name == "studies" for page in tables)  # their answers are tables, too
    assert total == 0 if in_tables_alone else total > 5


STATED = {
    "reproduction": {"0.2", "1.645", "200", "25"},  # a version, the tolerance, draws, seeds
    "made": {"5"},  # a processor
    "inside": {"5", "95", "25", "83", "90", "1,000", "10,000"},  # quantiles, seeds, shares, samples
    "first-epoch": {"3,052"},  # held below
    "annotators": {".01", ".001", ".002", ".05", "64", "2", "3", "4", "5.7", ".095"},  # settings; the last two: below
    "released-files": {"30", "10,000"},  # epochs, samples
    "ablations": {"8,500", ".01", "95"},  # digits, a bound, a level
    "contamination": {"8", "0.1"},
    "baselines": {"2012"},
    "budget": {"24"},
    "subgroups": {"20", "100", "2,375", "1,200"},
    "best-of": {"2"},
    "leaving": {".5"},
    "strong-collapse": {"8", "1", "1000"},
    "studies": {"20", "8", "9", "2,375", "85", "95", "5", "99", "1", "7", "15"},  # the last two: below
    "base": {"85", "0.1", "74", "95", "2,375", "9,500", "20", "8", "14,304", "24"},  # 74: of an earlier version
}
"""The numbers of a page's prose that stand in none of its tables: settings, levels, years, and what sources found."""


def numbers(text: str) -> set[str]:
    """The numbers of Markdown without tables, code, targets of links and names of papers."""
    left_out = r"<!-- table.*?<!-- end of table -->|^    .*?$|`.*?`|\]\([^)]*\)|arXiv \S+|<summary>.*?</summary>"
    text = re.sub(left_out, " ", text, flags=re.DOTALL | re.MULTILINE)
    return {found for found in re.findall(r"(?<![\w.,])(?:\d[\d,]*\d|\d)?(?:\.\d+)?(?!\w)", text) if found}


@pytest.mark.slow
def test_every_number_of_a_page_stands_in_one_of_its_tables_or_is_a_stated_setting():
    reproduction, studies = (importlib.import_module(f"docs.{name}.tables") for name in ("reproduction", "studies"))
    pages = {**reproduction.PAGES, **studies.PAGES, **studies.LISTS}
    assert {page.stem for page in pages} >= STATED.keys()
    for page, tables in pages.items():
        shown = set(re.findall(r"\d[\d,]*(?:\.\d+)?", "\n".join(make() for make in tables.values())))
        text = page.read_text(encoding="utf-8")
        absent = {n for n in numbers(text) if (f"0{n}" if n.startswith(".") else n) not in shown}
        if page.stem != "papers":  # it sums up other pages
            assert absent <= STATED.get(page.stem, set()), page.name


def test_measured_numbers_that_a_sentence_rounds_or_computes():
    """What no table of the page holds digit by digit."""

    def page(name: str) -> str:
        return " ".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8").split())

    loss = importlib.import_module("fairloop.report.published").models().loc[("G_0 loss", "epoch 0")]
    told = f"The published mean is {loss['mean']:,.0f}, with a standard deviation of {loss['std']:,.0f} over seeds."
    assert told in page("reproduction/first-epoch")
    minutes = pd.read_csv(ROOT / "docs" / "studies" / "time.csv")["minutes on one core"] / 2
    assert minutes.max() <= 15
    assert f"a study takes {minutes.min():.0f} to {minutes.max():.0f} minutes" in page("studies")
    alone = importlib.import_module("docs.reproduction.annotators_alone")
    annotators, gap = page("reproduction/annotators"), alone.gap().splitlines()[-1]
    flipped = float(gap.strip("| ").split(", ")[-1])
    assert f"needs {100 * flipped:.1f} % flipped labels" in annotators
    highest = re.search(r"A_L test \| EO difference \|[^|]*\| \S+ to (\S+) \|", alone.annotators())
    assert f"Seed 0, with {float(highest[1]):.3f}".replace("0.", ".") in annotators


def test_every_study_has_a_page_that_the_index_and_the_list_of_papers_name():
    studies = importlib.import_module("docs.studies.tables").PAGES
    for place in ("studies.md", "evidence/papers.md", "evidence/index.md"):
        text = (ROOT / "docs" / place).read_text(encoding="utf-8")
        assert [page.name for page in studies if f"studies/{page.stem}" not in text] == [], place
    for page in studies:
        text = page.read_text(encoding="utf-8")
        wanted = (
            f"fairloop sweep study-{page.stem} ",
            f"({page.stem}.png)",
            f"[{page.stem}.parquet]({page.stem}.parquet)",
        )
        assert [part for part in wanted if part not in text] == [], page.name


def test_every_preset_that_a_paper_asked_for_is_in_the_list_of_papers():
    text = (ROOT / "docs" / "evidence" / "papers.md").read_text(encoding="utf-8")
    assert [name for name in presets.sweeps() if f"`{name}`" not in text] == []
    asked = "".join(file.read_text(encoding="utf-8") for file in Path(presets.__file__).parent.rglob("*.yaml"))
    assert [number for number in set(re.findall(r"\b\d{4}\.\d{5}\b", asked)) if number not in text] == []


def test_a_page_without_a_place_for_a_table_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(SystemExit, match="no place for the table verdicts"):
        importlib.import_module("docs.pages").filled(page, {"verdicts": str})


@pytest.mark.parametrize("name", ["annotators-in-loops", "ablations", "full", "share-full"])
def test_every_run_tells_its_spec_and_provenance(committed, name):
    told = json.loads((HERE / f"{name}.json").read_text())
    assert set(committed.runs(name)["run"]) == set(told)
    assert all(run["spec"] and run["sessions"][0]["commit"] for run in told.values())


def test_every_annotator_tells_its_spec_and_provenance(committed):
    told = json.loads((HERE / "annotators.json").read_text())
    made = committed.annotated().drop_duplicates(["variant", "seed"])
    assert {f"{variant}.seed-{seed}" for variant, seed in zip(made["variant"], made["seed"], strict=True)} == set(told)


@pytest.mark.parametrize(
    ("title", "group", "metric"),
    [
        ("accuracy", "overall", "accuracy"),
        ("DP difference", "difference", "demographic_parity"),
        ("EO difference", "difference", "equalized_odds"),
    ],
)
def test_the_annotators_alone_are_those_of_the_runs(committed, title, group, metric):
    """Two ways to the same number: the loop's, and that of the script that shows each digit in both colours."""
    alone = committed.annotated()
    alone = alone[(alone["variant"] == "sgd") & (alone["epoch"] == 30) & (alone["metric"] == title)]
    alone = alone[alone["seed"] == alone["draw"]].set_index(["split", "seed"])["value"]
    rows = committed.runs("annotators-in-loops")
    rows = rows[(rows["role"] == "label_annotator") & (rows["group"] == group) & (rows["metric"] == metric)]
    rows = rows[rows["split"] != "test_balanced"].drop_duplicates(["split", "seed"])
    for (split, seed), value in rows.set_index(["split", "seed"])["value"].items():
        assert alone[split, seed] == pytest.approx(value, abs=1e-12)


@pytest.mark.slow
def test_the_pictures_are_drawn_from_the_tables():
    pictures = importlib.import_module("docs.reproduction.pictures")
    assert len(pictures.ablations().axes) == len(pictures.ABLATIONS) * len(pictures.SHOWN)
    assert len(pictures.annotators().axes) == 4


def test_the_measures_of_the_docs_are_those_of_the_catalogue():
    pages, measures = importlib.import_module("docs.pages"), importlib.import_module("docs.measures")
    for path, tables in measures.PAGES.items():
        assert pages.filled(path, tables) == path.read_text(encoding="utf-8"), path


def test_every_measure_has_a_row_on_one_page_about_measures():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "metrics").glob("*.md"))
    assert sorted(re.findall(r"^\| `(\w+)` \| \*", text, re.MULTILINE)) == sorted(CATALOGUE)


def test_the_page_says_which_measures_of_a_log_need_labels():
    """Rounds with the labels of all people, selected people, rejected people, and nobody."""
    rng, n = np.random.default_rng(0), 400
    score, group, whose = rng.random(4 * n).round(3), rng.choice(["F", "M"], 4 * n), np.repeat(["all", 1, 0, "none"], n)
    selected, label = (score >= 0.5).astype(int), (rng.random(4 * n) < score).astype(float)
    label[(whose == "none") | ((whose == "1") & (selected == 0)) | ((whose == "0") & (selected == 1))] = np.nan
    log = pd.DataFrame({"round": np.repeat(np.arange(4), n), "label": label, "decision": selected, "group": group})
    columns = {"round": "round", "label": "label", "prediction": "decision", "groups": "group", "score": "score"}
    values = audit(log.assign(score=score), **columns).table
    held = values[values["status"].eq("measured") & values["value"].notna() & values["role"].eq("classifier")]
    found = {number: {*of_round["metric"]} for number, of_round in held.groupby("generation")}

    text = (ROOT / "docs" / "audit" / "labels.md").read_text(encoding="utf-8").split("<!-- table: needed labels -->")[1]
    rows = {
        who: {*re.findall(r"`(\w+)`", names)} for who, names in re.findall(r"^\| (\w+).*? \| (`.*) \|$", text, re.M)
    }
    regression = {"mean_error", "mean_absolute_error"}
    free = rows["nobody"]
    assert found[0] == set().union(*rows.values()) - regression
    assert (found[1], found[2], found[3]) == (free | rows["selected"], free | rows["rejected"], free)


def test_every_purpose_of_a_random_stream_is_on_the_page_about_randomness():
    text = (ROOT / "docs" / "explanation" / "recipes.md").read_text(encoding="utf-8")
    section = text.split("## A stream for each purpose")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)] == [*map(str, Role)]
    of_people = {f"people: {purpose}" for purpose in Streams.__dataclass_fields__}
    assert set(re.findall(r"`(people: \w+)`", section)) == of_people
    assert [model for model in ModelRole if f"`{model}`" not in section] == []


def test_the_values_of_the_published_experiments_are_those_of_the_presets():
    text = (ROOT / "docs" / "upstream.md").read_text(encoding="utf-8").split("## Values of the published")[1]
    lines = re.findall(r"^\| `(.*)` \|$|^\| (`.*\d) \|$", text.split("\n## ")[0], re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        preset, role, model, optimizer, *numbers = (cell.strip("` ") for cell in "".join(line).split("|"))
        section = getattr(presets.preset(preset), role)
        told = (section.learning_rate, section.weight_decay, section.batch, section.epochs)
        assert (section.model, section.optimizer, told) == (model, optimizer, tuple(map(float, numbers)))


def test_the_page_of_the_reproduction_is_short_and_says_first_whether_it_reproduces():
    page = (HERE.parent / "reproduction.md").read_text(encoding="utf-8")
    assert len(page.split()) <= 2_000
    full = importlib.import_module("docs.reproduction.full_runs")
    assert page.split("-->", 1)[1].strip().startswith(full.answer())


def test_a_classifier_on_the_draw_of_its_own_run_has_the_recorded_accuracy(committed):
    """The models of draws.parquet are those of full.parquet, and are measured as a run measures them."""
    drawn, whole = committed.drawn(), committed.runs("full")
    own = drawn[(drawn["draw"] == drawn["seed"]) & (drawn["metric"] == "accuracy")]
    named = (whole["metric"] == "accuracy") & (whole["split"] == "test") & (whole["group"] == "overall")
    recorded = whole[named & whole["role"].isin(["classifier", "label_annotator"])].assign(
        generation=lambda rows: rows["generation"].where(rows["role"] == "classifier", -1)
    )
    keys = ["setting", "star", "seed", "generation"]
    recorded = recorded.drop_duplicates(keys)
    both = own.merge(recorded[[*keys, "value"]], on=keys)
    assert len(both) == len(own) > 20
    assert (both["value_x"] - both["value_y"]).abs().max() < 1e-9


def test_the_shift_of_a_classifier_is_told_for_a_shift_of_one_of_the_annotator(monkeypatch):
    alone = importlib.import_module("docs.reproduction.annotators_alone")
    rng = np.random.default_rng(0)
    rows = []
    for seed, metric in ((s, m) for s in (0, 1) for m in alone.JUDGED):
        shifts, noise = (values - values.mean() for values in rng.normal(0, 0.01, (2, 200)))
        noise = noise - (noise @ shifts) / (shifts @ shifts) * shifts  # it has nothing to do with the shifts
        for generation, slope in ((alone.ANNOTATOR, 1.0), *((g, 0.25) for g in alone.GENERATIONS)):
            values = 0.9 + seed + slope * shifts + (generation != alone.ANNOTATOR) * noise
            rows += [("seqclass", "none", seed, generation, d, metric, value) for d, value in enumerate(values)]
    columns = ["setting", "star", "seed", "generation", "draw", "metric", "value"]
    monkeypatch.setattr(alone, "drawn", lambda: pd.DataFrame(rows, columns=columns))
    cells = [line.strip("| ").split(" | ") for line in alone.draws().splitlines()[2:]]
    assert {line[2 + 3 * k] for line in cells for k in range(3)} == {"0.25"}
    assert float(cells[0][3]) == pytest.approx(0.01 * np.hypot(0.25, 1), rel=0.1)
    assert float(cells[0][4]) == pytest.approx(0.01 * np.hypot(0.75, 1), rel=0.1)


def test_the_differences_to_download_are_those_of_the_committed_runs():
    full, tables = (importlib.import_module(f"docs.reproduction.{name}") for name in ("full_runs", "tables"))
    held, made = pd.read_csv(tables.DEPARTURES), full.differences().reset_index(drop=True)
    pd.testing.assert_frame_equal(held, made, check_dtype=False, atol=2e-6)
    assert set(held["less"]) == {"as it is", "less A_L"}


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The tables of the reproduction, as if two curves had been gathered, one of them over all generations."""
    full = importlib.import_module("docs.reproduction.full_runs")
    rng = np.random.default_rng(0)
    curves = {("seqclass", "none"): 40, ("seqclass", "classifier"): 3}
    rows = departures_of({c: (0.9 + 0.01 * rng.random((3, n))).tolist() for c, n in curves.items()}, [0.93, 0.94, 0.93])
    monkeypatch.setattr(full, "recorded", lambda: True)
    monkeypatch.setattr(full, "runs", lambda name: rows)
    for made in (full.found, full.cells):
        made.cache_clear()
    yield full
    for made in (full.found, full.cells):
        made.cache_clear()


def test_gathered_runs_say_how_far_each_curve_came_and_have_a_figure_each(gathered):
    said = gathered.answer()
    decided = (gathered.departures.verdicts(gathered.found())["verdict"] != "cannot tell").any()
    told = "**Known in part**" if decided else "**Not known yet**"
    run_whole = "1 of the 5 published curves of ColoredMNIST are complete, over 40 generations"
    assert said.startswith(f"{told} ({run_whole}): curves have 3 seeds, and few seeds make wide intervals. ")
    assert "| seqclass + STAR on classifier | accuracy | 3 | 3 of 40 |" in gathered.verdicts()
    assert [place in gathered.figures() for place in ("seqclass.none.png", "seqclass.classifier.png")] == [True, True]
    assert len(gathered.verdicts().splitlines()) == 2 + 2
    pictures = importlib.import_module("docs.reproduction.pictures")
    assert len(pictures.curve_of("seqclass", "none").axes) == 6


def test_a_run_that_has_grown_replaces_its_earlier_rows(tmp_path, monkeypatch):
    """A table that grew says what a table says that was gathered once, and keeps runs whose directories are gone."""
    gather = importlib.import_module("docs.reproduction.gather")
    monkeypatch.setattr(gather, "HERE", tmp_path)
    other, grown = RunDirectory(tmp_path / "other"), RunDirectory(tmp_path / "grown")
    run(tiny("seed=1"), other, LineView(print))
    run(tiny("generations=1"), grown, LineView(print))
    gather.gather_runs([other.root, grown.root], "whole", add=False)
    (tmp_path / "whole.json").write_text("{}")
    run(tiny("generations=2"), grown, LineView(print))
    gather.gather_runs([grown.root], "whole", add=True)
    gather.gather_runs([other.root, grown.root], "once", add=False)
    whole, once = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("whole", "once"))
    pd.testing.assert_frame_equal(whole, once)
