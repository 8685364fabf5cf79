"""The folder for static hosts, in a real Chromium: it reads as Python does, alone and offline."""

import io
import re
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from drawn import CHROMIUM, STROKES, chromium, draw
from PIL import Image
from playwright.sync_api import expect

from inkdigits.errors import ConfigError, PictureError
from inkdigits.explain import occlusion
from inkdigits.export import export
from inkdigits.exports.web import save_web
from inkdigits.model_file import SHIPPED_MODEL
from inkdigits.picture import check_contrast, open_picture
from inkdigits.picture.small import SMALL, cuts_of
from inkdigits.reader import Reader
from inkdigits.synthesis.handwriting import rewritten
from inkdigits.synthesis.photos import drawn, photographed

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
N_PICTURES, N_SMALL = 500, 300
LEVEL = 1 / 255

# Each picture is fetched from the same host and read as the page reads one.
READ_ALL = """async (names) => {
  const { ask } = await import(new URL("page/service.js", location));
  const readings = [];
  for (const name of names) {
    const body = await (await fetch(`../pictures/${name}`)).blob();
    readings.push(await ask("/v1/predict?array=true", { body }).catch((error) => error.message));
  }
  return readings;
}"""

MATTERED = """async (name) => {
  const { ask } = await import(new URL("page/service.js", location));
  const body = await (await fetch(`../pictures/${name}`)).blob();
  return (await ask("/v1/predict?saliency=true", { body })).saliency;
}"""


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A static host with the exported page some way down, and room for pictures beside it."""
    root = tmp_path_factory.mktemp("host")
    (root / "some" / "pictures").mkdir(parents=True)
    try:
        (exported,) = export(None, root / "some", ["web"])
    except ConfigError as error:
        pytest.skip(str(error))
    handler = partial(_Quiet, directory=root)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield exported.path, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Nothing."""


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with chromium() as started:
        yield started


@contextmanager
def opened(browser, address, **options):
    """The page; afterwards nothing was said on the console and no other host asked."""
    said, asked = [], []
    context = browser.new_context(reduced_motion="reduce", **options)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    context.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}some/web/")
    page.locator("#model", has_text="Model digits.onnx").wait_for(timeout=30_000)
    yield page
    context.close()
    assert said == []
    assert any(url.endswith(".wasm") for url in asked)  # what the worker asks for is among them
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pictures(sample, field):
    """500 files of all kinds, by name."""
    random = np.random.default_rng(0)
    images, labels = sample.test.images, sample.test.labels
    found = {}

    def strokes(i):
        return rewritten(images[i], int(labels[i]), random)

    for i in range(N_SMALL):
        found[f"small {i}"] = saved(Image.fromarray(255 - images[i] if i % 2 else images[i]))
    for i in range(50):
        found[f"drawing {i}"] = saved(drawn(strokes(i), random))
    for i in range(15):
        found[f"photo {i}"] = saved(photographed(strokes(i), random))
    for i in range(4):
        several = np.uint8(255 - 255 * np.concatenate((strokes(i), strokes(i + 1)), 1))
        found[f"several {i}"] = saved(Image.fromarray(several))
        found[f"blank {i}"] = saved(photographed(np.zeros((112, 112), np.float32), random))
        found[f"one colour {i}"] = saved(Image.new("L", (28 + 20 * i, 40), 40 * i))
    large = photographed(strokes(5), random).resize((2437, 1711))
    found["large"] = saved(large, compress_level=1)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = photographed(strokes(orientation), random)
        found[f"turned {orientation}"] = saved(image, "JPEG", exif=exif, quality=90)
    for path in EXAMPLES.glob("[0-9]_*"):
        found[path.name] = path.read_bytes()
    others = sorted(field.rglob("*.[pj][np]g")) if field else []
    for path in random.permutation(others)[: N_PICTURES - len(found)]:
        found[f"field {path.name}"] = path.read_bytes()
    for i in range(N_SMALL, N_SMALL + N_PICTURES - len(found)):
        found[f"small {i}"] = saved(Image.fromarray(images[i]))
    return found


def test_the_browser_sees_and_reads_500_pictures_as_python_does(
    browser, host, sample, field_folder_if_any
):
    folder, address = host
    files = pictures(sample, field_folder_if_any)
    assert len(files) == N_PICTURES
    for i, data in enumerate(files.values()):
        (folder.parent / "pictures" / str(i)).write_bytes(data)
    with opened(browser, address) as page:
        theirs = page.evaluate(READ_ALL, [str(i) for i in range(len(files))])
    ours = list(Reader(SHIPPED_MODEL).look_many(files.values()))
    plain = {name for name, data in files.items() if is_plain(data)}
    assert len(plain) > 300
    wrong = [
        (name, difference)
        for name, our, their in zip(files, ours, theirs, strict=True)
        if name in plain and (difference := compared(our, their))
    ]
    assert wrong == []
    errors = [isinstance(our, PictureError) == isinstance(their, str)
              for our, their in zip(ours, theirs, strict=True)]  # fmt: skip
    assert all(errors)
    # The page still finds a digit in larger pictures by rules of its own.
    both = [
        our[1].digit == their["digit"]
        for our, their in zip(ours, theirs, strict=True)
        if not isinstance(their, str) and our[1].accepted and their["accepted"]
    ]
    assert np.mean(both) > 0.97


def is_plain(data):
    """Whether a picture is so small and plain that neither looks for the digit in it."""
    try:
        grey = open_picture(data).grey
        check_contrast(grey)
    except PictureError:
        return False
    if max(grey.shape) > SMALL or not (cut := cuts_of([grey])[0]):
        return False
    reader = Reader(SHIPPED_MODEL)
    return reader.read_arrays(cut.array[None])[0].confidence > 0.98


