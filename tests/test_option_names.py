"""Errors of the library name options; a caller in Python reads the names of parameters in their place."""

from __future__ import annotations

import inspect

import pytest
import typer

from fairloop import audit, synthetic, whatif
from fairloop._util.options import as_parameters, called_from_python
from fairloop.cli import app
from fairloop.errors import InputError

OF_FILES = {"log", "real", "synthetic"}  # arguments of the commands, without an option


@pytest.mark.parametrize("function", [audit, whatif, synthetic], ids=lambda function: function.__name__)
def test_every_parameter_is_what_an_option_becomes(function):
    options = typer.main.get_command(app).commands[function.__name__].params
    named = {as_parameters(name) for option in options for name in option.opts if name.startswith("--")}
    assert set(inspect.signature(function).parameters) - OF_FILES <= named


def test_an_error_names_parameters_and_keeps_all_other_words():
    said = "--group: 'a--b' is no group; name --round-order, or say --overwrite (1 - 2)"
    with pytest.raises(InputError) as caught, called_from_python():
        raise InputError(said)
    assert str(caught.value) == "groups: 'a--b' is no group; name round_order, or say overwrite=True (1 - 2)"
