"""How the page shows a reading: all of it, what is doubtful, frames, corrections, many files."""

import csv
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from drawn import PEN, draw, written
from PIL import Image
from playwright.sync_api import expect

from inkdigits.reading.page import Candidates, page_of
from inkdigits.spec import SORTS
from inkdigits.version import __version__

from .conftest import EXAMPLES, PHONE

READ = re.compile(r"/v1/read\?")


def reading(text, doubtful=()):
    """/v1/read's JSON of that text: characters 20 high and 12 wide, 4 apart; a space is 30 wide.

    doubtful: which of the text's digits and signs are, spaces and line ends not counted.
    """
    boxes, sorts = [], []
    for row, line in enumerate(text.split("\n")):
        x = 0
        for sign in line:
            if sign != " ":
                boxes.append((x, 40 * row, x + 12, 40 * row + 20))
                sorts.append(SORTS.index(sign))
            x += 30 if sign == " " else 16
    n = len(sorts)
    accepted = np.array([i not in doubtful for i in range(n)])
    candidates = Candidates(
        np.array(boxes, np.float32), np.full(n, 20, np.float32), np.array(sorts),
        np.where(accepted, 0.99, 0.5).astype(np.float32), np.full((n, 10), 0.1, np.float32),
        accepted, np.where(accepted, "", "unsure"), np.zeros((n, 28, 28), np.float32),
        np.zeros(n, np.float32),
    )  # fmt: skip
    page = page_of(candidates, 400, 400)
    assert page.text == text
    return page.to_dict()


def shown(page, answer, picture=EXAMPLES[7]):
    """The page with that answer to a picture."""
    page.route(READ, lambda route: route.fulfill(json=answer))
    page.set_input_files("#file", picture)
    expect(page.locator("#result")).to_have_attribute("data-text", answer["text"])


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_a_reading_of_many_lines_is_all_shown_or_scrolls(open_page, width):
    page = open_page(width=width)
    hidden = "text => text.scrollHeight - text.clientHeight"
    for text in ("\n".join(["42"] * 8), "\n".join(["12345 678"] * 5)):
        shown(page, reading(text))
        assert page.locator("#text").evaluate(hidden) <= 0
    shown(page, reading("\n".join(["42"] * 30), doubtful=[59]))
    text = page.locator("#text")
    assert text.evaluate(hidden) > 0
    assert text.evaluate("text => getComputedStyle(text).overflowY") == "auto"
    assert text.evaluate("text => parseFloat(getComputedStyle(text).fontSize)") == 20
    # The digit that most needs a look is the last.
    place, last = text.bounding_box(), page.locator("#text button").last.bounding_box()
    assert last["y"] + last["height"] <= place["y"] + place["height"]
    assert page.evaluate("scrollY") == 0


def test_several_numbers_are_counted_and_a_doubtful_sign_marks_its_number(open_page, theme):
    page = open_page(theme)
    shown(page, reading("3.5 12\n7", doubtful=[1]))
    expect(page.locator("#verdict")).to_have_text("3 numbers, 1 uncertain")
    expect(page.locator("#detail")).to_have_text("5 digits. A sign may be another.")
    assert page.locator("#text .in-doubt").all_inner_texts() == ["3", ".", "5"]
    assert page.locator("#text .doubt").all_inner_texts() == ["."]
    expect(page.locator("#boxes .sign.doubt")).to_have_count(1)
    expect(page.locator("#boxes .doubt")).to_have_count(1)
    expect(page.locator("#text button").first).to_have_accessible_name(
        re.compile("in an uncertain number")
    )
    assert [v["id"] for v in Axe().run(page).response["violations"]] == []
    shown(page, reading("12 4"))
    expect(page.locator("#verdict")).to_have_text("2 numbers, none uncertain")
    shown(page, reading("-5", doubtful=[0]))
    expect(page.locator("#verdict")).to_have_text("Not sure of a sign")
    shown(page, reading("-5"))
    expect(page.locator("#detail")).to_have_text("98.0\u00a0% that all are right.")


