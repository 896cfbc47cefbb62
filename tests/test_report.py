from __future__ import annotations

import pandas as pd
import pytest

from conftest import tiny
from fairloop.errors import InputError
from fairloop.report.figures import Measure, demo, save
from fairloop.report.table import export, gathered, plain, tidy
from fairloop.store.directory import RunDirectory
from fairloop.store.provenance import Provenance
from fairloop.store.tidy_rows import Row
from test_store import GALLERY

ACCURACY = Measure("accuracy", "accuracy", "classifier", "test", "overall", "accuracy")


def recorded(root, values: list[float], *overrides: str) -> RunDirectory:
    directory = RunDirectory(root)
    directory.describe(tiny(*overrides), Provenance())
    for i, value in enumerate(values):
        row = Row(i, None, "classifier", "test", None, "overall", "accuracy", value, float("nan"))
        other = row._replace(split="valid", value=-1.0)
        directory.commit(i, [row, other], GALLERY)
    return directory


def test_differing_fields_become_columns(tmp_path):
    runs = [
        recorded(tmp_path / "a", [0.9], "synthetic_share=0.5"),
        recorded(tmp_path / "b", [0.8], "data.green_given_label=[.5,.5]", "seed=1"),
    ]
    table = plain(tidy(runs)).to_pandas()
    assert list(table.columns[-2:]) == ["data.green_given_label", "synthetic_share"]
    assert table.groupby("run")["synthetic_share"].first().tolist() == [0.5, 1.0]
    assert set(table["data.green_given_label"]) == {"[0.3, 0.7]", "[0.5, 0.5]"}


def test_the_same_run_twice_is_refused(tmp_path):
    runs = [recorded(tmp_path / name, [0.9]) for name in "ab"]
    with pytest.raises(InputError, match="same run"):
        tidy(runs)
    with pytest.raises(InputError, match="parquet"):
        export(runs[:1], tmp_path / "table.xlsx")


def test_a_figure_shows_the_mean_over_seeds(tmp_path):
    runs = [
        recorded(tmp_path / "a", [0.9, 0.7]),
        recorded(tmp_path / "b", [0.7, 0.5], "seed=1"),
        recorded(tmp_path / "c", [0.4, 0.3], "setting=control"),
    ]
    table: pd.DataFrame = plain(tidy(runs)).to_pandas()
    figure = demo.draw(table, [ACCURACY])
    lines = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines}
    assert lines["seqgen-seqclass"] == pytest.approx([0.8, 0.6])
    assert lines["control"] == pytest.approx([0.4, 0.3])
    assert figure.axes[0].get_xlabel() == "generation"
    for ending, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        save(figure, tmp_path / f"figure{ending}")
        assert (tmp_path / f"figure{ending}").read_bytes().startswith(magic)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_an_exported_table_is_as_good_as_its_runs(tmp_path, suffix):
    first, second = recorded(tmp_path / "a", [0.9, 0.8]), recorded(tmp_path / "b", [0.7], "seed=1")
    out = tmp_path / f"table.{suffix}"
    export([first], out)
    columns = ["run", "seed", "generation", "metric", "value"]
    both = gathered([out, second.root])[columns].sort_values(columns).reset_index(drop=True)
    direct = gathered([first.root, second.root])[columns].sort_values(columns).reset_index(drop=True)
    pd.testing.assert_frame_equal(both, direct)
    assert gathered([out])["label"].isna().all()
    with pytest.raises(InputError, match="more than one"):
        gathered([out, first.root])


def test_what_is_no_exported_table_is_explained(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(InputError, match="'run'"):
        gathered([tmp_path / "a.csv"])
    (tmp_path / "a.parquet").write_text("PAR1")
    with pytest.raises(InputError, match="cannot be read"):
        gathered([tmp_path / "a.parquet"])
    with pytest.raises(InputError, match="holds no run"):
        gathered([tmp_path / "nothing"])
