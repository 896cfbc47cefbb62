"""Data set D of the facts that the audit's statistics are tested against: 200 rows without random numbers."""

from __future__ import annotations

import numpy as np

_I = np.arange(200)
GROUPS = (_I % 5 >= 3).astype(np.int64)
"""0 is group A, 1 is group B."""
SCORES = ((_I * 37) % 101 / 100).round(2)
_ODDS = np.array([97 * (0.15 + 0.6 * score) for score in SCORES.tolist()])
LABELS = ((_I * 53 + 7 * (_I % 3)) % 97 < _ODDS).astype(np.float64)
SELECTED = SCORES >= 0.5
WEIGHTS = (1 + _I % 4).astype(np.float64)
EXPLORED = ~SELECTED & (_I % 7 == 0)
PROPENSITY = np.where(SELECTED, 1.0, 1 / 7)
OF_SELECTED = np.where(SELECTED, LABELS, np.nan)
"""The labels where those of the selected alone are known."""
OF_EXPLORED = np.where(SELECTED | EXPLORED, LABELS, np.nan)
"""The labels of the selected and of the explored."""
A, B = GROUPS == 0, GROUPS == 1
