"""How well numbers are read: strings on cheques, pages of numbers, small cases.

    python benchmarks/read_numbers.py [pages strings tables cases] [--every K] [--write]
    python benchmarks/read_numbers.py strings --files  # the pictures' paths, for another reader
    python benchmarks/read_numbers.py strings --lines FILE  # score its answers, JSON lines

Needs $INKDIGITS_FIELD (orand_car_a for strings, numbers for pages) and, for cases, the path of a
cases.json (--cases or $INKDIGITS_CASES). An answer is a JSON object with `file` and `text`. Without
--lines the pictures are read by inkdigits. Only digits count: signs and spaces are dropped on both
sides.

Strings:
- exact: share of the pictures whose digits are all right, in order.
- error rate: edits (insertions, deletions, replacements) over true digits, all pictures together.

Pages. Each score is given as a mean over pages, and as the mean over sources of each one's mean:
- edit accuracy: 1 - edits / true digits, at least 0; digits in reading order, lines joined.
- F1: harmonic mean of precision and recall of the digits as a bag, whatever their order.
- lines exact: share of the true lines that are among the lines read.

Tables: the pages whose lines have the same number of numbers, two or more. A cell is right if the
line of its row has its number, digits alone, in its column's place.

Cases: right if every line's digits and signs are right; where no digit is expected, none is read.
A picture that cannot be read is wrong in a case, and elsewhere read as having no digits.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from tables import Table
from tables import parser as option_parser


class Truth(NamedTuple):
    """A picture and what stands in it."""

    path: Path
    lines: list[str]
    source: str


Texts = list[str | None]  # for each picture the text read; None where it could not be read


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


def tables(every: int) -> list[Truth]:
    """The pages that are tables without an empty cell."""
    known = [(t, {len(line.split()) for line in t.lines}) for t in pages(1)]
    return [
        truth
        for truth, sizes in known
        if len(truth.lines) > 1 and len(sizes) == 1 and min(sizes) > 1
    ][::every]


SETS = {"strings": strings, "pages": pages, "tables": tables}


def cases(path: Path) -> list[Truth]:
    rows = json.loads(path.read_text())
    return [Truth(path.parent / row["file"], row["text"].split("\n"), row["kind"]) for row in rows]


def ours(truths: list[Truth], model: str | None) -> Texts:
    """The text that inkdigits reads in each picture."""
    from inkdigits import PictureError, Reader

    pages = Reader(model).read_many(truth.path for truth in truths)
    return [None if isinstance(page, PictureError) else page.text for page in pages]


def stored(path: Path, truths: list[Truth]) -> Texts:
    """Another reader's text for each picture, found by the file's name."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    texts = {Path(row["file"]).name: row["text"] for row in rows}
    return [texts.get(truth.path.name) for truth in truths]


def string_scores(truths: list[Truth], texts: Texts) -> tuple[float, float]:
    """Exact match and error rate of strings."""
    pairs = [
        (digits_of(text or ""), digits_of("".join(truth.lines)))
        for truth, text in zip(truths, texts, strict=True)
    ]
    exact = float(np.mean([a == b for a, b in pairs]))
    return exact, sum(edits(a, b) for a, b in pairs) / sum(len(b) for _, b in pairs)


def page_scores(truths: list[Truth], texts: Texts) -> tuple[np.ndarray, np.ndarray]:
    """Edit accuracy, F1 and lines exact: means over sources, and over pages."""
    rows: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for truth, text in zip(truths, texts, strict=True):
        found, true = digits_of(text or ""), digits_of("".join(truth.lines))
        accuracy = max(0.0, 1 - edits(found, true) / len(true))
        lines = lines_exact(text or "", truth.lines)
        rows[truth.source].append((accuracy, f1(found, true), lines))
    by_source = np.mean([np.mean(its, 0) for its in rows.values()], 0)
    return by_source, np.mean([row for its in rows.values() for row in its], 0)


def cells_right(truth: Truth, text: str) -> int:
    """How many of a table's cells stand in their row's and column's place."""
    return sum(
        digits_of(a) == digits_of(b)
        for found, true in zip(text.split("\n"), truth.lines, strict=False)
        for a, b in zip(found.split(), true.split(), strict=False)
    )


def case_is_right(truth: Truth, text: str | None) -> bool:
    return text is not None and [line.replace(" ", "") for line in text.split("\n")] == truth.lines


