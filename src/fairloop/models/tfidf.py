"""Logistic regression on weighted counts of words, a classifier of texts that trains in a second."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
except ImportError as error:
    raise ImportError(f"it needs scikit-learn, pip install 'fairloop[estimators]' ({error})") from error


class TfidfLogistic:
    """scikit-learn's `TfidfVectorizer` and `LogisticRegression` on strings.

    ngrams: most words in a feature. least: smallest number of texts with a feature.
    C: inverse strength of the L2 penalty.
    """

    takes = "texts"

    def __init__(self, ngrams: int = 1, least: int = 1, C: float = 1.0) -> None:  # noqa: N803  (scikit-learn's name)
        words = TfidfVectorizer(ngram_range=(1, ngrams), min_df=least, token_pattern=r"(?u)\b\w+\b")
        self._pipeline = make_pipeline(words, LogisticRegression(C=C, max_iter=1000))

    def fit(self, X: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[Any] | None = None) -> TfidfLogistic:  # noqa: N803
        """Learn names or codes `y` of the texts X."""
        self._pipeline.fit(X, y, logisticregression__sample_weight=sample_weight)
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """(k,) the labels."""
        found: NDArray[Any] = self._pipeline.classes_
        return found

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803
        """(N,) the likeliest labels."""
        found: NDArray[Any] = self._pipeline.predict(X)
        return found

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:  # noqa: N803
        """(N, k) probabilities."""
        found: NDArray[Any] = self._pipeline.predict_proba(X)
        return found

    def to_bytes(self) -> bytes:
        """The fitted weights: seven arrays as NumPy writes them. skops takes a second for a vocabulary of 10,000."""
        words, labels = self._pipeline[0], self._pipeline[1]
        features = "\n".join(words.get_feature_names_out()).encode()
        held = io.BytesIO()
        np.savez(
            held, features=np.frombuffer(features, np.uint8), idf=words.idf_, coefficients=labels.coef_,
            intercepts=labels.intercept_, rounds=labels.n_iter_, classes=np.array(labels.classes_.tolist()),
            of_objects=labels.classes_.dtype == object,
        )  # fmt: skip
        return held.getvalue()

    def from_bytes(self, content: bytes) -> None:
        """Restore the weights of `to_bytes`."""
        held = np.load(io.BytesIO(content), allow_pickle=False)
        words, labels = self._pipeline[0], self._pipeline[1]
        words.vocabulary_ = {name: place for place, name in enumerate(held["features"].tobytes().decode().split("\n"))}
        words.idf_ = held["idf"]
        labels.coef_, labels.intercept_, labels.n_iter_ = held["coefficients"], held["intercepts"], held["rounds"]
        labels.classes_ = held["classes"].astype(object) if held["of_objects"] else held["classes"]
        labels.n_features_in_ = labels.coef_.shape[1]
