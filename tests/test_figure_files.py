"""Figures of pictures and latents, and what is written of them all."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from rich.console import Console

from conftest import tiny
from fairloop.errors import InputError
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.report.figures import all_figures as atlas
from fairloop.report.figures import curves, generated, grids, latent
from fairloop.report.figures.lines import Lines
from fairloop.report.table import plain, tidy
from fairloop.store.directory import RunDirectory
from fairloop.store.provenance import Provenance
from fairloop.store.tidy_rows import Gallery, Row
from test_annotators import annotated
from test_figures import NAN, drawn
from test_run import here


def test_latent_densities_are_along_the_axis_in_which_the_first_generation_varies():
    rng = np.random.default_rng(0)
    first = rng.normal(size=(4_000, 3)) * [0.1, 5.0, 1.0] + [7.0, 3.0, 0.0]
    moved = first * [1, 0.5, 1] + [0, 1.5 + 5.0, 0]  # half as wide around the mean, and one standard deviation up
    data = latent.along_axis({0: first.astype(np.float32), 3: moved.astype(np.float32)})
    for generation, (mean, spread_) in {0: (0, 1), 3: (1, 0.5)}.items():
        curve = data[data["generation"] == generation]
        step = np.diff(curve["x"])[0]
        weights = curve["density"] * step
        assert weights.sum() == pytest.approx(1, abs=0.02)
        assert (weights * curve["x"]).sum() == pytest.approx(mean, abs=0.1)
        variance = (weights * (curve["x"] - mean) ** 2).sum() - 4_000 ** (-2 / 5)  # less that of the kernel
        assert variance == pytest.approx(spread_**2, abs=0.1)
    shown = latent.latent_density({0: first, 3: moved})
    assert list(drawn(shown)) == ["generation 0", "generation 3"]


def test_a_plane_of_latents_holds_half_and_nine_tenths():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(2_000, 4)) * [3, 2, 0.1, 0.1]
    data = latent.in_plane({0: places, 1: places * 0.5})
    for _, surface in data.groupby("generation"):
        most, half = latent._levels(surface.pivot(index="x", columns="y", values="density").to_numpy())
        mass = surface["density"] / surface["density"].sum()
        assert mass[surface["density"] >= half].sum() == pytest.approx(0.5, abs=0.03)
        assert mass[surface["density"] >= most].sum() == pytest.approx(0.9, abs=0.03)
    assert "generation 1" in latent.latent_plane({0: places, 1: places * 0.5}, 1).texts[0].get_text()


def test_a_generation_that_has_collapsed_to_a_point_can_be_drawn():
    places = np.random.default_rng(0).normal(size=(50, 3))
    for figure in (latent.latent_density, lambda latents: latent.latent_plane(latents, 1)):
        assert figure({0: places, 1: places * 0}).figure
        assert figure({0: places * 0, 1: places}).figure


def gallery(shades: list[int], labels: list[int], groups: list[int], reconstructed: int = 0) -> Gallery:
    images = np.stack([np.full((3, 4, 4), shade, np.uint8) for shade in shades])
    originals = np.full((2, 3, 4, 4), 100, np.uint8)
    return Gallery(
        images, np.array(labels), np.array(groups), np.ones((5, 2), np.float32),
        originals, np.full_like(originals, reconstructed),
    )  # fmt: skip


NAMES = grids.Names(("<5", ">=5"), ("green", "red"))
GALLERIES = {0: gallery([10, 20, 30], [1, 0, 1], [0, 0, 0], 90), 4: gallery([11, 21, 31], [1, 1, 1], [0, 1, 0], 49)}


def pixels(axes: Axes) -> list[list[int]]:
    """The first pixel of each cell."""
    return axes.images[0].get_array()[::6, ::6, 0].tolist()


def test_a_grid_shows_the_same_latents_in_each_generation():
    axes = grids.samples(GALLERIES, NAMES)
    assert pixels(axes) == [[10, 11], [20, 21], [30, 31]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "4"]
    (frame,) = axes.patches  # only the second latent is seen in another stratum
    assert (round(frame.get_x()), round(frame.get_y())) == (1, 1)


def test_a_grid_by_stratum_orders_latents_by_what_they_were_first():
    axes = grids.samples_by_stratum(GALLERIES, NAMES, each=1)
    assert pixels(axes) == [[20, 21], [10, 11]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["<5, green", ">=5, green"]


def test_reconstructions_stand_beside_the_real_images():
    axes = grids.reconstructions(GALLERIES)
    assert pixels(axes) == [[100, 90, 49], [100, 90, 49]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["real", "0", "4"]
    assert grids.errors(GALLERIES)["error"].tolist() == pytest.approx([10 / 255, 51 / 255] * 2)


def test_grey_pictures_are_drawn_and_tables_are_not():
    def flat(images: np.ndarray) -> dict[int, Gallery]:
        return {0: Gallery(images, np.zeros(2, int), np.zeros(2, int), np.ones((2, 2), np.float32))}

    assert pixels(grids.samples(flat(np.full((2, 1, 4, 4), 7, np.uint8)), NAMES)) == [[7], [7]]
    with pytest.raises(InputError, match="not pictures"):
        grids.samples(flat(np.zeros((2, 5), np.float32)), NAMES)
    with pytest.raises(InputError, match="no reconstructions"):
        grids.reconstructions(flat(np.zeros((2, 1, 4, 4), np.uint8)))


def study(root, *, galleries: bool = True) -> atlas.Study:
    """Two seeds without and with STAR, and one with the annotator's labels, of two generations."""
    for place, overrides in enumerate(
        (["seed=0"], ["seed=1"], ["star.target=classifier"], ["setting=seqgen-nonseqclass"])
    ):
        run = RunDirectory(root / str(place))
        run.describe(tiny(*overrides), Provenance())
        for i in (0, 1):
            rows = [
                Row(i, None, "classifier", "test", None, group, "accuracy", 0.9 - 0.1 * i, NAN)
                for group in ("overall", "green", "red", "difference")
            ]
            rows += [Row(i, None, "generator", "generated", None, g, "group_share", 0.5, 0.1) for g in ("green", "red")]
            rows += [
                Row(i, None, "generator", "generated", label, "overall", "label_share", 0.5, 0.1)
                for label in ("<5", ">=5")
            ]
            run.commit(i, rows, GALLERIES[0])
    runs = [RunDirectory(root / str(place)) for place in range(4)]
    by_identity = {run.spec().identity: run for run in runs} if galleries else {}
    return atlas.Study(plain(tidy(runs)).to_pandas(), by_identity)


