"""The folder for static hosts, in a real Chromium: it reads as Python does, alone and offline."""

import json
import re
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from axe_playwright_python.sync_playwright import Axe
from drawn import NUMBERS, PEN, STROKES, draw
from drawn import written as strokes_of
from PIL import Image
from playwright.sync_api import expect

from inkdigits import spec
from inkdigits.errors import ConfigError, PictureError
from inkdigits.export import export
from inkdigits.exports.web import save_web
from inkdigits.picture.views import close_up, frame_of, side_of, standardised
from inkdigits.reading import finder
from inkdigits.reading.explain import occlusion
from inkdigits.reading.finder import CLOSE_UP_MODEL, FINDER_MODEL
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.reading.reader import Reader
from inkdigits.synthesis.hands import collected
from inkdigits.synthesis.handwriting import rewritten
from inkdigits.synthesis.photos import drawn, photographed
from inkdigits.synthesis.scenes import scene
from support import encoded

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
N_PICTURES, N_SCENES = 150, 24
LEVEL = 1 / 255
# A network's answer differs by some 5e-7 between the two, as one processor's from another's. Where
# one lies that near a threshold, a pixel is ink to one and paper to the other: in 1 to 3 digits of
# 1,000. The digit's frame may then be another by a pixel.
FEW = 0.01
NEARLY = 0.03  # of an array's values then, on average

# Each picture is fetched from the same host and read as the page reads one.
ASK_ALL = """async ([path, names]) => {
  const { ask } = await import(new URL("page/service.js", location));
  const answers = [];
  for (const name of names) {
    const body = await (await fetch(`../pictures/${name}`)).blob();
    answers.push(await ask(path, { body }).catch((error) => error.message));
  }
  return answers;
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


@contextmanager
def opened(browser, address, folder="web", **options):
    """The page; afterwards nothing was said on the console and no other host asked."""
    said, asked = [], []
    context = browser.new_context(reduced_motion="reduce", **options)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    context.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}some/{folder}/")
    page.locator("#model", has_text="Model ").wait_for(timeout=30_000)
    yield page
    context.close()
    assert said == []
    assert any(url.endswith(".wasm.gz") for url in asked)  # what the worker asks for is among them
    assert [url for url in asked if not url.startswith((address, "blob:", "data:"))] == []


@pytest.fixture(scope="module")
def files(sample):
    """150 files of all kinds, by name."""
    random = np.random.default_rng(0)
    images, labels = sample.test.images, sample.test.labels
    hands = collected(images, labels, (), range(300), seed=3)
    found = {}

    def strokes(i):
        return rewritten(images[i], int(labels[i]), random)

    for i in range(N_SCENES):  # strings, amounts, sums, pages, nothing
        found[f"scene {i}"] = encoded(Image.fromarray(scene(hands, 11, i).picture))
    for i, (lines, numbers) in enumerate(((1, 1), (1, 3), (2, 2), (3, 3), (9, 5))):
        found[f"page {i}"] = encoded(Image.fromarray(written(lines, numbers, images, random)))
    for quarters in (1, 2, 3):
        lying = np.rot90(written(3, 3, images, random), quarters)
        found[f"on its side {quarters}"] = encoded(Image.fromarray(lying))
    for i in range(15):
        found[f"drawing {i}"] = encoded(drawn(strokes(i), random))
    for i in range(6):
        photo = photographed(strokes(i), random)
        photo.thumbnail((500, 500))
        found[f"photo {i}"] = encoded(photo)
        found[f"one colour {i}"] = encoded(Image.new("L", (28 + 20 * i, 40), 40 * i))
    for i in range(2):
        blank = photographed(np.zeros((112, 112), np.float32), random)
        blank.thumbnail((500, 500))  # a larger one takes the browser 10 s
        found[f"blank {i}"] = encoded(blank)
    large = photographed(strokes(5), random).resize((2437, 1711))
    found["large"] = encoded(large, compress_level=1)
    found["narrow"] = encoded(large.resize((500, 1250)))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = photographed(strokes(orientation), random)
        image.thumbnail((250, 250))
        found[f"turned {orientation}"] = encoded(image, "JPEG", exif=exif, quality=90)
    for path in sorted(EXAMPLES.glob("[0-9]_*.???")):
        found[path.name] = path.read_bytes()
    for i in range(N_PICTURES - len(found)):
        found[f"small {i}"] = encoded(Image.fromarray(255 - images[i] if i % 2 else images[i]))
    return found


def written(lines, numbers, images, random):
    """A page of numbers, 1 to 4 digits each, in rows and columns."""
    paper = np.full((60 * lines + 40, 130 * numbers + 40), 245, np.uint8)
    for line in range(lines):
        for number in range(numbers):
            for position in range(int(random.integers(1, 5))):
                top = 20 + 60 * line + int(random.integers(0, 8))
                left = 20 + 130 * number + 25 * position
                spot = paper[top : top + 28, left : left + 28]
                ink = images[random.integers(len(images))]
                np.minimum(spot, 245 - np.uint8(0.9 * ink), out=spot)
    return paper


@pytest.fixture(scope="module")
def hosted(host, files):
    """The pictures' names at the host, in their order."""
    for i, data in enumerate(files.values()):
        (host[0].parent / "pictures" / str(i)).write_bytes(data)
    return [str(i) for i in range(len(files))]


