"""The site has every page, every public name and every command. `make docs` builds it."""

import re
import runpy
from pathlib import Path

import click

import inkdigits
from inkdigits import cli

ROOT = Path(__file__).parent.parent
SITE = runpy.run_path(str(ROOT / "docs" / "conf.py"))


def text(path):
    return (ROOT / path).read_text(encoding="utf-8")


def test_every_document_and_notebook_is_a_page_of_the_site():
    found = [
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "tools/*.md", "examples/*.ipynb")
        for path in ROOT.glob(pattern)
    ]
    assert sorted(SITE["include_patterns"]) == sorted(found)


def test_every_page_but_the_first_stands_once_in_the_sidebar():
    listed = [page for pages in SITE["PAGES"].values() for page in pages]
    assert SITE["root_doc"] not in listed
    assert len(set(listed)) == len(listed) == len(SITE["include_patterns"]) - 1


def test_every_public_name_stands_in_the_reference():
    described = re.findall(r"^\.\. \w+:: inkdigits\.(\w+)$", text("docs/api.md"), re.M)
    assert sorted(described) == sorted(inkdigits.__all__)


def test_every_command_stands_in_the_reference_in_the_order_of_the_help():
    context = click.Context(cli.cli)
    shown = [
        name for name in cli.cli.list_commands(context)
        if not cli.cli.get_command(context, name).hidden
    ]  # fmt: skip
    assert re.findall(r":prog: inkdigits (\S+)", text("docs/cli.md")) == shown


def test_the_help_of_every_command_in_a_group_is_shown():
    context = click.Context(cli.cli)
    groups = re.findall(r":prog: inkdigits (\S+)\n   :nested: full", text("docs/cli.md"))
    shown = re.findall(r":prog: inkdigits (\S+)", text("docs/cli.md"))
    commands = {name: cli.cli.get_command(context, name) for name in shown}
    assert groups == [n for n, command in commands.items() if isinstance(command, click.Group)]


def test_the_citation_names_this_version():
    assert f"\nversion: {inkdigits.__version__}\n" in text("CITATION.cff")


def test_the_hooks_before_a_commit_have_the_versions_of_the_tests():
    pinned = re.findall(r"\"(\S+==\S+)\"", text(".pre-commit-config.yaml"))
    assert len(pinned) == 3
    assert set(pinned) <= set(text("constraints.txt").splitlines())
