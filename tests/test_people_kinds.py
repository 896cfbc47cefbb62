"""Every kind of people passes the conformance suite; the suite fails kinds that break its rules."""

import inspect
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fairloop.errors import InputError
from fairloop.people import KINDS, build_kind
from fairloop.people.allocation import Allocation
from fairloop.people.base import Normal, Table, base_of
from fairloop.people.interface import Kind, Names, People, Streams
from fairloop.people.lending import Lending
from fairloop.people.performative import Performative
from fairloop.people.scores import law_of
from fairloop.people.selective_labels import SelectiveLabels
from fairloop.people.strategic import Strategic
from fairloop.testing import KIND_CHECKS, KindCase, check_kind
from fairloop.testing.kind_laws import laws_of

CASES = {
    "lending": KindCase("lending"),
    "lending-parity": KindCase("lending", {"policy": "demographic-parity", "profit": [1, -10]}),
    "selective-labels": KindCase("selective-labels", {"thresholds": [0.0, 99.0]}),
    "strategic": KindCase("strategic"),
    "strategic-improvement": KindCase(
        "strategic", {"effect": "improvement", "cost": "absolute", "scale": [1, 2], "kappa": [1, 3], "gain": 2}
    ),
    "performative": KindCase("performative"),
    "performative-location": KindCase("performative", {"family": "location"}),
    "performative-coin": KindCase("performative", {"family": "coin", "mean": 0.2, "epsilon": 0.2}),
    "allocation": KindCase("allocation"),
    "allocation-three": KindCase(
        "allocation",
        {"start": [5, 6, 7], "rates": [3, 2, 1], "find": "poisson", "correction": "smallest", "reported": 0.2},
    ),
    "adoption": KindCase("adoption"),
    "adoption-decisions": KindCase("adoption", {"model": "decisions", "delay": True}),
}


def test_every_kind_has_a_case():
    assert {case.kind for case in CASES.values()} == set(KINDS)


@pytest.mark.parametrize("name", CASES)
def test_every_kind_passes_every_check(name):
    case = CASES[name]
    assert laws_of(case.build())
    check_kind(case.kind, case.arguments)


class Fair(Kind):
    """The smallest kind: features of noise, outcomes of a fair coin."""

    names = Names(("noise",), ("all",))

    def arrive(self, state, n, published, rngs):
        return People(rngs.arrivals.normal(size=(n, 1)), np.zeros(n, dtype=np.int64))

    def outcome(self, people, rng):
        return rng.integers(2, size=len(people))

    def respond(self, state, people, accepted, outcome, rngs):
        return state


class Hidden(Fair):
    def outcome(self, people, rng):
        return np.random.randint(2, size=len(people))


class Frozen(Fair):
    def arrive(self, state, n, published, rngs):
        return People(np.zeros((n, 1)), np.zeros(n, dtype=np.int64))

    def outcome(self, people, rng):
        return np.zeros(len(people), dtype=np.int64)


class Writes(Fair):
    def respond(self, state, people, accepted, outcome, rngs):
        people.features[:] = 0
        return state


class Chooses(Fair):
    names = Names(("noise",), ("a", "b"))

    def arrive(self, state, n, published, rngs):
        people = super().arrive(state, n, published, rngs)
        weight = 0 if published is None else published.linear()[0][0]
        return replace(people, groups=np.full(n, int(weight > 0.1)))


class Remembers(Fair):
    def start(self, n, rng):
        return {"list": [1, 2]}


class Short(Fair):
    def arrive(self, state, n, published, rngs):
        return super().arrive(state, n - 1, published, rngs)


class Named(Fair):
    def measures(self, state, people, accepted, outcome, published):
        return {"shares": np.ones(7)}


class Stays(Lending):
    def replace(self, state, gone, rngs):
        return state


class HarmsRejected(Lending):
    def respond(self, state, people, accepted, outcome, rngs):
        after = super().respond(state, people, accepted, outcome, rngs)
        return {**after, "scores": np.clip(after["scores"] - 1, 300, 850)}


