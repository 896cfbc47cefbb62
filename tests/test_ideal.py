"""The laws of fairness ideals, and how they are written."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from conftest import tiny
from fairloop import data
from fairloop.curation import ideal as ideals
from fairloop.curation.columns import Names
from fairloop.errors import InputError
from fairloop.loop.trainer import ModelTrainer
from fairloop.models.numerics import resolve
from fairloop.running.progress import LineView
from fairloop.running.run import run
from fairloop.spec.files import with_files_read
from fairloop.spec.run import from_file, from_mapping
from fairloop.store.directory import RunDirectory
from fairloop.store.memory import MemoryModels
from fairloop.sweep.grid import Sweep
from fairloop.training.plan import plan

TWO = Names(("no", "yes"), (("green",), ("red",)))


def names_of(counts: NDArray[np.int64]) -> Names:
    labels, groups = counts.shape
    return Names(tuple(map(str, range(labels))), tuple((f"g{s}",) for s in range(groups)))


@st.composite
def populations(draw: st.DrawFn) -> NDArray[np.int64]:
    labels, groups = draw(st.integers(1, 5)), draw(st.integers(1, 14))
    sizes = st.lists(st.integers(0, 1000), min_size=labels * groups, max_size=labels * groups).filter(any)
    return np.array(draw(sizes)).reshape(labels, groups)


kinds = st.sampled_from(["uniform", "population", "groups-within-labels", "labels-within-groups", "floor"])


def written(kind: str, counts: NDArray[np.int64], part: float) -> str:
    """`floor` with a floor that all strata can have."""
    return f"floor({part / counts.size})" if kind == "floor" else kind


@given(populations(), kinds, st.floats(0, 1), st.floats(0, 1))
def test_every_ideal_and_mixture_sums_to_1(counts, kind, part, strength):
    ideal = {"kind": written(kind, counts, part), "strength": strength}
    shares = ideals.shares(ideal, names_of(counts), counts)
    assert shares.shape == counts.shape
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1)


@given(populations(), kinds, st.floats(0, 1))
def test_strength_goes_from_the_population_to_the_ideal_in_a_straight_line(counts, kind, part):
    names, kind = names_of(counts), written(kind, counts, part)
    people, whole = (ideals.shares(ideal, names, counts) for ideal in ("population", kind))
    for strength in (0, 0.25, 1):
        mixed = ideals.shares({"kind": kind, "strength": strength}, names, counts)
        np.testing.assert_allclose(mixed, people + strength * (whole - people), atol=1e-12)


@given(populations())
def test_each_ideal_has_its_marginals(counts):
    people = counts / counts.sum()
    labels, groups = counts.shape
    by_label, by_group = people.sum(1), people.sum(0)
    within_labels = ideals.groups_within_labels(counts)
    within_groups = ideals.labels_within_groups(counts)
    np.testing.assert_allclose(within_labels.sum(1), by_label)
    np.testing.assert_allclose(within_labels, np.outer(by_label, np.ones(groups) / groups))
    np.testing.assert_allclose(within_groups.sum(0), by_group)
    np.testing.assert_allclose(within_groups, np.outer(np.ones(labels) / labels, by_group))
    assert set(ideals.uniform(counts).ravel()) == {1 / counts.size}
    np.testing.assert_array_equal(ideals.population(counts), people)


@given(populations(), st.floats(0, 1))
def test_a_floor_raises_the_small_and_keeps_the_proportions_of_the_others(counts, part):
    least = part / counts.size
    people, shares = counts / counts.sum(), ideals.at_least(counts, least)
    assert (shares >= least - 1e-12).all()
    above = shares > least + 1e-9
    if above.any():
        ratio = shares[above] / people[above]
        np.testing.assert_allclose(ratio, ratio[0])
        assert ratio[0] <= 1 + 1e-9  # nobody but the raised ones gains
    if (people >= least).all():
        np.testing.assert_allclose(shares, people)


def test_a_floor_by_hand():
    # Raising .02 to .1 takes .08 from the others, scaled by .9 / .98: .11 stays above .1; then sums hold.
    shares = ideals.at_least(np.array([[2, 11, 87]]), 0.1)
    np.testing.assert_allclose(shares, [[0.1, 0.11 * 0.9 / 0.98, 0.87 * 0.9 / 0.98]])
    # .105 would sink to .096, so it is raised, too.
    np.testing.assert_allclose(ideals.at_least(np.array([[20, 105, 875]]), 0.1), [[0.1, 0.1, 0.8]])


@given(populations(), st.integers(0, 2**32 - 1))
def test_shares_by_name_are_the_table_in_any_order(counts, seed):
    rng = np.random.default_rng(seed)
    names = names_of(counts)
    table = rng.dirichlet(np.ones(counts.size)).reshape(counts.shape)
    rows = [
        {"group": group, "share": float(table[k, s]), "label": label}
        for k, label in enumerate(names.labels)
        for s, (group,) in enumerate(names.groups)
    ]
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    np.testing.assert_allclose(ideals.shares(shuffled, names, None), ideals.shares(table, names, None))


def test_what_a_census_leaves_out_follows_the_population(tmp_path):
    census = tmp_path / "census.csv"
    census.write_text("group,share\nred,0.6\ngreen,0.4\n")
    counts = np.array([[10, 30], [30, 10]])
    shares = ideals.shares(str(census), TWO, counts)
    np.testing.assert_allclose(shares, [[0.4 * 0.25, 0.6 * 0.75], [0.4 * 0.75, 0.6 * 0.25]])

    crossed = Names(("no", "yes"), (("a", "x"), ("a", "y"), ("b", "x")), ("income", "race", "sex"))
    counts = np.array([[1, 2, 3], [4, 3, 7]])
    shares = ideals.shares([{"race": "a", "share": 0.2}, {"race": "b", "share": 0.8}], crossed, counts)
    np.testing.assert_allclose(shares, [[0.02, 0.04, 0.24], [0.08, 0.06, 0.56]])


@pytest.mark.parametrize("suffix", [".csv", ".yaml", ".json"])
def test_files_of_all_kinds_say_the_same(tmp_path, suffix):
    rows = [{"label": label, "group": group, "share": 0.25} for label in ("no", "yes") for group in ("green", "red")]
    rows[0]["share"], rows[1]["share"] = 0.2, 0.3
    path = tmp_path / f"shares{suffix}"
    lines = ["label,group,share", *(f"{row['label']},{row['group']},{row['share']}" for row in rows)]
    text = {".csv": "\ufeff" + "\n".join(lines), ".yaml": yaml.safe_dump(rows), ".json": json.dumps(rows)}
    path.write_text(text[suffix], encoding="utf-8")
    np.testing.assert_allclose(ideals.shares(str(path), TWO, None), [[0.2, 0.3], [0.25, 0.25]])
    assert ideals.read(str(path)) == rows


CELLS = "label,group,share\nno,green,.25\nno,red,.25\nyes,green,.25\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (CELLS, "sums to 0.75"),
        (CELLS + "yes,blue,.25\n", "names label=yes, group=blue, which the data do not have"),
        (CELLS + "yes,green,.25\n", "two shares for label=yes, group=green"),
        (CELLS.replace("green,.25\n", "green,.5\n", 1), "no share for label=yes, group=red; give it one, 0 to"),
        (CELLS + "yes,red,2.5%\n", "row 4 has no number"),
        (CELLS + "yes,red,-.25\n", "outside"),
        (CELLS + "yes,red\n", "row 4 has no number"),
        (CELLS + ",red,.25\n", "row 4 has nothing in column label"),
        (CELLS + "yes,red,.25,2020\n", "row 4 is not a mapping"),
        (CELLS.replace("group", "colour") + "yes,red,.25\n", "has the column 'colour', but the data have label, group"),
        ("label,group,share\n", "has no rows"),
        ("share\n1\n", "names neither a label nor a group"),
        ("a\n", "has no rows"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, content, problem):
    path = tmp_path / "census.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=problem) as caught:
        ideals.shares(str(path), TWO, np.ones((2, 2), np.int64))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("ideal", "problem"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], "sums to 2"),
        ([[1.5, -0.5]], "outside"),
        ([[0.5], [0.25, 0.25]], "one row"),
        ([], "one row"),
        ("unform", "is not one of uniform, population"),
        ([[0.5, 0.5]], "1 x 2"),
        ([[float("nan"), 1.0]], "outside"),
        ([["a", "b"]], "one row"),
        (3, "is not one of"),
        (None, "is not one of"),
        ("floor(0.3)", "4 strata cannot all have a share of 0.3; at most 0.25"),
        ("floor(-1)", "needs a share in"),
        ("floor(some)", "needs a share in"),
        ("floor(nan)", "needs a share in"),
        ("missing.csv", "cannot be read"),
        ({"kind": "uniform", "strenght": 0.5}, "no field 'strenght'"),
        ({"strength": 1.5}, "strength 1.5, which is not a number in"),
        ({"strength": "much"}, "strength 'much'"),
        ({"kind": {"kind": "uniform"}}, "mixture of a mixture"),
        ([{"group": "red", "share": 1.0}], "no share for group=green"),
        ([{"share": 1.0, "group": "red"}, {"share": 0.0, "label": "no"}], "row 2 and row 1 do not both have group"),
    ],
)
def test_a_wrong_ideal_is_explained(ideal, problem):
    with pytest.raises(InputError, match=problem) as caught:
        ideals.shares(ideal, TWO, np.ones((2, 2), np.int64))
    assert str(caught.value).startswith(f"star.ideal={ideal}: " if isinstance(ideal, str) else "star.ideal: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ideal", ["population", "floor(0.1)", {"strength": 0.5}, [{"label": "no", "share": 1}]])
def test_an_unknown_population_is_named(ideal):
    with pytest.raises(InputError, match=r"population|no share"):
        ideals.shares(ideal, TWO, None)


# In specs


@pytest.mark.parametrize(
    "ideal",
    [
        "uniform",
        "groups-within-labels",
        "floor(0.05)",
        [[0.1, 0.2], [0.3, 0.4]],
        [{"label": "<5", "group": "red", "share": 1.0}],
        {"kind": "labels-within-groups", "strength": 0.5},
        {"kind": [{"group": "red", "share": 1.0}], "strength": 0.25},
    ],
)
def test_ideals_round_trip_through_yaml_and_json(ideal):
    spec = from_mapping({"star": {"ideal": ideal}})
    assert spec.star.ideal == ideal
    assert from_mapping(yaml.safe_load(spec.to_yaml())) == spec
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec


def test_a_spec_holds_what_a_file_said(tmp_path):
    path = tmp_path / "census.yaml"
    path.write_text("- {group: red, share: 0.75}\n- {group: green, share: 0.25}\n")
    spec = with_files_read(from_mapping({}, [f"star.ideal={path}"]))
    path.unlink()
    again = from_mapping(yaml.safe_load(spec.to_yaml()))
    assert again.identity == spec.identity
    assert again.star.ideal == [{"group": "red", "share": 0.75}, {"group": "green", "share": 0.25}]


def test_validation_keeps_the_path_of_a_file_and_reads_nothing():
    spec = from_mapping(
        {"star": {"ideal": {"kind": "nowhere.csv", "strength": 0.5}}}, ["schedule.1.star.ideal=no.yaml"]
    )
    assert (spec.star.ideal, spec.at(1).star.ideal) == ({"kind": "nowhere.csv", "strength": 0.5}, "no.yaml")
    assert from_mapping(yaml.safe_load(spec.to_yaml())) == spec
    with pytest.raises(InputError, match=r"star\.ideal: names a file that is not read yet"):
        _ = spec.identity  # a path is no experiment: the file may change


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("star.ideal=no.csv", "star.ideal=no.csv: file 'no.csv' cannot be read"),
        ("star.ideal={kind: no.csv}", "star.ideal: file 'no.csv' cannot be read"),
        ("schedule={2: {star.ideal: no.csv}}", "schedule.2: star.ideal=no.csv: file 'no.csv' cannot be read"),
        ("schedule={2: {star: {ideal: no.csv}}}", "schedule.2: star.ideal=no.csv: file 'no.csv' cannot be read"),
    ],
)
@pytest.mark.parametrize("start", [ModelTrainer, lambda spec, _: Sweep(spec.model_dump(mode="json")).specs()])
def test_a_file_that_is_not_there_ends_a_run_and_a_sweep_before_they_start(override, words, start):
    with pytest.raises(InputError) as caught:
        start(tiny(override), MemoryModels())
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_run_goes_on_without_the_file_and_refuses_a_changed_one(tmp_path):
    file, out = tmp_path / "census.csv", tmp_path / "out"
    file.write_text("group,share\nred,0.75\ngreen,0.25\n")
    spec = tiny("generations=1", f"star.ideal={file}", "star.target=classifier")
    begun = RunDirectory(out)
    run(spec, begun, LineView(lambda line: None))
    assert begun.spec().star.ideal == [{"group": "red", "share": 0.75}, {"group": "green", "share": 0.25}]
    file.write_text("group,share\nred,0.5\ngreen,0.5\n")
    with pytest.raises(InputError, match=r"holds a run with star\.ideal="):
        run(spec, begun, LineView(lambda line: None))
    file.unlink()
    with pytest.raises(InputError, match=r"its spec\.yaml holds the shares"):
        run(spec, begun, LineView(lambda line: None))
    run(from_file(out / "spec.yaml", ["generations=2"]), begun, LineView(lambda line: None))
    assert begun.committed() == 2


def test_recipes_hold_the_resolved_numbers():
    spec = tiny("star.target=classifier", "star.ideal=groups-within-labels")
    population = data.load(spec.data, spec.seed)
    numerics = resolve(spec.precision, spec.device, spec.threads)
    (first, *_) = plan(spec, population, numerics).classifiers
    labels = np.bincount(population.train.labels) / len(population.train)
    np.testing.assert_allclose(first.curation.star.ideal, np.outer(labels, [0.5, 0.5]))
    whole = plan(tiny("star.target=classifier", "star.ideal={kind: groups-within-labels}"), population, numerics)
    assert whole.classifiers[0].fingerprint == first.fingerprint  # the same numbers, written otherwise


def test_the_first_ideals_are_what_they_always_were():
    uniform, table = (tiny("star.target=both", f"star.ideal={ideal}") for ideal in ("uniform", "[[.25,.25],[.25,.25]]"))
    population = data.load(uniform.data, uniform.seed)
    for spec in (uniform, table):
        curation = plan(spec, population, resolve("fp32", "cpu", 1)).classifiers[0].curation
        assert curation.described() == {"star": ((0.25, 0.25), (0.25, 0.25)), "budget": 16, "rounding": "floor"}
    assert uniform.model_dump()["star"]["ideal"] == "uniform"
    assert table.model_dump()["star"]["ideal"] == [[0.25, 0.25], [0.25, 0.25]]


def test_strength_can_be_swept():
    base = tiny("star.target=classifier", "star.ideal={kind: uniform}").model_dump(mode="json")
    specs = Sweep(base, grid={"star.ideal.strength": [0, 0.5, 1]}).specs()
    assert [spec.star.ideal["strength"] for spec in specs] == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("star.ideal=unform", "star.ideal=unform: is not one of uniform"),
        ("star.ideal={strength: 2}", "star.ideal: has strength 2"),
        ("star.ideal=3", "star.ideal=3: is not one of"),
    ],
)
def test_a_wrong_ideal_in_a_spec_is_explained_once(override, words):
    with pytest.raises(InputError) as caught:
        from_mapping({}, [override])
    assert str(caught.value).startswith(words)
    assert str(caught.value).count("star.ideal") == 1
