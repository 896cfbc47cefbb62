"""The page as a file. `test_browser.py` opens it."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from conftest import tiny
from fairloop.cli import app
from fairloop.errors import InputError
from fairloop.metrics import statistics
from fairloop.report import compare, page
from fairloop.report.page import content, pictures
from fairloop.report.table import export, gathered, run_directories
from fairloop.store.directory import RunDirectory
from fairloop.store.provenance import Provenance
from fairloop.store.tidy_rows import Gallery, Row
from test_compare import NONE, SPREAD, STAR, steps, table
from test_compare_departures import shares

HOSTILE = (
    "<script>alert(1)</script>",
    "constructor",
    "__proto__",
    "</script><img src=x onerror=alert(2)>",
    '"><b>&amp;',
    "=HYPERLINK(1)",
)
LABELS, GROUPS = ("<5", ">=5"), ("green", "red")
METRICS = ("accuracy", "selection_rate", "tpr", "fnr", "fpr", "tnr", "count")


def data_of(path: Path) -> dict:
    """What the page's script reads."""
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', path.read_text(), re.DOTALL)
    return json.loads(found[1])


def noisy_digits(rng: np.random.Generator, n: int, noise: float) -> np.ndarray:
    """(n, 3, 28, 28) blobs in one channel each, with as much noise as asked for."""
    y, x = np.mgrid[:28, :28]
    centres = rng.uniform(8, 20, (n, 2, 1, 1))
    blob = 255 * np.exp(-((x - centres[:, 0]) ** 2 + (y - centres[:, 1]) ** 2) / 20)
    images = rng.uniform(0, 255 * noise, (n, 3, 28, 28))
    images[np.arange(n), rng.integers(2, size=n)] += blob
    return images.clip(0, 255).astype(np.uint8)


def rows_of(generation: int, rng: np.random.Generator, star: bool, epochs: int) -> list[Row]:
    """As many rows as a generation of a real run has."""
    value, nothing = rng.random, float("nan")
    rows = [
        Row(generation, None, "classifier", split, None, group, metric, value(), value() / 100)
        for split in ("valid", "test", "test_balanced")
        for metric in METRICS
        for group in ("overall", *GROUPS, "difference", "ratio", "min", "max")
    ]
    rows += [
        Row(generation, None, "classifier", split, None, group, metric, value(), nothing)
        for split in ("valid", "test", "test_balanced")
        for metric in ("demographic_parity", "equalized_odds")
        for group in ("difference", "ratio")
    ]
    rows += [
        Row(generation, epoch, role, None, None, "overall", "loss", 1e4 * value(), nothing)
        for role in ("generator", "classifier")
        for epoch in range(epochs)
    ]
    strata = [(label, group) for label in LABELS for group in GROUPS]
    for epoch in range(epochs if star else 0):
        rows.append(
            Row(generation, epoch, "classifier", "generated", None, "overall", "star_redrawn", 9 * value(), 0.1)
        )
        rows += [
            Row(generation, epoch, "classifier", "generated", label, group, "star_candidates", 80 * value(), 0.3)
            for label, group in strata
        ]
    if star:
        rows.append(Row(generation, None, "classifier", "generated", None, "overall", "star_batch", 64.0, nothing))
        rows += [
            Row(generation, None, "classifier", "generated", *what, "star_quota", 16.0, nothing) for what in strata
        ]
    made = [(None, group, metric) for metric in ("group_share", "group_confidence") for group in GROUPS]
    made += [(label, "overall", "label_share") for label in LABELS]
    made += [(label, group, "stratum_share") for label, group in strata]
    rows += [Row(generation, None, "generator", "generated", *what, value(), 0.005) for what in made]
    return rows


def run_in(
    root: Path, *overrides: str, generations: int = 3, epochs: int = 2, pictures: int = 8, noise: float = 0.1
) -> RunDirectory:
    """A run as if it had been trained."""
    spec = tiny(*overrides, f"generations={generations}", f"measure.gallery={pictures}")
    numerics = {"precision": "fp32", "device": "cpu", "threads": 1}
    session = {"started": "2026-01-01T00:00:00+00:00", "seconds": 60.0, "packages": {"fairloop": "0.1.0"},
               "commit": "abc", "numerics": numerics}  # fmt: skip
    directory = RunDirectory(root / spec.identity)
    directory.describe(spec, Provenance(sessions=[session]))
    rng = np.random.default_rng(int(spec.identity[-8:], 16))
    for generation in range(generations):
        drawn = np.random.default_rng([spec.seed, generation])  # cases of a seed have the same pictures
        labels, groups = drawn.integers(2, size=(2, pictures))
        gallery = Gallery(noisy_digits(drawn, pictures, noise), labels, groups, np.zeros((0, 0), np.float32))
        directory.commit(generation, rows_of(generation, rng, spec.star.target != "none", epochs), gallery)
    return directory


@pytest.fixture(scope="module")
def sweep(tmp_path_factory) -> Path:
    """Two cases of two seeds, and a control."""
    root = tmp_path_factory.mktemp("sweep")
    for seed in (0, 1):
        run_in(root, f"seed={seed}")
        run_in(root, f"seed={seed}", "star.target=classifier", "star.budget=16")
    run_in(root, "setting=control")
    return root