class MovesAll(Strategic):
    def response(self, base, groups, published):
        found = super().response(base, groups, published)
        return found._replace(features=found.features + 0.01, moved=np.ones_like(found.moved))


class Memory(Performative):
    def respond(self, state, people, accepted, outcome, rngs):
        return {**state, "features": people.features}


class Loses(Allocation):
    def respond(self, state, people, accepted, outcome, rngs):
        return {"counts": np.maximum(state["counts"] - 1, 1)}


class Learns(SelectiveLabels):
    def start(self, n, rng):
        return {"bias": np.zeros(1)}

    def arrive(self, state, n, published, rngs):
        people = super().arrive(state, n, published, rngs)
        return replace(people, features=people.features + state["bias"])

    def respond(self, state, people, accepted, outcome, rngs):
        return {"bias": state["bias"] + np.mean(accepted)}


def test_the_smallest_kind_passes():
    check_kind(f"{__name__}:Fair")
    assert laws_of(Fair()) == ()


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Hidden, "follows_its_streams: a round touches the global random numbers"),
        (Frozen, "follows_its_streams: rounds do not depend on the streams"),
        (Writes, "changes_no_array_that_it_is_given"),
        (Chooses, "brings_the_same_people_under_every_model"),
        (Remembers, "brings_people_as_named: state 'list' is a list"),
        (Short, "brings_people_as_named: features have the shape"),
        (Named, r"measures_numbers: measure 'shares' has the shape \(7,\)"),
        (Stays, "lets_people_leave: nobody has taken the places"),
        (HarmsRejected, "rejected_people_keep_their_scores"),
        (MovesAll, "people_move_once_to_be_accepted"),
        (Memory, "the_response_depends_on_the_weights_alone"),
        (Loses, "counts_grow_where_patrols_go: a count falls"),
        (Learns, "outcomes_follow_the_features_alone"),
    ],
)
def test_the_suite_fails_broken_kinds(broken, check):
    with pytest.raises(AssertionError, match=check):
        check_kind(broken())


def test_checks_have_words_and_cases_are_reusable():
    assert all(inspect.getdoc(check) for check in KIND_CHECKS)
    first, second = (CASES["lending"].play()[1][1].state["scores"] for _ in (0, 1))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("lendign", {}, "people.kind: 'lendign' is not one of .*; did you mean lending"),
        ("lending", {"polcy": 1}, "people.arguments: lending refuses them: .*polcy.*; it takes law, changes"),
        ("lending", {"profit": [1, 4]}, "people.arguments.profit: 1, 4 are not a gain above 0 and a loss below 0"),
        ("lending", {"bounds": [400, 850]}, r"bounds: \[400.0, 850.0\] leave out scores from 300 to 850"),
        ("lending", {"law": {"kind": "normal"}}, "people.arguments.law: .*missing"),
        ("lending", {"law": {"kind": "beta"}}, "law.kind: 'beta' is not one of normal, uniform, fico"),
        ("lending", {"policy": "generous"}, "policy: 'generous' is not one of max-profit"),
        ("selective-labels", {"thresholds": [1, 2, 3]}, r"thresholds: has the shape \(3,\); give  ?2 numbers"),
        ("selective-labels", {"law": {"kind": "uniform", "low": [0.5], "high": [0.2]}}, "low is above high"),
        ("selective-labels", {"law": {"kind": "normal", "rates": [0, 1]}}, "law.rates: 0 is not from"),
        ("selective-labels", {"law": {"kind": "table", "path": "no.csv"}}, "people.arguments.law: .*missing"),
        ("builtins:dict", {}, "gives a dict, not a fairloop.people.interface.Kind"),
    ],
)
def test_wrong_kinds_and_arguments_are_refused_in_one_line(name, arguments, words):
    with pytest.raises(InputError, match=words) as error:
        build_kind(name, arguments)
    assert "\n" not in str(error.value)


