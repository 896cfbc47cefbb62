"""The Chow-Liu tree: a tree that was put in comes out, and so do its pairs of columns."""

from __future__ import annotations

import itertools

import networkx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from fairloop.models.chow_liu import ChowLiuTree, mutual_information
from test_estimators import people


def grown(parents: list[int], n: int, seed: int) -> pd.DataFrame:
    """Texts of three values: each column copies its parent's value with probability 0.75. parents[i] is of i + 1."""
    rng = np.random.default_rng(seed)
    columns = [rng.integers(3, size=n)]
    for parent in parents:
        columns.append(np.where(rng.random(n) < 0.75, columns[parent], rng.integers(3, size=n)))
    return pd.DataFrame({f"c{i}": np.array(["a", "b", "c"])[column] for i, column in enumerate(columns)})


def edges(tree: ChowLiuTree) -> set[frozenset[int]]:
    return {frozenset((child, parent)) for child, parent in tree.parents.items() if parent is not None}


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(st.data(), st.integers(0, 1000))
def test_a_tree_is_recovered_with_the_tables_of_its_pairs(data, seed):
    parents = [data.draw(st.integers(0, i)) for i in range(4)]
    real = grown(parents, 6000, seed)
    tree = ChowLiuTree().fit(real)
    assert edges(tree) == {frozenset((i + 1, parent)) for i, parent in enumerate(parents)}
    made = tree.sample(20_000, np.random.default_rng(seed))
    for i, j in itertools.combinations(real, 2):  # all pairs: the others follow from the tree
        tables = [pd.crosstab(frame[i], frame[j], normalize=True) for frame in (real, made)]
        assert tables[1].to_numpy() == pytest.approx(tables[0].to_numpy(), abs=0.025)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(3, 6))
def test_no_other_tree_keeps_more_mutual_information(seed, columns):
    rng = np.random.default_rng(seed)
    mix = rng.integers(0, 4, (200, columns)) // rng.integers(1, 4, columns)
    mix[:, -1] = mix[:, 0] + mix[:, 1]
    real = pd.DataFrame(mix.astype(str))
    known = networkx.Graph()
    for i, j in itertools.combinations(range(columns), 2):
        known.add_edge(i, j, weight=mutual_info_score(mix[:, i], mix[:, j]))
    best = networkx.maximum_spanning_tree(known).size(weight="weight")
    found = sum(known.edges[tuple(edge)]["weight"] for edge in edges(ChowLiuTree().fit(real)))
    assert found == pytest.approx(best, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=50))
def test_mutual_information_is_that_of_scikit_learn(pairs):
    first, second = np.array(pairs, np.int64).T
    assert mutual_information(first, second) == pytest.approx(mutual_info_score(first, second), abs=1e-9)


def test_the_shares_along_the_tree_are_those_of_the_data():
    """Without sampling: the cumulative shares that are kept, against pandas."""
    real = grown([0, 0, 1], 500, 3)
    tree = ChowLiuTree().fit(real)
    for (child, parent), shares in zip(tree.parents.items(), tree._shares, strict=True):
        column = pd.Categorical(real.iloc[:, child], tree._values[child])
        given = "all" if parent is None else pd.Categorical(real.iloc[:, parent], tree._values[parent])
        rows = pd.crosstab(np.full(500, "all") if parent is None else given, column, normalize="index")
        assert shares == pytest.approx(rows.to_numpy().cumsum(axis=1))


def test_numbers_keep_their_distribution_and_their_place_in_the_tree():
    rng = np.random.default_rng(0)
    size = rng.normal(size=5000)
    real = pd.DataFrame({
        "pay": np.where(rng.random(5000) < 0.5, 0, np.exp(size)), "size": size, "rooms": rng.integers(1, 5, 5000)
    })  # fmt: skip
    made = ChowLiuTree().fit(real).sample(5000, rng)
    assert made.dtypes.equals(real.dtypes)
    assert set(made["rooms"]) == set(real["rooms"])
    assert (made["pay"] == 0).mean() == pytest.approx(0.5, abs=0.03)
    for name in ("pay", "size"):
        assert set(made[name]) <= set(real[name])
        levels = [0.6, 0.75, 0.9] if name == "pay" else [0.1, 0.5, 0.9]
        assert made[name].quantile(levels).to_numpy() == pytest.approx(
            real[name].quantile(levels).to_numpy(), abs=0.08, rel=0.12
        )
    assert made.corr("spearman").loc["pay", "size"] == pytest.approx(real.corr("spearman").loc["pay", "size"], abs=0.05)


def test_the_tree_comes_back_from_its_bytes_and_refuses_holes():
    real = people().drop(columns=["part"]).astype({"home": "category"}).assign(flag=lambda found: found["age"] > 40)
    tree, other = ChowLiuTree(bins=4, knots=5).fit(real), ChowLiuTree()
    other.from_bytes(tree.to_bytes())
    first, second = (each.sample(50, np.random.default_rng(1)) for each in (tree, other))
    pd.testing.assert_frame_equal(first, second)
    assert first.dtypes.equals(real.dtypes)
    assert ChowLiuTree().fit(real[["age", "pay"]].to_numpy()).sample(5, np.random.default_rng(0)).shape == (5, 2)
    with pytest.raises(ValueError, match="no missing values"):
        ChowLiuTree().fit(real.assign(pay=np.nan))
    for wrong in ({"bins": 1}, {"knots": 0}):
        with pytest.raises(ValueError, match="give 2 or more"):
            ChowLiuTree(**wrong)


def test_columns_that_tell_nothing_of_each_other_have_no_edge():
    real = pd.DataFrame({"a": ["x", "x", "y", "y"], "b": ["u", "v", "u", "v"], "c": ["x", "x", "y", "y"]})
    tree = ChowLiuTree().fit(real)
    assert edges(tree) == {frozenset((0, 2))}
    assert list(tree.parents.values()).count(None) == 2
