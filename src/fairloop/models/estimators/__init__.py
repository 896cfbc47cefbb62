"""Estimators: models of scikit-learn's kind, which are fitted by one call."""
