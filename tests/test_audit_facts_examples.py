"""The examples in the docstrings of the audit's statistics are true."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = (
    "adverse_impact", "bounds", "calibration", "distances", "groups_against_rest", "histograms", "joint_bounds",
    "kinds", "maturity", "missing", "power", "propensity", "proportions", "scores", "shares",
)  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    found = doctest.testmod(import_module(f"fairloop.metrics.{module}"))
    assert found.attempted > 0
    assert found.failed == 0
