"""Labels and groups as people write them; the label that benefits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fairloop import data
from fairloop._util.limits import parsed
from fairloop.auditing import audit
from fairloop.curation import ideal
from fairloop.curation.columns import Names
from fairloop.data import spelling
from fairloop.data.population import Population
from fairloop.data.population_from_columns import Named, crossed, intersections_of, named, occurring
from fairloop.errors import InputError
from fairloop.loop.own.people import OwnPeople
from fairloop.spec.run import from_mapping
from test_values import N, frame, loaded, refused, written

# Labels and groups.


@pytest.mark.parametrize("column", ["y", "who"])
@pytest.mark.parametrize(
    "values", [range(N), [i / 4 for i in range(N)], [i * 0.37 % 1 for i in range(N)], [i % 25 + 0.5 for i in range(N)]]
)
def test_what_measures_is_neither_label_nor_group(tmp_path, column, values):
    field = {"y": "label", "who": "groups"}[column]
    path = written(tmp_path, frame(**{column: list(values)}), "csv")
    refused(path, rf"data\.{field}: column '{column}' holds \d+ different numbers.*bands", beneficial="1")


def test_a_hundred_classes_are_labels():
    n = 10_000
    assert len(named(pd.Series(np.arange(n) % 100, name="y"), "data.label").names) == 100
    assert len(named(pd.Series([f"class-{i % 250}" for i in range(n)], name="y"), "data.label").names) == 250


@pytest.mark.parametrize("two", [("0.0", "-0.0"), ("1", "1.0"), ("a", "a "), ("True", "true"), ("true", "1")])
@pytest.mark.parametrize(("column", "field"), [("who", "groups"), ("y", "label")])
def test_two_spellings_of_one_value_are_refused(tmp_path, two, column, field):
    values = [(*two, "7")[i % 3] for i in range(N)]
    path = written(tmp_path, frame(**{column: values}), "parquet" if "a " in two else "csv")  # CSV: spaces are none
    refused(path, rf"data\.{field}: column '{column}' writes one value as", beneficial="7" if column == "y" else "1")


@given(st.integers(-(10**30), 10**30), st.integers(1, 3))
def test_neighbours_beyond_double_precision_are_two_values(first, step):
    assert spelling.spelled_twice([str(first), str(first + step)]) is None
    assert spelling.spelled_twice([str(first), f"{first}.00"]) is not None
    assert spelling.recognised(f"{first}.0", [str(first), str(first + step)]) == str(first)


def test_codes_that_look_like_numbers_stay_apart():
    assert spelling.spelled_twice(["1", "01", "001", "1.1", "1.10", "1e0", "+1"]) is None
    assert spelling.recognised("1", ["01", "001"]) is None  # which one is unclear
    assert spelling.evident(["0", "1", "01"]) is None


@given(st.permutations(["nan", "NaN", "3", "10", "2.5", "inf", "-inf", "b", "a", "", "1e5", "Infinity"]))
def test_names_have_one_order_whatever_order_they_come_in(names):
    assert sorted(names, key=spelling.by_size) == [
        "-inf", "2.5", "3", "10", "1e5", "", "Infinity", "NaN", "a", "b", "inf", "nan",
    ]  # fmt: skip


SCRIPT = """
import sys
import pandas as pd
from fairloop import data
from fairloop.data.grouping import intersections
from fairloop.data.population_from_columns import named
from fairloop.spec.run import from_mapping
values = ["nan", "3", "10", "x", "NaN", "-1", "inf"]
table = pd.DataFrame({"g": values * 30, "h": ["a", "b"] * 105, "y": ["nan", "1", "2"] * 70, "x": range(210)})
table.to_csv(sys.argv[1], index=False)
fields = {"name": "table", "table": sys.argv[1], "label": "y", "groups": ["g", "h"], "beneficial": "1"}
people = data.load(from_mapping({"data": fields}).data, 0)
print(people.fingerprint, people.label_names, people.group_names, people.minoritized)
print(named(pd.Series(values), "x").names, intersections(table[["g", "h"]])[1], people.columns)
assert "torch" not in sys.modules
"""


@pytest.mark.slow
def test_no_code_depends_on_the_order_of_a_set(tmp_path):
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, tmp_path / f"{seed}.csv"],
            env={**os.environ, "PYTHONHASHSEED": str(seed)}, stdout=subprocess.PIPE, text=True,
        )
        for seed in (1, 2, 3)
    ]  # fmt: skip
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert "('1', '2', 'nan')" in said[0]
    assert said[0] == said[1] == said[2]


def test_labels_of_own_loops_have_one_order():
    features = np.zeros((4, 1))
    orders = [
        OwnPeople({"train": (features, np.array(labels, object), ["a", "b"] * 2)}).labels
        for labels in (["1", "01", "001", "x"], ["001", "x", "01", "1"])
    ]
    assert orders[0] == orders[1] == ["001", "01", "1", "x"]


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=20))
def test_intersections_are_those_of_all_columns_that_occur(rows):
    coded = [Named(np.array(column), tuple("abcde")) for column in zip(*rows, strict=True)]
    one, other = intersections_of(coded), occurring(crossed(coded))
    assert one.names == other.names
    assert np.array_equal(one.codes, other.codes)


def test_many_intersections_take_no_memory():
    coded = [Named(np.arange(300), tuple(map(str, range(300))))] * 6  # 300 of 7e14
    assert len(intersections_of(coded).names) == 300


# The beneficial label.


@pytest.mark.parametrize(
    ("text", "labels", "good"),
    [
        ("yes", ("no", "yes"), "yes"),
        ("no", ("no", "yes"), "no"),
        ("true", ("no", "yes"), "yes"),
        ("yes", (False, True), "True"),
        ("Yes", ("FALSE", "TRUE"), "TRUE"),
        ("on", ("off", "on"), "on"),
        ("no", (0, 1), "0"),
        ("1", (0, 1), "1"),
        ("1.0", (1, 2), "1"),
        ("2", ("1.0", "2.0"), "2.0"),
        ("1", ("False", "True"), "True"),
        ("2", (1, 2), "2"),
        ("'yes'", ("no", "yes"), "yes"),
        ("-1", (-1, 1), "-1"),
    ],
)
def test_the_beneficial_label_is_written_as_people_write_it(tmp_path, text, labels, good):
    path = written(tmp_path, frame(y=[labels[i // 2 % 2] for i in range(N)]))
    spec = from_mapping(parsed(f"data: {{name: table, table: '{path}', label: y, groups: [who], beneficial: {text}}}"))
    population = data.load(spec.data, 0)
    assert population.label_names[population.beneficial] == good
    assert from_mapping(yaml.safe_load(spec.to_yaml())) == spec


@pytest.mark.parametrize("asked", ["True", "on", "maybe", "2", ".nan"])
def test_an_unclear_beneficial_label_lists_the_labels(tmp_path, asked):
    labels = ["no", "yes", "true", "0"]
    path = written(tmp_path, frame(y=[labels[i // 2 % 4] for i in range(N)]))
    refused(path, r"data\.beneficial=.*is not among the labels '0', 'no', 'true', 'yes'", beneficial=parsed(asked))


def answer(ask: Callable[[], str]) -> str | None:
    """The label in one spelling, or None if people are asked for it."""
    try:
        return spelling.outcome(ask())
    except InputError as error:
        return None if "name the one that is good for the person" in str(error) else str(error)


def evident_labels() -> st.SearchStrategy[list[object]]:
    return st.sampled_from(
        [[0, 1], [1, 0], [-1, 1], [False, True], ["0", "1"], ["0.0", "1.0"], ["false", "true"], ["True", "False"],
         [1, 2], ["no", "yes"], ["bad", "good"], [0, 1, 2], [0, 2], [-1, 0, 1], ["a", "1"]]
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(evident_labels())
def test_tables_audits_and_own_loops_find_the_same_label_evident(tmp_path_factory, labels):
    values = [labels[i // 2 % len(labels)] for i in range(N)]
    who = ["fm"[i % 2] for i in range(N)]
    log = pd.DataFrame({"round": 0, "y": values, "guess": values, "who": who})
    path = written(tmp_path_factory.mktemp("t"), frame(y=values))
    own = (np.zeros((N, 1)), np.array(values, object), who)

    def of(population: Population) -> str:
        return population.label_names[population.beneficial]

    answers = [
        answer(ask)
        for ask in (
            lambda: of(loaded(path)),
            lambda: audit(log, round="round", label="y", prediction="guess", groups="who").measured.rounds.beneficial,
            lambda: of(OwnPeople({"train": own}).population("x", None, [])),
        )
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0] == (None if set(map(str, labels)) & {"2", "no", "bad", "a"} or len(labels) > 2 else "1")


def test_other_names_are_written_as_people_write_them(tmp_path):
    table = frame(who=["no", "yes"] * (N // 2)).rename(columns={"who": "1", "size": "yes", "y": "on"})
    path = written(tmp_path, table.assign(no=table["yes"], x=range(N)))
    fields = parsed(f"{{name: table, table: '{path}', label: on, groups: [1], minoritized: [yes], leave_out: [no]}}")
    population = data.load(from_mapping({"data": {**fields, "label": "on"}}).data, 0)
    assert population.minoritized == ("yes",)
    assert [column.name for column in population.columns] == ["yes", "1", "x"]


def test_an_ideal_names_labels_as_people_write_them(tmp_path):
    (tmp_path / "ideal.yaml").write_text("[{label: yes, share: 0.75}, {label: no, share: 0.25}]")
    names = Names(("no", "yes"), (("f",), ("m",)))
    found = ideal.shares(str(tmp_path / "ideal.yaml"), names, np.full((2, 2), 10))
    assert np.allclose(found, [[0.125, 0.125], [0.375, 0.375]])
    rows = [{"group": 1.0, "share": 0.5}, {"group": "2", "share": 0.5}]
    assert np.allclose(ideal.shares(rows, Names(("0", "1"), (("1",), ("2",))), np.full((2, 2), 10)), 0.25)