@pytest.mark.timeout(600)  # some 40 s on two free cores
def test_the_browser_reads_150_pictures_as_python_does(browser, host, files, hosted):
    assert len(files) == N_PICTURES
    with opened(browser, host[1]) as page:
        theirs = page.evaluate(ASK_ALL, ["/v1/read?array=true", hosted])
    ours = list(Reader(SHIPPED_MODEL).read_many(files.values()))
    wrong, arrays, boxes = [], [], []
    for name, our, their in zip(files, ours, theirs, strict=True):
        their_arrays = [digit.pop("array") for digit in their["digits"]]
        wanted = our.to_dict()
        mine, them = (list(boxed_in(one)) for one in (wanted, their))
        for a, b in zip(mine, them, strict=False):
            boxes.append(np.abs(np.subtract(a.pop("box"), b.pop("box"))).max())
        if rounded(wanted) != their:
            wrong.append((name, wanted["text"], their["text"]))
        else:
            off = np.abs(np.reshape(their_arrays, our.digits.arrays.shape) - our.digits.arrays)
            arrays += zip(off.max((1, 2)).tolist(), off.mean((1, 2)).tolist(), strict=True)
    assert wrong == []
    assert len(arrays) > 400
    assert np.mean(np.array(boxes) > 1) <= FEW
    largest, mean = np.transpose(arrays)
    assert np.mean(largest > LEVEL) <= FEW
    assert mean.max() < NEARLY
    assert any(page.turned for page in ours)


def boxed_in(page):
    """All that has a box in a page's JSON."""
    return page["numbers"] + page["digits"] + page["signs"]


