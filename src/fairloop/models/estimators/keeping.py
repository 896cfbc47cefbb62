"""Fitted estimators as bytes and back, without pickle. Loading never runs stored code.

An object's own `to_bytes` and `from_bytes` come first, then the format of its library: UBJSON of XGBoost, text of
LightGBM, skops for scikit-learn, which refuses every type that neither skops nor this module trusts.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
import warnings
from collections.abc import Callable
from threading import RLock
from typing import Any, NamedTuple, NotRequired, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairloop.errors import InputError, said

TRUSTED = (
    "functools.partial",  # skops checks the function in it, too
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
"""Parts of scikit-learn's models that skops leaves to its callers. They hold numbers, and loading them runs no code."""

_PARSING = RLock()
"""A lock for one reader at a time. The headers of arrays are parsed as Python literals, and the parser of CPython 3.11
counts its depth for all threads together, so two concurrent readers end with a SystemError."""


class Told(TypedDict):
    """The plain data beside an estimator's bytes.

    form: the place of the form that its fit took. present, seed, only: of a classifier, the labels that occurred, the
    seed of its predictions, and the place of its name if it gives one label alone. kind: how the bytes were written.
    versions: of the packages that wrote them. classes: of a model whose bytes leave them out.
    """

    form: int
    present: NotRequired[list[int] | None]
    seed: NotRequired[int]
    only: NotRequired[int]
    kind: NotRequired[str]
    versions: NotRequired[dict[str, str]]
    classes: NotRequired[list[Any]]


class Kept(NamedTuple):
    """An estimator as bytes."""

    told: Told
    content: bytes


def packed(own: Any, told: Told) -> Tensor:
    """(n,) uint8: `own` and `told` in one; of length 0 if `own` cannot be kept."""
    for kind, write in _WRITERS.items():
        try:
            content = write(own)
        except Exception:  # noqa: BLE001  (a library may fail in any way at an object that is not its own)
            continue
        if content is not None:
            whole: Told = {**told, "kind": kind, "versions": _versions(own)}
            if kind == "lightgbm":
                whole["classes"] = np.asarray(own.classes_).tolist()
            head = json.dumps(whole, sort_keys=True).encode()
            return torch.frombuffer(bytearray(len(head).to_bytes(8, "little") + head + content), dtype=torch.uint8)
    return torch.zeros(0, dtype=torch.uint8)


def unpacked(state: Tensor) -> Kept | None:
    """The inverse of `packed`; None for an estimator that could not be kept."""
    if not state.numel():
        return None
    whole = state.numpy().tobytes()
    end = 8 + int.from_bytes(whole[:8], "little")
    return Kept(json.loads(whole[8:end]), whole[end:])


def restored(kept: Kept, prototype: Any, title: str) -> Any:
    """The stored estimator. prototype: an unfitted object of its class.

    Raises InputError for content that cannot be read, and for types that are not trusted. Warns of other versions.
    """
    for package, then in kept.told["versions"].items():
        if (now := _version(package)) != then:
            warnings.warn(f"{title}: was fitted with {package} {then}, not {now}", stacklevel=2)
    try:
        return _READERS[kept.told["kind"]](kept, copy.deepcopy(prototype))
    except Exception as error:
        raise InputError(
            f"{title}: the kept model cannot be read: {said(error)}; delete its file to fit it again"
        ) from error


def not_kept(model: str) -> str:
    """The warning about a model that cannot be kept after its fit. model: its name."""
    missing = model.startswith(("sklearn.", "fairlearn-")) and importlib.util.find_spec("skops") is None
    remedy = (
        "pip install 'fairloop[estimators]' keeps it" if missing else "docs/models/estimators.md explains the reason"
    )
    return f"{model}: is not kept, so it is fitted again at each use; {remedy}"


def trusted_bytes(content: Any) -> bytes:
    """Plain data with models of scikit-learn's kind as bytes. Raises ValueError for types that are not trusted."""
    from skops.io import dumps, get_untrusted_types

    written: bytes = dumps(content)
    if untrusted := set(get_untrusted_types(data=written)) - set(TRUSTED):
        raise ValueError(f"types that are not trusted: {', '.join(sorted(untrusted))}")
    return written


def from_trusted_bytes(content: bytes) -> Any:
    """The inverse of `trusted_bytes`. Raises an exception of skops for types that are not trusted."""
    from skops.io import get_untrusted_types, loads

    with _PARSING:
        found = set(get_untrusted_types(data=content))
        return loads(content, trusted=sorted(found & set(TRUSTED)))


def _own_bytes(own: Any) -> bytes | None:
    return bytes(own.to_bytes()) if hasattr(own, "to_bytes") else None


def _xgboost(own: Any) -> bytes | None:
    return bytes(own.get_booster().save_raw("ubj")) if hasattr(own, "get_booster") else None


def _lightgbm(own: Any) -> bytes | None:
    text = getattr(getattr(own, "booster_", None), "model_to_string", None)
    return None if text is None else str(text()).encode()


def _skops(own: Any) -> bytes | None:
    return trusted_bytes(own) if "sklearn" in sys.modules else None


def _from_own_bytes(kept: Kept, prototype: Any) -> Any:
    return prototype.from_bytes(kept.content) or prototype


def _from_xgboost(kept: Kept, prototype: Any) -> Any:
    prototype.load_model(bytearray(kept.content))
    return prototype


def _from_skops(kept: Kept, prototype: Any) -> Any:
    del prototype
    return from_trusted_bytes(kept.content)


class Booster:
    """A restored booster of LightGBM as a classifier."""

    def __init__(self, kept: Kept, prototype: Any) -> None:
        from lightgbm import Booster as Read

        del prototype
        self._booster = Read(model_str=kept.content.decode())
        self.classes_ = np.asarray(kept.told["classes"])

    def predict_proba(self, people: Any) -> NDArray[np.float64]:
        """(N, k) probabilities."""
        found: NDArray[np.float64] = np.asarray(self._booster.predict(people))
        return found if found.ndim > 1 else np.stack([1 - found, found], axis=1)

    def predict(self, people: Any) -> NDArray[Any]:
        """(N,) the likeliest classes."""
        chosen: NDArray[Any] = self.classes_[self.predict_proba(people).argmax(axis=1)]
        return chosen


_WRITERS: dict[str, Callable[[Any], bytes | None]] = {
    "own": _own_bytes,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "skops": _skops,
}
_READERS: dict[str, Callable[[Kept, Any], Any]] = {
    "own": _from_own_bytes,
    "xgboost": _from_xgboost,
    "lightgbm": Booster,
    "skops": _from_skops,
}


def _versions(own: Any) -> dict[str, str]:
    """Versions by name of the packages that `own` names, or of the package of its class."""
    packages = getattr(own, "packages", (type(own).__module__.partition(".")[0],))
    known = {package: _version(package) for package in packages if package != "fairloop"}
    return {package: version for package, version in known.items() if version is not None}


def _version(package: str) -> str | None:
    return getattr(sys.modules.get(package), "__version__", None)
