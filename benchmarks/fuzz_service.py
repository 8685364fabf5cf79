"""Made-up requests to `inkdigits serve`, and what it answers, counted by status. None may be a 500.

    python benchmarks/fuzz_service.py [--requests 5000]

Half are Schemathesis', made from the service's description; half are random bodies and damaged
pictures of examples/. The counts are the service's own. The tests make fewer of the same.
"""

import argparse
import base64
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from serve import running

EXAMPLES = Path(__file__).parent.parent / "examples"
PICTURES = [path.read_bytes() for path in sorted(EXAMPLES.glob("?_*.???"))]
KINDS = (
    "image/png", "image/x", "multipart/form-data; boundary=a", "application/json",
    "application/pdf", "image/tiff", "a/b", "",
)  # fmt: skip
_QUERIES = ("", "?array=1", "?saliency=true", "?saliency=1", "?array=x")
ASKED = (
    *(f"/v1/{path}{query}" for path in ("read", "predict") for query in _QUERIES),
    "/v1/page",
    "/v1/page?page=2",
)


@st.composite
def damaged(draw) -> bytes:
    """A picture with a few bytes changed, cut off somewhere."""
    picture = bytearray(draw(st.sampled_from(PICTURES)))
    places = st.integers(0, len(picture) - 1)
    for place in draw(st.lists(places, max_size=8)):
        picture[place] = draw(st.integers(0, 255))
    return bytes(picture[: draw(st.sampled_from([len(picture)]) | places)])


bodies = (
    st.binary(max_size=400)
    | damaged()
    | st.builds(
        lambda picture: json.dumps({"picture": base64.b64encode(picture).decode()}).encode(),
        damaged(),
    )
)


def schemathesis(address: str, examples: int, seed: int = 0) -> int:
    """Its requests: how many it made. Raises AssertionError with its words on what it found.

    A binary schema cannot say that a picture has ink, and 413 is a rejection too: the two checks
    that know neither are left out.
    """
    command = [
        Path(sys.executable).with_name("schemathesis"), "run", f"{address}/openapi.json",
        "--max-examples", str(examples), "--checks", "all", "--seed", str(seed),
        "--exclude-checks", "positive_data_acceptance,negative_data_rejection",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=scratch)
    assert done.returncode == 0, done.stdout
    return int(re.search(r"(\d+) generated", done.stdout)[1])


def counted(client: httpx.Client) -> Counter[str]:
    """Answers so far, by status."""
    found = re.findall(
        r'inkdigits_requests_total\{.*status="(\d+)"\} (\S+)', client.get("/metrics").text
    )
    counts: Counter[str] = Counter()
    for status, n in found:
        counts[status] += int(float(n))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    half = parser.parse_args().requests // 2
    with (
        tempfile.TemporaryDirectory() as folder,
        running("--keep", f"{folder}/kept.db") as (_, address),
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        seed = 0
        while counted(client).total() < half:
            schemathesis(address, 200, seed)
            seed += 1

        @settings(max_examples=half, deadline=None, database=None)
        @given(bodies, st.sampled_from(KINDS), st.sampled_from(ASKED))
        def ask(body: bytes, kind: str, path: str) -> None:
            client.post(path, content=body, headers={"Content-Type": kind})

        ask()
        counts = counted(client)
    by_status = ", ".join(f"{status} {n:,}" for status, n in sorted(counts.items()))
    print(f"{counts.total():,} requests, by status: {by_status}")
    if counts["500"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
