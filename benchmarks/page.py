"""How long after a stroke's end its reading stands on the page of `inkdigits serve`.

    python benchmarks/page.py [--rounds 5] [--address http://127.0.0.1:8000/]

With --address a page that is served already: that of `inkdigits export --format web`, say.
Needs Chromium and Playwright. Draws the ten digits, eleven strokes, at a hand's pace and prints the
milliseconds from each pointerup to the settled reading in the page, and to the frame that shows it.
"""

import argparse
import statistics
from contextlib import nullcontext

from drawn import STROKES, chromium, draw
from playwright.sync_api import Page
from serve import running

HAND_STEPS = 4  # of the mouse from point to point
HAND_MS = 8  # between two events of the mouse, beside what sending one takes
REST_MS = 400  # of the hand between two digits

# "said" is set with a settled reading, at the end of one task with all the rest of the result.
WATCH = """() => {
  const said = document.getElementById("said");
  window.times = [];
  let end = null;
  const canvas = document.getElementById("canvas");
  // Before the page: where a live reading has read all of it already, it says so at once.
  canvas.addEventListener("pointerup", (event) => (end = event.timeStamp), { capture: true });
  new MutationObserver(() => {
    if (end === null || !said.textContent) return;
    const from = end;
    const shown = performance.now() - from;
    end = null;
    requestAnimationFrame(() => setTimeout(() => times.push([shown, performance.now() - from])));
  }).observe(said, { childList: true });
}"""


def one_round(page: Page) -> list[list[float]]:
    """(milliseconds to the reading, to its frame) of each stroke."""
    found = []
    for digit, strokes in STROKES.items():
        page.evaluate("times = []")
        for n, stroke in enumerate(strokes, 1):
            draw(page, [stroke], HAND_STEPS, HAND_MS)
            page.wait_for_function("n => times.length >= n", arg=n)
        found += page.evaluate("times")
        read = page.get_attribute("#result", "data-text")
        assert read == str(digit), f"a {digit} was read as {read}"
        page.wait_for_timeout(REST_MS)
        page.click("#clear")
    return found


def report(what: str, times: list[float]) -> None:
    p90 = statistics.quantiles(times, n=10)[-1]
    print(
        f"{what:<30} median {statistics.median(times):6.1f} ms  p90 {p90:6.1f} ms  "
        f"max {max(times):6.1f} ms  n = {len(times)}",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--address")
    args = parser.parse_args()
    served = nullcontext((None, args.address)) if args.address else running()
    with served as (_, address), chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        page.evaluate(WATCH)
        one_round(page)  # the first has cold caches
        rows = [row for _ in range(args.rounds) for row in one_round(page)]
    for what, times in zip(
        ("reading in the page", "its frame"), zip(*rows, strict=True), strict=True
    ):
        report(what, list(times))
