"""RESULTS.md's tables: each stands between markers of its name, and its benchmark writes it there.

A benchmark prints its tables while it measures. With --write it also puts them into RESULTS.md, in
the place of those that stand there.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "RESULTS.md"


class Table:
    """A table of Markdown, printed row by row. name: of its markers, <!-- NAME -->."""

    def __init__(self, name: str, *columns: str) -> None:
        self._name = name
        self._lines: list[str] = []
        self.row(*columns)
        self.row(*["---"] * len(columns))

    def row(self, *cells: object) -> None:
        """Add a row, and print it."""
        self._lines.append("| " + " | ".join(map(str, cells)) + " |")
        print(self._lines[-1], flush=True)

    def write(self) -> None:
        """Put it between its markers."""
        write(self._name, "\n".join(self._lines))


def write(name: str, text: str) -> None:
    """Put the text between the markers of that name. Exits where they do not stand there once."""
    before, begin, rest = RESULTS.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not (begin and end) or begin in after:
        sys.exit(f"RESULTS.md has no place for {name}: expected <!-- {name} --> markers once")
    RESULTS.write_text(f"{before}{begin}{text}\n{end}{after}")


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, least and most, and how many there are."""
    low, middle, high = (
        f"{value:,.{digits}f}" for value in (min(values), statistics.median(values), max(values))
    )
    n = len(values)
    return f"{middle} ({low} to {high}, n = {n})" if n > 1 else f"{middle} (n = 1)"


def mean(values: Sequence[float], digits: int) -> str:
    """Mean ± sd, n - 1 in the denominator; 0 of one value."""
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.{digits}f} ± {sd:.{digits}f}"


def parser(about: str | None) -> argparse.ArgumentParser:
    """A parser of a benchmark's options, with --write."""
    found = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("--write", action="store_true", help="put the tables into RESULTS.md")
    return found
