"""The default estimator of forecasts."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression


class Standardised(LogisticRegression):  # type: ignore[misc]
    """Logistic regression on standardised features. Its weights and intercept are on the scale of the given
    features.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Standardised:  # noqa: N803
        """Fit the model. A feature with a single value has no effect."""
        features = np.asarray(X, np.float64)
        middle, spread = features.mean(axis=0), features.std(axis=0)
        spread[spread == 0] = 1.0
        fitted: Any = super().fit((features - middle) / spread, y, sample_weight)
        fitted.coef_ = fitted.coef_ / spread
        fitted.intercept_ = fitted.intercept_ - fitted.coef_ @ middle
        return self