def test_two_figures_of_one_digit_are_explained_where_they_differ(open_page):
    page = open_page()
    answer = reading("42")
    answer["digits"][0] |= {"confidence": 0.9, "probabilities": [0, 0, 0, 0, 0.996, *[0.0008] * 5]}
    answer["digits"][1] |= {"confidence": 0.99, "probabilities": [0, 0, 0.99, *[0] * 7]}
    shown(page, answer)
    expect(page.locator("#which")).to_have_text("Digit 1 of 2: 4, 90.0\u00a0%")
    expect(page.locator("#apart")).to_be_visible()
    page.locator("#text button").nth(1).click()
    expect(page.locator("#apart")).to_be_hidden()


# The edge of a frame that is nearest to its digit, in pixels of the window.
FRAMES = """frames => frames.map((frame) => {
  const [own, style] = [frame.getBoundingClientRect(), getComputedStyle(frame, "::before")];
  const away = -parseFloat(style.top) - parseFloat(style.borderTopWidth);
  return [own.left - away, own.top - away, own.right + away, own.bottom + away];
})"""
INK = """canvas => {
  const [side, own] = [canvas.width, canvas.getBoundingClientRect()];
  const { data } = canvas.getContext("2d").getImageData(0, 0, side, side);
  const found = [];
  for (let i = 3; i < data.length; i += 4) {
    if (data[i] > 128) found.push([own.left + (((i >> 2) % side) * own.width) / side,
      own.top + (Math.floor((i >> 2) / side) * own.height) / side]);
  }
  return found;
}"""


def test_frames_stand_around_all_ink(open_page):
    page = open_page()
    page.locator("#width").fill(PEN)
    draw(page, written("38", 0.2, 0.2, 0.5))
    expect(page.locator("#said")).to_contain_text("38")
    frames = np.array(page.locator("#boxes div").evaluate_all(FRAMES))
    ink = np.array(page.locator("#canvas").evaluate(INK))
    inside = (ink[:, None] >= frames[None, :, :2]) & (ink[:, None] <= frames[None, :, 2:])
    assert inside.all(2).any(1).all()


def test_a_small_digits_frame_is_thin_and_the_picture_can_be_enlarged(open_page, tmp_path, theme):
    Image.new("L", (800, 800), 255).save(tmp_path / "large.png")
    answer = reading("42\n7") | {"width": 800, "height": 800}
    page = open_page(theme, **PHONE)
    shown(page, answer, tmp_path / "large.png")
    thick = "frame => parseFloat(getComputedStyle(frame, '::before').borderTopWidth)"
    assert page.locator("#boxes .chosen").evaluate(thick) <= 2  # of 8 pixels
    sheet = page.locator("#sheet")
    before = page.locator("#boxes .chosen").bounding_box()
    page.locator("#enlarge").tap()
    expect(page.locator("#enlarge")).to_have_attribute("aria-pressed", "true")
    after, place = page.locator("#boxes .chosen").bounding_box(), sheet.bounding_box()
    assert after["height"] == pytest.approx(4 * before["height"], abs=1)
    assert place["x"] <= after["x"]
    assert after["x"] + after["width"] <= place["x"] + place["width"]
    assert sheet.evaluate("sheet => sheet.scrollWidth > 3 * sheet.clientWidth")
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert [v["id"] for v in Axe().run(page).response["violations"]] == []
    page.locator("#enlarge").tap()
    assert sheet.evaluate("sheet => sheet.scrollWidth == sheet.clientWidth")
    page.locator("#clear").tap()
    expect(page.locator("#enlarge")).to_be_hidden()
    expect(page.locator("#pen")).to_be_visible()


