"""Requests a second that `inkdigits serve` answers on this machine, wrk on the same cores.

    python benchmarks/serve.py [--seconds 10] [--requests 50000]

Needs wrk (Debian's package) and MNIST. 28x28 PNGs of 500 training images in turn, then a
12-megapixel JPEG, at 1 to 64 connections; then the service's memory before and after many requests.
"""

import argparse
import io
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from inkdigits.data import load

EXAMPLES = Path(__file__).parent.parent / "examples"
SCRIPT = """
local bodies = {{}}
for i = 1, {n} do
  local file = io.open("{folder}/" .. i, "rb"); bodies[i] = file:read("*a"); file:close()
end
local headers, at = {{["Content-Type"] = "{kind}"}}, 0
request = function()
  at = at % {n} + 1
  return wrk.format("POST", "/v1/predict", headers, bodies[at])
end
"""


@contextmanager
def running(*flags):
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        yield process, re.search(r"http://\S+", process.stderr.readline())[0]
        process.terminate()


def memory_mb(pid: int) -> float:
    """Resident memory of a process and its children, in 10^6 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024 / 1e6
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(memory_mb(int(child)) for child in children)


def load_with(script: Path, address: str, connections: int, seconds: int) -> tuple[float, str]:
    """Run wrk; requests a second and a row of the table."""
    found = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency",
         "-s", script, address],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", found)[1])
    half, most = (re.search(rf"^\s+{p}%\s+(\S+)", found, re.M)[1] for p in (50, 99))
    faults = sum(
        map(int, re.findall(r"(?:Non-2xx.*: |connect |read |write |timeout )(\d+)", found))
    )
    return rate, f"| {connections} | {rate:,.0f} | {half} | {most} | {faults} |"


def script_of(bodies: list[bytes], kind: str, folder: Path) -> Path:
    folder.mkdir()
    for i, body in enumerate(bodies, 1):
        (folder / str(i)).write_bytes(body)
    script = folder / "wrk.lua"
    script.write_text(SCRIPT.format(n=len(bodies), folder=folder, kind=kind))
    return script


def as_file(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=50_000)
    args = parser.parse_args()
    chosen = np.random.default_rng(0).choice(60_000, 500, replace=False)
    small = [as_file(Image.fromarray(x), "PNG") for x in load("mnist").train.images[chosen]]
    photo = as_file(Image.open(EXAMPLES / "0_yellow_paper.jpg").resize((4000, 3000)), "JPEG")
    with tempfile.TemporaryDirectory() as folder, running() as (process, address):
        sets = {
            "28x28 PNG": script_of(small, "image/png", Path(folder) / "small"),
            "12-megapixel JPEG": script_of([photo], "image/jpeg", Path(folder) / "photo"),
        }
        for name, script in sets.items():
            print(f"{name}\n| connections | requests a second | p50 | p99 | errors |")
            for connections in (1, 4, 16, 64):
                rate, row = load_with(script, address, connections, args.seconds)
                print(row, flush=True)
        before, script = memory_mb(process.pid), sets["28x28 PNG"]
        done = 0.0
        while done < args.requests:
            done += 20 * load_with(script, address, 16, 20)[0]
        print(f"memory {before:.0f} MB, after {done:,.0f} more small pictures "
              f"{memory_mb(process.pid):.0f} MB")  # fmt: skip
