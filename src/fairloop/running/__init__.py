"""A run and its views."""

from typing import Literal

Tracker = Literal["tensorboard", "wandb", "mlflow"]
"""The trackers that `tracking` knows. The command line names them before it imports that."""
