"""Draws docs/page.png: a number drawn on the page of `inkdigits serve`.

PYTHONPATH=benchmarks python tools/readme_page.py
"""

from pathlib import Path

from drawn import chromium, draw, written
from playwright.sync_api import expect
from serve import running

ROOT = Path(__file__).parent.parent


def main() -> None:
    with running() as (_, address), chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
        page.goto(address)
        page.locator("#width").fill("14")
        draw(page, written("2026", 0.0, 0.3, 0.4))
        expect(page.locator("#legend")).to_be_visible()
        page.mouse.move(0, 0)
        page.wait_for_timeout(500)  # the bars grow
        page.screenshot(path=ROOT / "docs" / "page.png")


if __name__ == "__main__":
    main()
