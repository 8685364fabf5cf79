"""PDF and TIFF over HTTP: an answer for each page, and each page as a picture."""

import json
import os
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from inkdigits.reading.reader import Reader
from inkdigits.server.worker_main import Task, read
from support import encoded

from .conftest import EXAMPLES, PNG, running


def document(pictures, kind):
    """A document with a page for each of the PNGs."""
    images = [Image.open(BytesIO(picture)) for picture in pictures]
    return encoded(images[0], kind, save_all=True, append_images=images[1:])


DOCUMENTS = [("TIFF", "image/tiff"), ("PDF", "application/pdf")]
BLANK = encoded(np.full((50, 40), 255, np.uint8))


@pytest.mark.parametrize(("kind", "media_type"), DOCUMENTS)
def test_a_document_has_an_answer_for_each_of_its_pages(service, numbers_png, kind, media_type):
    if kind == "PDF":
        pytest.importorskip("pypdfium2")
    seven = encoded(np.asarray(Image.open(EXAMPLES[7]).convert("L")))
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
    large = encoded(np.zeros((6400, 6400), bool))
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
    assert (answer.status_code, "expected image/png" in answer.text) == (415, True)


def test_a_page_that_takes_too_long_is_an_error_among_the_others(endless_pdf, monkeypatch):
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr("inkdigits.picture.pdf._SECONDS", 0.5)  # later it has 1 GB, too
    tasks = [Task(endless_pdf, number=page, wants="page") for page in (1, 2)]
    slow, other = read(Reader(), tasks, 60, True, 40_000_000)
    assert (slow.status, other.status) == (422, 200)
    said = json.loads(slow.json)
    assert (said["page"], said["status"]) == (1, 422)
    assert said["error"] == "picture: took over 0.5 s to draw; save it as a picture"


def test_without_the_extra_a_pdf_is_an_error_that_names_the_command(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pypdfium2'] = None\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    data, headers = document([BLANK, BLANK], "PDF"), {"Content-Type": "application/pdf"}
    with running(variables={"PYTHONPATH": path}) as service:
        for asked in ("/v1/read", "/v1/page"):
            answer = service.client.post(asked, content=data, headers=headers)
            assert answer.status_code == 415
            assert answer.json()["error"].endswith("pip install 'inkdigits[files]'")
