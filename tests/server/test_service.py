import base64
import hashlib
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fuzz import ASKED, KINDS, bodies, schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from inkdigits import Reader
from inkdigits.model_file import SHIPPED_MODEL
from inkdigits.server.description import description
from inkdigits.server.limits import Limits

from .conftest import running

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples").glob("[0-9]_*"))
PNG = {"Content-Type": "image/png"}
TOKEN = {"Authorization": "Bearer secret"}


def png(array, **options):
    file = BytesIO()
    Image.fromarray(array).save(file, "PNG", **options)
    return file.getvalue()


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


@pytest.fixture(scope="module")
def numbers_png(sample):
    """A picture of 42 above 7."""
    picture = np.full((100, 120), 255, np.uint8)
    for digit, left, top in ((4, 20, 10), (2, 46, 10), (7, 30, 58)):
        image = sample.test.images[np.flatnonzero(sample.test.labels == digit)[0]]
        picture[top : top + 28, left : left + 28] -= image
    return png(picture)


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


def document(pictures, kind):
    """A document with a page for each of the PNGs."""
    images = [Image.open(BytesIO(picture)) for picture in pictures]
    file = BytesIO()
    images[0].save(file, kind, save_all=True, append_images=images[1:])
    return file.getvalue()


DOCUMENTS = [("TIFF", "image/tiff"), ("PDF", "application/pdf")]
BLANK = png(np.full((50, 40), 255, np.uint8))


@pytest.mark.parametrize(("kind", "media_type"), DOCUMENTS)
def test_a_document_has_an_answer_for_each_of_its_pages(service, numbers_png, kind, media_type):
    if kind == "PDF":
        pytest.importorskip("pypdfium2")
    seven = png(np.asarray(Image.open(EXAMPLES[7]).convert("L")))
    data = document([numbers_png, seven, BLANK], kind)
    answer = service.client.post("/v1/read", content=data, headers={"Content-Type": media_type})
    assert answer.status_code == 200
    pages = answer.json()["pages"]
    assert [(page["page"], page["text"]) for page in pages] == [(1, "42\n7"), (2, "7"), (3, "")]
    files = [("a", ("scan", data)), ("b", ("7.png", seven))]
    in_form = service.client.post("/v1/read", files=files).json()["pages"]
    names = ["scan#page=1", "scan#page=2", "scan#page=3", "7.png"]
    assert [page["name"] for page in in_form] == names
    assert [page["text"] for page in in_form] == ["42\n7", "7", "", "7"]
    assert [page.get("page") for page in in_form] == [1, 2, 3, None]


@pytest.mark.parametrize(("kind", "media_type"), DOCUMENTS)
def test_a_page_of_a_document_as_a_png_is_read_as_the_page_is(
    service, numbers_png, kind, media_type
):
    if kind == "PDF":
        pytest.importorskip("pypdfium2")
    data, headers = document([BLANK, numbers_png], kind), {"Content-Type": media_type}
    shown = service.client.post("/v1/page?page=2", content=data, headers=headers)
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/png")
    page = service.client.post("/v1/read", content=data, headers=headers).json()["pages"][1]
    again = service.client.post("/v1/read", content=shown.content, headers=PNG).json()
    assert page["text"] == again["text"] == "42\n7"
    assert [d["probabilities"] for d in page["digits"]] == [
        pytest.approx(d["probabilities"], abs=1e-4) for d in again["digits"]
    ]
    for number, says in ((3, "has 2 pages"), (0, "expected 1 to 64"), (65, "expected 1 to 64")):
        gone = service.client.post(f"/v1/page?page={number}", content=data, headers=headers)
        assert (gone.status_code, says in gone.json()["error"]) == (422, True)


def test_a_page_that_cannot_be_read_is_an_error_among_the_others(service, numbers_png):
    large = png(np.zeros((6400, 6400), bool))
    data = document([numbers_png, large], "TIFF")
    headers = {"Content-Type": "image/tiff"}
    pages = service.client.post("/v1/read", content=data, headers=headers).json()["pages"]
    assert (pages[0]["text"], pages[1]["page"], pages[1]["status"]) == ("42\n7", 2, 422)
    assert "40,000,000 pixels" in pages[1]["error"]


def test_a_document_of_one_page_is_a_page_if_it_is_a_tiff_and_a_list_if_it_is_a_pdf(
    service, numbers_png
):
    pytest.importorskip("pypdfium2")
    tiff, pdf = (document([numbers_png], kind) for kind, _ in DOCUMENTS)
    headers = {"Content-Type": "image/tiff"}
    answer = service.client.post("/v1/read", content=tiff, headers=headers).json()
    assert answer == service.client.post("/v1/read", content=numbers_png, headers=PNG).json()
    headers = {"Content-Type": "application/pdf"}
    (page,) = service.client.post("/v1/read", content=pdf, headers=headers).json()["pages"]
    assert (page["page"], page["text"]) == (1, "42\n7")


