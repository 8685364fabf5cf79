"""How the service holds under attack: a Markdown table, a row for each attack.

    python benchmarks/attack.py [--seconds 5] [--only WORD] [--write]

Starts `inkdigits serve` and attacks it over the loopback device with 16 connections at a time,
while another client posts one small picture after another. Each attack is bounded in time. The
columns: what was sent; how many good pictures were read meanwhile, and how long the slowest of them
waited; the most memory that a process of the service had; what the attackers were answered; and the
state a second afterwards. Then the service is started anew for each signal, and the time is taken
until all its processes are gone. Needs Linux.
"""

import http.client
import io
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import tables
from bombs import jpeg_of_scans, page_of_digits, run_length_bmp, saved, tiff, white_png
from PIL import Image

CONNECTIONS = 16
PARTS = 600  # connections of those attacks that only open them
GOOD = (Path(__file__).parent.parent / "examples" / "2_small_white_on_black.png").read_bytes()
HEAD = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
MOST_SENT = 200_000_000  # bytes, of one connection
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)


class Service:
    """A running service, and what its processes hold."""

    def __init__(self, process: subprocess.Popen, address: str) -> None:
        self.process = process
        host, port = address.removeprefix("http://").rsplit(":", 1)
        self.place = host, int(port)

    def processes(self) -> list[int]:
        """Its process ids."""
        return [self.process.pid, *descendants(self.process.pid)]

    def connect(self) -> socket.socket:
        return socket.create_connection(self.place, timeout=30)

    def post(self, body: bytes, path: str = "/v1/predict") -> int:
        """The status of the answer."""
        client = http.client.HTTPConnection(*self.place, timeout=30)
        try:
            client.request("POST", path, body, {"Content-Type": "image/png"})
            answer = client.getresponse()
            answer.read()
            return answer.status
        finally:
            client.close()


@contextmanager
def running() -> Iterator[Service]:
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        address = re.search(r"http://[\d.:]+", process.stderr.readline())[0]
        threading.Thread(target=process.stderr.read, daemon=True).start()
        service = Service(process, address)
        try:
            service.post(GOOD)
            yield service
        finally:
            process.kill()


def descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from descendants(int(child))


def memory_mb(pid: int) -> float:
    """Of a process, resident; 0 if it is gone."""
    with suppress(OSError):
        if found := re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()):
            return int(found[1]) * 1024 / 1e6
    return 0.0


def runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


Attack = Callable[[Service, float, Counter], None]  # until that moment; counts what was answered


def posting(body: bytes, path: str = "/v1/read") -> Attack:
    """The picture, again and again."""

    def attack(service: Service, end: float, answers: Counter) -> None:
        while time.monotonic() < end:
            answers[service.post(body, path)] += 1

    return attack


def form_of(body: bytes, n: int) -> Attack:
    """The picture n times in one form, again and again."""
    part = b'--x\r\nContent-Disposition: form-data; name="p"; filename="p.png"\r\n\r\n%s\r\n' % body
    whole = part * n + b"--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}

    def attack(service: Service, end: float, answers: Counter) -> None:
        while time.monotonic() < end:
            client = http.client.HTTPConnection(*service.place, timeout=120)
            client.request("POST", "/v1/read", whole, headers)
            answers[client.getresponse().status] += 1
            client.close()

    return attack


def sending(start: bytes, more: bytes) -> Attack:
    """The start, then more of the same as long as it is taken."""

    def attack(service: Service, end: float, answers: Counter) -> None:
        while time.monotonic() < end:
            with service.connect() as sock:
                sent = 0
                with suppress(OSError):
                    sock.sendall(start)
                    while time.monotonic() < end and sent < MOST_SENT:
                        sock.sendall(more)
                        sent += len(more)
                answers[status(sock)] += 1

    return attack


def opening(start: bytes, then: bytes = b"") -> Attack:
    """Many connections that send the start, and then that, and wait."""

    def attack(service: Service, end: float, answers: Counter) -> None:
        opened = []
        for _ in range(PARTS // CONNECTIONS):
            with suppress(OSError):
                sock = service.connect()
                opened.append(sock)
                sock.sendall(start)
        time.sleep(0.2)
        for sock in opened:
            with suppress(OSError):
                sock.sendall(then)
        time.sleep(max(0.0, end - time.monotonic()))
        for sock in opened:
            answers[status(sock)] += 1
            sock.close()

    return attack


def not_reading(service: Service, end: float, answers: Counter) -> None:
    """Requests whose answers nobody takes."""
    with service.connect() as sock:
        sock.settimeout(1)
        while time.monotonic() < end:
            with suppress(OSError):
                sock.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)
        answers[status(sock)] += 1


def killing(service: Service, end: float, answers: Counter) -> None:
    """Workers killed, one every half second by all attackers together."""
    time.sleep(random.uniform(0, CONNECTIONS / 2))
    while time.monotonic() < end:
        large = [pid for pid in descendants(service.process.pid) if memory_mb(pid) > 60]
        if large:
            os.kill(random.choice(large), signal.SIGKILL)
            answers["killed"] += 1
        time.sleep(CONNECTIONS / 2)


def status(sock: socket.socket) -> str:
    """Of the first answer on the connection, or how it ended."""
    sock.settimeout(0.1)
    try:
        found = sock.recv(64)
    except TimeoutError:
        return "open"
    except OSError:
        return "closed"
    return found.split()[1].decode() if found.startswith(b"HTTP/1.1") else "closed"


