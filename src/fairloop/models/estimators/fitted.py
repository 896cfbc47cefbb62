"""Estimators behind the interfaces of generators and classifiers. They need no torch.

A generator is any object with `fit(X)` and `sample(n)`, a classifier any object with `fit(X, y)` and `predict(X)`.
Several forms of X are tried in order, such as a frame, then an array of numbers; `fit` takes the first that works.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fairloop.errors import InputError
from fairloop.models.estimators.constant import Constant
from fairloop.models.estimators.contract import (
    Features,
    array_of,
    called,
    dense,
    is_refusal,
    number,
    numbers,
    own_threads,
    parameters,
    sampled,
    seeded,
    summed_up,
    takes_groups,
    title_of,
    wanted,
)
from fairloop.models.estimators.keeping import Kept, packed, restored, unpacked
from fairloop.models.interface import Classifier, Generator
from fairloop.tables.token_ids import PAD

_CERTAIN = 1e-3  # raises the logit of a prediction above equal logits
_ROUNDING = 1e-3  # allowed distance of a probability from [0, 1]
_TIE = 1e-9  # `predict` may order probabilities within this distance differently

_BY_PROBABILITY = (
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
    "sklearn.linear_model._logistic.LogisticRegression",
)
"""Classes whose `predict` returns the label with the largest `predict_proba`, so that one call gives both."""


class Fitted(nn.Module):
    """An estimator that `learn` fits in one step. Without a fit, and after the divergence of a parent, it returns NaN.

    prototype: an unfitted object; each fit is of a copy. forms: of its features, in order of trial; if the prototype's
    attribute `takes` names the kind of one form, only that form. place: its name in errors.
    """

    def __init__(self, prototype: Any, forms: Sequence[Features], place: str) -> None:
        super().__init__()
        self.own: Any = None
        self.title = title_of(place, prototype)
        takes = getattr(prototype, "takes", None)
        self._prototype, self._forms = prototype, [form for form in forms if form.kind == takes] or forms
        self._form = self._target = 0
        self._packed: Tensor | None = None

    @property
    def can_be_kept(self) -> bool:
        """Whether `state_dict` holds the whole estimator. If not, the estimator is fitted again."""
        return self.own is None or self._content().numel() > 0

    def get_extra_state(self) -> Tensor:
        """The estimator as bytes; empty if it cannot be kept."""
        return self._content()

    def set_extra_state(self, state: Any) -> None:
        """Restore the estimator of `get_extra_state`. Raises InputError for types that are not trusted."""
        kept = unpacked(state)
        if kept is not None:
            self._form = kept.told["form"]
            self.own = self._restored(kept)

    def _content(self) -> Tensor:
        if self._packed is None:
            self._packed = torch.zeros(0, dtype=torch.uint8) if self.own is None else packed(self.own, self._told())
        return self._packed

    def _told(self) -> dict[str, Any]:
        return {"form": self._form}

    def _restored(self, kept: Kept) -> Any:
        return restored(kept, self._prototype, self.title)

    @property
    def form(self) -> Features:
        """The form of features that its fit took."""
        return self._forms[self._form]

    @property
    def _kinds(self) -> list[str]:
        return [features.kind for features in self._forms]

    def _learn(self, method: str, inputs: Tensor, targets: Sequence[Any], rng: torch.Generator, **named: Any) -> None:
        """Fit a copy that has `method`, by the first of the forms and `targets` (none for a generator) that it takes.

        Raises InputError with the refusal of the last form if it takes none.
        """
        state, people = rng.get_state(), numbers(inputs)
        refusals: list[InputError] = []
        for form, features in enumerate(self._forms):
            for i, labels in enumerate(targets or [None]):
                rng.set_state(state)
                try:
                    self.own = self._fitted(method, features, people, labels, rng, **named)
                    self._form, self._target, self._packed = form, i, None
                    return
                except InputError as error:
                    refusals.append(error)
                    if not is_refusal(error.__cause__):
                        raise summed_up(refusals, self._kinds, len(targets)) from error.__cause__
        raise summed_up(refusals, self._kinds, len(targets))

    def _fitted(
        self, method: str, features: Features, coded: NDArray[Any], labels: Any, rng: torch.Generator, **named: Any
    ) -> Any:
        """The result of `fit` of a copy if the result has `method`, else the copy itself."""
        own = seeded(copy.deepcopy(self._prototype), rng)
        people, rest = features.decode(coded), () if labels is None else (labels,)
        with own_threads():
            returned = called(
                self.title,
                "fit fails",
                lambda: own.fit(people, *rest, **named),
                f"it gets {features.kind}, as in your data{features.remedy}",
            )
        found = returned if callable(getattr(returned, method, None)) else own
        if not callable(getattr(found, method, None)):
            raise InputError(f"{self.title}: has no method {method} after its fit; give it one")
        return found


class FittedGenerator(Fitted, Generator):
    """The estimator of a generator. nobody: (0, ...) samples in the form of the loop."""

    def __init__(self, prototype: Any, forms: Sequence[Features], nobody: Tensor, place: str = "generator") -> None:
        super().__init__(prototype, forms, place)
        self._nobody = nobody

    @property
    def has_temperature(self) -> bool:
        """Whether its `sample` has a parameter `temperature`."""
        return "temperature" in parameters(self._prototype.sample)

    @property
    def at_once(self) -> bool:
        """Whether many samples fit into one call. Rows do; pictures take too much memory."""
        return self._nobody.dim() == 2

    def learn(
        self, inputs: Tensor, labels: NDArray[Any] | None, groups: NDArray[Any] | None, rng: torch.Generator
    ) -> None:
        """Fit to `inputs`, and to (N,) names of `labels` and `groups` if `fit` has parameters `y` and `groups`."""
        told = {"y": labels, "groups": groups}
        named = {name: values for name, values in told.items() if name in wanted(self._prototype)}
        self._learn("sample", inputs, (), rng, **named)

    @property
    def has_likelihood(self) -> bool:
        """Whether the object has `log_likelihood`."""
        return hasattr(self._prototype, "log_likelihood")

    def log_likelihood(self, inputs: Tensor) -> Tensor:
        """(B, L) float64 log-likelihoods from the object."""
        if self.own is None:
            return torch.full(inputs.shape, torch.nan, dtype=torch.float64)
        told = self.own.log_likelihood(self.form.decode(numbers(inputs)))
        return torch.from_numpy(np.asarray(told, np.float64)).to(inputs.device)

    def sample(self, n: int, rng: torch.Generator) -> Tensor:
        """N samples. `rng` seeds the object's random generator."""
        return self._made(n, rng, {})

    def sample_at(self, temperature: float, n: int, rng: torch.Generator) -> Tensor:
        """As `sample`, with `temperature` if the object has that parameter."""
        return self._made(n, rng, {"temperature": temperature})

    def _made(self, n: int, rng: torch.Generator, named: Mapping[str, Any]) -> Tensor:
        if n == 0 or self.own is None:
            nothing = torch.nan if self._nobody.is_floating_point() else PAD
            return self._nobody.new_full((n, *self._nobody.shape[1:]), nothing, device=rng.device)
        with own_threads():
            drawn = called(self.title, f"sample({n}) fails", lambda: sampled(self.own, n, rng, named), "mend it")
        sorts = isinstance(drawn, tuple) and bool(drawn)  # from scikit-learn's mixtures: people by component
        coded = called(
            self.title,
            "sample does not return people like the real ones",
            lambda: self.form.encode(drawn[0] if sorts else drawn, self.title),
            f"return {self.form.kind} of n rows, as its fit got them",
        )
        if len(coded) != n:
            raise InputError(f"{self.title}: made {len(coded)} people in place of {n}; return n rows")
        people = torch.from_numpy(coded).to(rng.device)
        return people[torch.randperm(n, generator=rng, device=rng.device)] if sorts else people

    def loss(self, inputs: Tensor, rng: torch.Generator) -> NoReturn:
        """Raise TypeError: the object fits itself, without a loss."""
        raise TypeError(f"{self.title} is fitted by its own fit")


