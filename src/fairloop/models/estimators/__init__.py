"""Estimators: models in the style of scikit-learn, fitted by one call."""