def written(sources: list[Path], out: Path) -> dict:
    page.write(gathered(sources), out, run_directories(sources))
    return data_of(out)


def test_the_page_holds_every_value_of_the_table(sweep, tmp_path):
    rows = gathered([sweep])
    data = written([sweep], tmp_path / "report.html")
    found = set()
    for run, key, span, values, _, epochs in data["series"]:
        for i, (generation, value) in enumerate(zip(data["spans"][span], values, strict=True)):
            epoch = epochs[i] if isinstance(epochs, list) else epochs
            found.add((data["runs"][run]["name"], generation, epoch, *data["keys"][key], value))
    columns = ["run", "generation", "epoch", *content.KEY, "value"]
    plain = rows[columns].astype(object).where(rows[columns].notna(), None)
    wanted = {(*row[:-1], content.number(row[-1])) for row in plain.itertuples(index=False, name=None)}
    assert found == wanted


def test_values_as_the_page_has_them():
    numbers = [content.number(value) for value in (0.123456789, 2000.0, float("nan"), 1e-9, float("inf"))]
    assert numbers == [0.123457, 2000, None, 1e-9, None]


def test_bands_are_those_of_five_seeds_or_more(tmp_path):
    rows = table({NONE: steps(*([value, value - 0.1] for value in SPREAD)), STAR: {0: [0.5, 0.5]}})
    page.write(rows, tmp_path / "report.html")
    (band,) = data_of(tmp_path / "report.html")["bands"]
    assert band[:3] == [0, 0, 0]
    found = statistics.over_seeds(np.array(SPREAD)[:, None])
    assert (band[3][0], band[4][0]) == pytest.approx((found.low[0], found.high[0]), abs=1e-6)


@pytest.mark.parametrize(("seeds", "said"), [(1, ""), (3, "Bars go from the lowest seed"), (5, "Bands are 95 %")])
def test_the_page_shows_what_the_one_rule_says(tmp_path, seeds, said):
    rows = table({NONE: steps(*([value, value - 0.1] for value in SPREAD[:seeds]))})
    page.write(rows, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    data = data_of(tmp_path / "report.html")
    assert data["shown"] == [statistics.shown(n) for n in range(seeds + 1)]
    assert bool(data["bands"]) == (seeds >= statistics.FEWEST_SEEDS)
    assert ('<path class="band" d="M' in text, '<path class="bars" d="M' in text) == (seeds == 5, seeds == 3)
    assert [note for note in ("Bars go from the lowest seed", "Bands are 95 %") if note in text] == [said] * bool(said)


@pytest.mark.slow
def test_of_large_tables_earlier_epochs_are_left_out_and_the_page_says_so(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr(content, "EVERY_EPOCH", 100)
    data = written([sweep], tmp_path / "report.html")
    assert not any(isinstance(epochs, int) for *_, epochs in data["series"])
    assert "only the last one is here" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    "column", ["run", "dataset", "setting", "group", "label", "metric", "split", "role", "a.field"]
)
def test_names_are_text_everywhere(column, tmp_path):
    rows = pd.concat([table({NONE: {0: [0.9, 0.8]}, STAR: {0: [0.9, 0.85]}}), shares("mine", {"a": [0.5, 0.1]})])
    out, name = tmp_path / "report.html", "".join(HOSTILE)
    page.write(rows.assign(**{column: rows["run"] + name if column == "run" else name}), out)
    text = out.read_text()
    assert text.count("<script") == text.count("</script>") == 2  # the data, and the page's own
    assert "<img" not in text
    assert "<b>&amp;" not in text.replace("<b>&amp;amp;", "")
    assert name in json.dumps(data_of(out), ensure_ascii=False).replace('\\"', '"')


def test_the_page_asks_nobody_for_anything(sweep, tmp_path):
    out = tmp_path / "report.html"
    written([sweep], out)
    text = out.read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src &#39;none&#39;; img-src data:;")
    assert "unsafe" not in policy
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)


def test_sections_without_data_are_left_out(tmp_path):
    out = tmp_path / "report.html"
    page.write(table({NONE: {0: [0.9, 0.8]}}), out, title="An audit", lead=["A round is a <month>."])
    text = out.read_text()
    assert "<h1>An audit</h1>" in text
    assert "A round is a &lt;month&gt;." in text
    assert not any(f'id="{section}"' in text for section in ("samples", "strata", "origins"))
    page.write(table({NONE: {0: [0.9]}}).assign(role="generator", split=None, metric="loss"), out)
    assert 'class="glance"' not in out.read_text()


