"""Checks of the methods of estimators before any fit, and calls of these methods with errors that name the
estimator.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fairloop import seeding
from fairloop.errors import InputError, said

T = TypeVar("T")


class UnfitError(Exception):
    """An estimator cannot be fitted to the people. The message has the reason and the remedy, without the title."""


class Features(Protocol):
    """Conversion of the features of people between the forms of an estimator and of the loop.

    kind: the estimator's form, in words. remedy: for an estimator that refuses it; empty, or text after a semicolon.
    """

    @property
    def kind(self) -> str: ...

    @property
    def remedy(self) -> str: ...

    def encode(self, features: Any, whose: str) -> NDArray[Any]:
        """(N, ...) in the form of the loop. Raises InputError, which names `whose`, for features unlike the real
        ones.
        """

    def decode(self, numbers: NDArray[Any]) -> Any:
        """The inverse of `encode`."""


def check_generator(own: Any, title: str) -> None:
    """Raise InputError unless `own` is an object with `fit(X)` and `sample(n)` that can be copied. title: in errors."""
    _check_is_object(own, title)
    _check_has(own, title, "fit(X)", "; if there is nothing to fit, let it do nothing")
    _check_has(own, title, "sample(n)")
    _check_takes(own, title, "fit(X)", wanted(own))
    _check_takes(own, title, "sample(n)")
    _check_is_copied(own, title)


def check_classifier(own: Any, title: str) -> None:
    """Raise InputError unless `own` is an object with `predict(X)`. A `fit` must be `fit(X, y)`; an object
    with `fit` must also support copies.
    """
    _check_is_object(own, title)
    _check_has(own, title, "predict(X)")
    _check_takes(own, title, "predict(X)")
    if hasattr(own, "fit"):
        _check_takes(own, title, "fit(X, y)")
        _check_is_copied(own, title)


def title_of(place: str, own: Any) -> str:
    """The name of `own`, the model of `place`, in errors: `generator 3 (Bootstrap)`."""
    return f"{place} ({own.__name__ if inspect.isclass(own) else type(own).__name__})"


def called(title: str, what: str, call: Callable[[], T], remedy: str) -> T:
    """The result of `call`. Any exception becomes an InputError that names `title`."""
    try:
        return call()
    except InputError:
        raise
    except UnfitError as error:
        raise InputError(f"{title}: {error}") from error
    except Exception as error:  # foreign code may raise any exception
        raise InputError(f"{title}: {what}: {said(error)}; {remedy}") from error


def is_refusal(error: BaseException | None) -> bool:
    """Whether a `fit` that raised `error` may take another form of people or labels. LightGBM raises its own errors."""
    return isinstance(error, TypeError | ValueError) or type(error).__module__.startswith("lightgbm.")


def summed_up(refusals: Sequence[InputError], kinds: Sequence[str], targets: int) -> InputError:
    """One error for all forms that a `fit` refused: of the last form, of the others, and of codes for labels.

    kinds: of the forms. targets: number of forms of labels that were tried with each.
    """
    *others, last = refusals[:: max(targets, 1)]
    main, later = (said(error.__cause__ or error) for error in (last, refusals[-1]))
    earlier = {said(error.__cause__ or error): kind for kind, error in zip(kinds, others, strict=False)}
    other = "".join(f"; {kind} fails by: {words}" for words, kind in earlier.items() if words != main)
    codes = f" (codes 0, 1, ... in place of labels fail, too{'' if later == main else f': {later}'})"
    found = InputError(f"{last}{other}{codes if targets > 1 and refusals[-1] is not last else ''}")
    found.__cause__ = last.__cause__
    return found


def copied(rule: Any) -> Any:
    """A copy of `rule`, because predictions may change it; `rule` itself if it cannot be copied."""
    try:
        return called("", "", lambda: copy.deepcopy(rule), "")
    except InputError:
        return rule


def parameters(method: Any) -> Mapping[str, inspect.Parameter]:
    """Parameters of a method by name; none for a method without a signature, such as some compiled methods."""
    try:
        return inspect.signature(method).parameters
    except (TypeError, ValueError):
        return {}


def wanted(generator: Any) -> set[str]:
    """The parameters of the generator's `fit` among `y` and `groups`."""
    return {"y", "groups"} & _of_fit(generator)


