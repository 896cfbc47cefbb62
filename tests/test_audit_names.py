"""Names in a file's own dictionary, and scores in order: the fast ways say the same as the plain ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairloop import audit
from fairloop.auditing.log import score_counts
from fairloop.auditing.log.score_counts import ScoreCells, by_stratum
from fairloop.errors import InputError

NAMED = {
    "round": "round",
    "label": "label",
    "groups": ["sex", "region"],
    "prediction": "predicted",
    "beneficial": "yes",
}


ABOUT = ["run", "dataset"]
"""Columns of a table that say where a log was."""


def log(rows: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    label = rng.choice(["yes", "no", None], rows, p=[0.4, 0.5, 0.1])
    return pd.DataFrame({
        "round": np.repeat(["late", "early"], [rows - rows // 2, rows // 2]), "label": label,
        "predicted": rng.choice(["no", "yes"], rows), "sex": rng.choice(["f", "m", None], rows),
        "region": rng.choice(["1,5", "2,5"], rows), "score": rng.random(rows).round(2),
    })  # fmt: skip


def as_dictionaries(rows: pd.DataFrame) -> pa.Table:
    """Text columns as dictionaries in another order, with a name that no row has."""
    columns = {name: pa.array(rows[name], from_pandas=True) for name in rows}
    for name, values in columns.items():
        if name != "score":
            names = [*sorted(values.drop_null().unique().to_pylist(), reverse=True), "nobody's"]
            columns[name] = pa.DictionaryArray.from_arrays(pa.compute.index_in(values, pa.array(names)), names)
    return pa.table(columns)


@pytest.mark.parametrize("how", ["plain pages", "pages with dictionaries", "dictionaries", "frame of dictionaries"])
def test_a_files_own_dictionary_says_what_its_rows_say(tmp_path, how):
    rows, file = log(), tmp_path / "log.parquet"
    table = pa.Table.from_pandas(rows, preserve_index=False) if "pages" in how else as_dictionaries(rows)
    pq.write_table(
        table, file, use_dictionary=how != "plain pages", row_group_size=200, store_schema="pages" not in how
    )
    expected = audit(rows, **NAMED, score="score", round_order="given")
    found = audit(table if "frame" in how else file, **NAMED, score="score", round_order="given")
    assert found.measured.rounds.names == ("late", "early")  # as they come, not as a dictionary has them
    assert found.measured.rounds.groups == expected.measured.rounds.groups
    pd.testing.assert_frame_equal(found.table.drop(columns=ABOUT), expected.table.drop(columns=ABOUT))


def test_an_identifier_is_refused_and_a_long_dictionary_of_few_names_is_not(tmp_path):
    rows = log(12_000)
    rows["sex"] = np.char.mod("%d", np.arange(len(rows)))
    rows.to_parquet(tmp_path / "log.parquet")
    with pytest.raises(InputError, match="'sex' has more than 10,000 different values"):
        audit(tmp_path / "log.parquet", **NAMED)
    few = log(300).assign(sex=pd.Categorical(["a", "b", "c"] * 100, categories=[*"abc", *map(str, range(12_000))]))
    assert audit(few, **NAMED).measured.rounds.people.sum() == 300


@given(st.lists(st.tuples(st.integers(0, 70_000), st.floats(allow_nan=False)), max_size=40))
def test_scores_are_ordered_as_by_a_sort_of_both(pairs):
    strata = np.array([one for one, _ in pairs], np.int64)
    keys = np.array([other for _, other in pairs], np.float64)
    order, plain = by_stratum(strata, keys), np.lexsort((keys, strata))
    assert strata[order].tolist() == strata[plain].tolist()
    assert keys[order].tolist() == keys[plain].tolist()


def test_a_bin_that_reaches_over_a_decile_is_two_cells(monkeypatch):
    monkeypatch.setattr(score_counts, "MOST_CELLS", 1000)
    monkeypatch.setattr(score_counts, "BINS", 64)
    scores = np.linspace(0.0, 1.0, 5000)
    cells = ScoreCells()
    for part in np.array_split(np.random.default_rng(0).permutation(scores), 4):
        cells.add(np.zeros(len(part), np.int64), part, {})
    found = cells.cells()
    assert found.width > 0
    assert found.sums["n"].sum() == len(scores)
    assert (np.diff(found.keys * 10 + found.decile) > 0).all()
    np.testing.assert_array_equal(np.searchsorted(np.arange(1, 10) / 10, found.scores, side="right"), found.decile)