def test_a_page_that_was_turned_to_be_read_is_shown_turned(open_page, tmp_path):
    """100 wide and 200 high, a quarter turned: 50 of the square's 200 are above it."""
    Image.new("L", (100, 200), 255).save(tmp_path / "lying.png")
    page = open_page()
    shown(page, reading("7") | {"turned": 90, "width": 200, "height": 100}, tmp_path / "lying.png")
    assert page.locator("#picture img").evaluate("image => image.style.rotate") == "90deg"
    frame = page.locator("#boxes div")
    assert frame.evaluate("frame => [frame.style.left, frame.style.top]") == ["0%", "25%"]
    page.click("#clear")
    page.unroute(READ)
    page.set_input_files("#file", EXAMPLES[7])
    expect(page.locator("#boxes div")).to_have_count(1)
    assert page.locator("#picture img").evaluate("image => image.style.rotate") == "0deg"


CORRECTED = """async ([page, corrections]) => {
  const { corrected } = await import(new URL("page/text.js", location));
  const { text, numbers, digits, lines } = corrected(page, new Map(corrections));
  return { text, digits, numbers, length: lines.length };
}"""


def test_a_correction_is_in_the_text_and_in_its_number(open_page):
    page = open_page()
    answer = reading("3.5 12\n7", doubtful=[2])
    found = page.evaluate(CORRECTED, [answer, [[1, "8"]]])
    assert found["text"] == "3.8 12\n7"
    assert [number["text"] for number in found["numbers"]] == ["3.8", "12", "7"]
    # The doubtful digit is known now; the 3 and the point have 0.99 each.
    assert found["numbers"][0]["accepted"]
    assert found["numbers"][0]["confidence"] == pytest.approx(0.99 * 0.99)
    assert found["digits"][1]["read"] == 5
    assert found["numbers"][1:] == answer["numbers"][1:]


def test_what_is_no_digit_is_taken_out(open_page):
    page = open_page()
    answer = reading("3.5 12\n7")
    found = page.evaluate(CORRECTED, [answer, [[1, "none"]]])
    assert found["text"] == "3. 12\n7"
    assert [number["text"] for number in found["numbers"]] == ["3", "12", "7"]
    found = page.evaluate(CORRECTED, [answer, [[2, "none"], [3, "none"], [4, "none"]]])
    assert (found["text"], found["length"]) == ("3.5", 1)
    assert [number["text"] for number in found["numbers"]] == ["3.5"]
    assert len(found["digits"]) == 5  # their places stand
    left = page.evaluate(CORRECTED, [reading("11 22 33"), [[2, "none"], [3, "none"]]])
    assert left["text"] == "11 33"


def test_a_digit_is_not_trusted_beside_a_doubtful_sign_by_a_correction(open_page):
    page = open_page()
    found = page.evaluate(CORRECTED, [reading("5=3", doubtful=[1]), [[0, "6"]]])
    assert [number["accepted"] for number in found["numbers"]] == [False, False]


