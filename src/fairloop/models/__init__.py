"""Generators and classifiers. A name that is not a key here is read as `module:Name`, a user's own class."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fairloop._util.lookup import find
from fairloop.errors import InputError, said

if TYPE_CHECKING:  # names become classes only when a model is built, because torch is slow to import
    from fairloop.models.interface import Classifier, Generator

GENERATORS = {
    "conv-vae": "fairloop.models.conv_vaes:conv_vae",
    "dcvae": "fairloop.models.conv_vaes:dcvae",
    "celeba-vae": "fairloop.models.conv_vaes:celeba_vae",
    "celeba-vae-64": "fairloop.models.conv_vaes:celeba_vae_64",
    "ddpm": "fairloop.models.ddpm:DDPM",
    "tabular-vae": "fairloop.models.tabular:TabularVAE",
    "tabular-ddpm": "fairloop.models.tabular_ddpm:TabularDDPM",
    "bootstrap": "fairloop.models.bootstrap:Bootstrap",
    "gaussian-copula": "fairloop.models.copula:GaussianCopula",
    "chow-liu": "fairloop.models.chow_liu:ChowLiuTree",
    "ngram": "fairloop.models.ngram:NGram",
    "tiny-gpt": "fairloop.models.gpt:TinyGPT",
    "hf-causal": "fairloop.models.hf_causal:HFCausal",
}
CLASSIFIERS = {
    "simple-cnn": "fairloop.models.cnn:SimpleCNN",
    "lenet-5": "fairloop.models.cnn:LeNet5",
    "resnet-20": "fairloop.models.resnet:resnet_20",
    "resnet-32": "fairloop.models.resnet:resnet_32",
    "resnet-44": "fairloop.models.resnet:resnet_44",
    "resnet-56": "fairloop.models.resnet:resnet_56",
    "resnet-110": "fairloop.models.resnet:resnet_110",
    "mlp": "fairloop.models.tabular:MLP",
    "text-cnn": "fairloop.models.text_classifiers:TextCNN",
    "text-transformer": "fairloop.models.text_classifiers:TextTransformer",
    "tfidf-logistic": "fairloop.models.tfidf:TfidfLogistic",
    "fairlearn-exponentiated-gradient": "fairloop.models.estimators.mitigations:ExponentiatedGradient",
    "fairlearn-grid-search": "fairloop.models.estimators.mitigations:GridSearch",
    "fairlearn-threshold-optimizer": "fairloop.models.estimators.mitigations:ThresholdOptimizer",
    "fairlearn-correlation-remover": "fairloop.models.estimators.mitigations:CorrelationRemover",
}


def build_generator(
    name: str, shape: tuple[int, ...], arguments: Mapping[str, Any], facts: Mapping[str, Any] | None = None
) -> Generator:
    """The generator `name` for samples of `shape`. Raises InputError if it does not exist or does not take them.

    facts: of the data, such as the size of a vocabulary; a model receives the facts that its arguments name.
    """
    from fairloop.models.interface import Generator

    model = _build(GENERATORS, "generator", name, (shape,), arguments, facts)
    if not isinstance(model, Generator):
        raise _wrong_kind("generator", name, Generator)
    return model


def build_classifier(
    name: str,
    shape: tuple[int, ...],
    classes: int,
    arguments: Mapping[str, Any],
    section: str = "classifier",
    facts: Mapping[str, Any] | None = None,
) -> Classifier:
    """The classifier `name` for samples of `shape`. Raises InputError if it does not exist or does not take them.

    section: of the spec, for error messages. facts: of the data, as for `build_generator`.
    """
    from fairloop.models.interface import Classifier

    model = _build(CLASSIFIERS, section, name, (shape, classes), arguments, facts)
    if not isinstance(model, Classifier):
        raise _wrong_kind(section, name, Classifier)
    return model


def estimator(section: str, name: str) -> Any | None:
    """The estimator `name`: a class or an object with `fit` that is not a network; None without one.

    section: of the spec.
    """
    try:
        found = find(GENERATORS if section == "generator" else CLASSIFIERS, name, f"{section}.model")
    except InputError:
        return None  # building the model raises the error
    if not hasattr(found, "fit"):
        return None
    from torch import nn

    network = issubclass(found, nn.Module) if inspect.isclass(found) else isinstance(found, nn.Module)
    return None if network else found


def build_estimator(
    section: str, name: str, found: Any, arguments: Mapping[str, Any], facts: Mapping[str, Any] | None = None
) -> Any:
    """A new object of the class `found` with `arguments`, or a copy of the object.

    facts: of the data, as for `build_generator`; not for an object. Raises InputError if the class does not take them.
    """
    try:
        if inspect.isclass(found):
            return found(**_with_facts(found, arguments, facts))
        own = copy.deepcopy(found)
        return own.set_params(**copy.deepcopy(arguments)) if arguments else own
    except Exception as error:  # a constructor, anybody's, may raise anything
        given = ", ".join(f"{key}={value}" for key, value in arguments.items()) or "no arguments"
        raise InputError(
            f"{section}.arguments: '{name}' cannot be built with {given}: {said(error)}"
            f"{_whose(section) if arguments else ''}"
        ) from error


def _build(
    known: Mapping[str, str],
    kind: str,
    name: str,
    positional: tuple[Any, ...],
    arguments: Mapping[str, Any],
    facts: Mapping[str, Any] | None,
) -> object:
    factory = find(known, name, f"{kind}.model")
    if not callable(factory):
        raise InputError(
            f"{kind}.model: '{name}' is a {type(factory).__name__}; name a class, or a function of a shape"
        )
    if inspect.isabstract(factory):
        missing = ", ".join(sorted(factory.__abstractmethods__))
        raise InputError(f"{kind}.model: '{name}' has no method {missing}; define it in the class")
    whole = _with_facts(factory, arguments, facts)
    try:
        inspect.signature(factory).bind(*positional, **whole)
        return factory(*positional, **whole)
    except Exception as error:  # a constructor, anybody's, may raise anything
        given = ", ".join(f"{key}={value}" for key, value in arguments.items()) or "no arguments"
        makes = "; a function makes networks alone, so name the class of an estimator, or an object of your module"
        raise InputError(
            f"{kind}.arguments: '{name}' cannot be built for samples of shape {positional[0]} with {given}: "
            f"{said(error)}{makes if inspect.isfunction(factory) and name not in known else ''}"
            f"{_whose(kind) if arguments else ''}"
        ) from error


def _with_facts(factory: Any, arguments: Mapping[str, Any], facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """A copy of `arguments`, because a constructor may change them, and the facts that `factory` has parameters for."""
    asked = _parameters(factory)
    return copy.deepcopy({**{name: fact for name, fact in (facts or {}).items() if name in asked}, **arguments})


def _parameters(factory: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):  # not a function, or one without a signature
        return {}


def _whose(kind: str) -> str:
    """A note on the source of arguments that the user did not write."""
    return (
        f"; a preset's or a spec file's arguments stay when only {kind}.model is set: "
        f"--set '{kind}.arguments={{}}' clears them"
    )


def _wrong_kind(kind: str, name: str, interface: type) -> InputError:
    return InputError(
        f"{kind}.model: '{name}' does not inherit from {interface.__module__}.{interface.__name__}; let its class do so"
    )
