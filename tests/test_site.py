"""The documentation site: links, commands, the reference, the tutorials."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache, reduce
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer
from filelock import FileLock

import fairloop
from fairloop import presets
from fairloop.cli import app
from fairloop.curation.ideal import RELATIVE
from fairloop.data import DATASETS
from fairloop.metrics.catalogue import CATALOGUE
from fairloop.people import KINDS
from fairloop.spec.fields import data_table
from fairloop.spec.policies import POLICIES
from fairloop.spec.run import field_table
from fairloop.store.records import SCHEMA
from fairloop.store.tidy_rows import RUN_COLUMNS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module", autouse=True)
def _scripts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        yield


# the reference


@cache
def page(name: str) -> str:
    tables, pages = importlib.import_module("docs.reference.tables"), importlib.import_module("docs.pages")
    path = DOCS / "reference" / f"{name}.md"
    return pages.filled(path, tables.PAGES[path])


def leaves(command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from leaves(child, (*words, name))
    else:
        yield words, command


PROGRAM = typer.main.get_command(app)
COMMANDS = dict(leaves(PROGRAM))


def test_every_field_of_a_spec_is_on_its_page():
    found = set(re.findall(r"^\| `([\w.]+)` \|", page("spec"), re.MULTILINE))
    fields = {path for path, _, _ in field_table()} | {path for name in DATASETS for path, _, _ in data_table(name)}
    assert found == fields


def test_every_command_and_option_is_on_its_page():
    for words, command in COMMANDS.items():
        section = page("commands").split(f"## `fairloop {' '.join(words)}`\n")[1].split("\n## ")[0]
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert all(f"`{name}`" in section for name in parameter.opts), (words, parameter.opts)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("measures", [f"## `{name}`" for name in CATALOGUE]),
        ("people", [f"## `{name}`" for name in KINDS]),
        ("policies", [f"| `{name}` |" for name in [*POLICIES, *fairloop.SETTINGS]]),
        ("ideals", [f"| `{name}` |" for name in ["uniform", *RELATIVE]]),
        ("columns", [f"| `{name}` |" for name in [*RUN_COLUMNS, *SCHEMA.names]]),
        ("names", [f"| `{name}` |" for name in [*presets.names(), *presets.sweeps()]]),
        ("run-directory", ["spec.yaml", "provenance.json", "records/"]),
    ],
)
def test_every_name_is_on_its_page(name, expected):
    assert [one for one in expected if one not in page(name)] == []


def test_every_public_name_is_on_the_page_of_the_api():
    found = re.findall(r"\.\. auto\w+:: fairloop\.(\w+)", page("api"))
    assert sorted([*found, "SETTINGS"]) == sorted(fairloop.__all__)
    assert "fairloop.SETTINGS" in page("api")


def test_a_new_public_name_is_on_the_page_of_the_api(monkeypatch):
    tables = importlib.import_module("docs.reference.tables")
    monkeypatch.setattr(tables, "GROUPS", {"Loops": fairloop.__all__[2:]})
    assert re.findall(r"fairloop\.(\w+)", tables.further()) == fairloop.__all__[1:2]


def test_every_field_of_a_verdict_is_on_its_page():
    def names(node: object) -> set[str]:
        if isinstance(node, list):
            return set().union(*map(names, node))
        if not isinstance(node, dict):
            return set()
        properties = node.get("properties", {})
        return set(properties if isinstance(properties, dict) else ()).union(*map(names, node.values()))

    schema = json.loads((DOCS / "verdict.schema.json").read_text(encoding="utf-8"))
    found = re.findall(r"^\| `([\w.\[\]-]+)` \|", page("verdict"), re.MULTILINE)
    assert {path.split(".")[-1] for path in found} >= names(schema) - {"properties"}


def test_a_page_that_no_list_names_is_listed_as_further(tmp_path):
    further = importlib.import_module("docs.reference.contents").further
    for name in ("index", "a", "b", "how-to/index", "people/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.md").write_text("# A page\n")
    (tmp_path / "index.md").write_text("```{toctree}\nhow-to/index\n```\n")
    (tmp_path / "how-to" / "index.md").write_text("```{toctree}\n../a\n```\n")
    assert further(tmp_path).splitlines()[-3:] == ["../b", "../people/c", "```"]
    (tmp_path / "how-to" / "index.md").write_text("../a\n../b\n../people/c\n")
    assert further(tmp_path) == ""


# docstrings


def test_docstrings_become_restructuredtext():
    docstrings = importlib.import_module("docs.reference.docstrings")
    lines = [
        "Takes `x` * 2.",
        "",
        "    f(1)",
        "",
        "x, y: of a `value`",
        "    that goes on",
        "z: last_",
        "",
        "A:",
        "- b",
    ]
    assert docstrings.rst(lines) == [
        "Takes ``x`` \\* 2.", "",
        ".. code-block:: python", "", "    f(1)", "",
        "``x``, ``y``", "    of a ``value``", "    that goes on", "``z``", "    last\\_", "",
        "A:", "", "- b", "",
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted({*fairloop.__all__} - {"SETTINGS"}))
def test_arguments_of_a_public_docstring_begin_on_one_line(name):
    """A list of names that goes on in the next line would be no list of arguments on the page of the API."""
    docstrings = importlib.import_module("docs.reference.docstrings")
    made = getattr(fairloop, name)
    members = [made, *(vars(made).values() if isinstance(made, type) else ())]
    for text in filter(None, (inspect.getdoc(one) for one in members if callable(one) and hasattr(one, "__module__"))):
        for paragraph in docstrings.paragraphs(text.splitlines()):
            plain = not docstrings.ARGUMENT.match(paragraph[0]) and not paragraph[0].startswith((" ", "- "))
            assert not (plain and any(line.startswith("    ") for line in paragraph)), paragraph


# the tutorials


NOTEBOOKS = (
    "audit-a-log", "first-loop", "reparation-with-star", "star-in-your-training-loop", "texts", "what-if",
    "your-own-estimator",
)  # fmt: skip


def cells(name: str):
    notebooks = importlib.import_module("docs.tutorials.notebooks")
    return notebooks.cells((DOCS / "tutorials" / f"{name}.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_its_source_executed(name):
    made = json.loads((DOCS / "tutorials" / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in made] == [tuple(cell) for cell in cells(name)]
    code = [cell for cell in made if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code), f"make notebooks: {name} was not executed"
    assert not [output for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    shown = {kind for cell in code for output in cell["outputs"] for kind in output.get("data", ())}
    assert shown & {"text/html", "image/png"} or any("text" in output for cell in code for output in cell["outputs"])


def test_every_tutorial_is_listed():
    sources = importlib.import_module("docs.tutorials.notebooks").SOURCES
    assert sorted(path.stem for path in sources) == list(NOTEBOOKS)
    index = (DOCS / "tutorials" / "index.md").read_text(encoding="utf-8")
    assert [name for name in NOTEBOOKS if f"\n{name}\n" not in index or f"`{name}.ipynb`" not in index] == []


def joined(code: str) -> str:
    """`code` with each command of a shell, after `!`, on one line."""
    return re.sub(r"^!(?:.*\\\n)+.*", lambda lines: re.sub(r"\\\n\s*", " ", lines[0]), code, flags=re.MULTILINE)


def follow(code: str, names: dict[str, object]) -> None:
    """Execute a cell as a notebook does: lines with `!` in a shell, and the last expression shown; `%` is left out."""
    shell = r"import subprocess; subprocess.run(['bash', '-o', 'pipefail', '-c', \1], check=True)"
    plain = re.sub(r"^%.*$", "", joined(code), flags=re.MULTILINE)
    tree = ast.parse(re.sub(r"^!(.*)$", lambda line: shell.replace(r"\1", repr(line[1])), plain, flags=re.MULTILINE))
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is not None:
        shown = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        repr(shown), getattr(shown, "_repr_html_", str)()


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_tutorial_runs(name, tmp_path, monkeypatch):
    """With smaller data than it shows, and fewer seeds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    smaller = {
        "n = 2_000": "n = 300",
        "n = 1_000": "n = 300",
        "applicants(3_000)": "applicants(600)",
        "--seeds 0-4": "--seeds 0-1",
        "--seeds 0-2": "--seeds 0",
        "seeds=10": "seeds=2",
        "data.train=1000": "data.train=300",
        "generations=4": "generations=2",
        "generations: 4": "generations: 2",
        "generations=9": "generations=3",
        'group="sex")': 'group="sex", generations=2)',
    }
    names: dict[str, object] = {}
    for kind, source in cells(name):
        if kind == "code":
            follow(reduce(lambda code, word: code.replace(word, smaller[word]), smaller, source), names)


