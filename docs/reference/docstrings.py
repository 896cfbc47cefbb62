"""Docstrings of fairloop as Markdown and as reStructuredText.

They have paragraphs, lists of `- ` lines, arguments as lines `name: meaning`, code indented after an empty line, and
examples, whose lines begin with `>>> `.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

ARGUMENT = re.compile(r"^((?:[a-z_]\w*|[A-Z])(?:, (?:[a-z_]\w*|[A-Z]))*): (?=\S)")
"""Names of arguments, such as `n` or `X`."""


_QUOTE = re.compile(r"^>", re.MULTILINE)
"""The beginning of a line that Markdown would read as a quotation."""

CODE = (" ", ">>> ")
"""The beginnings of paragraphs of code."""


def paragraphs(lines: Sequence[str]) -> Iterator[list[str]]:
    """Runs of lines without an empty one between them."""
    for filled, found in groupby(lines, key=lambda line: bool(line.strip())):
        if filled:
            yield list(found)


def markdown(text: str | None) -> str:
    """The docstring as Markdown."""
    parts = []
    for lines in paragraphs(inspect.cleandoc(text or "").splitlines()):
        if lines[0].startswith(CODE):
            code = inspect.cleandoc("\n".join(["", *lines]))
            parts.append(f"```{_language(code)}\n{code}\n```")
        elif ARGUMENT.match(lines[0]):
            parts.append(_text(ARGUMENT.sub(r"- `\1`: ", line) if line[0] != " " else line for line in lines))
        else:
            parts.append(_text(_apart(lines)))
    return "\n\n".join(parts)


def _text(lines: Iterable[str]) -> str:
    return _QUOTE.sub(r"\\>", "\n".join(lines))


def rst(lines: Sequence[str]) -> list[str]:
    """The lines of the docstring as reStructuredText."""
    found: list[str] = []
    for paragraph in paragraphs(lines):
        if paragraph[0].startswith(CODE):
            code = inspect.cleandoc("\n".join(["", *paragraph]))
            found += [f".. code-block:: {_language(code)}", "", *(f"    {line}" for line in code.splitlines()), ""]
        elif ARGUMENT.match(paragraph[0]):
            found += [*_fields(paragraph), ""]
        else:
            found += [*(_escaped(line) for line in _apart(paragraph)), ""]
    return found


def _language(code: str) -> str:
    """Python, a session of Python, or text if it is neither."""
    if code.startswith(">>> "):
        return "pycon"
    try:
        ast.parse(code)
    except SyntaxError:
        return "text"
    return "python"


def _fields(lines: Sequence[str]) -> Iterator[str]:
    """Arguments as a list of definitions. A line without a name goes on with the one before."""
    for line in lines:
        match = ARGUMENT.match(line)
        if match:
            yield ", ".join(f"``{name}``" for name in match[1].split(", "))
        yield f"    {_escaped(line[match.end() :] if match else line.strip())}"


def _apart(lines: Sequence[str]) -> Iterator[str]:
    """The lines, with an empty one before a list."""
    before = "- "
    for line in lines:
        if line.startswith("- ") and not before.startswith(("- ", "  ")):
            yield ""
        yield line
        before = line


def _escaped(line: str) -> str:
    """Text in single backticks as literals; marks of reStructuredText elsewhere as they are."""
    parts = line.split("`")
    if len(parts) % 2 == 0:  # code that goes on in the next line
        return line.replace("*", r"\*").replace("`", r"\`")
    words = [re.sub(r"(\w)_(?=\W|$)", r"\1\\_", re.sub(r"([*|\\])", r"\\\1", part)) for part in parts[::2]]
    literals = [f"``{part}``" for part in parts[1::2]]
    joined = [words[0]]
    for literal, word in zip(literals, words[1:], strict=True):
        joined += [literal, "\\ " if word[:1].isalnum() else "", word]
    return "".join(joined)