def noise(kind: str, side: int, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def attacks() -> Iterator[tuple[str, Callable[[], Attack]]]:
    """What is said of each, and what makes it: the files take a while."""
    line = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    yield "nothing", lambda: lambda service, end, answers: time.sleep(end - time.monotonic())
    yield "BMP of 1 kB, 39,000,000x1 by run lengths", lambda: posting(run_length_bmp())
    comments = b"P2 1000 1000 255\n" + b"#\n" * 500_000
    yield "PGM of 1 MB of comments", lambda: posting(comments)
    yield "JPEG of 10,000 scans", lambda: posting(jpeg_of_scans(10_000))
    yield "TIFF in tiles of 32768x32768", lambda: posting(tiff(tag_322=32768, tag_323=32768))
    yield "PNG of 20 megapixels, cut off", lambda: posting(white_png(5000, 4000, kept=0.9))
    yield "PNG of 39.7 megapixels", lambda: posting(white_png(6300, 6300))
    yield "WebP of 20 megapixels", lambda: posting(saved("WEBP", 4470))
    yield "AVIF of noise, 6 megapixels", lambda: posting(noise("AVIF", 2400, quality=90, speed=10))
    yield "page of 3,000 digits, 3 kB", lambda: posting(page_of_digits())
    yield "64 of them in a form", lambda: form_of(page_of_digits(), 64)
    yield "endless head", lambda: sending(HEAD, b"x" * 100_000)
    yield "endless many headers", lambda: sending(HEAD, b"a: b\r\n" * 10_000)
    yield (
        "endless trailer",
        lambda: sending(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nlong: ", b"x" * 100_000
        ),
    )
    yield (
        "endless body",
        lambda: sending(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"186a0\r\n" + b"x" * 100_000 + b"\r\n"
        ),
    )
    yield f"{PARTS} connections with nothing", lambda: opening(b"")
    yield f"{PARTS} with half a head", lambda: opening(HEAD[:40])
    yield f"{PARTS} with a request and a lone line end", lambda: opening(line, b"\r\n")
    yield f"{PARTS} with half a body", lambda: opening(HEAD + b"Content-Length: 99\r\n\r\nx")
    yield "answers that nobody takes", lambda: not_reading
    yield "workers killed", lambda: killing


def row(service: Service, attack: Attack, seconds: float) -> tuple[str, ...]:
    """What came of the attack, a cell for each of its columns."""
    end = time.monotonic() + seconds
    answers, waits, failures = Counter(), [], Counter()
    most = {pid: memory_mb(pid) for pid in service.processes()}

    def guarded() -> None:
        try:
            attack(service, end, answers)
        except (OSError, http.client.HTTPException) as error:
            answers[type(error).__name__] += 1

    threads = [threading.Thread(target=guarded) for _ in range(CONNECTIONS)]

    def watch() -> None:
        while any(thread.is_alive() for thread in threads):
            for pid in service.processes():
                most[pid] = max(most.get(pid, 0.0), memory_mb(pid))
            time.sleep(0.02)

    for thread in threads:
        thread.start()
    watching = threading.Thread(target=watch)
    watching.start()
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            found = service.post(GOOD)
        except (OSError, http.client.HTTPException) as error:
            found = type(error).__name__
        waits.append(time.monotonic() - start)
        if found != 200:
            failures[found] += 1
        time.sleep(0.01)
    for thread in [*threads, watching]:
        thread.join()
    time.sleep(1)
    files = len(os.listdir(f"/proc/{service.process.pid}/fd"))
    now = max(memory_mb(pid) for pid in service.processes())
    read = len(waits) - failures.total()
    failed = "".join(f", {n} {what}" for what, n in failures.items())
    told = ", ".join(f"{n} {what}" for what, n in sorted(answers.items(), key=str))
    state = "ready" if service.post(GOOD) == 200 else "not ready"
    return (
        f"{read:,}{failed}", f"{max(waits):.2f} s", f"{max(most.values()):,.0f} MB", told,
        f"{state}, {files} files, {now:,.0f} MB",
    )  # fmt: skip


def seconds_to_end(number: signal.Signals) -> float:
    """Until all processes of a busy service are gone, from the signal on."""
    with running() as service:
        page = page_of_digits()
        for _ in range(4):
            sock = service.connect()
            sock.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(page) + page)
        time.sleep(1)
        processes, start = service.processes(), time.monotonic()
        service.process.send_signal(number)
        while any(map(runs, processes)) and time.monotonic() < start + 60:
            time.sleep(0.01)
        return time.monotonic() - start


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", default="", help="attacks with this word in their description")
    args = parser.parse_args()
    table = tables.Table(
        "attack", "sent by 16 connections", "good pictures read", "slowest",
        "most memory of a process", "answers", "a second later",
    )  # fmt: skip
    with running() as service:
        for said, made in attacks():
            if args.only in said:
                table.row(said, *row(service, made(), args.seconds))
    ends = tables.Table("attack-signals", "signal to a busy service", "all processes gone after")
    for number in SIGNALS:
        ends.row(number.name, f"{seconds_to_end(number):.2f} s")
    if args.write and not args.only:
        table.write()
        ends.write()


if __name__ == "__main__":
    main()
