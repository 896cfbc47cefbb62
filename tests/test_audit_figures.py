"""Figures of audits."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from typer.testing import CliRunner

from banks import COLUMNS, GATE, bank
from fairloop import audit
from fairloop.auditing import Audit
from fairloop.auditing.output import figures
from fairloop.cli import app
from fairloop.errors import InputError


@pytest.fixture(scope="module")
def found() -> Audit:
    return audit(bank(), **COLUMNS, propensity="propensity", fail_on=GATE)


@pytest.fixture(scope="module")
def drawn(found) -> dict[str, tuple]:
    return {name: (figure, data) for name, figure, data in figures.figures(found)}


def test_measures_with_a_limit_and_rates_of_groups_are_drawn(drawn):
    limited = ["equalized_odds_difference", "demographic_parity_difference", "tpr[Female]", "selection_rate"]
    rates = [f"{metric} by group" for metric in ("selection_rate", "tpr", "fpr", "ppv", "accuracy")]
    assert list(drawn) == [*limited, *rates]


def test_the_data_of_a_figure_are_the_values(found, drawn):
    _, data = drawn["tpr by group"]
    assert set(data["group"]) == {"overall", "Female", "Male"}
    for value in found.measured.values(next(one.measure for one in found.limits if one.measure.group == "Female")):
        row = data[(data["group"] == "Female") & (data["round"] == found.measured.rounds.names[value.round])].iloc[0]
        for name in ("value", "low", "high", "lower", "upper", "labelled", "people", "status", "reason"):
            assert row[name] == getattr(value, name) or np.isnan(row[name])


def test_ticks_have_the_names_of_their_rounds(found, drawn):
    """A locator that replaced the ticks after their names were set would name March July."""
    names = found.measured.rounds.names
    for figure, _ in drawn.values():
        figure.draw_without_rendering()
        for ax in figure.axes:
            for place, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
                assert label.get_text() == names[round(place)]


def test_limits_bounds_and_rounds_without_labels_are_marked(found, drawn):
    figure, _ = drawn["equalized_odds_difference"]
    (ax,) = figure.axes
    assert {text.get_text() for text in ax.texts} == {"no labels", "fails if > 0.1"}
    limits = [line for line in ax.lines if list(line.get_ydata()) == [0.1, 0.1]]
    assert len(limits) == 1
    assert any(one.get_hatch() == "////" for one in ax.collections)
    assert any(patch.get_hatch() == "...." for patch in ax.patches)
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert legend == {"95 % interval", "weighted", "bounds"}
    line = next(line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata()) == 3)
    values = [value.value for value in found.measured.values(found.limits[0].measure)][4:7]
    assert list(line.get_ydata()) == values


def test_many_groups_have_a_panel_each():
    groups = tuple(f"<{i}>" for i in range(8))
    found = audit(bank(3, 1200, explored=0, groups=groups, late=0), **COLUMNS, fail_on=["tpr[<3>]<0.2"])
    figure, data = next((figure, data) for name, figure, data in figures.figures(found) if name == "tpr by group")
    assert [ax.get_title() for ax in figure.axes if ax.axison] == list(groups)
    assert sum(any(list(line.get_ydata()) == [0.2, 0.2] for line in ax.lines) for ax in figure.axes) == 1
    assert len(data) == 9 * 3


def test_lines_are_told_apart_without_colour_and_have_contrast_on_paper(drawn):
    (ax,) = drawn["tpr by group"][0].axes
    looks = {}
    for line in ax.get_legend_handles_labels()[0]:
        if isinstance(line, mpl.lines.Line2D) and line.get_label() in ("overall", "Female", "Male"):
            looks[line.get_label()] = (line.get_linestyle(), line.get_marker())
            linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(line.get_color())]
            light = np.dot(linear, [0.2126, 0.7152, 0.0722])
            assert 1.05 / (light + 0.05) >= 3
    assert len(set(looks.values())) == 3


@pytest.mark.slow
def test_the_command_writes_every_format(tmp_path, found):
    bank().to_csv(tmp_path / "log.csv", index=False)
    arguments = ["audit", str(tmp_path / "log.csv"), "--round", "month", "--label", "repaid", "--prediction", "granted",
                 "--group", "sex", "--propensity", "propensity", "--out", str(tmp_path / "out")]  # fmt: skip
    done = CliRunner().invoke(app, [*arguments, "--figures", str(tmp_path / "figures")], catch_exceptions=False)
    names = done.output.splitlines()[-1].partition(": ")[2].split(", ")
    assert "tpr-by-group" in names
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    assert written == {f"{name}{ending}" for name in names for ending in (".png", ".svg", ".pdf", ".csv")}
    back = pd.read_csv(tmp_path / "figures" / "tpr-by-group.csv")
    assert set(back["status"]) == {"bounded", "weighted", "undefined"}
    with pytest.raises(InputError, match=r"--figures .*: is the same directory as --out"):
        CliRunner().invoke(
            app, [*arguments[:-1], str(tmp_path / "x"), "--figures", str(tmp_path / "x")], catch_exceptions=False
        )
    with pytest.raises(InputError, match=r"^directory: .*out holds an audit, not figures"):
        found.write_figures(tmp_path / "out")


@pytest.mark.slow
def test_names_of_groups_become_names_of_files(tmp_path):
    groups = ("../x", "<b>$a_1$ & \n'c'")
    found = audit(bank(2, explored=0, groups=groups, late=0), **COLUMNS, fail_on=["tpr[../x]<0.5"])
    names = found.write_figures(tmp_path / "figures")
    assert names[0] == "tpr-x"
    assert {path.parent for path in (tmp_path / "figures").iterdir()} == {tmp_path / "figures"}