@pytest.mark.slow
def test_every_figure_is_drawn_or_says_why_not(tmp_path):
    left_out = {}
    runs = study(tmp_path)
    for name, figure in atlas.FIGURES.items():
        try:
            shown, data = figure(runs)
            assert shown.axes
            assert len(data)
        except InputError as error:
            left_out[name] = str(error)
    assert left_out == {
        **dict.fromkeys(
            ["demographic-parity-ratio", "demographic-parity-difference", "group-confidence", "generator-loss"]
            + ["accuracy-against-equalized-odds"]
            + [CATALOGUE[metric].title.replace(" ", "-") for metric in curves.BY_MEASURE if metric != "accuracy"],
            "no run has such values",
        ),
        **dict.fromkeys(["star-redrawn", "star-candidates"], "no run curates batches by STAR"),
        "ablation": "no two cases differ in one field of their specs alone",
    }


@pytest.mark.slow
def test_figures_are_written_and_what_is_left_out_is_said(tmp_path, monkeypatch):
    some = {name: atlas.FIGURES[name] for name in ("accuracy", "samples", "ablation", "star-candidates")}
    monkeypatch.setattr(atlas, "FIGURES", some)
    text = io.StringIO()
    for out in ("a", "b"):
        atlas.write_all(study(tmp_path / f"runs-{out}"), tmp_path / out, Console(file=text, width=500))
    assert "left out: ablation (no two cases differ in one field" in text.getvalue()
    assert "left out: star-candidates (no run curates" in text.getvalue()
    assert "2 figures" in text.getvalue()
    magic = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF", ".csv": b""}
    paths = {tmp_path / "a" / f"{name}{ending}" for name in ("accuracy", "samples") for ending in magic}
    assert set((tmp_path / "a").iterdir()) == paths
    for path in paths:
        assert path.read_bytes().startswith(magic[path.suffix])
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()  # the same table gives the same bytes
    shown = pd.read_csv(tmp_path / "a" / "accuracy.csv")
    assert set(shown["case"]) == {"seqgen-seqclass", "seqgen-seqclass + STAR on classifier", "seqgen-nonseqclass"}
    assert shown["mean"].tolist() == pytest.approx([0.9, 0.8] * 6)


def test_exported_tables_have_no_pictures(tmp_path):
    only_table = study(tmp_path, galleries=False)
    for name in ("samples", "reconstructions", "latent-density"):
        with pytest.raises(InputError, match="directories"):
            atlas.FIGURES[name](only_table)


def test_every_line_figure_is_in_the_atlas():
    kinds = [value for module in (curves, generated) for value in vars(module).values() if isinstance(value, Lines)]
    titles = {lines.title for lines in (*kinds, *curves.BY_MEASURE.values())}
    assert len(titles) >= 14
    assert len(atlas.FIGURES) == len(titles) + 12


def test_the_command_writes_figures_and_prints_annotators(tmp_path, monkeypatch, capsys):
    some = {name: atlas.FIGURES[name] for name in ("accuracy", "samples")}
    monkeypatch.setattr(atlas, "FIGURES", some)
    study(tmp_path / "runs")
    annotated().to_parquet(tmp_path / "annotators.parquet")
    assert here("report", tmp_path / "runs", "--figures", tmp_path / "out", "--split", "valid") == 0
    assert "left out: accuracy (no run has such values)" in capsys.readouterr().out
    assert (tmp_path / "out" / "samples.png").is_file()
    assert here("report", tmp_path / "annotators.parquet", "--annotators", "--format", "latex") == 0
    assert r"A\_L & test & 0.850±0.071" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["--out", "--figures", "--annotators"]),
        (["--annotators", "--format", "html"], ["--format", "html"]),
        (["--figures", "OUT", "--split", "train"], ["--split", "train"]),
        (["--figures", "FILE"], ["FILE"]),
        (["--annotators"], ["--annotators"]),
    ],
)
def test_wrong_wishes_are_one_line(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").touch()
    study(tmp_path / "runs")
    assert here("report", "runs", *options) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert all(word in complaint for word in words), complaint
    assert not (tmp_path / "OUT").exists()
