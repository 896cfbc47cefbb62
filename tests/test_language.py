"""The language of docstrings: things have nouns (docs of the house: subject first)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import fairloop

OPENINGS = re.compile(r"(Know |Restore )?(What|Who|Whoever|Whatever)\b", re.IGNORECASE)


def test_docstrings_open_with_a_noun_or_a_verb():
    found = []
    for path in Path(fairloop.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                said = ast.get_docstring(node) or ""
                found += [f"{path}: {said.splitlines()[0]}"] if OPENINGS.match(said) else []
    assert not found
