"""The folder for static hosts, in a real Chromium: it reads as Python does, alone and offline."""

import io
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from drawn import CHROMIUM, chromium
from PIL import Image

from inkdigits.data.handwriting import rewritten
from inkdigits.data.photos import drawn, photographed
from inkdigits.errors import ConfigError, PictureError
from inkdigits.export import export
from inkdigits.reader import Reader

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
N_PICTURES = 500
LEVEL = 1 / 255

# Each picture is fetched from the same host and read as the page reads one.
READ_ALL = """async (names) => {
  const { ask } = await import(new URL("page/service.js", location));
  const readings = [];
  for (const name of names) {
    const body = await (await fetch(`../pictures/${name}`)).blob();
    readings.push(await ask("/v1/read?array=true", { body }).catch((error) => error.message));
  }
  return readings;
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

    for i in range(240):
        found[f"small {i}"] = saved(Image.fromarray(255 - images[i] if i % 2 else images[i]))
    for i in range(60):
        found[f"drawing {i}"] = saved(drawn(strokes(i), random))
    for i in range(20):
        found[f"photo {i}"] = saved(photographed(strokes(i), random))
    for i in range(5):
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
    for i in range(240, 240 + N_PICTURES - len(found)):
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
    ours = Reader().look_many(files.values())
    wrong = [
        (name, difference)
        for name, our, their in zip(files, ours, theirs, strict=True)
        if (difference := compared(our, their))
    ]
    assert wrong == []
    assert 0 < sum(isinstance(their, str) for their in theirs) < 10


def compared(our, their):
    """How two readings differ, in words; nothing if they do not."""
    if isinstance(our, PictureError) or isinstance(their, str):
        return "" if isinstance(our, PictureError) and isinstance(their, str) else f"{our}, {their}"
    seen, reading = our
    for key in ("digit", "accepted", "reason"):
        if their[key] != getattr(reading, key):
            return f"{key} is {their[key]}, wanted {getattr(reading, key)}"
    off = np.abs(np.subtract(their["array"], seen.array)).max()
    shares = np.abs(np.subtract(their["probabilities"], reading.probabilities)).max()
    boxes = np.abs(np.subtract(their["box"], reading.box)).max()
    return "" if off <= LEVEL and shares <= 1e-4 and not boxes else f"{off} {shares} {boxes}"