def takes_weights(classifier: Any) -> bool:
    """Whether its `fit` has a parameter `sample_weight`."""
    return "sample_weight" in _of_fit(classifier)


def takes_groups(classifier: Any) -> bool:
    """Whether its `fit` has a parameter `sensitive_features`."""
    return "sensitive_features" in _of_fit(classifier)


def _of_fit(own: Any) -> set[str]:
    return set(parameters(getattr(own, "fit", None)))


def seeded(own: Any, rng: torch.Generator) -> Any:
    """The object. Each of its `random_state`s and `seed`s, also those of its parts, is drawn from `rng`."""
    return seeding.seeded(own, lambda: number(rng))


def number(rng: torch.Generator) -> int:
    """A seed for the random numbers of an object."""
    return int(torch.randint(2**31 - 1, (), generator=rng, device=rng.device))


def numbers(inputs: torch.Tensor) -> NDArray[Any]:
    """`inputs` on the CPU as NumPy array; samples of networks in bf16 become floats, because NumPy has no bf16."""
    inputs = inputs.detach().cpu()
    return (inputs.float() if inputs.dtype in (torch.bfloat16, torch.float16) else inputs).numpy()


def sampled(own: Any, n: int, rng: torch.Generator, named: Mapping[str, Any]) -> Any:
    """N samples of a generator with its own random generator or seed from `rng`. named: further arguments."""
    takes = parameters(own.sample)
    if "rng" in takes:
        return own.sample(n, rng=np.random.default_rng(number(rng)), **named)
    for name in ("random_state", "seed"):
        if name in takes:
            return own.sample(n, **{name: number(rng)}, **named)
    return seeded(own, rng).sample(n, **named)


def own_threads() -> AbstractContextManager[Any]:
    """A context in which native libraries use as many threads as torch, the number in the spec."""
    if "threadpoolctl" not in sys.modules:  # scikit-learn imports it
        return nullcontext()
    context: AbstractContextManager[Any] = _pools().limit(limits=torch.get_num_threads())
    return context


@cache
def _pools() -> Any:
    """The thread pools of this process, cached because a search for them takes longer than a prediction."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def dense(values: Any) -> Any:
    """A sparse matrix as an array, another library's frame as a pandas frame, and all other `values` unchanged."""
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        return values.toarray()
    return values.to_pandas() if hasattr(values, "to_pandas") else values


def _check_is_object(own: Any, title: str) -> None:
    if inspect.isclass(own):
        raise InputError(f"{title}: is a class; give an object of it, such as {own.__name__}()")


def _check_has(own: Any, title: str, call: str, remedy: str = "") -> None:
    name = call.partition("(")[0]
    if hasattr(type(own), "__getattr__") and not hasattr(own, name):
        return  # `fit` may add the method
    if not callable(getattr(own, name, None)):
        raise InputError(f"{title}: has no method {name}; give an object with {call}{remedy}")


def _check_takes(own: Any, title: str, call: str, named: Iterable[str] = ()) -> None:
    """Raise InputError unless a method can be called as in `call`, and with the arguments that are `named`."""
    name = call.partition("(")[0]
    try:
        signature = inspect.signature(getattr(own, name))
    except (AttributeError, TypeError, ValueError):  # `fit` adds the method, or it has no signature
        return
    ours = ("rng", *seeding.SEEDS) if name == "sample" else ("sensitive_features",)
    added = [key for key in ours if key in signature.parameters]
    try:
        signature.bind(*[None] * (call.count(",") + 1), **dict.fromkeys([*named, *added]))
    except TypeError as error:
        raise InputError(
            f"{title}: {name}{signature} cannot be called as {call}: {error}; give it these parameters, and "
            "defaults for others"
        ) from None


def _check_is_copied(own: Any, title: str) -> None:
    called(
        title,
        "cannot be copied and seeded",
        lambda: seeded(copy.deepcopy(own), torch.Generator()),
        "each model is fitted to a copy: open files, locks and the like only in fit",
    )


def array_of(names: Sequence[Hashable]) -> NDArray[Any]:
    """(K,) names, in a type that keeps all of them unchanged."""
    array = np.asarray(names)
    return array if array.tolist() == list(names) else np.array(names, object)
