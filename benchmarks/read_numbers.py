"""How well numbers are read: strings on cheques, pages of numbers, small cases.

    python benchmarks/read_numbers.py [strings pages cases] [--every K] [--errors FOLDER]
    python benchmarks/read_numbers.py strings --lines FILE   # of another reader, JSON lines

Needs $INKDIGITS_FIELD (orand_car_a for strings, numbers for pages) and, for cases, --cases with the
path of a cases.json. A reader's answers are JSON lines with `file` and `text`; ours are read here.
Only digits count: signs and spaces are dropped on both sides.

exact: share of the pictures whose digits are all right, in order.
error rate: edits (insert, delete, replace) over the number of true digits, all pictures together.
edit accuracy: 1 - edits / true digits, at least 0, of each page; the mean over pages, and the mean
over sources of their means. F1: of the digits as a bag, whatever their order. lines exact: share
of the true lines that are among the lines read.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageOps


class Truth(NamedTuple):
    """A picture and what stands in it."""

    path: Path
    lines: list[str]
    source: str


def digits_of(text: str) -> str:
    return "".join(c for c in text if "0" <= c <= "9")


def edits(found: str, true: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(true) + 1))
    for i, a in enumerate(found, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(true, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def f1(found: str, true: str) -> float:
    """Of two bags of digits; 1 where both are empty."""
    common = sum((Counter(found) & Counter(true)).values())
    return 2 * common / (len(found) + len(true)) if found or true else 1.0


def lines_exact(found: str, true: list[str]) -> float:
    """Share of the true lines among those found, each counted once."""
    left = Counter(digits_of(line) for line in found.split("\n"))
    known = Counter(digits_of(line) for line in true)
    return sum((left & known).values()) / max(1, len(true))


def strings(every: int) -> list[Truth]:
    folder = Path(os.environ["INKDIGITS_FIELD"]) / "orand_car_a"
    with (folder / "labels.csv").open() as lines:
        rows = list(csv.DictReader(lines))[::every]
    return [Truth(folder / "img" / row["file"], [row["text"]], "orand_car_a") for row in rows]


def pages(every: int) -> list[Truth]:
    folder = Path(os.environ["INKDIGITS_FIELD"]) / "numbers"
    rows = json.loads((folder / "labels.json").read_text())[::every]
    return [Truth(folder / "img" / row["file"], row["lines"], row["repo"]) for row in rows]


def cases(path: Path) -> list[Truth]:
    rows = json.loads(path.read_text())
    return [Truth(path.parent / row["file"], row["text"].split("\n"), row["kind"]) for row in rows]


def ours(truths: Iterable[Truth], model: str | None) -> dict[str, str]:
    """What the package reads in each picture: its text by the file's name."""
    from inkdigits import PictureError, Reader

    paths = [truth.path for truth in truths]
    found = Reader(model).read_many(paths)
    return {
        path.name: "" if isinstance(page, PictureError) else page.text
        for path, page in zip(paths, found, strict=True)
    }


def stored(path: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {Path(row["file"]).name: row["text"] for row in rows}


def score_strings(truths: list[Truth], texts: dict[str, str]) -> None:
    pairs = [(digits_of(texts.get(t.path.name, "")), digits_of("".join(t.lines))) for t in truths]
    exact = np.mean([a == b for a, b in pairs])
    rate = sum(edits(a, b) for a, b in pairs) / sum(len(b) for _, b in pairs)
    print(f"strings: {len(pairs):,}; exact {exact:.2%}; error rate {rate:.2%}")


def score_pages(truths: list[Truth], texts: dict[str, str]) -> None:
    rows: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for truth in truths:
        text = texts.get(truth.path.name, "")
        found, true = digits_of(text), digits_of("".join(truth.lines))
        accuracy = max(0.0, 1 - edits(found, true) / len(true))
        rows[truth.source].append((accuracy, f1(found, true), lines_exact(text, truth.lines)))
    by_source = np.mean([np.mean(its, 0) for its in rows.values()], 0)
    by_page = np.mean([row for its in rows.values() for row in its], 0)
    for name, (accuracy, bag, lines) in (
        (f"mean over {len(rows)} sources", by_source), (f"over {len(truths)} pages", by_page),
    ):  # fmt: skip
        print(f"pages, {name}: edit accuracy {accuracy:.2%}; F1 {bag:.2%}; lines exact {lines:.2%}")


def score_cases(truths: list[Truth], texts: dict[str, str]) -> None:
    def plain(text: str) -> list[str]:
        return [line.replace(" ", "") for line in text.split("\n")]

    wrong = [t for t in truths if plain(texts.get(t.path.name, "")) != t.lines]
    print(f"cases: {len(truths) - len(wrong)} of {len(truths)}")
    for truth in wrong:
        print(f"  {truth.path.name}: {truth.lines}, read {texts.get(truth.path.name, '')!r}")


def write_errors(path: Path, truths: list[Truth], texts: dict[str, str]) -> None:
    """A page of the pictures that were read wrongly: the truth above what was read."""
    wrong = [
        t for t in truths
        if digits_of(texts.get(t.path.name, "")) != digits_of("".join(t.lines))
    ][:60]  # fmt: skip
    page = Image.new("RGB", (4 * 320, 170 * max(1, -(-len(wrong) // 4))), "#777")
    pen = ImageDraw.Draw(page)
    for i, truth in enumerate(wrong):
        x, y = i % 4 * 320, i // 4 * 170
        picture = ImageOps.exif_transpose(Image.open(truth.path)).convert("RGB")
        picture.thumbnail((310, 132))
        page.paste(picture, (x + 2, y + 34))
        read = texts.get(truth.path.name, "").replace("\n", "|")
        pen.text((x + 2, y + 2), f"{'|'.join(truth.lines)}\n{read}"[:110], fill="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["strings", "pages"])
    parser.add_argument("--model")
    parser.add_argument("--every", type=int, default=1, help="score each K-th picture alone")
    parser.add_argument("--lines", type=Path, help="answers of another reader, JSON lines")
    parser.add_argument("--cases", type=Path, help="a cases.json")
    parser.add_argument("--errors", type=Path, help="folder for a page of each set's errors")
    args = parser.parse_args()
    scores: dict[str, Callable[[list[Truth], dict[str, str]], None]] = {
        "strings": score_strings, "pages": score_pages, "cases": score_cases,
    }  # fmt: skip
    for name in args.sets:
        if name == "cases":
            if args.cases is None:
                parser.error("cases needs --cases FILE")
            truths = cases(args.cases)
        else:
            truths = {"strings": strings, "pages": pages}[name](args.every)
        texts = stored(args.lines) if args.lines else ours(truths, args.model)
        scores[name](truths, texts)
        if args.errors:
            write_errors(args.errors / f"{name}.png", truths, texts)


if __name__ == "__main__":
    main()
