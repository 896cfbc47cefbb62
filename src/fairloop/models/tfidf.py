"""Logistic regression on weighted counts of words, a classifier of texts that trains in a second."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fairloop.models.estimators.keeping import from_trusted_bytes, trusted_bytes

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
        """The fitted pipeline, as skops writes it."""
        return trusted_bytes(self._pipeline)

    def from_bytes(self, content: bytes) -> None:
        """Restore the weights of `to_bytes`."""
        self._pipeline = from_trusted_bytes(content)
