import base64
import hashlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
import pytest
from fuzz_service import ASKED, KINDS, bodies, schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from inkdigits import Reader
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.server.limits import Limits
from inkdigits.server.openapi import description
from support import encoded

from .conftest import EXAMPLES, PNG, TOKEN, running


def test_it_reads_what_the_reader_reads(service):
    reader = Reader()
    for path in EXAMPLES:
        answer = service.client.post("/v1/predict", content=path.read_bytes(), headers=PNG)
        assert answer.status_code == 200
        expected = json.loads(json.dumps(reader.predict(path).to_dict()))
        found = answer.json()
        assert found["probabilities"] == pytest.approx(expected.pop("probabilities"), abs=1e-5)
        assert found["confidence"] == pytest.approx(expected.pop("confidence"), abs=1e-5)
        assert {key: found[key] for key in expected} == expected
        assert found["digit"] == int(path.name[0])


def test_it_shows_what_the_network_saw_and_what_mattered(service):
    answer = service.client.post(
        "/v1/predict?array=true&saliency=true", content=EXAMPLES[2].read_bytes(), headers=PNG
    ).json()
    assert np.shape(answer["array"]) == np.shape(answer["saliency"]) == (28, 28)
    saliency = np.array(answer["saliency"])
    assert saliency.max() > 0.05
    assert not saliency[0].any()  # more than a patch away from any ink


def test_it_reads_all_numbers_as_the_reader_does(service, numbers_png):
    expected = json.loads(json.dumps(Reader().read(numbers_png).to_dict()))
    assert expected["text"] == "42\n7"
    answer = service.client.post("/v1/read", content=numbers_png, headers=PNG)
    assert (answer.status_code, answer.json()) == (200, expected)
    asked = "/v1/read?array=true&saliency=2"
    digits = service.client.post(asked, content=numbers_png, headers=PNG).json()["digits"]
    assert [np.shape(digit["array"]) for digit in digits] == [(28, 28)] * 3
    assert ["saliency" in digit for digit in digits] == [False, False, True]
    answer = service.client.post("/v1/read?saliency=3", content=numbers_png, headers=PNG)
    assert (answer.status_code, "has 3 digits" in answer.text) == (422, True)


def test_pictures_may_come_in_base64_in_json(service, numbers_png):
    text = base64.b64encode(numbers_png).decode()
    page = service.client.post("/v1/read", content=numbers_png, headers=PNG).json()
    for picture in (text, f"data:image/png;base64,{text}"):
        assert service.client.post("/v1/read", json={"picture": picture}).json() == page
    pages = service.client.post("/v1/read", json={"pictures": [text, "AAAA"]}).json()["pages"]
    assert pages[0] == {"name": "0", **page}
    assert (pages[1]["name"], pages[1]["status"]) == ("1", 415)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, b"{", "not JSON"),
        (422, b"[]", "not as expected"),
        (422, b'{"picture": 3}', "is int"),
        (422, b'{"picture": "%"}', "not base64"),
        (422, b'{"picture": "data:image/png,x"}', "data URL"),
        (422, b'{"pictures": []}', "not a list"),
        (413, json.dumps({"pictures": [""] * 65}).encode(), "over 64 pictures or pages"),
        # Not parsed: they would take a second, and 400 MB.
        (422, b'{"pictures":[' + b"[]," * 3_000_000 + b"[]]}", "not as expected"),
        (413, b'{"pictures":[' + b"1," * 4_000_000 + b"1]}", "over 64 pictures or pages"),
    ],
)
def test_bad_json_has_a_status_and_words(service, status, body, says):
    headers = {"Content-Type": "application/json"}
    answer = service.client.post("/v1/read", content=body, headers=headers)
    assert (answer.status_code, says in answer.json()["error"]) == (status, True)


def test_a_form_has_an_answer_for_each_picture_and_an_error_for_what_is_none(service):
    files = [("a", (p.name, p.read_bytes())) for p in EXAMPLES[:3]] + [("b", ("x.txt", b"words"))]
    answer = service.client.post("/v1/predict", files=files)
    assert answer.status_code == 200
    readings = answer.json()["readings"]
    assert [r["name"] for r in readings] == [p.name for p in EXAMPLES[:3]] + ["x.txt"]
    assert [r.get("digit") for r in readings] == [0, 1, 2, None]
    assert readings[3]["status"] == 415


