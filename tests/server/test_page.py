"""The page, in a real Chromium: drawn on by pointer events, given a picture, used by keyboard."""

import re
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

# Strokes of the ten digits, in shares of the sheet's sides.
STROKES = {
    0: [[(0.5, 0.2), (0.36, 0.3), (0.32, 0.5), (0.38, 0.72), (0.5, 0.8), (0.63, 0.7),
         (0.68, 0.5), (0.64, 0.3), (0.5, 0.2)]],
    1: [[(0.52, 0.2), (0.5, 0.5), (0.48, 0.8)]],
    2: [[(0.34, 0.33), (0.42, 0.22), (0.56, 0.21), (0.63, 0.32), (0.58, 0.46), (0.45, 0.62),
         (0.33, 0.78), (0.5, 0.77), (0.68, 0.78)]],
    3: [[(0.36, 0.25), (0.5, 0.2), (0.62, 0.28), (0.58, 0.42), (0.46, 0.48), (0.6, 0.54),
         (0.65, 0.67), (0.54, 0.79), (0.36, 0.75)]],
    4: [[(0.4, 0.2), (0.36, 0.36), (0.32, 0.53), (0.5, 0.54), (0.7, 0.52)],
        [(0.62, 0.25), (0.6, 0.5), (0.58, 0.82)]],
    5: [[(0.64, 0.22), (0.4, 0.22), (0.37, 0.45), (0.52, 0.44), (0.63, 0.55), (0.6, 0.72),
         (0.47, 0.8), (0.34, 0.75)]],
    6: [[(0.58, 0.2), (0.44, 0.36), (0.36, 0.58), (0.4, 0.75), (0.53, 0.8), (0.63, 0.7),
         (0.6, 0.56), (0.47, 0.54), (0.38, 0.64)]],
    7: [[(0.32, 0.24), (0.5, 0.23), (0.68, 0.23), (0.58, 0.45), (0.5, 0.62), (0.45, 0.8)]],
    8: [[(0.6, 0.28), (0.48, 0.2), (0.38, 0.3), (0.48, 0.45), (0.62, 0.6), (0.6, 0.75),
         (0.48, 0.8), (0.38, 0.7), (0.45, 0.55), (0.58, 0.42), (0.6, 0.28)]],
    9: [[(0.62, 0.3), (0.5, 0.21), (0.38, 0.3), (0.4, 0.45), (0.52, 0.49), (0.62, 0.36),
         (0.62, 0.3), (0.61, 0.55), (0.57, 0.82)]],
}  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(params=["light", "dark"])
def theme(request):
    return request.param


@pytest.fixture
def open_page(browser, service):
    """Opens the page; afterwards nothing was said on the console and no other host asked."""
    said, asked, contexts = [], [], []

    def opened(theme="light", width=1440, height=900):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(service.address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []
    own = (service.address, "blob:", "data:")
    assert [url for url in asked if not url.startswith(own)] == []


def draw(page, strokes):
    sheet = page.locator("#canvas").bounding_box()
    places = [
        [(sheet["x"] + x * sheet["width"], sheet["y"] + y * sheet["height"]) for x, y in stroke]
        for stroke in strokes
    ]
    for first, *others in places:
        page.mouse.move(*first)
        page.mouse.down()
        for place in others:
            page.mouse.move(*place, steps=4)
        page.mouse.up()


def test_each_of_the_ten_digits_is_drawn_and_read(open_page):
    page = open_page()
    for digit, strokes in STROKES.items():
        draw(page, strokes)
        expect(page.locator("#result")).to_have_attribute("data-digit", str(digit))
        expect(page.locator("#result")).to_have_attribute("data-state", "read")
        page.click("#clear")
        expect(page.locator("#result")).to_have_attribute("data-state", "empty")


def test_a_photo_is_read_and_cleared(open_page):
    page = open_page()
    page.set_input_files("#file", EXAMPLES / "7_ruled_paper.jpg")
    expect(page.locator("#result")).to_have_attribute("data-digit", "7")
    page.click("#clear")
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


def test_a_scribble_is_doubted_in_words(open_page):
    page = open_page()
    draw(page, [[(0.2, 0.2), (0.8, 0.8)], [(0.8, 0.2), (0.2, 0.8)], [(0.5, 0.1), (0.5, 0.9)],
                [(0.1, 0.5), (0.9, 0.5)]])  # fmt: skip
    expect(page.locator("#result")).to_have_attribute("data-state", "doubt")
    expect(page.locator("#verdict")).to_contain_text(re.compile("no digit|Not sure"))


def test_a_wrong_reading_is_corrected(open_page):
    page = open_page()
    draw(page, STROKES[1])
    expect(page.locator("#said")).to_contain_text("1")  # the settled reading is there
    page.click('[data-correct="7"]')
    expect(page.locator("#corrected")).to_contain_text("Kept")


def test_a_one_is_drawn_by_keyboard_and_undone(open_page):
    page = open_page()
    page.focus("#canvas")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Space")
    for _ in range(12):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("#result")).to_have_attribute("data-digit", "1")
    page.keyboard.press("Control+z")
    expect(page.locator("#result")).to_have_attribute("data-state", "empty")


@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing_and_nothing_overflows(open_page, theme, width):
    page = open_page(theme, width)
    for strokes in ([], STROKES[4]):
        draw(page, strokes)
        if strokes:
            expect(page.locator("#result")).to_have_attribute("data-digit", "4")
        page.wait_for_timeout(400)  # colours that fade are not their own yet
        assert [v["id"] for v in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
