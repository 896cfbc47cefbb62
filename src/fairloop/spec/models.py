"""Sections of a spec about models and their training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fairloop.spec.sections import Plain, Section

FOR_TABLES = {"generator": "tabular-vae", "classifier": "mlp", "annotator": "mlp"}
"""The default model of each section if the data are a table."""

FOR_TEXTS = {"generator": "ngram", "classifier": "text-cnn", "annotator": "text-cnn"}
"""The default model of each section if the data are texts."""

Beta = Annotated[float, Field(ge=0, lt=1)]


class TrainingSpec(Section):
    """A model and its training. An estimator, such as one of scikit-learn, is fitted by one call: its recipe holds only
    `model` and `arguments`.
    """

    model: str = Field(description="a name that fairloop knows, or module:Name of a network or an estimator")
    arguments: Plain = Field({}, description="keyword arguments of the model")
    epochs: int = Field(
        30, ge=1, description="passes; an epoch of any G_i or C_i has ceil(training samples / generator.batch) steps"
    )
    batch: int = Field(256, ge=1, description="samples in a batch")
    optimizer: Literal["adam", "adamw", "sgd"] = Field("adam", description="of torch.optim")
    learning_rate: float = Field(1e-3, gt=0, description="constant over training, unless warm_up or final_rate is set")
    momentum: float = Field(0.0, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(0.0, ge=0, description="L2 penalty (adamw: decoupled decay)")
    frozen_norm_after: int | None = Field(
        None,
        ge=1,
        exclude_if=lambda epochs: epochs is None,  # older models keep their names
        description="epochs after which batch norm stays in evaluation mode, as upstream's did; default: never",
    )
    betas: tuple[Beta, Beta] | None = Field(
        None,
        exclude_if=lambda betas: betas is None,
        description="of adam and adamw, decay rates of the running means; default: 0.9 and 0.999",
    )
    decay_vectors: bool = Field(
        True,
        exclude_if=lambda decayed: decayed is True,
        description="whether weight_decay also holds for biases and norms, which have one dimension",
    )
    clip_norm: float | None = Field(
        None,
        gt=0,
        exclude_if=lambda norm: norm is None,
        description="largest norm of the gradient of a batch; longer gradients are scaled down; default: none",
    )
    warm_up: int = Field(
        0, ge=0, exclude_if=lambda steps: steps == 0, description="first steps, over which the learning rate rises"
    )
    final_rate: float = Field(
        1.0,
        ge=0,
        le=1,
        exclude_if=lambda share: share == 1,
        description="share of learning_rate at the last step, to which it falls along a cosine after warm_up",
    )


class GeneratorSpec(TrainingSpec):
    """The generators G_0, G_1, ..."""

    model: str = Field(
        "conv-vae",
        description="a name that fairloop knows, or module:Name of a network or an estimator; "
        "default for tables: tabular-vae, for texts: ngram",
    )
    weight_decay: float = Field(1e-5, ge=0, description="L2 penalty (adamw: decoupled decay)")
    first_epochs: int | None = Field(
        None, ge=1, description="epochs of G_0, which learns from real data; default: epochs"
    )


class ClassifierSpec(TrainingSpec):
    """The classifiers C_0, C_1, ..., or the annotators A_L and A_S."""

    model: str = Field(
        "simple-cnn",
        description="a name that fairloop knows, or module:Name of a network or an estimator; "
        "default for tables: mlp, for texts: text-cnn",
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field("sgd", description="of torch.optim")
    learning_rate: float = Field(0.1, gt=0, description="constant over training, unless warm_up or final_rate is set")
