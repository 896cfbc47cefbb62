"""The formulas of measures of confusion counts: cells in, numerator and denominator out.

Cells hold one value for each group, or one for all people together. They are counts of people, or sums of their
weights. A measure is the quotient of the two results, and undefined if the denominator is 0. `catalogue` describes
each measure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Values = Any  # an array with a value for each group; numpy is not imported, so that the catalogue is quick to import
Quotient = tuple[Values, Values]


class Cells(NamedTuple):
    """People by the beneficial label and its prediction, (S,) each. right: people with a correct prediction of any
    label.

    With more than two labels, all cells but `right` compare the beneficial label with the rest.
    """

    right: Values
    true_positives: Values
    false_negatives: Values
    false_positives: Values
    true_negatives: Values

    @property
    def positives(self) -> Values:
        """People with the beneficial label."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> Values:
        """People without the beneficial label."""
        return self.false_positives + self.true_negatives

    @property
    def selected(self) -> Values:
        """People to whom the classifier gives the beneficial label."""
        return self.true_positives + self.false_positives

    @property
    def total(self) -> Values:
        """All people."""
        return self.positives + self.negatives


Formula = Callable[[Cells], Quotient]


def accuracy(cells: Cells) -> Quotient:
    """Right predictions among all."""
    return cells.right, cells.total


def selection_rate(cells: Cells) -> Quotient:
    """Selected people among all."""
    return cells.selected, cells.total


def tpr(cells: Cells) -> Quotient:
    """Selected people among those with the beneficial label."""
    return cells.true_positives, cells.positives


def tnr(cells: Cells) -> Quotient:
    """People not selected among those without the beneficial label."""
    return cells.true_negatives, cells.negatives


def fpr(cells: Cells) -> Quotient:
    """Selected people among those without the beneficial label."""
    return cells.false_positives, cells.negatives


def fnr(cells: Cells) -> Quotient:
    """People not selected among those with the beneficial label."""
    return cells.false_negatives, cells.positives


def ppv(cells: Cells) -> Quotient:
    """People with the beneficial label among those selected."""
    return cells.true_positives, cells.selected


def count(cells: Cells) -> Quotient:
    """All people."""
    return cells.total, 1


def generalized_entropy_index(cells: Cells) -> Quotient:
    """Inequality of benefits b, with alpha = 2: the mean of ((b / mean b)^2 - 1) / 2 (Speicher et al., 2018).

    With r, p and m people of benefit 1, 2 and 0 (right, false positive, false negative) that is
    (r p + r m + 4 p m) / (2 (r + 2 p)^2), half the variance of b over its squared mean.
    """
    p, m = 1.0 * cells.false_positives, 1.0 * cells.false_negatives  # squares of whole numbers could overflow
    r = 1.0 * cells.true_positives + cells.true_negatives
    return r * p + r * m + 4 * p * m, 2 * (r + 2 * p) ** 2