def test_people_come_from_any_table(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("age;income;sex;paid\n30;1,5;f;yes\n40;2,5;m;no\n50;9,0;f;yes\n")
    arguments = {"features": ["age"], "group": "sex", "label": "paid", "positive": "yes"}
    table = Table(str(path), **arguments, standardise=False)
    assert table.names == Names(("age",), ("f", "m"), ("no", "yes"))
    people = table.draw(500, np.random.default_rng(0))
    assert {(x, g, p) for (x,), g, p in zip(*people, strict=True)} == {(30, 0, 1), (40, 1, 0), (50, 0, 1)}
    standard = Table(str(path), **arguments)
    assert standard.features.mean() == pytest.approx(0)
    assert standard.features.std() == pytest.approx(1)
    check_kind("selective-labels", {"law": {"kind": "table", "path": str(path), **arguments}})
    for wrong, words in (
        ({"features": ["weight"]}, "no column 'weight'"),
        ({"features": ["sex"]}, "give numbers"),
        ({"positive": "maybe"}, "no row of .* has paid='maybe'"),
    ):
        with pytest.raises(InputError, match=words):
            Table(str(path), **{**arguments, **wrong})


def test_the_probability_of_normal_people_is_that_of_their_draws():
    law = Normal(((-1.0,), (0.0,)), ((1.0,), (0.5,)), (0.3, 0.6), (0.4, 0.6), with_group=True)
    features, groups, probability = law.draw(20_000, np.random.default_rng(0))
    assert law.names.features == ("x0", "B")
    assert np.array_equal(features[:, 1], groups)
    for group, rate in enumerate((0.3, 0.6)):
        assert probability[groups == group].mean() == pytest.approx(rate, abs=0.02)
        x = features[groups == group, 0]
        low, high = ((-1.0, 1.0), (0.0, 0.5))[group]
        likelihood = [np.exp(-((x - mean) ** 2) / 2) for mean in (low, high)]
        exact = rate * likelihood[1] / (rate * likelihood[1] + (1 - rate) * likelihood[0])
        assert probability[groups == group] == pytest.approx(exact)


DOCS = Path(__file__).parents[1] / "docs" / "people"


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_has_a_page_whose_tests_and_picture_exist(name):
    page = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert f"({name}.png)" in page
    assert (DOCS / f"{name}.png").stat().st_size < 200_000
    file = re.search(r"`tests/(test_people_\w+)\.py`", page)
    known = (DOCS.parents[1] / "tests" / f"{file[1]}.py").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+)`", page)
    assert len(named) > 3
    assert [one for one in named if f"def {one}(" not in known] == []


def test_the_examples_of_the_page_run():
    examples = re.findall(r"```python\n(.*?)```", (DOCS / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        exec(compile(example, "README.md", "exec"), {"__name__": "example"})


def test_streams_are_named_by_seed_round_and_purpose():
    draws = {one.random() for seed in (0, 1) for number in (0, 1) for one in vars(Streams.of(seed, number)).values()}
    assert len(draws) == 4 * len(vars(Streams.of(0, 0)))
    assert Streams.of(3, 4).response.random() == Streams.of(3, 4).response.random()


def test_some_of_the_people_can_come():
    kind = Lending()
    state = kind.start(100, np.random.default_rng(0))
    people = kind.arrive(state, 30, None, Streams.of(0))
    assert np.array_equal(people.features[:, 0], state["scores"][people.identity])
    after = kind.respond(state, people, np.ones(30, bool), np.ones(30, int), Streams.of(0))["scores"]
    others = np.setdiff1d(np.arange(100), people.identity)
    assert np.array_equal(after[others], state["scores"][others])
    assert (after[people.identity] >= state["scores"][people.identity]).all()
    with pytest.raises(InputError, match="101 applicants of 100 people"):
        kind.arrive(state, 101, None, Streams.of(0))


@pytest.mark.parametrize("given", ["normal", 3, ["normal"], None])
@pytest.mark.parametrize("law", [base_of, law_of])
def test_a_law_without_a_kind_is_refused(law, given):
    with pytest.raises(InputError, match=r"people.arguments.law: .* is not a law; name one, such as \{kind: "):
        law(given)