def test_corrections_stand_in_the_text_the_row_and_the_csv_until_undone(
    open_page, tmp_path, numbers_png
):
    names = ["one.png", "two.png"]
    for name in names:
        (tmp_path / name).write_bytes(numbers_png)
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.set_input_files("#file", [tmp_path / name for name in names])
    expect(page.locator("#counted")).to_have_text("2 pictures", timeout=20_000)
    expect(page.locator("#text button")).to_have_count(3)

    def numbers():
        with page.expect_download() as download:
            page.click("#csv")
        rows = csv.DictReader(download.value.path().open())
        return [(row["file"], row["number"], row["accepted"]) for row in rows]

    assert numbers() == [(name, text, "true") for name in names for text in ("42", "7")]
    for index, digit, words in ((1, "9", "this 2 is a 9"), (2, "none", "this 7 is no digit")):
        page.locator(f'#text button[data-index="{index}"]').click()
        page.click(f'[data-correct="{digit}"]')
        expect(page.locator("#corrected")).to_have_text(f"Saved: {words}.")
    expect(page.locator("#result")).to_have_attribute("data-text", "49")
    assert page.locator("#pile li strong").all_inner_texts() == ["49", "42 7"]
    assert page.locator("#pile li small").all_inner_texts() == ["one.png, corrected", "two.png"]
    now = [(names[0], "49"), (names[1], "42"), (names[1], "7")]
    assert numbers() == [(name, text, "true") for name, text in now]
    page.click("#copy")
    expect(page.locator("#counted")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "one.png: 49\ntwo.png: 42 | 7\n"
    page.locator("#pile li button").nth(1).click()
    expect(page.locator("#result")).to_have_attribute("data-text", "42\n7")
    page.locator("#pile li button").nth(0).click()
    expect(page.locator("#result")).to_have_attribute("data-text", "49")
    expect(page.locator("#undo")).to_have_text("Undo")
    expect(page.locator("#take-back")).to_have_text("Undo correction")
    page.click("#take-back")
    expect(page.locator("#corrected")).to_have_text("Undone: it is a 7 again.")
    page.click("#take-back")
    expect(page.locator("#corrected")).to_have_text("Undone: it is a 2 again.")
    expect(page.locator("#result")).to_have_attribute("data-text", "42\n7")
    assert numbers() == [(name, text, "true") for name in names for text in ("42", "7")]


def test_a_broken_file_has_no_broken_icon_and_notes_have_a_row(open_page, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("to do")
    page = open_page()
    names = [tmp_path / "notes.txt", EXAMPLES[7], tmp_path / "broken.png"]
    page.set_input_files("#file", names)
    expect(page.locator("#counted")).to_have_text("3 pictures, 2 not read", timeout=20_000)
    expect(page.locator("#result")).to_have_attribute("data-text", "7")  # the first picture
    words = page.locator("#pile li strong").all_inner_texts()
    unread = "Not a picture that can be read here. Save it as a JPEG or PNG."
    assert words == ["Not a picture.", "7", unread]
    assert page.locator("#pile .thumbnail").all_inner_texts() == ["txt", "", "png"]
    expect(page.locator("#pile img")).to_have_count(1)
    open_page.said.clear()  # by the browser itself: 415


def test_a_lower_row_that_is_tapped_brings_its_reading_into_view(open_page):
    page = open_page(**PHONE)
    page.set_input_files("#file", EXAMPLES[:8])
    expect(page.locator("#counted")).to_have_text("8 pictures", timeout=20_000)
    row = page.locator("#pile li button").nth(7)
    row.scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#pile').scrollIntoView()")
    assert page.locator("#sheet").bounding_box()["y"] < 0
    row.tap()
    expect(page.locator("#source")).to_have_text(EXAMPLES[7].name)
    assert page.locator("#sheet").bounding_box()["y"] >= 0
    expect(row).to_be_focused()


def test_a_long_reading_says_of_what_and_for_how_long(open_page):
    page = open_page()
    waiting = []

    def hold(route):
        waiting.append(route)

    page.route(READ, hold)
    page.set_input_files("#file", EXAMPLES[7])
    name = re.escape(EXAMPLES[7].name)
    expect(page.locator("#verdict")).to_have_text("Reading…")
    expect(page.locator("#detail")).to_have_text(re.compile(rf"^{name}, \d+ s$"))
    waiting[0].fulfill(json=reading("7"))
    expect(page.locator("#detail")).to_have_text("99.0\u00a0%")


def test_a_phones_picture_is_shown_by_the_server(open_page, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    image = Image.open(EXAMPLES[7]).convert("RGB")
    pillow_heif.from_pillow(image).save(tmp_path / "7.heic")
    page = open_page()
    page.set_input_files("#file", tmp_path / "7.heic")
    expect(page.locator("#result")).to_have_attribute("data-text", "7")
    expect(page.locator("#source")).to_have_text("7.heic")
    assert page.locator("#picture img").evaluate("image => image.naturalWidth") > 0


def test_the_footer_names_the_package_where_it_reads_and_the_head_has_one_line(open_page):
    page = open_page(**PHONE)
    expect(page.locator("#model")).to_contain_text(f"Model inkdigits {__version__} ")
    assert page.locator("header p").bounding_box()["height"] <= 24
