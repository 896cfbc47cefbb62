"""From a table to a loop in one call, and objects that show themselves in a notebook."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import fairloop
from conftest import TINY
from fairloop.errors import InputError
from fairloop.report import notebook
from fairloop.report.comparison import compared
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.run import from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.sweep.first_loop import CASES

EVIL = "<script>alert('&\"')</script>"


class Tags(HTMLParser):
    """The elements of a piece of HTML, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def people(n: int = 240, names: tuple[str, str] = ("f", "m")) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sex, income = rng.choice(names, n, p=[0.3, 0.7]), rng.normal(0, 1, n).round(2)
    return pd.DataFrame({"income": income, "sex": sex, "repaid": (income + rng.normal(0, 1, n) > 0).astype(int)})


@pytest.fixture(scope="module")
def first() -> fairloop.FirstLoop:
    return fairloop.quick(people(names=(EVIL, "m")), label="repaid", group="sex", generations=2, generator="bootstrap")


def test_a_table_is_followed_in_three_cases(first):
    assert len(first.specs) == len(CASES)
    assert first.table["run"].nunique() == len(CASES)
    assert sorted(first.table["generation"].unique()) == [0, 1]
    assert set(first.table.loc[first.table["metric"] == "group_share", "group"]) == {EVIL, "m"}


def test_the_loop_and_its_control_share_the_first_generation(first):
    """Nothing feeds back into generation 0, so setting and control agree there to the last bit."""
    rows = first.table[(first.table["star"] == "none") & (first.table["generation"] == 0)]
    keys = ["epoch", "role", "split", "label", "group", "metric"]
    loop, control = (
        rows[rows["setting"] == setting].set_index(keys)["value"] for setting in ("seqgen-seqclass", "control")
    )
    pd.testing.assert_series_equal(loop, control)


def test_a_first_loop_is_what_run_makes_of_its_spec(first, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people(names=(EVIL, "m")).to_parquet("people.parquet")
    spec = from_mapping(__import__("yaml").safe_load(first.specs[0].to_yaml()))
    run(spec, RunDirectory(tmp_path / "run"), LineView())
    again = fairloop.load(tmp_path / "run").table()
    mine = first.table[first.table["run"] == first.specs[0].identity]
    assert spec.identity == first.specs[0].identity
    assert again["value"].to_list() == pytest.approx(mine["value"].to_list(), nan_ok=True, abs=0)


def test_a_first_loop_shows_itself_with_everything_escaped(first):
    shown = Tags(first._repr_html_())
    assert set(shown.names) <= {"div", "p", "strong", "img", "table", "thead", "tbody", "tr", "th", "td"}
    assert shown.names.count("tr") == 1 + len(CASES)
    assert f"share of {EVIL}" in shown.text
    assert "one seed" in shown.text
    assert f"share of {EVIL}" in repr(first)
    assert len(first.figure().axes) == 3


def test_of_a_large_table_some_rows_are_left_out_and_counted():
    found = fairloop.quick(
        people(), label="repaid", group="sex", generations=1, people=200, generator="bootstrap", seeds=1
    )
    assert found.left_out == 40
    assert "40 rows were left out, at random." in repr(found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": "repiad"}, r"^label: frame has no column 'repiad'; did you mean 'repaid'\?$"),
        ({"group": "sx"}, r"^group: frame has no column 'sx'"),
        ({"seeds": 0}, r"^seeds: 0 "),
        ({"people": True}, r"^people: True "),
        ({"generations": 0}, r"^generations=0: "),
        ({"classifier": "mpl"}, r"mlp"),
        ({"frame": 3}, r"frame"),
        ({"frame": people().assign(repaid="yes")}, r"^(label|beneficial): "),
    ],
)
def test_a_wrong_call_is_refused_in_the_words_of_its_arguments(changes, said):
    with pytest.raises(InputError, match=said) as refused:
        fairloop.quick(**{"frame": people(), "label": "repaid", "group": "sex", **changes})
    assert "\n" not in str(refused.value)
    assert "data." not in str(refused.value)


def table(seeds: int, star_gain: float) -> pd.DataFrame:
    """A tidy table of two cases whose accuracies differ by `star_gain` in every seed."""
    rows = []
    for seed in range(seeds):
        for star, gain in (("none", 0.0), ("classifier", star_gain)):
            run_columns = {"run": f"{star}-{seed}", "dataset": EVIL, "setting": "seqgen-seqclass", "star": star}
            where = {"epoch": None, "role": "classifier", "split": "test", "label": None, "group": "overall"}
            for generation in (0, 1):
                value = 0.5 + 0.01 * seed + gain * generation
                measured = {"generation": generation, "metric": "accuracy", "value": value, "standard_error": 0.01}
                rows.append({**run_columns, "seed": seed, **where, **measured})
    return pd.DataFrame(rows)


def test_a_comparison_shows_differences_and_their_spread():
    shown = Tags(compared(table(3, 0.125))._repr_html_())
    assert shown.names.count("tr") == 2
    assert "+0.125 (+0.125 to +0.125)" in shown.text
    assert "+0.125 (+0.125 to +0.125)" in repr(compared(table(3, 0.125)))
    assert "[" in Tags(compared(table(5, 0.125))._repr_html_()).text


def test_a_comparison_of_one_case_is_refused():
    with pytest.raises(InputError, match="two cases"):
        compared(table(3, 0.1)[lambda rows: rows["star"] == "none"])


def test_ends_are_the_means_of_the_first_and_last_generation():
    header, rows = notebook.ends(table(3, 0.125))
    assert header[:2] == ["case", "accuracy"]
    assert [row[1] for row in rows] == ["0.510 > 0.510", "0.510 > 0.635"]
    assert notebook.ends(table(1, 0).iloc[:0]) == ([], [])


def test_text_in_a_block_is_escaped():
    shown = Tags(notebook.block(EVIL, [EVIL], [[EVIL]], note=EVIL))
    assert "script" not in shown.names
    assert shown.text == EVIL * 4


def test_a_run_shows_itself(tmp_path):
    spec = from_mapping({**TINY, "generations": 1})
    directory = RunDirectory(tmp_path / EVIL.replace("/", "-"))
    run(spec, directory, LineView())
    shown = Tags(fairloop.load(directory.root)._repr_html_())
    assert "script" not in shown.names
    assert spec.identity in shown.text
    assert shown.names.count("tr") == 2