def rounded(value):
    """JSON with its probabilities to a hundredth, with room for one that lies between two."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return pytest.approx(value, abs=0.01) if isinstance(value, float) else value


def test_the_browser_reads_one_digit_as_python_does(browser, host, files, hosted):
    single = [i for i, name in enumerate(files) if "page" not in name and i % 4 == 0]
    data = list(files.values())
    with opened(browser, host[1]) as page:
        names = [hosted[i] for i in single]
        theirs = page.evaluate(ASK_ALL, ["/v1/predict?array=true", names])
    ours = Reader(SHIPPED_MODEL).predict_many([data[i] for i in single])
    for i, our, their in zip(single, ours, theirs, strict=True):
        name = list(files)[i]
        if isinstance(our, PictureError):
            assert "all one colour" in their, name
            continue
        array, box = their.pop("array"), their.pop("box")
        assert rounded({**our.to_dict(), "box": None}) == {**their, "box": None}, name
        assert np.abs(np.subtract(box, our.box)).max() <= 1, name
        assert np.abs(array - our.array).mean() < NEARLY, name


def test_the_browser_doubts_what_python_does_with_a_model_of_digits_alone(
    browser, host, files, hosted, tmp_path
):
    """The shipped model, said to know nothing but digits and to accept from 0.9999."""
    model = onnx.load(str(SHIPPED_MODEL))
    entries = {entry.key: entry.value for entry in model.metadata_props}
    del model.metadata_props[:]
    entries |= {"inkdigits.accept": "0.9999", "inkdigits.nondigits": "none"}
    onnx.helper.set_model_props(model, entries)
    onnx.save(model, str(tmp_path / "digits.onnx"))
    folder = host[0].with_name("alone")
    save_web(tmp_path / "digits.onnx", folder, entries)
    kinds = ("scene", "photo", "drawing")
    chosen = [i for i, name in enumerate(files) if name.startswith(kinds)][::2]
    with opened(browser, host[1], "alone") as page:
        theirs = page.evaluate(ASK_ALL, ["/v1/read", [hosted[i] for i in chosen]])
    data = list(files.values())
    # A small plain picture Python may read without the finder.
    reader = Reader(tmp_path / "digits.onnx")
    reader._plain = lambda opened: {}
    ours = list(reader.read_many([data[i] for i in chosen]))
    doubted = 0
    for our, their in zip(ours, theirs, strict=True):
        wanted = our.to_dict()
        for boxed in boxed_in(wanted) + boxed_in(their):
            del boxed["box"]
        assert rounded(wanted) == their
        doubted += sum(not digit["accepted"] for digit in their["digits"])
    assert doubted > 5
    plain = Reader(SHIPPED_MODEL).read_many([data[i] for i in chosen])
    assert doubted > sum(int((~page.digits.accepted).sum()) for page in plain)


VIEWS = """async ([grey, boxes, sizes]) => {
  const module = (name) => import(new URL(`picture/${name}.js`, location));
  const { closeUp, frameOf, sideOf, standardised } = await module("views");
  const { resized } = await module("resample");
  const picture = { ...grey, data: Float32Array.from(grey.data) };
  const both = (box, side) => [[...closeUp(picture, box, side)], [...frameOf(box, side)]];
  return {
    views: boxes.map(([box, unit]) => both(box, sideOf(box, unit))),
    sizes: sizes.map((to) => [...standardised(resized(picture, ...to)).data]),
  };
}"""


def test_the_networks_are_shown_the_same_numbers(browser, host):
    """Pictures resized and close-ups by OpenCV, against JavaScript's own."""
    random = np.random.default_rng(4)
    grey = cv2.GaussianBlur(random.random((90, 131), np.float32), (0, 0), 1.5)
    middles = random.uniform((-5, -5), (136, 95), (60, 2))
    halves = random.uniform(1, 60, (60, 2))
    boxes = np.concatenate((middles - halves, middles + halves), 1).astype(np.float32)
    units = random.uniform(5, 80, 60).tolist()
    sizes = ((90, 131, "area"), (44, 64, "area"), (30, 44, "area"), (176, 256, "cubic"))
    with opened(browser, host[1]) as page:
        picture = {"height": 90, "width": 131, "data": grey.ravel().tolist()}
        given = [picture, list(zip(boxes.tolist(), units, strict=True)), sizes]
        found = page.evaluate(VIEWS, given)
    for box, unit, (view, frame) in zip(boxes, units, found["views"], strict=True):
        side = side_of(box, unit)
        assert np.abs(np.reshape(view, (48, 48)) - close_up(grey, box, side)).max() < 2e-5
        assert np.array_equal(np.reshape(frame, (48, 48)), frame_of(box, side))
    for (height, width, how), values in zip(sizes, found["sizes"], strict=True):
        way = cv2.INTER_AREA if how == "area" else cv2.INTER_CUBIC
        wanted = standardised(cv2.resize(grey, (width, height), interpolation=way))
        assert np.abs(np.reshape(values, wanted.shape) - wanted).max() < 2e-5


