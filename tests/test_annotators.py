from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from fairloop.errors import InputError
from fairloop.report.annotators import annotators, print_annotators
from test_figures import LOOP, NAN, table


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
