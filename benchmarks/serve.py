"""Requests a second that `inkdigits serve` answers on this machine, wrk on the same cores.

    python benchmarks/serve.py [--seconds 10] [--requests 50000] [--write]

Needs wrk (Debian's package) and MNIST. By `/v1/predict` 28x28 PNGs of 500 digits in turn; by
`/v1/read` PNGs of 250x60 with eight digits, 60 in turn, and a JPEG of 12 megapixels with 60 digits;
each at 1 to 64 connections. Then the service's memory before and after many requests.
"""

import io
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tables
from pictures import held_out, large_page, small_string
from PIL import Image

SCRIPT = """
local bodies = {{}}
for i = 1, {n} do
  local file = io.open("{folder}/" .. i, "rb"); bodies[i] = file:read("*a"); file:close()
end
local headers, at = {{["Content-Type"] = "{kind}"}}, 0
request = function()
  at = at % {n} + 1
  return wrk.format("POST", "{path}", headers, bodies[at])
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


def load_with(
    script: Path, address: str, connections: int, seconds: int
) -> tuple[float, tuple[object, ...]]:
    """Run wrk; requests a second and the cells of a row."""
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
    return rate, (connections, f"{rate:,.0f}", half, most, faults)


def script_of(bodies: list[bytes], kind: str, path: str, folder: Path) -> Path:
    folder.mkdir()
    for i, body in enumerate(bodies, 1):
        (folder / str(i)).write_bytes(body)
    script = folder / "wrk.lua"
    script.write_text(SCRIPT.format(n=len(bodies), folder=folder, kind=kind, path=path))
    return script


def as_file(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, quality=92)
    return file.getvalue()


if __name__ == "__main__":
    parser = tables.parser(__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--requests", type=int, default=50_000)
    args = parser.parse_args()
    images, _ = held_out()
    sets = {
        "`/v1/predict`, 28x28 PNG": (
            [as_file(x, "PNG") for x in images[:500]], "image/png", "/v1/predict",
        ),
        "`/v1/read`, 250x60 PNG of 8 digits": (
            [as_file(small_string(images[8 * i : 8 * i + 8]), "PNG") for i in range(60)],
            "image/png", "/v1/read",
        ),
        "`/v1/read`, 12-megapixel JPEG of 60 digits": (
            [as_file(large_page(images[:60]), "JPEG")], "image/jpeg", "/v1/read",
        ),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, running() as (process, address):
        heads = ("connections", "requests a second", "median", "99th percentile", "errors")
        table = tables.Table("serve", "", *heads)
        scripts = {}
        for name, (bodies, kind, path) in sets.items():
            script = script_of(bodies, kind, path, Path(folder) / str(len(scripts)))
            scripts[name] = script
            for connections in (1, 4, 16, 64):
                table.row(name, *load_with(script, address, connections, args.seconds)[1])
        before, script = memory_mb(process.pid), next(iter(scripts.values()))
        done = 0.0
        while done < args.requests:
            done += 20 * load_with(script, address, 16, 20)[0]
        print(f"memory {before:.0f} MB, after {done:,.0f} more small pictures "
              f"{memory_mb(process.pid):.0f} MB")  # fmt: skip
    if args.write:
        table.write()