def compared(our, their):
    """How two readings differ, in words; nothing if they do not."""
    seen, reading = our
    for key in ("digit", "accepted", "reason"):
        if their[key] != getattr(reading, key):
            return f"{key} is {their[key]}, wanted {getattr(reading, key)}"
    off = np.abs(np.subtract(their["array"], seen.array)).max()
    shares = np.abs(np.subtract(their["probabilities"], reading.probabilities)).max()
    boxes = np.abs(np.subtract(their["box"], reading.box)).max()
    return "" if off <= LEVEL and shares <= 1e-4 and not boxes else f"{off} {shares} {boxes}"


def test_where_decoders_differ_the_digit_is_the_same(browser, host, sample):
    """Pillow reads large JPEGs at half their size, and keeps 16 bits and colours under alpha."""
    folder, address = host
    random = np.random.default_rng(1)
    files = {}
    for i in range(4):
        strokes = rewritten(sample.test.images[i], int(sample.test.labels[i]), random)
        large = photographed(strokes, random).resize((2400, 2000))
        files[f"large {i}.jpg"] = saved(large, "JPEG", quality=90)
        files[f"deep {i}.png"] = saved(Image.fromarray(np.uint16(60_000 - 45_000 * strokes)))
        pink = np.full((*strokes.shape, 3), (200, 60, 90), np.uint8)
        seen = np.uint8(230 * strokes)[..., None]
        files[f"clear {i}.png"] = saved(Image.fromarray(np.concatenate((pink, seen), 2)))
    for name, data in files.items():
        (folder.parent / "pictures" / name).write_bytes(data)
    with opened(browser, address) as page:
        theirs = [reading["digit"] for reading in page.evaluate(READ_ALL, list(files))]
    assert theirs == [
        reading.digit for reading in Reader(SHIPPED_MODEL).predict_many(files.values())
    ]


def test_the_ten_digits_are_drawn_and_read_with_no_network(browser, host):
    with opened(browser, host[1]) as page:
        page.context.set_offline(True)
        for digit, strokes in STROKES.items():
            draw(page, strokes)
            read = f'#result[data-text="{digit}"][data-state="read"]'
            page.locator(read).wait_for(timeout=10_000)
            page.keyboard.press("Delete")
            page.locator('#result[data-state="empty"]').wait_for(timeout=5_000)


def test_nothing_shows_that_needs_a_server(browser, host):
    with opened(browser, host[1]) as page:
        draw(page, STROKES[7])
        expect(page.locator("#result")).to_have_attribute("data-text", "7")
        expect(page.locator("#corrections")).to_be_hidden()
        expect(page.locator("#token-form")).to_be_hidden()
        expect(page.locator("a")).to_have_count(0)
        expect(page.locator("footer")).to_contain_text("read in this browser and sent nowhere")


def test_a_photo_is_read_framed_and_what_is_no_picture_is_said(browser, host, tmp_path):
    (tmp_path / "no.png").write_bytes(b"no picture")
    with opened(browser, host[1]) as page:
        page.set_input_files("#file", EXAMPLES / "7_ruled_paper.jpg")
        expect(page.locator("#result")).to_have_attribute("data-text", "7")
        expect(page.locator("#boxes div")).to_have_count(1)
        page.set_input_files("#file", tmp_path / "no.png")
        expect(page.locator("#detail")).to_have_text("Not a picture that this browser can read.")
        expect(page.locator("#again")).to_be_hidden()


def test_what_mattered_is_what_python_says(browser, host, sample):
    folder, address = host
    picture = saved(Image.fromarray(sample.test.images[0]))
    (folder.parent / "pictures" / "mattered").write_bytes(picture)
    with opened(browser, address) as page:
        found = page.evaluate(MATTERED, "mattered")
    reader = Reader(SHIPPED_MODEL)
    seen, reading = reader.look(picture)
    assert np.abs(found - occlusion(reader, seen.array, reading.digit)).max() < 1e-4


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_overflows(browser, host, theme):
    with opened(browser, host[1], color_scheme=theme) as page:
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            draw(page, STROKES[4])
            expect(page.locator("#result")).to_have_attribute("data-text", "4")
            assert [v["id"] for v in Axe().run(page).response["violations"]] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.click("#clear")


def test_the_page_may_load_from_its_own_host_alone(host):
    page = (host[0] / "index.html").read_text()
    assert "default-src 'none'; script-src 'self' 'wasm-unsafe-eval';" in page
    for path in host[0].rglob("*"):
        if path.suffix in (".html", ".css") or (path.suffix == ".js" and path.name != "ort.js"):
            assert not re.search(r"""["'(]\s*(https?:)?//""", path.read_text()), path


def test_the_licences_of_what_is_vendored_lie_beside_it(host):
    assert "Microsoft" in (host[0] / "onnxruntime" / "LICENSE").read_text()
    assert (host[0] / "onnxruntime" / "ThirdPartyNotices.txt").is_file()


def test_a_second_export_takes_the_firsts_place(host):
    (host[0] / "page" / "of_old.js").touch()
    save_web(SHIPPED_MODEL, host[0], Reader().metadata)
    assert not (host[0] / "page" / "of_old.js").exists()
    assert (host[0] / "model.onnx").read_bytes() == SHIPPED_MODEL.read_bytes()
    assert not [path for path in host[0].parent.iterdir() if path.name.startswith(".")]


def test_a_folder_of_another_kind_is_left_alone(tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "mine.txt").touch()
    with pytest.raises(ConfigError, match=r"holds no model.json.*name another"):
        save_web(SHIPPED_MODEL, tmp_path / "web", {})
    assert (tmp_path / "web" / "mine.txt").is_file()