def test_where_decoders_differ_the_digit_is_the_same(browser, host, sample):
    """Pillow reads large JPEGs at half their size, and keeps 16 bits and colours under alpha."""
    folder, address = host
    random = np.random.default_rng(1)
    files = {}
    for i in range(4):
        strokes = rewritten(sample.test.images[i], int(sample.test.labels[i]), random)
        large = photographed(strokes, random).resize((2400, 2000))
        files[f"large {i}.jpg"] = encoded(large, "JPEG", quality=90)
        files[f"deep {i}.png"] = encoded(Image.fromarray(np.uint16(60_000 - 45_000 * strokes)))
        pink = np.full((*strokes.shape, 3), (200, 60, 90), np.uint8)
        seen = np.uint8(230 * strokes)[..., None]
        files[f"clear {i}.png"] = encoded(Image.fromarray(np.concatenate((pink, seen), 2)))
    for name, data in files.items():
        (folder.parent / "pictures" / name).write_bytes(data)
    with opened(browser, address) as page:
        theirs = page.evaluate(ASK_ALL, ["/v1/predict", list(files)])
    assert [reading["digit"] for reading in theirs] == [
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


def test_numbers_are_drawn_and_read(browser, host):
    with opened(browser, host[1]) as page:
        page.locator("#width").fill(PEN)
        for text, *where in NUMBERS:
            draw(page, strokes_of(text, *where))
            expect(page.locator("#result")).to_have_attribute("data-text", text, timeout=10_000)
            n = sum(sign.isdigit() for sign in text)
            expect(page.locator("#boxes div:not(.sign)")).to_have_count(n)
            page.click("#clear")


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
        refused = "Not a picture that this browser can read; save it as a JPEG or PNG."
        expect(page.locator("#detail")).to_have_text(refused)
        expect(page.locator("#again")).to_be_hidden()
        (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7 and so on")
        page.set_input_files("#file", tmp_path / "scan.pdf")
        refused = "PDFs are not read here; save each page as a PNG or JPEG."
        expect(page.locator("#detail")).to_have_text(refused)
        expect(page.locator("#again")).to_be_hidden()


def test_what_mattered_is_what_python_says(browser, host, sample):
    folder, address = host
    random = np.random.default_rng(2)
    small = encoded(Image.fromarray(sample.test.images[0]))
    page_of_two = encoded(Image.fromarray(written(1, 2, sample.test.images, random)))
    for name, data in (("small", small), ("two", page_of_two)):
        (folder.parent / "pictures" / name).write_bytes(data)
    with opened(browser, address) as page:
        (reading,) = page.evaluate(ASK_ALL, ["/v1/predict?saliency=true", ["small"]])
        (found,) = page.evaluate(ASK_ALL, ["/v1/read?saliency=1", ["two"]])
        (refused,) = page.evaluate(ASK_ALL, ["/v1/read?saliency=1", ["small"]])
    reader = Reader(SHIPPED_MODEL)
    known = reader.predict(small)
    assert np.abs(reading["saliency"] - occlusion(reader, known.array, known.digit)).max() < 1e-3
    second = reader.read(page_of_two).digits
    mattered = occlusion(reader, second.arrays[1], int(second.digits[1]))
    assert np.abs(found["digits"][1]["saliency"] - mattered).max() < 1e-3
    assert ["saliency" in digit for digit in found["digits"][:2]] == [False, True]
    assert refused == "Saliency is 1, and the picture has 1 digits."


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


def test_no_number_stands_in_both_languages(host):
    """What JavaScript takes from Python is written into the folder, with a row as a list."""
    constants = host[0] / "constants"
    found = dict(re.findall(r"export const (\w+) = (.*);\n", (constants / "finder.js").read_text()))
    assert found["SEEN"] == str(finder._SEEN)
    assert found["SIZES"] == str(list(finder._SIZES))
    assert f'SORTS = "{spec.SORTS[:12]}' in (constants / "spec.js").read_text()
    about = json.loads((host[0] / "model.json").read_text())
    assert about["finder"]["combine"]["far"] == float(
        finder.shipped_finder().metadata["inkdigits.combine.far"]
    )


def test_the_licences_of_what_is_vendored_lie_beside_it(host):
    assert "Microsoft" in (host[0] / "onnxruntime" / "LICENSE").read_text()
    assert (host[0] / "onnxruntime" / "ThirdPartyNotices.txt").is_file()


def test_a_second_export_takes_the_firsts_place(host):
    (host[0] / "page" / "of_old.js").touch()
    save_web(SHIPPED_MODEL, host[0], Reader().model.metadata)
    assert not (host[0] / "page" / "of_old.js").exists()
    for name, path in (
        ("model", SHIPPED_MODEL),
        ("finder", FINDER_MODEL),
        ("closeup", CLOSE_UP_MODEL),
    ):
        assert (host[0] / f"{name}.onnx").read_bytes() == path.read_bytes()
    assert not [path for path in host[0].parent.iterdir() if path.name.startswith(".")]


def test_a_folder_of_another_kind_is_left_alone(tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "mine.txt").touch()
    with pytest.raises(ConfigError, match=r"holds no model.json.*name another"):
        save_web(SHIPPED_MODEL, tmp_path / "web", {})
    assert (tmp_path / "web" / "mine.txt").is_file()
