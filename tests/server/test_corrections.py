"""Corrections over HTTP: kept, taken back, listed, and not lost."""

import resource
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from support import encoded

from .conftest import EXAMPLES, PNG, TOKEN, running


def test_a_correction_is_kept_and_the_last_word_counts(service, tmp_path):
    body = EXAMPLES[2].read_bytes()
    first = service.client.post("/v1/corrections?digit=3", content=body, headers=PNG)
    again = service.client.post("/v1/corrections?digit=2", content=body, headers=PNG)
    assert (first.status_code, again.status_code) == (201, 201)
    assert all(first.json()[key] == again.json()[key] for key in ("id", "kept"))
    out = tmp_path / "pngs"
    command = [sys.executable, "-m", "inkdigits", "data", "corrections", service.kept]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    number = first.json()["id"]
    (row,) = [line for line in listed.splitlines() if line.split()[0] == str(number)]
    assert "read 2, " in row
    assert "()" not in row  # it was accepted
    assert "is 2" in row
    subprocess.run([*command, "--to", str(out)], check=True, capture_output=True)
    assert Image.open(out / f"2_{number:05d}.png").size == (28, 28)


def test_a_digit_of_several_is_corrected_and_the_correction_taken_back(service, numbers_png):
    def post(query):
        return service.client.post(f"/v1/corrections{query}", content=numbers_png, headers=PNG)

    digits = service.client.post("/v1/read", content=numbers_png, headers=PNG).json()["digits"]
    answer = post("?digit=none&place=2")
    assert answer.status_code == 201
    with sqlite3.connect(service.kept) as kept:
        (row,) = kept.execute(
            "SELECT digit, place, read_as, confidence, reason FROM corrections WHERE id = ?",
            [answer.json()["id"]],
        )
    assert row[:4] == (None, 2, *(digits[2][name] for name in ("digit", "confidence")))
    assert (row[4] or "") == digits[2]["reason"]
    undo = f"/v1/corrections?undo={answer.json()['undo']}"
    done = service.client.delete(undo)
    assert (done.status_code, done.json()["kept"]) == (200, answer.json()["kept"] - 1)
    assert service.client.delete(undo).status_code == 404
    assert post("?digit=1&place=3").status_code == 422
    assert post("?digit=ten&place=1").status_code == 422


def test_an_old_undo_takes_nothing_else_back(service, numbers_png):
    def corrected(body, digit, place):
        query = f"?digit={digit}&place={place}"
        answer = service.client.post(f"/v1/corrections{query}", content=body, headers=PNG)
        return f"/v1/corrections?undo={answer.json()['undo']}"

    first, second = (corrected(numbers_png, digit, 1) for digit in (6, 8))
    assert service.client.delete(second).status_code == 200  # it is 6 again
    with sqlite3.connect(service.kept) as kept:
        (row,) = kept.execute("SELECT digit FROM corrections WHERE place = 1")
    assert row == (6,)
    assert service.client.delete(first).status_code == 200
    first, _ = (corrected(numbers_png, digit, 1) for digit in (6, 8))
    gone = service.client.delete(first)
    assert (gone.status_code, "corrected again" in gone.text) == (404, True)


def test_corrections_are_refused_where_none_are_kept(guarded):
    headers = PNG | TOKEN
    answer = guarded.client.post("/v1/corrections?digit=3", content=b"x", headers=headers)
    assert (answer.status_code, "--keep FILE.db" in answer.text) == (404, True)
    told = guarded.client.get("/v1/model", headers=TOKEN).json()
    assert told["keeps_corrections"] is False


def test_a_full_disk_is_said_and_the_service_lives_on(tmp_path):
    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    with running("--keep", tmp_path / "kept.db", preexec_fn=small_files) as service:
        answer = service.client.post("/v1/corrections?digit=3", content=encoded(noise), headers=PNG)
        assert answer.status_code == 507
        assert "could not be kept" in answer.json()["error"]
        picture = EXAMPLES[1].read_bytes()
        assert service.client.post("/v1/predict", content=picture, headers=PNG).json()["digit"] == 1


def test_no_correction_that_was_answered_is_lost_by_kill_9(tmp_path, sample):
    kept = []
    with running("--keep", tmp_path / "kept.db") as service, ThreadPoolExecutor(4) as threads:

        def post(i):
            body = encoded(sample.test.images[i])
            answer = service.client.post(f"/v1/corrections?digit={i % 10}", content=body,
                                         headers=PNG)  # fmt: skip
            if answer.status_code == 201:
                kept.append((body, i % 10))

        jobs = [threads.submit(post, i) for i in range(400)]
        while len(kept) < 60:
            time.sleep(0.002)
        service.process.kill()
        for job in jobs:
            job.exception()
    with sqlite3.connect(tmp_path / "kept.db") as found:
        rows = dict(found.execute("SELECT picture, digit FROM corrections"))
    assert len(kept) >= 60
    assert all(rows[body] == digit for body, digit in kept)
