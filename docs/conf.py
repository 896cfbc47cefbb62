"""The documentation site: `make docs` builds it into build/site with Sphinx."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import fairloop  # noqa: E402
from docs.pages import filled  # noqa: E402
from docs.reference import docstrings, tables  # noqa: E402

project, author, copyright = "fairloop", "The fairloop authors", "The fairloop authors"
release = version = fairloop.__version__

extensions = ["sphinx.ext.autodoc", "myst_nb", "sphinx_design", "sphinx_copybutton"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["tutorials/[!i]*.md"]  # sources of the notebooks that the site shows
myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_heading_anchors = 4
smartquotes = False  # two hyphens of an option stay two hyphens, so that it can be copied
nb_execution_mode = "off"  # `make notebooks` executes them
suppress_warnings = ["misc.highlighting_failure"]  # fragments of YAML and of terminals
highlight_language = "none"  # of indented blocks: commands, output, code

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
maximum_signature_line_length = 88
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = "fairloop"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
SITE = os.environ.get("FAIRLOOP_SITE", "")  # the address under which all versions stand, without a last slash
html_baseurl = f"{SITE}/{release}/" if SITE else ""
html_theme_options = {
    "logo": {"text": f"fairloop {release}"},
    "navbar_end": [*(["version-switcher"] if SITE else []), "theme-switcher"],
    "switcher": {"json_url": f"{SITE}/versions.json", "version_match": release},
    "check_switcher": False,
    "show_version_warning_banner": bool(SITE),
    "show_nav_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["last-updated"],
}
pygments_style = "default"

OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)(#[^)]*)?\)")
DRAWN = re.compile(r"!\[[^\]]*\]\((settings/[\w-]+\.svg)\)")
NAMED = re.compile(r"\[[\w./-]+\.md\]\((?=[^)]+\.md)")
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}


def _linked(name: str, text: str) -> str:
    """`text` of page `name` with links as a site has them.

    Files outside docs/ are downloads, or pages that include them. A link whose text is a page's name gets its title. A
    diagram becomes a part of the page, so that its colours are those of the theme.
    """
    folder = (HERE / name).parent

    def link(found: re.Match[str]) -> str:
        words, path, anchor = found[1], (folder / found[2]).resolve(), found[3] or ""
        if path.is_relative_to(HERE):
            return found[0]
        inside = os.path.relpath(HERE / PAGES[path.name], folder) if path.name in PAGES else None
        return f"[{words}]({inside}{anchor})" if inside else f"{{download}}`{words.strip('`')} <{found[2]}>`"

    def drawn(found: re.Match[str]) -> str:
        return f"```{{raw}} html\n{(folder / found[1]).read_text(encoding='utf-8')}```"

    return DRAWN.sub(drawn, NAMED.sub("[](", OUTSIDE.sub(link, text)))


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    """Make the tables of a page, and its links."""
    del app
    page = HERE / f"{name}.md"
    if page in tables.PAGES:
        source[0] = filled(page, tables.PAGES[page])
    if page.is_file():
        source[0] = _linked(name, source[0])


def _include(app: Sphinx, relative: Path, parent: str, source: list[str]) -> None:
    """The same for files that a page includes: CONTRIBUTING.md and CHANGELOG.md, from the project's root."""
    del app, relative, parent
    source[0] = re.sub(r"\]\(docs/", "](", source[0])


def _docstring(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    del app, what, name, obj, options
    lines[:] = docstrings.rst(lines)


def _outdated(app: Sphinx, env: object, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """The pages that follow from the code: they are read at every build."""
    del app, env, added, changed, removed
    return [page.relative_to(HERE).with_suffix("").as_posix() for page in tables.PAGES]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what the build does to sources."""
    app.connect("env-get-outdated", _outdated)
    app.connect("source-read", _read)
    app.connect("include-read", _include)
    app.connect("autodoc-process-docstring", _docstring)
    return {"parallel_read_safe": True}