class FittedClassifier(Fitted, Classifier):
    """A classifier's estimator.

    names: (K,) labels of the codes 0..K-1. groups: (S,) names of groups.
    grouper: names the groups of samples, for an estimator whose `fit` has a parameter `sensitive_features`.
    """

    def __init__(
        self,
        prototype: Any,
        forms: Sequence[Features],
        names: Sequence[Hashable],
        place: str = "classifier",
        *,
        groups: Sequence[str] = (),
        grouper: Classifier | None = None,
    ) -> None:
        super().__init__(prototype, forms, place)
        self._names, self._groups = names, groups
        self._ask_grouper = grouper.forward if grouper is not None else None  # not a submodule of this module
        self._present: list[int] | None = None
        self._seed = 0
        if not hasattr(prototype, "fit"):
            self.own = prototype

    @property
    def takes_groups(self) -> bool:
        """Whether the estimator takes the groups of people."""
        return takes_groups(self._prototype)

    at_once = True

    def learn(
        self,
        inputs: Tensor,
        codes: NDArray[np.int64],
        rng: torch.Generator,
        weights: Tensor | None = None,
        groups: NDArray[Any] | None = None,
    ) -> None:
        """Fit to `inputs` and (N,) codes of labels.

        weights: (N,) weights of people; only for an estimator that `takes_weights`. groups: (N,) names.

        If all people have one label, the classifier predicts that label without a fit. A classifier that refuses names
        of labels is fitted to codes 0..k-1 of the labels that occur. An object without `fit` stays unchanged.
        """
        if not hasattr(self._prototype, "fit"):
            return
        present, dense_codes = np.unique(codes, return_inverse=True)
        if len(present) == 1:
            self.own, self._packed = Constant(self._names[int(present[0])]), None
            only = f"{self.title}: saw the label {self.own.label!r} only; it predicts nothing else"
            warnings.warn(only, stacklevel=2)
            return
        named: dict[str, Any] = {} if weights is None else {"sample_weight": weights.cpu().numpy()}
        if self.takes_groups:
            named["sensitive_features"] = groups
        labels = array_of(self._names)[codes]
        targets = [labels] if labels.tolist() == dense_codes.tolist() else [labels, dense_codes]
        self._learn("predict", inputs, targets, rng, **named)
        self._present = present.tolist() if self._target == 1 else None
        self._seed = number(rng)

    def forward(self, inputs: Tensor, groups: Tensor | None = None) -> Tensor:
        """(B, K) float64 logits, with the argmax from `predict` and the differences from `predict_proba`.

        groups: (B,) codes, of real people. A_S names the groups of samples.
        """
        if not len(inputs) or self.own is None:
            return torch.full((len(inputs), len(self._names)), torch.nan, dtype=torch.float64, device=inputs.device)
        people, named = self.form.decode(numbers(inputs)), self._named(inputs, groups)
        shares = self._shares(people, len(inputs), named)
        codes = self._likeliest(shares)
        if codes is None:
            codes = self._predicted(people, len(inputs), named)
        rows = np.arange(len(codes))
        if shares is None:
            shares = np.zeros((len(codes), len(self._names)))
            shares[rows, codes] = 1
        logits = np.log(np.maximum(shares, np.finfo(np.float32).tiny))
        top = logits.max(axis=1)
        logits[rows, codes] = np.where(logits.argmax(axis=1) == codes, logits[rows, codes], top + _CERTAIN)
        return torch.from_numpy(logits).to(inputs.device)

    def decided(self, inputs: Tensor, groups: Tensor | None = None) -> Tensor:
        """(B,) int64: the argmax of the logits, from `predict` alone."""
        if not len(inputs) or self.own is None:
            return super().decided(inputs, groups)
        people, named = self.form.decode(numbers(inputs)), self._named(inputs, groups)
        return torch.from_numpy(self._predicted(people, len(inputs), named)).to(inputs.device)

    def _named(self, inputs: Tensor, groups: Tensor | None) -> dict[str, Any]:
        """The arguments of `predict` beside the people."""
        if not self.takes_groups:
            return {}
        if groups is None:
            assert self._ask_grouper is not None  # the trainer gives A_S to each classifier that takes groups
            groups = self._ask_grouper(inputs).argmax(dim=1)
        return {"sensitive_features": array_of(self._groups)[groups.cpu().numpy()], "random_state": self._seed}

    def _predicted(self, people: Any, n: int, named: Mapping[str, Any]) -> NDArray[np.int64]:
        """(n,) codes of its predictions."""
        said = self._array("predict", people, named)
        if said.ndim > 1 and said.size != len(said):
            raise InputError(
                f"{self.title}: predict gives an array of shape {said.shape} for {n} people; return one label for "
                "each, not a column for each class"
            )
        if said.size != n:
            raise InputError(f"{self.title}: gave {said.size} predictions for {n} people; return one label for each")
        return self._coded(said.reshape(-1))

    def _coded(self, labels: NDArray[Any], where: str = "predicts") -> NDArray[np.int64]:
        """(N,) codes of the labels that the object returns. where: the source of the labels, for errors."""
        code_of = {name: code for code, name in enumerate(self._names)}
        if self._present is not None and not isinstance(self.own, Constant):
            code_of = dict(enumerate(self._present))
        try:
            import pandas as pd  # takes half a second; networks do not need it

            places, distinct = pd.factorize(labels.astype(object), use_na_sentinel=False)
        except TypeError:  # a label without a hash is not a label
            places, distinct = np.arange(len(labels)), labels
        for label in distinct.tolist():
            if not isinstance(label, Hashable) or label not in code_of:
                uncertain = isinstance(label, float) and 0 < label < 1
                remedy = "labels, not probabilities" if uncertain else "labels as its fit got them"
                raise InputError(f"{self.title}: {where} {label!r}, not one of {list(code_of)}; return {remedy}")
        codes: NDArray[np.int64] = np.array([code_of[label] for label in distinct.tolist()], np.int64)[places]
        return codes

    def _shares(self, people: Any, n: int, named: Mapping[str, Any]) -> NDArray[np.float64] | None:
        """(n, K) its probabilities; None without `predict_proba` or `classes_`."""
        remedy = "let it hold the label of each column of predict_proba"
        columns = called(self.title, "classes_ cannot be read", self._columns, remedy)
        if columns is None:
            return None
        shares = np.zeros((n, len(self._names)))
        shares[:, columns] = self._probabilities(people, (n, len(columns)), named)
        return shares

    def _columns(self) -> NDArray[np.int64] | None:
        """(k,) codes of the columns of its probabilities; None without `classes_`."""
        classes = getattr(self.own, "classes_", None)
        told = classes is not None and hasattr(self.own, "predict_proba")
        return self._coded(np.asarray(classes), "classes_ holds") if told else None

    def _likeliest(self, shares: NDArray[np.float64] | None) -> NDArray[np.int64] | None:
        """(n,) codes of its predictions if its probabilities determine them, else None."""
        kind = type(self.own)
        if shares is None or f"{kind.__module__}.{kind.__qualname__}" not in _BY_PROBABILITY:
            return None
        second, first = np.partition(shares, -2, axis=1)[:, -2:].T
        codes: NDArray[np.int64] = shares.argmax(axis=1)
        return codes if (first - second > _TIE).all() else None

    def _probabilities(self, people: Any, shape: tuple[int, int], named: Mapping[str, Any]) -> NDArray[np.float64]:
        found = self._array("predict_proba", people, named, np.float64)
        if found.shape != shape:
            raise InputError(
                f"{self.title}: predict_proba gives the shape {found.shape}, not {shape}; return a column for each of "
                "classes_"
            )
        if not ((found >= -_ROUNDING) & (found <= 1 + _ROUNDING)).all():
            raise InputError(f"{self.title}: predict_proba gives values that are not in [0, 1]; return probabilities")
        return found

    def _array(self, method: str, people: Any, named: Mapping[str, Any], kind: Any = None) -> NDArray[Any]:
        ask = getattr(self.own, method)
        taken = {name: value for name, value in named.items() if name in parameters(ask)}
        with own_threads():
            return called(
                self.title,
                f"{method} fails",
                lambda: np.asarray(dense(ask(people, **taken)), kind),
                f"it gets {self.form.kind}, as its fit does",
            )

    def _told(self) -> dict[str, Any]:
        told = super()._told() | {"present": self._present, "seed": self._seed}
        return told | {"only": self._names.index(self.own.label)} if isinstance(self.own, Constant) else told

    def _restored(self, kept: Kept) -> Any:
        self._present, self._seed = kept.told["present"], kept.told["seed"]
        only = kept.told.get("only")
        return super()._restored(kept) if only is None else Constant(self._names[only])
