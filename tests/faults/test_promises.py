"""SECURITY.md names the tests of each promise; and those that no other file here has."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from targets import CORPUS

from .serving import EXAMPLES, PNG, running

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")

# What Python notes of a file's reading, when all that reads it has been loaded by a first reading.
READS = """
import sys
from pathlib import Path
from inkdigits.errors import PictureError
from inkdigits import Reader
reader = Reader(threads=1)
files = [Path(name).read_bytes() for name in sys.argv[1:]]

def read_all():
    for data in files:
        try:
            reader.read(data)
        except PictureError:
            pass

noted, noting = set(), False
def note(event, given):
    if noting and event.split(".")[0] in ("open", "socket", "subprocess", "os", "exec", "compile"):
        noted.add((event, str(given)[:100]))
sys.addaudithook(note)
read_all()
noting = True
read_all()
noting = False
print(sorted(noted))
"""


def test_each_promise_names_tests_that_are_there():
    promised = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("## What is not")[0]
    promises = re.split(r"^- ", promised, flags=re.MULTILINE)[1:]
    for promise in promises:
        names = NAMED.findall(promise)
        assert names, promise
        for file, name in names:
            assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), (file, name)


def test_to_read_a_picture_opens_no_file_no_connection_and_runs_nothing():
    files = [*EXAMPLES, *sorted((CORPUS / "picture").iterdir())]
    done = subprocess.run(
        [sys.executable, "-c", READS, *map(str, files)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only 127.0.0.1 is this machine")
def test_it_listens_on_this_machines_one_address_alone(service):
    port = int(service.address.rpartition(":")[2])
    for host in ("127.0.0.2", "::1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as sock, pytest.raises(OSError, match=r"refused|assign|support"):
            sock.connect((host, port))


def test_nothing_of_a_picture_is_stored_or_logged(tmp_path):
    folders = {name: tmp_path / name for name in ("home", "temporary", "here")}
    for folder in folders.values():
        folder.mkdir()
    variables = {
        "HOME": str(folders["home"]), "TMPDIR": str(folders["temporary"]),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    with running(variables=variables, cwd=folders["here"]) as service:
        form = {f"{i}": (f"secret{i}.png", EXAMPLES[i].read_bytes()) for i in (2, 9)}
        for answer in (
            service.client.post("/v1/read?x=secret", content=EXAMPLES[2].read_bytes(), headers=PNG),
            service.client.post("/v1/predict", files=form),
            service.client.post("/v1/read", content=b"secret", headers=PNG),
        ):
            assert answer.status_code in (200, 415)
        stored = [p for p in tmp_path.rglob("*") if p.is_file()]
        service.stop()
        assert service.process.stderr.read() == "stopped\n"
    assert stored == []
