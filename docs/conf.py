"""Sphinx's settings: `make docs` builds the site from the Markdown files as they lie here.

The source folder is the repository's root, so a link that works on GitHub works on the site, too.
README.md is its first page.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, Generic, TypeVar

import numpy.typing

from inkdigits.version import __version__

_Kind = TypeVar("_Kind")

# Every page, by the headings of the sidebar.
PAGES = {
    "Use": ("docs/reading", "docs/serving", "docs/batch", "docs/exporting"),
    "Train": (
        "docs/training", "docs/handwriting", "examples/1_train_and_look",
        "examples/2_your_own_handwriting", "examples/3_inside_the_network",
    ),
    "Understand": (
        "docs/how_it_reads", "MODEL_CARD", "RESULTS", "benchmarks/README", "tools/README",
        "docs/LOG",
    ),
    "Reference": ("docs/api", "docs/cli"),
    "Project": (
        "docs/original", "CHANGELOG", "SECURITY", "CONTRIBUTING", "RELEASING",
    ),
}  # fmt: skip

SHORTER = {"MODEL_CARD": "The shipped models"}  # than the page's own title
# Classes whose values are only ever given: their fields say more than a signature.
RESULTS = (
    "inkdigits.Page", "inkdigits.Reading", "inkdigits.reading.page.Digits",
    "inkdigits.reading.page.Number", "inkdigits.reading.page.Signs",
)  # fmt: skip

project = "inkdigits"
author = "The inkdigits developers"
copyright = f"2026 {author}"
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_click"]
root_doc = "README"
include_patterns = [
    f"{page}{'.ipynb' if page.startswith('examples/') else '.md'}"
    for page in (root_doc, *(page for pages in PAGES.values() for page in pages))
]
# Not looked into for pages: they are large.
exclude_patterns = [".*", "build", "node_modules", "runs"]

html_theme = "furo"
html_title = f"inkdigits {__version__}"
html_static_path = ["site/site.css"]
html_css_files = ["site.css"]
html_extra_path = ["site/index.html"]  # leads to README.html
html_copy_source = False
html_domain_indices = False  # one package

nb_execution_mode = "off"  # notebooks are kept with what they show
myst_enable_extensions = ["html_image"]  # the notebooks' <img>
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a page's list of versions has headings of the third level

smartquotes = False  # "--option" would be a dash
default_role = "code"  # docstrings have `names` in single backticks, as Markdown
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_display_short_literal_types = True


def _with_lists(
    app: object, what: str, name: str, obj: Any, options: object, lines: list[str]
) -> None:
    """Make a list of a docstring's "name: what it is." sentences, where names are parameters."""
    try:
        known = "|".join(inspect.signature(obj).parameters)
    except (TypeError, ValueError):
        return
    names = rf"(?:(?:{known}), )*(?:{known})(?=: )"
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    lines.clear()
    for paragraph in paragraphs:
        for part in re.split(rf"(?<=[.:])\s+(?={names}|Raises\s)", paragraph):
            if found := re.match(names, part):
                lines += [f"- **{found[0]}**{' '.join(part[found.end() :].split())}", ""]
            else:
                lines += [*part.split("\n"), ""]


def _without_signature(app: object, what: str, name: str, *_: object) -> tuple[str, None] | None:
    """Leave out how a result is made: its fields follow."""
    return ("", None) if name in RESULTS else None


def _with_code(app: object, context: object, lines: list[str]) -> None:
    """Show the examples in a command's help as code."""
    lines[:] = [re.sub(r"^\|", "  ", line.replace("| Example:", "Example::\n")) for line in lines]
    lines[:] = "\n".join(lines).split("\n")


def _with_contents(app: Any, docname: str, source: list[str]) -> None:
    """Put the sidebar's headings and pages into the first page."""
    if docname == root_doc:
        for caption, pages in PAGES.items():
            listed = "\n".join(
                f"{SHORTER[page]} </{page}>" if page in SHORTER else f"/{page}" for page in pages
            )
            source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


class NDArray(Generic[_Kind]):
    """In the place of numpy's, of which autodoc shows all that it stands for."""


def setup(app: Any) -> None:
    """Called by Sphinx."""
    numpy.typing.NDArray = NDArray
    app.connect("autodoc-process-docstring", _with_lists)
    app.connect("autodoc-process-signature", _without_signature)
    app.connect("sphinx-click-process-description", _with_code)
    app.connect("source-read", _with_contents)
