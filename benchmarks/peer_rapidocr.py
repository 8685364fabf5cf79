"""RapidOCR's answers for pictures, as JSON lines: digits alone, a line of writing a line.

    python -m venv OCR && OCR/bin/pip install rapidocr onnxruntime
    OCR/bin/python benchmarks/peer_rapidocr.py [--string] PICTURE... > answers.jsonl
    python benchmarks/read_numbers.py strings --lines answers.jsonl

--string: each picture is one line, so nothing is searched for. Of other signs than digits none is
kept. The models are those that come with the package.
"""

import argparse
import json
import time

import cv2
from rapidocr import RapidOCR


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--string", action="store_true")
    args = parser.parse_args()
    engine = RapidOCR(params={"Global.log_level": "error", "Global.use_cls": False})
    for path in args.pictures:
        picture = cv2.imread(path)
        start = time.perf_counter()
        found = engine(picture, use_det=not args.string, use_cls=False, use_rec=True)
        seconds = time.perf_counter() - start
        text = "\n".join("".join(c for c in line if c in "0123456789 ") for line in lines_of(found))
        print(json.dumps({"file": path, "text": text, "seconds": seconds}), flush=True)


def lines_of(found) -> list[str]:
    """The texts found in lines from top to bottom, each from left to right."""
    texts = list(found.txts or ()) if found else []
    if not texts or getattr(found, "boxes", None) is None:
        return ["".join(texts)]
    rows: list[list[tuple[float, float, str]]] = []
    for box, text in sorted(zip(found.boxes, texts, strict=True), key=lambda b: b[0][:, 1].mean()):
        x, y, height = box[:, 0].min(), box[:, 1].mean(), box[:, 1].max() - box[:, 1].min()
        if rows and abs(y - rows[-1][0][1]) < 0.5 * height:
            rows[-1].append((x, y, text))
        else:
            rows.append([(x, y, text)])
    return [" ".join(text for _, _, text in sorted(row)) for row in rows]


if __name__ == "__main__":
    main()