@pytest.mark.parametrize(
    ("status", "body", "headers", "says"),
    [
        (400, b"", PNG, "empty"),
        (415, b"no picture", PNG, "not a picture"),
        (415, b"x", {"Content-Type": "text/plain"}, "expected image/png"),
        (415, b"x", {}, "missing"),
        (413, b"x" * 10_000_001, PNG, "10,000,000 bytes"),
        (422, encoded(np.zeros((9, 9), np.uint8)), PNG, "all one colour"),
        (422, encoded(np.zeros((6400, 6400), bool)), PNG, "40,000,000 pixels"),
        (400, b"x", {"Content-Type": "multipart/form-data"}, "boundary"),
        *(
            (400, b"x", {"Content-Type": f"multipart/form-data; boundary=x; charset={name}"}, name)
            for name in ("punycode", "undefined", "utf-7", "unicode_escape", "UTF-16")
        ),
    ],
)
def test_bad_bodies_have_a_status_and_words(service, status, body, headers, says):
    answer = service.client.post("/v1/predict", content=body, headers=headers)
    assert answer.status_code == status
    assert says in answer.json()["error"]
    assert answer.json()["status"] == status


def test_too_many_pictures_in_a_form_are_refused(service):
    files = [("a", (f"{i}.png", b"x")) for i in range(65)]
    answer = service.client.post("/v1/predict", files=files)
    assert (answer.status_code, "over 64 pictures" in answer.text) == (413, True)


def test_wrong_addresses_and_parameters_are_json_errors(service):
    assert service.client.get("/v1/predict").status_code == 405
    assert service.client.get("/nothing").json()["status"] == 404
    answer = service.client.post("/v1/predict?array=perhaps", content=b"x", headers=PNG)
    assert (answer.status_code, "expected true or false" in answer.text) == (422, True)
    twice = service.client.post("/v1/predict?array=true&array=false", content=b"x", headers=PNG)
    assert (twice.status_code, "array is given 2 times" in twice.text) == (422, True)


def test_every_answer_has_the_headers_and_no_other_site_may_call(service):
    for path in ("/", "/docs", "/v1/model", "/nothing", "/page/read.js"):
        headers = service.client.get(path, headers={"Origin": "http://other.example"}).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


def test_the_model_is_named(service):
    models = SHIPPED_MODEL.parent
    names = ["first.onnx", "second.onnx", "finder.onnx", "closeup.onnx"]
    digests = [hashlib.sha256((models / name).read_bytes()) for name in names]
    answer = service.client.get("/v1/model").json()
    assert answer["files"] == {n: d.hexdigest() for n, d in zip(names, digests, strict=True)}
    one = hashlib.sha256(b"".join(digest.digest() for digest in digests)).hexdigest()
    assert answer["identity"] == one == Reader().model.about.identity
    body = EXAMPLES[3].read_bytes()
    number = service.client.post("/v1/corrections?digit=3", content=body, headers=PNG).json()["id"]
    with sqlite3.connect(service.kept) as kept:
        (row,) = kept.execute("SELECT model FROM corrections WHERE id = ?", [number])
    assert row == (one,)
    assert answer["metadata"]["inkdigits.spec"] == "1"


def test_what_happens_is_counted(service):
    def counted():
        lines = service.client.get("/metrics").text.splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if line[0] != "#"}  # fmt: skip

    name = 'inkdigits_pictures_total{outcome="accepted"}'
    request = 'inkdigits_requests_total{path="/v1/predict",status="200"}'
    service.client.post("/v1/predict", content=EXAMPLES[1].read_bytes(), headers=PNG)
    before = counted()
    service.client.post("/v1/predict", content=EXAMPLES[1].read_bytes(), headers=PNG)
    service.client.post("/v1/corrections?digit=1", content=EXAMPLES[1].read_bytes(), headers=PNG)
    after = counted()
    assert after[name] == before[name] + 2
    assert after[request] == before[request] + 1


def test_the_documentation_names_every_address(service):
    page = service.client.get("/docs").text
    assert all(path in page for path in description(Limits())["paths"])
    assert service.client.get("/openapi.json").json() == description(Limits())


def test_the_documentation_names_what_is_in_each_list(service):
    page = service.client.get("/docs").text
    for field in ("numbers[].text", "digits[].probabilities", "signs[].sign"):
        assert f"<code>{field}</code>" in page


def test_a_token_is_asked_for_where_one_is_set(guarded):
    for path in ("/v1/model", "/metrics"):
        assert guarded.client.get(path).status_code == 401
        wrong = {"Authorization": "Bearer secre"}
        assert guarded.client.get(path, headers=wrong).status_code == 401
        assert guarded.client.get(path, headers=TOKEN).status_code == 200
    assert guarded.client.get("/").status_code == 200
    assert guarded.client.get("/healthz").status_code == 200


