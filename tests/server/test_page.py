"""The page, in a real Chromium: drawn on by pointer events, given a picture, used by keyboard."""

import csv
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from drawn import NUMBERS, PEN, STROKES, draw, written
from PIL import Image, ImageOps
from playwright.sync_api import expect

from inkdigits.cli.read import CSV_HEADER

from .conftest import PHONE

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def drop(page, file):
    """Drag a file from outside onto the page, as the browser itself does."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        where = {"type": kind, "x": 20, "y": 20}
        session.send("Input.dispatchDragEvent", {**where, "data": data})


class Fingers:
    """Fingers on a phone's screen, in shares of the sheet's sides."""

    def __init__(self, page):
        self.page = page
        self.session = page.context.new_cdp_session(page)
        self.sheet = page.locator("#canvas").bounding_box()
        self.down = {}  # those on the screen: their places by number

    def put(self, number, place):
        """Lay a finger down, or move it."""
        kind = "touchMove" if number in self.down else "touchStart"
        self.down[number] = place
        self._send(kind)

    def lift(self, number):
        del self.down[number]
        self._send("touchEnd")

    def draw(self, strokes):
        for first, *others in strokes:
            for place in (first, *others):
                self.put(1, place)
                self.page.wait_for_timeout(16)  # a frame, as a finger takes
            self.lift(1)

    def _send(self, kind):
        points = [
            {
                "x": self.sheet["x"] + x * self.sheet["width"],
                "y": self.sheet["y"] + y * self.sheet["height"], "id": number,
            }
            for number, (x, y) in self.down.items()
        ]  # fmt: skip
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


SCROLLED = "[scrollX, scrollY]"
OVERFLOWS = "document.documentElement.scrollWidth > innerWidth"


def test_a_finger_draws_a_number_and_taps_its_digits(open_page, theme):
    page = open_page(theme, **PHONE)
    page.locator("#width").fill(PEN)
    Fingers(page).draw(written("42", 0.2, 0.2, 0.55))
    expect(page.locator("#said")).to_contain_text("42")  # the settled reading is there
    assert page.evaluate(SCROLLED) == [0, 0]
    for place, digit in enumerate("42"):
        page.locator("#text button").nth(place).tap()
        expect(page.locator("#bars li")).to_have_count(10)
        expect(page.locator("#bars li.winner .name")).to_have_text(digit)
        shares = page.locator("#bars .share").all_inner_texts()
        assert all(share.endswith("%") for share in shares)
    assert not page.evaluate(OVERFLOWS)


def test_a_stroke_down_the_sheet_does_not_scroll_the_page(open_page):
    page = open_page(**PHONE)
    assert page.evaluate("document.documentElement.scrollHeight > innerHeight")  # it could
    Fingers(page).draw([[(0.5, 0.95 - 0.05 * step) for step in range(19)]])
    expect(page.locator("#result")).to_have_attribute("data-text", "1")
    assert page.evaluate(SCROLLED) == [0, 0]


def test_a_second_finger_during_a_stroke_adds_nothing_and_breaks_nothing(open_page):
    page = open_page(**PHONE)
    fingers = Fingers(page)
    (stroke,) = STROKES[7]
    for place in stroke[:3]:
        fingers.put(1, place)
    fingers.put(2, (0.1, 0.9))
    fingers.put(2, (0.9, 0.9))
    for place in stroke[3:]:
        fingers.put(1, place)
    fingers.put(2, (0.1, 0.95))
    fingers.lift(1)
    fingers.put(2, (0.9, 0.95))
    fingers.lift(2)
    page.locator('#result[data-text="7"][data-state="read"]').wait_for(timeout=5_000)
    expect(page.locator("#boxes div")).to_have_count(1)
    assert page.evaluate(SCROLLED) == [0, 0]
    page.locator("#undo").tap()  # there was one stroke
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


@pytest.mark.parametrize("width", ["4", "8"])
def test_a_number_of_a_thin_pen_is_read(open_page, width):
    page = open_page()
    page.locator("#width").fill(width)
    draw(page, written("42", 0.2, 0.2, 0.55))
    expect(page.locator("#result")).to_have_attribute("data-text", "42")


def test_a_digit_of_a_pen_that_is_pressed_lightly_is_read(open_page):
    page = open_page()
    session = page.context.new_cdp_session(page)
    sheet = page.locator("#canvas").bounding_box()
    for stroke in STROKES[4]:
        kinds = ["mousePressed", *["mouseMoved"] * (len(stroke) - 1)]
        for kind, (x, y) in zip([*kinds, "mouseReleased"], [*stroke, stroke[-1]], strict=True):
            session.send(
                "Input.dispatchMouseEvent",
                {
                    "type": kind, "pointerType": "pen", "force": 0.1, "button": "left",
                    "buttons": int(kind != "mouseReleased"), "clickCount": 1,
                    "x": sheet["x"] + x * sheet["width"], "y": sheet["y"] + y * sheet["height"],
                },
            )  # fmt: skip
    expect(page.locator("#result")).to_have_attribute("data-text", "4")


def test_each_of_the_ten_digits_is_drawn_and_read(open_page):
    page = open_page()
    for digit, strokes in STROKES.items():
        draw(page, strokes)
        # Not by `expect`, which looks again after a while; this waits for the change itself.
        page.locator(f'#result[data-text="{digit}"][data-state="read"]').wait_for(timeout=5_000)
        page.keyboard.press("Delete")
        page.locator('#result[data-state="empty"]').wait_for(timeout=5_000)


@pytest.mark.parametrize(("text", "left", "top", "size"), NUMBERS)
def test_a_number_is_drawn_and_read(open_page, text, left, top, size):
    page = open_page()
    page.locator("#width").fill(PEN)
    draw(page, written(text, left, top, size))
    expect(page.locator("#result")).to_have_attribute("data-text", text)
    n = sum(sign.isdigit() for sign in text)
    expect(page.locator("#text button")).to_have_count(n if n > 1 else 0)
    expect(page.locator("#boxes div:not(.sign)")).to_have_count(n)
    expect(page.locator("#boxes .sign")).to_have_count(len(text.replace("\n", "")) - n)


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_a_sum_stands_on_one_line_and_is_not_cut(open_page, width):
    page = open_page(width=width)
    page.locator("#width").fill(PEN)
    draw(page, written(*NUMBERS[7]))
    expect(page.locator("#said")).to_contain_text("12+3=15")  # the settled reading is there
    boxes = [button.bounding_box() for button in page.locator("#text button").all()]
    assert len({box["y"] for box in boxes}) == 1
    place = page.locator("#text").bounding_box()
    assert boxes[-1]["x"] + boxes[-1]["width"] <= place["x"] + place["width"]


def test_a_digit_that_is_tapped_shows_its_bars(open_page):
    page = open_page()
    page.locator("#width").fill("14")
    draw(page, written("42", 0.2, 0.2, 0.55))
    expect(page.locator("#result")).to_have_attribute("data-text", "42")
    for place, digit in enumerate("42"):
        page.locator("#text button").nth(place).click()
        expect(page.locator("#which")).to_contain_text(f"Digit {place + 1} of 2: {digit}")
        expect(page.locator("#bars li.winner .name")).to_have_text(digit)
        expect(page.locator("#text button[aria-pressed=true]")).to_have_text(digit)
    page.set_input_files("#file", EXAMPLES.parent / "docs" / "read.png")
    expect(page.locator("#text button").nth(20)).to_be_visible()
    page.locator("#boxes div").nth(3).click()
    expect(page.locator("#which")).to_contain_text("Digit 4 of ")


def test_a_photo_is_read_and_cleared(open_page):
    page = open_page()
    page.set_input_files("#file", EXAMPLES / "7_ruled_paper.jpg")
    expect(page.locator("#result")).to_have_attribute("data-text", "7")
    page.click("#clear")
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


def test_several_pictures_are_a_list_with_readings_and_a_csv(open_page, tmp_path):
    (tmp_path / "broken, too.png").write_bytes(b"no picture")
    names = ["7_ruled_paper.jpg", "1_form_cell.png", "4_photo_on_its_side.jpg"]
    page = open_page()
    page.set_input_files(
        "#file", [*(EXAMPLES / name for name in names), tmp_path / "broken, too.png"]
    )
    expect(page.locator("#counted")).to_have_text("4 pictures, 1 not read", timeout=20_000)
    words = page.locator("#pile li strong")
    assert [words.nth(i).inner_text() for i in range(3)] == ["7", "1", "4"]
    unread = "Not a picture that can be read here. Save it as a JPEG or PNG."
    expect(words.nth(3)).to_have_text(unread)
    (told,) = open_page.said  # by the browser itself
    assert "415" in told
    open_page.said.clear()
    page.locator("#pile li button").nth(2).click()
    expect(page.locator("#result")).to_have_attribute("data-text", "4")
    expect(page.locator("#source")).to_have_text(names[2])
    with page.expect_download() as download:
        page.click("#csv")
    rows = list(csv.DictReader(download.value.path().open()))
    found = [(row["file"], row["number"]) for row in rows]
    assert found == [*zip(names, "714", strict=True), ("broken, too.png", "")]
    assert list(rows[0]) == list(CSV_HEADER)
    page.click("#clear")
    expect(page.locator("#pile")).to_be_hidden()


def scan(folder, name):
    """A document of three pages: 7, 1 and 4."""
    names = ("7_ruled_paper.jpg", "1_form_cell.png", "4_photo_on_its_side.jpg")
    pages = [ImageOps.exif_transpose(Image.open(EXAMPLES / one)).convert("L") for one in names]
    pages[0].save(folder / name, save_all=True, append_images=pages[1:])
    return folder / name


@pytest.mark.parametrize("name", ["scan.tif", "scan.pdf"])
def test_a_document_is_dropped_and_each_page_is_a_row(open_page, tmp_path, name):
    if name == "scan.pdf":
        pytest.importorskip("pypdfium2")
    page = open_page()
    drop(page, scan(tmp_path, name))
    expect(page.locator("#result")).to_have_attribute("data-text", "7")
    expect(page.locator("#counted")).to_have_text("3 pictures", timeout=20_000)
    assert page.locator("#pile li strong").all_inner_texts() == ["7", "1", "4"]
    names = [f"{name}#page={number}" for number in (1, 2, 3)]
    assert page.locator("#pile li small").all_inner_texts() == names
    page.locator("#pile li button").nth(2).click()
    expect(page.locator("#result")).to_have_attribute("data-text", "4")
    expect(page.locator("#source")).to_have_text(names[2])
    expect(page.locator("#boxes div")).to_have_count(1)
    assert page.locator("#picture img").evaluate("image => image.naturalWidth") > 0
    page.click('[data-correct="9"]')
    expect(page.locator("#corrected")).to_have_text("Saved: this 4 is a 9.")
    expect(page.locator("#text")).to_have_text("9")
    expect(page.locator("#pile li strong").nth(2)).to_have_text("9")
    with page.expect_download() as download:
        page.click("#csv")
    rows = list(csv.DictReader(download.value.path().open()))
    assert [(row["file"], row["number"]) for row in rows] == list(zip(names, "719", strict=True))


def test_a_document_among_pictures_and_one_of_a_single_page(open_page, tmp_path):
    page = open_page()
    page.set_input_files("#file", [EXAMPLES / "0_yellow_paper.jpg", scan(tmp_path, "scan.tif")])
    expect(page.locator("#counted")).to_have_text("4 pictures", timeout=20_000)
    assert page.locator("#pile li strong").all_inner_texts() == ["0", "7", "1", "4"]
    Image.open(EXAMPLES / "7_ruled_paper.jpg").save(tmp_path / "7.tif")
    page.set_input_files("#file", tmp_path / "7.tif")
    expect(page.locator("#result")).to_have_attribute("data-text", "7")
    expect(page.locator("#source")).to_have_text("7.tif")
    expect(page.locator("#pile")).to_be_hidden()


def test_a_broken_document_is_said(open_page, tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 and so on")
    page = open_page()
    page.set_input_files("#file", tmp_path / "broken.pdf")
    expect(page.locator("#detail")).to_contain_text("Not a picture that can be read here")
    expect(page.locator("#pile")).to_be_hidden()
    page.wait_for_timeout(300)
    assert all("415" in told for told in open_page.said)  # by the browser itself
    open_page.said.clear()


def test_a_picture_is_dropped_and_read(open_page):
    page = open_page()
    drop(page, EXAMPLES / "7_ruled_paper.jpg")
    expect(page.locator("#result")).to_have_attribute("data-text", "7")
    expect(page.locator("#source")).to_have_text("7_ruled_paper.jpg")


def test_a_picture_takes_the_place_of_a_stroke_under_way(open_page):
    page = open_page()
    page.hover("#canvas")
    page.mouse.down()
    page.mouse.move(200, 400, steps=4)
    page.set_input_files("#file", EXAMPLES / "7_ruled_paper.jpg")
    page.mouse.up()
    expect(page.locator("#result")).to_have_attribute("data-text", "7")
    expect(page.locator("#picture")).to_be_visible()
    page.click("#undo")
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


def test_a_picture_that_cannot_be_shown_is_named_until_it_is_cleared(open_page, tmp_path):
    Image.open(EXAMPLES / "7_ruled_paper.jpg").save(tmp_path / "7.ppm")
    page = open_page()
    page.set_input_files("#file", tmp_path / "7.ppm")
    expect(page.locator("#picture p")).to_have_text("7.ppm: this browser cannot show it.")
    expect(page.locator("#result")).to_have_attribute("data-text", "7")
    page.click("#clear")
    # The browser may find out later than that.
    page.locator("#picture img").dispatch_event("error")
    expect(page.locator("#picture")).to_be_hidden()


def test_a_scribble_is_doubted_in_words(open_page):
    page = open_page()
    draw(page, [[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)], [(0.5, 0.1), (0.5, 0.9)],
                [(0.1, 0.5), (0.9, 0.5)]])  # fmt: skip
    expect(page.locator("#result")).to_have_attribute("data-state", "doubt")
    expect(page.locator("#verdict")).to_contain_text(re.compile("No digit|Not sure"))


def test_a_wrong_reading_is_corrected(open_page):
    page = open_page()
    draw(page, STROKES[1])
    expect(page.locator("#said")).to_contain_text("1")  # the settled reading is there
    page.click('[data-correct="7"]')
    expect(page.locator("#corrected")).to_have_text("Saved: this 1 is a 7.")
    expect(page.locator("#result")).to_have_attribute("data-text", "7")
    expect(page.locator("#verdict")).to_have_text("Corrected")


def test_a_digit_of_a_number_is_corrected_and_the_last_word_undone(open_page):
    page = open_page()
    page.locator("#width").fill("14")
    draw(page, written("42", 0.2, 0.2, 0.55))
    expect(page.locator("#said")).to_contain_text("42")
    page.locator("#text button").nth(1).click()
    page.click('[data-correct="none"]')
    expect(page.locator("#corrected")).to_have_text("Saved: this 2 is no digit.")
    expect(page.locator("#result")).to_have_attribute("data-text", "4")
    page.click("#take-back")
    expect(page.locator("#corrected")).to_have_text("Undone: it is a 2 again.")
    expect(page.locator("#take-back")).to_be_hidden()
    expect(page.locator("#result")).to_have_attribute("data-text", "42")


def test_a_one_is_drawn_by_keyboard_and_undone(open_page):
    page = open_page()
    page.focus("#canvas")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Space")
    for _ in range(12):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("#result")).to_have_attribute("data-text", "1")
    page.keyboard.press("Control+z")
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing_and_nothing_overflows(open_page, theme, width):
    page = open_page(theme, width)
    for strokes, text in (([], None), (STROKES[4], "4"), (written("42", 0.2, 0.2, 0.5), "42")):
        page.click("#clear")
        draw(page, strokes)
        if text:
            expect(page.locator("#result")).to_have_attribute("data-text", text)
        assert [v["id"] for v in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
