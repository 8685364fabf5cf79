"""Check the language of Markdown documents: long sentences, and words with a better one.

In: files, or none for all documents. Out: a line for each find, `file:line: found, better`; exit
code 1 if there is one. Code, tables, headings and the addresses of links are left out.

Why no kept linter: proselint measures no sentence and takes no words of one's own. Vale's package
downloads a program. textlint limits each sentence, not the share of long ones in a document.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

LONG = 30  # words; a sentence with more is a long one
MOST_LONG = 0.10  # share of a document's sentences

# What is found, and what to write instead. Spaces in a pattern match line ends, too.
BETTER = {
    r"want(s|ed)?": "expect, require, ask for",
    r"(what|that|which) (is|are|was|were) no": 'name the noun: "images without a digit"',
    r"(go|goes|going|gone|went) on (with|from)": "continue, fine-tune, train further",
    r"pass(es|ed|ing)? (it |them )?over": "skip",
    r"some (\d[\d,.]*|two|three|five|six|eight|ten|half|hundred|thousand)": "about",
    r"anew": "again",
    r"errors? more": "one more error",
    r"doubt(s|ed|ful)?": "uncertain, not accepted",
    r"thinks?": "code returns, declares, rejects",
    r"besides": "in addition, as well as",
    r"in the place of": "instead of",
    r"in (an|the) other way(s)?": "differently",
}

_FENCE = re.compile(r"\s*(`{3,}|~{3,}|:{3,})")
_ITEM = re.compile(r"^\s*([-*+]|\d[.)]) ")
_SKIPPED = re.compile(r"\s*(#|\||!\[|$)")  # headings, tables, pictures, empty lines
_CODE = re.compile(r"(`+).+?\1", re.DOTALL)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_ADDRESS = re.compile(r"<?https?://\S+")
_END = re.compile(r"[.!?][)\]\"'*_”]*$")
_ABBREVIATIONS = ("e.g.", "i.e.", "etc.", "vs.")


class Find(NamedTuple):
    """Something to write better. line: from 1."""

    line: int
    found: str
    better: str


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """Each paragraph and list item: its first line, from 1, and its text with its line ends."""
    # What is left out keeps its line ends, so that lines are counted right.
    text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    kept: list[str] = []
    start, fence = 0, ""
    for number, line in enumerate([*text.split("\n"), ""], 1):
        mark = _FENCE.match(line)
        skipped = bool(fence) or bool(mark) or bool(_SKIPPED.match(line))
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        if kept and (skipped or _ITEM.match(line)):
            yield start, "\n".join(kept)
            kept = []
        if not skipped:
            start = start if kept else number
            kept.append(_ITEM.sub("", line, count=1))


def plain(text: str) -> str:
    """A paragraph without the insides of its code and the addresses of its links."""
    text = _CODE.sub(lambda code: "code" + "\n" * code[0].count("\n"), text)
    return _ADDRESS.sub("address", _LINK.sub(r"\1", text))


def sentences(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each sentence of a document: the line it begins in, from 1, and its words."""
    for start, paragraph in paragraphs(text):
        words: list[str] = []
        begun = start
        for number, line in enumerate(plain(paragraph).split("\n"), start):
            for word in line.split():
                begun = begun if words else number
                if re.search(r"\w", word):
                    words.append(word)
                if words and _END.search(word) and word not in _ABBREVIATIONS:
                    yield begun, words
                    words = []
        if words:
            yield begun, words


def check(text: str) -> list[Find]:
    """What a document should say better, by lines."""
    found = []
    for start, paragraph in paragraphs(text):
        words = plain(paragraph)
        for pattern, better in BETTER.items():
            spaced = pattern.replace(" ", r"\s+")
            for hit in re.finditer(rf"(?<![\w-])({spaced})(?![\w-])", words, re.IGNORECASE):
                line = start + words.count("\n", 0, hit.start())
                found.append(Find(line, " ".join(hit[0].split()), better))
    lengths = [(line, len(words), words[:6]) for line, words in sentences(text)]
    long = [one for one in lengths if one[1] > LONG]
    if len(long) >= MOST_LONG * max(len(lengths), 1):
        better = f"under {MOST_LONG:.0%} over {LONG} words, not {len(long)} of {len(lengths)}"
        found += [
            Find(line, f"{n} words: {' '.join(first)} ...", better) for line, n, first in long
        ]
    return sorted(found)


def main(names: Sequence[str]) -> int:
    """Print what is found in each file; 1 if there is anything."""
    files = [Path(name) for name in names] or [*Path().glob("*.md"), *Path("docs").glob("*.md")]
    found = [(path, find) for path in sorted(files) for find in check(path.read_text("utf-8"))]
    for path, (line, what, better) in found:
        print(f"{path}:{line}: {what}, better: {better}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
