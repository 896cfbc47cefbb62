"""What figures show, on tables that a hand can count."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from conftest import tiny
from fairloop.errors import InputError
from fairloop.record import Gallery, Row
from fairloop.report.annotators import annotators, print_annotators
from fairloop.report.figures import atlas, compared, curves, generated, grids, latent, star
from fairloop.report.figures.lines import Lines
from fairloop.report.figures.measures import Measure, over_seeds, spread
from fairloop.report.table import plain, tidy
from fairloop.store.directory import RunDirectory
from test_run import here

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
    }


def test_a_mean_over_seeds_has_the_bootstrap_band_of_its_seeds():
    found = over_seeds(table({"seeds": [0.0, 1.0]}, {"generation": 1, "seeds": [0.5, NAN]}))
    first, second = found.to_dict("records")
    # Two seeds drawn twice: their mean is 0 or 1 in a quarter of cases each, so both lie inside 95 %.
    assert (first["mean"], first["low"], first["high"], first["seeds"], first["absent"]) == (0.5, 0.0, 1.0, 2, 0)
    assert (second["mean"], second["seeds"], second["absent"]) == (0.5, 1, 1)
    assert np.isnan(second["low"])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_a_band_holds_the_mean_and_stays_among_the_values(values):
    found = over_seeds(table({"seeds": values})).iloc[0]
    assert min(values) - 1e-9 <= found["low"] <= found["mean"] + 1e-9
    assert found["mean"] - 1e-9 <= found["high"] <= max(values) + 1e-9


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


def test_the_redrawn_share_is_of_what_a_batch_curates():
    spec = tiny("star.target=both", "synthetic_share=0.5", "star.batch=40")
    assert star.curated(spec) == {"classifier": 40, "generator": 32}
    rows = pd.concat(
        table(*({"epoch": e, "seeds": [v, 2 * v]} for e, v in enumerate((4.0, 12.0))), role=role, metric="star_redrawn")
        for role in ("classifier", "generator")
    )
    shown = drawn(star.star_redrawn(star.curated(spec))(rows))
    # Epochs' mean 8 and 16 by seed, so 12 on average.
    assert shown["the classifier's batches"] == {0: pytest.approx(12 / 40)}
    assert shown["the generator's batches"] == {0: pytest.approx(12 / 32)}


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
    with pytest.raises(InputError, match="no pictures"):
        grids.samples(flat(np.zeros((2, 5), np.float32)), NAMES)
    with pytest.raises(InputError, match="no reconstructions"):
        grids.reconstructions(flat(np.zeros((2, 1, 4, 4), np.uint8)))


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
    red = {"colored-mnist": ("red",)}
    assert compared.collapse(compared.with_headline(pd.concat([LOOP, share]), red), red, "test") == 0


def test_names_that_look_like_mathematics_are_text():
    rows = table({"group": r"$\frac$", "seeds": [0.5]}, {"group": "_hidden", "seeds": [0.4]})
    axes = curves.accuracy(rows)
    assert [text.get_text() for text in axes.get_legend().texts] == [r"\$\frac\$", " _hidden"]
    axes.figure.draw_without_rendering()


def study(root, *, galleries: bool = True) -> atlas.Study:
    """Two seeds without and with STAR, and one with the annotator's labels, of two generations."""
    for place, overrides in enumerate(
        (["seed=0"], ["seed=1"], ["star.target=classifier"], ["setting=seqgen-nonseqclass"])
    ):
        run = RunDirectory(root / str(place))
        run.describe(tiny(*overrides), {})
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
            ["demographic-parity-ratio", "demographic-parity-difference", "selection-rate", "equalized-odds"]
            + [f"{kind}-{sign}-rate" for kind in ("true", "false") for sign in ("positive", "negative")]
            + ["group-confidence", "generator-loss"],
            "no run has such values",
        ),
        **dict.fromkeys(["star-redrawn", "star-candidates"], "no run curates batches by STAR"),
        "ablation": "no two cases differ in one field of their specs alone",
    }


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
    assert len(kinds) == 14
    assert len(atlas.FIGURES) == len(kinds) + 10


def annotated(*, seeds: tuple[float, ...] = (0.9, 0.8), **common) -> pd.DataFrame:
    rows = [
        {"role": role, "group": group, "metric": metric, "seeds": [NAN] * len(seeds) if metric == "equalized_odds" and
         role == "group_annotator" else seeds}
        for role in ("label_annotator", "group_annotator")
        for group, metric in (("overall", "accuracy"), ("difference", "accuracy"), ("difference", "demographic_parity"),
                              ("difference", "equalized_odds"))
    ]  # fmt: skip
    return table(*rows, **common)


def test_annotators_count_once_for_each_seed():
    shared = pd.concat([annotated(), annotated(star="classifier")], ignore_index=True)
    found = annotators(shared)
    first = found[(found["measure"] == "accuracy") & (found["role"] == "label_annotator")].iloc[0]
    assert (first["data"], first["seeds"], first["of"]) == ("colored-mnist", 2, 2)
    assert (first["mean"], first["std"]) == pytest.approx((0.85, np.std([0.9, 0.8], ddof=1)))


def test_annotators_that_differ_are_told_apart():
    by_field = pd.concat([annotated(**{"data.threshold": 3}), annotated(**{"data.threshold": 5}, star="classifier")])
    assert set(annotators(by_field)["data"]) == {"colored-mnist, data.threshold=3", "colored-mnist, data.threshold=5"}
    other_machine = pd.concat([annotated(), annotated(seeds=(0.7, 0.7), star="classifier")])
    assert set(annotators(other_machine)["data"]) == {"seqgen-seqclass", "seqgen-seqclass + STAR on classifier"}


def test_annotators_are_printed():
    text = io.StringIO()
    print_annotators(annotated(), "markdown", Console(file=text, width=200))
    assert "| A_L | test | 0.850±0.071 | 0.850±0.071 | 0.850±0.071 | 0.850±0.071 |" in text.getvalue()
    assert "| A_S | test | 0.850±0.071 | 0.850±0.071 | 0.850±0.071 | undefined |" in text.getvalue()
    with pytest.raises(InputError, match="--annotators"):
        print_annotators(LOOP, "terminal", Console(file=text))


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