Rows = list[tuple[str, str]]  # what is told, and its value


def of_strings(truths: list[Truth], texts: Texts) -> Rows:
    exact, rate = string_scores(truths, texts)
    return [
        (f"{len(truths):,} cheque amounts (ORAND-CAR-A), exact", f"{exact:.2%}"),
        ("the same, error rate", f"{rate:.2%}"),
    ]


def of_pages(truths: list[Truth], texts: Texts) -> Rows:
    by_source, by_page = page_scores(truths, texts)
    sources = len({truth.source for truth in truths})
    return [
        (f"{len(truths)} pages, {name}, mean over {over}", f"{score:.2%}")
        for over, scores in ((f"{sources} sources", by_source), ("pages", by_page))
        for name, score in zip(("edit accuracy", "F1", "lines exact"), scores, strict=True)
    ]


def of_tables(truths: list[Truth], texts: Texts) -> Rows:
    pairs = zip(truths, texts, strict=True)
    right = [cells_right(truth, text or "") for truth, text in pairs]
    n = sum(len(" ".join(truth.lines).split()) for truth in truths)
    return [(f"{len(truths)} tables, cells right in row and column", f"{sum(right)} of {n}")]


def of_cases(truths: list[Truth], texts: Texts) -> Rows:
    wrong = [
        f"  {truth.path.name}: {truth.lines}, read {text!r}"
        for truth, text in zip(truths, texts, strict=True)
        if not case_is_right(truth, text)
    ]
    print(*wrong, sep="\n", file=sys.stderr)
    n = len(truths)
    return [(f"{n} small pictures that rules read wrongly", f"{n - len(wrong)} right")]


def write_errors(path: Path, truths: list[Truth], texts: Texts) -> None:
    """A page of the first 60 pictures that were read wrongly: the truth, the text read below it."""
    wrong = [
        (truth, text or "")
        for truth, text in zip(truths, texts, strict=True)
        if digits_of(text or "") != digits_of("".join(truth.lines))
    ][:60]
    page = Image.new("RGB", (4 * 320, 170 * max(1, -(-len(wrong) // 4))), "#777")
    pen = ImageDraw.Draw(page)
    for i, (truth, text) in enumerate(wrong):
        x, y = i % 4 * 320, i // 4 * 170
        picture = ImageOps.exif_transpose(Image.open(truth.path)).convert("RGB")
        picture.thumbnail((310, 132))
        page.paste(picture, (x + 2, y + 34))
        read = text.replace("\n", "|")
        pen.text((x + 2, y + 2), f"{'|'.join(truth.lines)}\n{read}"[:110], fill="white")
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)


SCORES: dict[str, Callable[[list[Truth], Texts], Rows]] = {
    "pages": of_pages,
    "strings": of_strings,
    "tables": of_tables,
    "cases": of_cases,
}


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("sets", nargs="*", help=f"of {', '.join(SCORES)}; the first two if none")
    parser.add_argument("--model")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="each K-th picture alone")
    parser.add_argument("--files", action="store_true", help="print the pictures' paths, no more")
    parser.add_argument("--lines", type=Path, help="answers of another reader, JSON lines")
    parser.add_argument("--cases", type=Path, default=os.environ.get("INKDIGITS_CASES"))
    parser.add_argument("--errors", type=Path, help="folder for a page of each set's errors")
    args = parser.parse_args()
    table = None if args.files else Table("numbers", "", "digits alone")
    for name in args.sets or ("pages", "strings"):
        if name not in SCORES:
            parser.error(f"{name} is no set; the sets are {', '.join(SCORES)}")
        if name == "cases" and args.cases is None:
            parser.error("cases needs --cases FILE or $INKDIGITS_CASES")
        truths = cases(Path(args.cases)) if name == "cases" else SETS[name](args.every)
        if args.files:
            print(*(truth.path for truth in truths), sep="\n")
            continue
        texts = stored(args.lines, truths) if args.lines else ours(truths, args.model)
        for row in SCORES[name](truths, texts):
            table.row(*row)
        if None in texts:
            print(f"{name}: {texts.count(None)} of {len(texts)} not read", file=sys.stderr)
        if args.errors:
            write_errors(args.errors / f"{name}.png", truths, texts)
    if args.write:
        table.write()


if __name__ == "__main__":
    main()