def test_a_document_of_over_64_pages_is_refused(service):
    headers = {"Content-Type": "image/tiff"}
    for pages, status in ((64, 200), (65, 413)):
        data = document([BLANK] * pages, "TIFF")
        answer = service.client.post("/v1/read", content=data, headers=headers)
        assert answer.status_code == status
    assert "over 64 pictures or pages" in answer.json()["error"]
    files = [("a", ("a.tif", document([BLANK] * 40, "TIFF")))] * 2
    assert service.client.post("/v1/read", files=files).status_code == 413


def test_a_pdf_is_an_error_of_its_own_where_it_cannot_be_read(service):
    headers = {"Content-Type": "application/pdf"}
    for path in ("/v1/read", "/v1/page"):
        broken = service.client.post(path, content=b"%PDF-1.4 and so on", headers=headers)
        assert (broken.status_code, broken.json()["status"]) == (415, 415)
    answer = service.client.post("/v1/predict", content=b"%PDF-1.4", headers=headers)
    assert (answer.status_code, "wanted image/png" in answer.text) == (415, True)


def test_without_the_extra_a_pdf_is_an_error_that_names_the_command(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pypdfium2'] = None\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    data, headers = document([BLANK, BLANK], "PDF"), {"Content-Type": "application/pdf"}
    with running(variables={"PYTHONPATH": path}) as service:
        for asked in ("/v1/read", "/v1/page"):
            answer = service.client.post(asked, content=data, headers=headers)
            assert answer.status_code == 415
            assert answer.json()["error"].endswith("pip install 'inkdigits[files]'")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, b"{", "no JSON"),
        (422, b"[]", "not as expected"),
        (422, b'{"picture": 3}', "is int"),
        (422, b'{"picture": "%"}', "no base64"),
        (422, b'{"picture": "data:image/png,x"}', "data URL"),
        (422, b'{"pictures": []}', "no list"),
        (413, json.dumps({"pictures": [""] * 65}).encode(), "over 64 pictures or pages"),
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
        (415, b"x", {"Content-Type": "text/plain"}, "wanted image/png"),
        (415, b"x", {}, "missing"),
        (413, b"x" * 10_000_001, PNG, "10,000,000 bytes"),
        (422, png(np.zeros((9, 9), np.uint8)), PNG, "all one colour"),
        (422, png(np.zeros((6400, 6400), bool)), PNG, "40,000,000 pixels"),
        (400, b"x", {"Content-Type": "multipart/form-data"}, "boundary"),
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
    assert (answer.status_code, "wanted true or false" in answer.text) == (422, True)


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
    assert answer["identity"] == one == Reader().identity
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
            "SELECT digit, place, reading FROM corrections WHERE id = ?", [answer.json()["id"]]
        )
    assert (row[:2], json.loads(row[2])) == ((None, 2), digits[2])
    undo = f"/v1/corrections?undo={answer.json()['undo']}"
    done = service.client.delete(undo)
    assert (done.status_code, done.json()["kept"]) == (200, answer.json()["kept"] - 1)
    assert service.client.delete(undo).status_code == 404
    assert post("?digit=1&place=3").status_code == 422
    assert post("?digit=ten&place=1").status_code == 422


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
        answer = service.client.post("/v1/corrections?digit=3", content=png(noise), headers=PNG)
        assert answer.status_code == 507
        assert "could not be kept" in answer.json()["error"]
        picture = EXAMPLES[1].read_bytes()
        assert service.client.post("/v1/predict", content=picture, headers=PNG).json()["digit"] == 1


def test_no_correction_that_was_answered_is_lost_by_kill_9(tmp_path, sample):
    kept = []
    with running("--keep", tmp_path / "kept.db") as service, ThreadPoolExecutor(4) as threads:

        def post(i):
            body = png(sample.test.images[i])
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


def test_a_killed_worker_costs_no_answer(service):
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    if not children.exists():
        pytest.skip("needs Linux's list of a process' children")

    def descendants(pid):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield int(child)
            yield from descendants(child)

    workers = [
        pid for pid in descendants(service.process.pid)
        if int(Path(f"/proc/{pid}/statm").read_text().split()[2]) > 5_000
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
    photo = BytesIO()
    Image.open(EXAMPLES[0]).resize((4000, 3000)).save(photo, "JPEG")
    with running() as service, ThreadPoolExecutor(4) as threads:
        jobs = [
            threads.submit(service.client.post, "/v1/predict", content=photo.getvalue(),
                           headers={"Content-Type": "image/jpeg"}) for _ in range(4)
        ]  # fmt: skip
        time.sleep(0.2)  # the last of them is answered after 0.3 s or more
        assert service.stop() == 0
        assert [job.result().json()["digit"] for job in jobs] == [0] * 4


@settings(max_examples=50, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(bodies, st.sampled_from(KINDS), st.sampled_from(ASKED))
def test_no_body_makes_a_fault(service, body, kind, path):
    answer = service.client.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code < 500
    assert answer.json()


def test_it_answers_as_its_description_says(service):
    assert schemathesis(service.address, 25) > 50
