"""RapidOCR's answers for pictures, as JSON lines: digits alone, a line of writing a line.

    python -m venv OCR && OCR/bin/pip install rapidocr==3.10.0 onnxruntime
    python benchmarks/read_numbers.py strings --files |
        xargs OCR/bin/python benchmarks/peer_rapidocr.py --string > answers.jsonl
    python benchmarks/read_numbers.py strings --lines answers.jsonl

Runs in an environment of its own, without inkdigits. The models come with the package: of version
3.10 these are PP-OCRv6 small. They read by the package's own defaults, but for two changes that
raise the scores here: no line is turned (--turn turns them), and the reading network chooses among
the digits and the signs of sums and amounts alone (--unmasked: among all its signs). Then what is
no digit is dropped.
--string: each picture is one line, so none is searched for. --runs: read each picture that many
times; `seconds` lists the time of each, without starting and loading.
"""

import argparse
import json
import time

import numpy as np
from rapidocr import RapidOCR

DIGITS = "0123456789 "
SIGNS = "+-×÷/=().,"
BLANK = 0  # the place of no sign in the network's answer


class Masked:
    """The package's decoder, given an answer in which only digits and signs are left."""

    def __init__(self, decoder) -> None:
        self.decoder = decoder
        self.kept = [BLANK, *(decoder.dict[sign] for sign in DIGITS + SIGNS)]

    def __call__(self, answer: np.ndarray, *args, **options):
        only = np.zeros_like(answer)
        only[:, :, self.kept] = answer[:, :, self.kept]
        return self.decoder(only, *args, **options)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--string", action="store_true")
    parser.add_argument("--turn", action="store_true")
    parser.add_argument("--unmasked", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    threads = {
        f"EngineConfig.onnxruntime.{kind}_op_num_threads": args.threads
        for kind in ("intra", "inter")
    }
    engine = RapidOCR(params={"Global.log_level": "error", **threads})
    if not args.unmasked:
        # The package loads its networks when they are needed; this one is needed now.
        engine._load_rec_model()
        engine.text_rec.postprocess_op = Masked(engine.text_rec.postprocess_op)
    for path in args.pictures:
        seconds = []
        for _ in range(args.runs):
            start = time.perf_counter()
            found = engine(path, use_det=not args.string, use_cls=args.turn, use_rec=True)
            seconds.append(time.perf_counter() - start)
        text = "\n".join("".join(c for c in line if c in DIGITS) for line in lines_of(found))
        print(json.dumps({"file": path, "text": text, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
