"""Files of several pages, and phones' formats."""

import sys
from io import BytesIO

import numpy as np
import pypdfium2
import pytest
from PIL import Image

import inkdigits
from inkdigits.errors import NotAPictureError, PictureError
from inkdigits.picture import open_picture
from inkdigits.picture.documents import (
    PDF,
    DocumentPage,
    count_pages,
    document_kind,
    page_of,
    pages_in,
    unread_endings,
)
from support import encoded


@pytest.fixture(scope="module")
def pages(sample):
    """Three pages with a digit each, and which."""
    chosen = [5, 60, 100]
    pages = []
    for i in chosen:
        page = np.full((120, 90), 255, np.uint8)
        page[40:68, 30:58] -= sample.test.images[i]
        pages.append(Image.fromarray(page))
    return pages, [int(sample.test.labels[i]) for i in chosen]


@pytest.fixture(scope="module")
def files(pages, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    images, _ = pages
    for name in ("scan.tif", "scan.pdf"):
        images[0].save(folder / name, save_all=True, append_images=images[1:])
    images[0].save(folder / "one.tif")
    return folder


@pytest.mark.parametrize("name", ["scan.tif", "scan.pdf"])
def test_each_page_is_read_by_its_name(files, pages, name):
    names = list(pages_in(str(files / name)))
    assert names == [f"{files / name}#page={page}" for page in (1, 2, 3)]
    assert [inkdigits.predict(page).digit for page in names] == pages[1]
    assert inkdigits.predict(files / name).digit == pages[1][0]
    for page in (0, 4):
        with pytest.raises(PictureError, match="has 3 pages"):
            open_picture(f"{files / name}#page={page}")


def test_a_pdfs_page_is_drawn_with_200_pixels_an_inch_and_4000_at_most(tmp_path):
    document = pypdfium2.PdfDocument.new()
    document.new_page(72, 144)  # points: an inch by two
    document.new_page(14_400, 7_200)
    document.save(tmp_path / "sizes.pdf")
    sizes = [open_picture(f"{tmp_path / 'sizes.pdf'}#page={page}")[1:] for page in (1, 2)]
    assert sizes == [(200, 400), (4000, 2000)]


@pytest.mark.parametrize("name", ["scan.tif", "scan.pdf"])
def test_each_page_is_read_of_a_file_in_memory(files, pages, name):
    data = (files / name).read_bytes()
    assert count_pages(data) == 3
    assert [inkdigits.predict(DocumentPage(data, i)).digit for i in (1, 2, 3)] == pages[1]
    with pytest.raises(PictureError, match="has 3 pages"):
        open_picture(DocumentPage(data, 4))


def test_the_endings_of_what_is_not_installed_are_known(monkeypatch):
    assert unread_endings() == ()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert unread_endings() == (".heic", ".heif")


def test_a_pdf_with_a_huge_picture_is_refused_before_it_is_decoded(pages):
    data = encoded(pages[0][0], "PDF", resolution=720)  # 90x120 pixels on 9x12 points
    assert open_picture(data, 90 * 120).width == 25  # 200 pixels an inch
    with pytest.raises(PictureError, match=r"have 10,800 pixels, over the limit of 10,799"):
        open_picture(data, 90 * 120 - 1)


def test_a_file_of_one_page_keeps_its_name(files, tmp_path):
    assert list(pages_in(str(files / "one.tif"))) == [str(files / "one.tif")]
    for name in ("none.pdf", "photo.jpg", "nul\0.pdf", str(tmp_path)):
        assert list(pages_in(name)) == [name]


@pytest.mark.parametrize(("held", "name"), [("scan.pdf", "a.tif"), ("scan.tif", "b.PDF")])
def test_what_a_file_is_its_bytes_say_not_its_ending(files, pages, held, name, tmp_path):
    data = (files / held).read_bytes()
    (tmp_path / name).write_bytes(data)
    names = list(pages_in(str(tmp_path / name)))
    assert names == [f"{tmp_path / name}#page={page}" for page in (1, 2, 3)]
    assert [inkdigits.predict(page).digit for page in names] == pages[1]


@pytest.mark.parametrize("before", [b"\n", b"\xef\xbb\xbf", b"\x1b%-12345X@PJL\r\n" + b" " * 1000])
def test_a_pdf_may_begin_behind_other_bytes(files, pages, before):
    data = before + (files / "scan.pdf").read_bytes()
    assert count_pages(data) == 3
    assert inkdigits.predict(DocumentPage(data, 3)).digit == pages[1][2]


def test_a_picture_that_speaks_of_a_pdf_is_a_picture(pages):
    for kind in ("JPEG", "PNG", "GIF", "BMP", "PPM"):
        file = encoded(pages[0][0], kind, comment=b"%PDF-1.7")
        assert document_kind(file) == ""
    assert document_kind(b" " * 1019 + b"%PDF-") == PDF
    assert document_kind(b" " * 1020 + b"%PDF-") == ""


@pytest.fixture(scope="module")
def three(files):
    """A TIFF of three pages, and where their directories are."""
    data = (files / "scan.tif").read_bytes()
    places, at = [], int.from_bytes(data[4:8], "little")
    while at:
        places.append(at)
        end = at + 2 + 12 * int.from_bytes(data[at : at + 2], "little")
        at = int.from_bytes(data[end : end + 4], "little")
    assert len(places) == 3
    return data, places


def changed(data, at, new):
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize(
    ("damaged", "readable", "errors"),
    [
        (lambda data, at: data[: at[1]], [1], {2: "broken or cut off"}),
        (lambda data, at: data[: at[1] + 1], [1], {2: "broken or cut off"}),
        # Within the third directory: whether it is whole enough to read the page only Pillow knows.
        (
            lambda data, at: data[: at[2] + 4],
            [1, 2],
            {3: "broken or cut off", 4: "cannot be reached"},
        ),
        # Entries without end: the page has what it needs, the one behind is out of reach.
        (lambda data, at: changed(data, at[1], b"\xff\xff"), [1, 2], {3: "cannot be reached"}),
        # No sizes in the second directory, which says where the third is all the same.
        (lambda data, at: changed(data, at[1] + 2, b"\xfe" * 24), [1, 3], {2: "broken or cut off"}),
    ],
)
def test_of_a_damaged_tiff_no_page_vanishes(three, pages, damaged, readable, errors, recwarn):
    data = damaged(*three)
    assert count_pages(data) == len(readable) + len(errors)
    found = inkdigits.Reader().predict_many(
        [DocumentPage(data, page) for page in range(1, count_pages(data) + 1)]
    )
    for page, result in enumerate(found, 1):
        if page in readable:
            assert result.digit == pages[1][page - 1]
        else:
            assert errors[page] in str(result)
    assert not recwarn.list


def test_the_pages_of_a_bigtiff_are_counted(pages):
    first, *others = (page.copy() for page in pages[0])
    data = encoded(first, "TIFF", save_all=True, append_images=others, big_tiff=True)
    assert (data[:4], count_pages(data)) == (b"II+\0", 3)
    assert count_pages(data[:-1]) == 3
    assert count_pages(data[:12]) == 1


def test_a_tiff_whose_pages_go_in_a_circle_has_each_once(three):
    data, places = three
    end = places[2] + 2 + 12 * int.from_bytes(data[places[2] : places[2] + 2], "little")
    assert count_pages(changed(data, end, data[4:8])) == 3
    assert count_pages(changed(data, end, b"\xf0\xff\xff\xff")) == 4
    assert count_pages(data, 2) == 2


def test_a_page_of_a_document_in_memory_is_drawn_on(files):
    page = DocumentPage((files / "scan.tif").read_bytes(), 2)
    assert inkdigits.read(page).draw(page).size == (90, 120)


def test_a_file_may_be_called_like_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert page_of("a#page=2") == ("a", 2)
    assert page_of("a#page=x") == ("a#page=x", 1)
    endless = "a#page=" + 5000 * "1"
    assert page_of(endless) == (endless, 1)
    (tmp_path / "a#page=2").touch()
    assert page_of("a#page=2") == ("a#page=2", 1)


def test_phones_pictures_are_read(pages):
    pillow_heif = pytest.importorskip("pillow_heif")
    image, digit = pages[0][1].convert("RGB"), pages[1][1]
    heic = BytesIO()
    pillow_heif.from_pillow(image).save(heic, quality=90)
    avif = BytesIO()
    image.save(avif, "AVIF", quality=90)
    assert [inkdigits.predict(b.getvalue()).digit for b in (heic, avif)] == [digit] * 2


@pytest.mark.parametrize(
    ("data", "module", "what"),
    [
        (b"%PDF-1.4 and so on", "pypdfium2", "is a PDF"),
        (b"\0\0\0\x18ftypheic and so on", "pillow_heif", "is HEIC"),
    ],
)
def test_without_the_extra_the_command_that_installs_it_is_named(data, module, what, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NotAPictureError, match=what) as caught:
        open_picture(data)
    assert str(caught.value).endswith("pip install 'inkdigits[files]'")


@pytest.mark.parametrize(
    "data", [b"%PDF-1.4 and so on", b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypavif"]
)
def test_a_broken_document_is_a_clear_error(data):
    with pytest.raises(NotAPictureError):
        open_picture(data)