def test_specs_and_provenance_are_there(sweep, tmp_path):
    written([sweep], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "<td>seqgen-seqclass</td><td>16</td><td>classifier</td>" in text  # fields that differ
    assert "generator.learning_rate</th><td>0.001</td>" in text
    assert "commit <b>abc</b>" in text


def test_alike_pictures_are_stored_once(sweep, tmp_path):
    found = written([sweep], tmp_path / "report.html")["pictures"]
    assert len(found["sheets"]) == 6  # of five runs of three generations; those of a seed are alike
    assert found["samples"] == 64
    place, words = next(iter(found["runs"].values()))["0"]
    assert re.fullmatch(r"A_S sees green \d, red \d; A_L sees <5 \d, >=5 \d", words)
    assert found["sheets"][place].startswith("data:image/webp;base64,")


@pytest.mark.slow
def test_pictures_that_would_be_too_large_are_fewer_then_of_one_seed(tmp_path, monkeypatch):
    for seed in (0, 1):
        run_in(tmp_path, f"seed={seed}", generations=2, pictures=64, noise=1.0)
    out = tmp_path / "report.html"
    sizes = {}
    everything = len("".join(written([tmp_path], out)["pictures"]["sheets"]))
    for limit in (everything - 1, everything // 2, everything // 5):
        monkeypatch.setattr(pictures, "LIMIT", limit)
        found = written([tmp_path], out)["pictures"]
        assert sum(map(len, found["sheets"])) <= limit
        sizes[limit] = (found["samples"], found["every_seed"])
    assert list(sizes.values()) == [(49, True), (25, True), (16, False)], sizes
    assert "Of each case only the first seed is here" in out.read_text()
    monkeypatch.setattr(pictures, "LIMIT", 10)
    with pytest.warns(UserWarning, match="no pictures"):
        assert written([tmp_path], out)["pictures"] is None


def test_large_pictures_are_scaled_down():
    from PIL import Image

    sheet = pictures._sheet(np.zeros((5, 3, 128, 64), np.uint8))
    import io

    assert Image.open(io.BytesIO(sheet)).size == (3 * 20, 2 * 40)


def test_a_damaged_gallery_is_left_out(tmp_path):
    run = run_in(tmp_path, generations=2)
    (run.root / "galleries" / "generation-0001.npz").write_bytes(b"PK")
    with pytest.warns(UserWarning, match=r"generation-0001.npz: is damaged.*left out"):
        data = written([tmp_path], tmp_path / "report.html")
    assert list(data["pictures"]["runs"][run.spec().identity]) == ["0"]


@pytest.mark.slow
def test_six_runs_of_forty_generations_stay_below_five_megabytes(tmp_path):
    """The worst that pictures can be is noise; a run of the published size has 30 epochs and 64 pictures."""
    for seed in range(6):
        run_in(tmp_path, f"seed={seed}", "star.target=classifier", generations=40, epochs=30, pictures=64, noise=0.6)
    out = tmp_path / "report.html"
    data = written([tmp_path], out)
    assert out.stat().st_size < 5_000_000
    assert sum(len(series[3]) for series in data["series"]) == len(gathered([tmp_path]))  # no value is left out
    assert data["pictures"] is not None


def test_the_command_takes_runs_and_tables_and_explains_what_it_cannot_take(sweep, tmp_path):
    export(run_directories([sweep])[:2], tmp_path / "table.csv")
    out = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["report", str(tmp_path / "table.csv"), "--out", str(out)], catch_exceptions=False)
    assert done.output.startswith(f"{out}: ")
    for arguments, words in {
        ("report", str(sweep)): "--out report.html",
        ("report", str(sweep), "--out", "report.pdf"): "does not end in .html",
        ("report", str(tmp_path / "nothing"), "--out", str(out)): "holds no run",
    }.items():
        with pytest.raises(InputError, match=words):
            CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_table_without_rows_is_explained(tmp_path):
    with pytest.raises(InputError, match="no generation is recorded"):
        page.write(table({NONE: {0: [0.5]}}).iloc[:0], tmp_path / "report.html")


def test_the_vendored_library_is_what_it_was():
    vendor = files("fairloop.report.page") / "vendor"
    for line in (vendor / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    assert "v1.6.32" in (vendor / "uPlot.iife.min.js").read_text()[:100]


def test_minoritized_groups_of_runs_of_the_first_version_are_those_of_their_specs(tmp_path):
    natural = {"name": "celeba", "root": ".", "minoritized": ["green"]}
    run = run_in(tmp_path, f"data={json.dumps(natural)}", generations=2)
    name = run.spec().identity
    assert compare.minoritized(gathered([tmp_path])) == {name: ("green",)}
    export([run], tmp_path / "table.csv")
    assert compare.minoritized(gathered([tmp_path / "table.csv"])) == {name: ("green",)}


def test_the_page_says_what_each_measure_is_and_which_values_are_good(sweep, tmp_path):
    page.write(gathered([sweep]), tmp_path / "page.html")
    data = data_of(tmp_path / "page.html")
    assert {key[-1] for key in data["keys"]} <= set(data["metrics"])
    assert {key[3] for key in data["keys"]} & set(data["parts"]) == {"overall", "difference", "ratio", "min", "max"}
    title, sentence, good = data["metrics"]["tpr"]
    assert (title, good["overall"], good["difference"], good["ratio"]) == (
        "true positive rate", "Higher is better.", "0 is best.", "1 is best.",
    )  # fmt: skip
    assert sentence.endswith(".")