# commands


def commands(text: str) -> Iterator[str]:
    """The commands `fairloop ...` in blocks of code, and alone in cells of tables. Each goes on to the end of its line,
    without comment and prompt.
    """
    fences = re.findall(r"^```(\S*)[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fences if language in ("", "sh", "bash", "{code-cell}")]
    blocks += re.findall(r"^(?:    .*\n?)+", text, re.MULTILINE)
    blocks += re.findall(r"(?<=\| `)fairloop [a-z]+ [^`]*(?=` \|)", text)  # cells of tables
    for line in re.sub(r"\\\n\s*", " ", "\n".join(blocks)).splitlines():
        for part in re.split(r" && | \|\| ", line.strip().removeprefix("$ ")):
            if re.match(r"(?:PYTHONPATH=\S+ )?fairloop [a-z]+ ", f"{part} "):
                yield re.sub(r"\$\w+", "1", re.split(r" \| |\s+#\s", part)[0])


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
"""Sources of tutorials have their commands in cells, after `!`."""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_on_a_page_parses(path):
    text = re.sub(r"^!", "    ", joined(path.read_text(encoding="utf-8")), flags=re.MULTILINE)
    for command in commands(text):
        words = [word for word in shlex.split(command) if not word.startswith("PYTHONPATH=")][1:]
        if words[0] in ("--help", "--version", "--install-completion") or "..." in words:
            continue
        with contextlib.redirect_stderr(io.StringIO()):
            PROGRAM.commands[words[0]].make_context(words[0], list(words[1:]), resilient_parsing=False)


def test_commands_are_found_on_many_pages():
    assert sum(1 for path in PAGES for _ in commands(path.read_text(encoding="utf-8"))) > 50


def test_a_command_that_does_not_parse_is_found():
    found = list(commands("text `fairloop no`\n\n```sh\n$ fairloop run demo --uot x \\\n  --seed 1  # a\n```\n"))
    assert found == ["fairloop run demo --uot x  --seed 1"]
    with pytest.raises(typer.exceptions.TyperException, match="--uot"):
        PROGRAM.commands["run"].make_context("run", shlex.split(found[0])[2:])


# the built site


@pytest.fixture(scope="module")
def site() -> Path:
    """`build/site`, built by now: what is there already is not built again."""
    pytest.importorskip("sphinx", reason="the site needs fairloop[docs]")
    out = ROOT / "build" / "site"
    out.parent.mkdir(exist_ok=True)
    with FileLock(out.parent / "site.lock"):
        made = subprocess.run(
            [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", DOCS, out],
            capture_output=True,
            text=True,
            check=False,
        )
    assert made.returncode == 0, made.stderr
    return out


class Page(HTMLParser):
    """The addresses that a page of HTML links to, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]


def broken(folder: Path) -> list[str]:
    """Links within the pages in `folder` to files or anchors that are not there."""
    pages = {path: Page(path) for path in folder.rglob("*.html") if "_static" not in path.parts}
    found = []
    for path, seen in pages.items():
        for link in seen.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchored = target not in pages or unquote(parts.fragment) in pages[target].anchors
            if not target.is_file() or not anchored:
                found.append(f"{path.relative_to(folder)}: {link}")
    return found


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a><a href="b.html#gone">2</a><img src="c.png"><p id="x">'
    )
    (tmp_path / "b.html").write_text(
        '<p id="here"><a href="a.html#x">3</a><a href="https://example.org">4</a><a href="#y">5</a>'
    )
    assert sorted(broken(tmp_path)) == ["a.html: b.html#gone", "a.html: c.png", "b.html: #y"]


@pytest.mark.slow
def test_every_link_of_the_site_leads_somewhere(site):
    assert len(list(site.rglob("*.html"))) > 30
    assert broken(site) == []


@pytest.mark.slow
def test_every_page_of_the_docs_is_on_the_site_and_can_be_found(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for path in DOCS.glob("*.md"):
        assert (site / f"{path.stem}.html").is_file()
        assert f'"{path.stem}"' in index
    assert fairloop.__version__ in (site / "index.html").read_text(encoding="utf-8")


# versions


def test_versions_lie_beside_each_other_and_the_newest_release_comes_first(tmp_path):
    publish = importlib.import_module("docs.publish")
    built, public = tmp_path / "built", tmp_path / "public"
    built.mkdir()
    (built / "index.html").write_text("x")
    for version in ("0.1.0", "0.10.0", "0.2.0", "0.11.0.dev0"):
        publish.publish(built, public, version, "https://example.org")
    listed = json.loads((public / "versions.json").read_text())
    assert [entry["version"] for entry in listed] == ["0.11.0.dev0", "0.10.0", "0.2.0", "0.1.0"]
    assert [entry["version"] for entry in listed if entry.get("preferred")] == ["0.10.0"]
    assert listed[2]["url"] == "https://example.org/0.2.0/"
    assert "0.10.0/" in (public / "index.html").read_text()
    publish.publish(built, public, "0.2.0", "")
    assert (public / "0.2.0" / "index.html").is_file()
