"""Tables, figures and pages from stored runs. This package never simulates."""

from typing import Literal

Format = Literal["terminal", "markdown", "latex"]
"""The styles of tables in `text`. The command line names them before it imports that."""