def test_a_model_that_does_not_load_is_one_clear_line(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"nothing of the kind")
    for name, says in (("none.onnx", "no such model"), ("bad.onnx", "not an ONNX file")):
        command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", "--model"]
        done = subprocess.run(
            [*command, tmp_path / name], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_other_machines_are_warned_of():
    command = [sys.executable, "-m", "inkdigits", "serve", "--host", "0.0.0.0", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert "--token asks callers for a secret" in process.stderr.readline()
        process.terminate()


def test_another_site_may_call_where_it_is_allowed(guarded):
    headers = TOKEN | {"Origin": "http://other.example"}
    answer = guarded.client.get("/v1/model", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "http://other.example"


def test_a_killed_worker_costs_no_answer(service):
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    if not children.exists():
        pytest.skip("needs Linux's list of a process' children")

    def descendants(pid):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from descendants(child)

    page_bytes = os.sysconf("SC_PAGE_SIZE")
    workers = [
        pid for pid in descendants(service.process.pid)
        if int(Path(f"/proc/{pid}/statm").read_text().split()[2]) > 20e6 / page_bytes
    ]  # fmt: skip
    with ThreadPoolExecutor(8) as threads:
        jobs = [
            threads.submit(service.client.post, "/v1/predict", content=p.read_bytes(), headers=PNG)
            for p in EXAMPLES * 3
        ]
        os.kill(workers[-1], signal.SIGKILL)
        assert [job.result().json()["digit"] for job in jobs] == [*range(10)] * 3


def test_a_picture_that_crashes_its_decoder_is_refused_and_the_others_are_read(tmp_path):
    """Every process of this service ends at once where Pillow is to open a marked picture."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\n"
        "from PIL import Image\n"
        "opened = Image.open\n"
        "def open_or_crash(file, *args, **options):\n"
        "    if b'crash here' in file.getvalue():\n"
        "        os._exit(9)\n"
        "    return opened(file, *args, **options)\n"
        "Image.open = open_or_crash\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    good = [example.read_bytes() for example in EXAMPLES[:3]]
    crashing = good[0] + b"crash here"  # a JPEG whatever follows it
    with running(variables={"PYTHONPATH": path}) as service:
        answer = service.client.post("/v1/predict", content=crashing, headers=PNG)
        assert (answer.status_code, "decoder crashed" in answer.text) == (415, True)
        files = [("a", (f"{i}.png", x)) for i, x in enumerate([good[0], crashing, *good[1:]])]
        readings = service.client.post("/v1/predict", files=files).json()["readings"]
        assert [r.get("digit") for r in readings] == [0, None, 1, 2]
        assert readings[1]["status"] == 415
        assert service.client.post("/v1/predict", content=good[1], headers=PNG).json()["digit"] == 1


def test_half_open_connections_and_a_sender_that_goes_do_not_stop_others(service):
    host, port = service.address.removeprefix("http://").split(":")
    half = [socket.create_connection((host, int(port))) for _ in range(200)]
    for one in half[:100]:
        one.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
                    b"Content-Length: 5000\r\n\r\n\x89PNG")  # fmt: skip
    picture = EXAMPLES[1].read_bytes()
    assert service.client.post("/v1/predict", content=picture, headers=PNG).json()["digit"] == 1
    for one in half:
        one.close()
    assert service.client.post("/v1/predict", content=picture, headers=PNG).json()["digit"] == 1


def test_sigterm_answers_what_is_in_flight_and_exits_0():
    photo = encoded(Image.open(EXAMPLES[0]).resize((4000, 3000)), "JPEG")
    with running() as service, ThreadPoolExecutor(4) as threads:
        jobs = [
            threads.submit(service.client.post, "/v1/predict", content=photo,
                           headers={"Content-Type": "image/jpeg"}) for _ in range(4)
        ]  # fmt: skip
        wait(jobs, return_when=FIRST_COMPLETED)
        assert service.stop() == 0
        answers = [job.result() for job in jobs]
        read = [answer.json()["digit"] for answer in answers if answer.status_code == 200]
        late = [answer.json()["error"] for answer in answers if answer.status_code == 503]
        assert read == [0] * max(1, len(read))
        assert late == ["this server is shutting down"] * (4 - len(read))


@settings(max_examples=50, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(bodies, st.sampled_from(KINDS), st.sampled_from(ASKED))
def test_no_body_makes_a_fault(service, body, kind, path):
    answer = service.client.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code < 500
    if answer.headers["Content-Type"] == "image/png":  # /v1/page, of a body that is a picture
        assert answer.content.startswith(b"\x89PNG")
    else:
        assert answer.json()


def test_it_answers_as_its_description_says(service):
    assert schemathesis(service.address, 25) > 50
