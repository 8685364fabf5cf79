import hashlib
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image, ImageDraw, ImageFont

import inkdigits
from inkdigits.errors import ConfigError, ModelError, PictureError
from inkdigits.reading.model_file import FIRST_MODEL, SECOND_MODEL, SHIPPED_MODEL, ModelFile
from inkdigits.reading.reader import Reader, Reading
from inkdigits.synthesis.nondigits import plain_fonts
from support import encoded


@pytest.fixture(scope="module")
def reader():
    return Reader()


def test_the_second_network_is_asked_where_the_first_is_not_clear(reader, sample):
    arrays = sample.test.images[:500].astype(np.float32) / np.float32(255)
    first, second = ModelFile(FIRST_MODEL, 1), ModelFile(SECOND_MODEL, 1)
    clear = first.run(arrays).max(1) >= float(first.metadata["inkdigits.clear"])
    assert 250 < clear.sum() < 500
    wanted = np.where(clear[:, None], first.run(arrays), second.run(arrays))
    assert np.abs(reader.probabilities(arrays) - wanted).max() < 1e-5
    alone = ModelFile(SHIPPED_MODEL, 1).run(arrays)
    assert np.abs(Reader(SHIPPED_MODEL).probabilities(arrays) - alone).max() < 1e-5


def test_the_two_that_read_in_its_place_are_those_of_the_shipped_model():
    shipped = hashlib.sha256(SHIPPED_MODEL.read_bytes()).hexdigest()
    about = ModelFile(SHIPPED_MODEL, 1).metadata
    first, second = (ModelFile(path, 1).metadata for path in (FIRST_MODEL, SECOND_MODEL))
    assert first["inkdigits.first_of"] == second["inkdigits.second_of"] == shipped
    assert second["inkdigits.accept"] == about["inkdigits.accept"]
    assert FIRST_MODEL.stat().st_size < 70_000
    assert SECOND_MODEL.stat().st_size < 300_000


def test_in_8_bits_the_second_answers_as_the_shipped_model(sample):
    arrays = sample.test.images.astype(np.float32) / np.float32(255)
    wanted, found = (ModelFile(path, 1).run(arrays) for path in (SHIPPED_MODEL, SECOND_MODEL))
    assert np.array_equal(found.argmax(1), wanted.argmax(1))
    assert np.abs(found - wanted).mean() < 2e-4
    assert np.abs(found.sum(1) - 1).max() < 1e-5  # they are no multiples of 1/256


def test_the_shipped_model_is_small_and_reads_real_digits(reader, sample):
    assert SHIPPED_MODEL.stat().st_size <= 1_000_000
    readings = reader.read_arrays(sample.test.images.astype(np.float32) / 255)
    right = np.mean(
        [r.digit == label for r, label in zip(readings, sample.test.labels, strict=True)]
    )
    # The sample is part of MNIST's training set, which the model has seen.
    assert right > 0.995


def test_a_reading_is_a_distribution_with_its_peak(reader, seven):
    reading = reader.predict(seven)
    assert reading.digit == 7
    assert sum(reading.probabilities) == pytest.approx(1, abs=1e-5)
    assert reading.confidence == max(reading.probabilities)
    assert reading.top(3)[0] == (7, pytest.approx(reading.confidence))
    assert set(reading.to_dict()) == {
        "digit", "confidence", "probabilities", "accepted", "reason", "box",
    }  # fmt: skip


def test_a_reading_has_the_array_that_the_classifier_saw(reader, photo):
    reading = reader.predict(photo)
    digits = reader.read(photo).digits
    assert len(digits) == 1
    assert np.array_equal(reading.array, digits.arrays[0])
    assert reading.array.base is None  # no other digit of the picture is held with it


def test_the_picture_path_reads_mnist_as_the_array_path_does(reader, sample):
    arrays = reader.read_arrays(sample.test.images.astype(np.float32) / 255)
    pictures = list(reader.predict_many(sample.test.images))
    same = np.mean([a.digit == p.digit for a, p in zip(arrays, pictures, strict=True)])
    assert same > 0.997


def test_read_many_keeps_the_order_and_reads_on_after_a_bad_picture(reader, seven):
    blank = np.zeros((50, 50), np.uint8)
    found = list(reader.predict_many([seven, blank, b"no picture", seven], batch=2))
    assert [f.digit for f in (found[0], found[3])] == [7, 7]
    assert all(isinstance(f, PictureError) for f in found[1:3])


@pytest.fixture
def photo(seven):
    """The 7 dark on light paper with some grain, ink from (250, 150) to (315, 250) of 600 x 400."""
    page = 200 + np.random.default_rng(0).normal(0, 4, (400, 600))
    rows, columns = np.flatnonzero(seven.any(1)), np.flatnonzero(seven.any(0))
    ink = seven[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    page[150:250, 250:315] -= np.kron(ink, np.ones((5, 5))) * (150 / 255)
    return Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("turns", [0, 1])
def test_the_box_is_where_the_ink_is_in_the_upright_picture(reader, photo, turns):
    picture = photo
    if turns:  # stored lying on its side, as a phone does
        exif = Image.Exif()
        exif[0x0112] = 6
        picture = encoded(photo.rotate(90, expand=True), "JPEG", exif=exif, quality=95)
    reading = reader.predict(picture)
    assert reading.digit == 7
    assert reading.accepted
    assert np.abs(np.array(reading.box) - (250, 150, 315, 250)).max() <= 3


def test_the_box_counts_the_pictures_own_pixels(reader, photo):
    reading = reader.predict(photo.resize((3000, 2000)))
    assert np.abs(np.array(reading.box) - (1250, 750, 1575, 1250)).max() <= 15


def test_blank_paper_is_not_accepted(reader):
    for seed in range(5):
        page = 180 + np.random.default_rng(seed).normal(0, 5, (300, 400))
        reading = reader.predict(page.astype(np.uint8))
        assert not reading.accepted
        assert reading.reason == "blank"


@pytest.mark.parametrize(("paper", "sd"), [(235, 1), (235, 6), (250, 6), (128, 6), (30, 6)])
def test_what_jpeg_makes_of_grain_is_no_digit(reader, paper, sd):
    grain = np.random.default_rng(1).normal(0, sd, (400, 300))
    grey = np.clip(paper + grain, 0, 255).astype(np.uint8)
    assert reader.read(encoded(grey, "JPEG", quality=30)).text == ""


def test_two_digits_side_by_side_are_not_accepted(reader, sample):
    taken = 0
    for left, right in zip(sample.test.images[::50], sample.test.images[25::50], strict=True):
        page = np.zeros((60, 90), np.uint8)
        page[16:44, 8:36] = left
        page[16:44, 50:78] = right
        reading = reader.predict(255 - page)
        taken += reading.accepted
        assert reading.accepted or reading.reason in ("several digits", "no digit", "unsure")
    assert taken <= 2  # of 20


def test_noise_is_not_accepted(reader):
    random = np.random.default_rng(0)
    found = [reader.predict(random.integers(0, 256, (64, 64), np.uint8)) for _ in range(20)]
    assert sum(reading.accepted for reading in found) <= 1


def test_a_lighter_part_of_a_stroke_belongs_to_the_digit(reader):
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:300, 0:300]
    ring = np.abs(np.hypot((y - 150) / 1.4, x - 150) - 60) < 4
    page = 220 - ring * np.where((x > 170) & (abs(y - 150) < 60), 55.0, 130.0)
    page += random.normal(0, 3, page.shape)
    picture = page.astype(np.uint8)
    reading = reader.predict(picture)
    assert reading.digit == 0
    assert reading.accepted
    assert list(reader.predict_many([picture])) == [reading]


def test_a_small_picture_that_is_plain_needs_no_finder(reader, seven, monkeypatch):
    asked = []
    answers = reader.probabilities
    monkeypatch.setattr(reader, "probabilities", lambda a: asked.append(len(a)) or answers(a))
    assert reader.predict(seven).confidence > 0.98
    assert asked == [1]
    asked.clear()
    letter = np.zeros((28, 28), np.uint8)  # an X
    for i in range(4, 24):
        letter[i, i : i + 3] = letter[i, 25 - i : 28 - i] = 255
    reading = reader.predict(letter)
    assert len(asked) == 2  # as it is cut out at once, and as the finder does
    assert not reading.accepted


def test_a_digit_beside_a_hard_shadow_is_found(reader, seven):
    page = np.full((400, 600), 205.0)
    digit = np.kron(seven, np.ones((2, 2)))
    page[120:176, 380:436] -= digit * (120 / 255)
    y, x = np.mgrid[0:400, 0:600]
    page[x > 60 + 0.6 * y] *= 0.4
    reading = reader.predict(
        (page + np.random.default_rng(0).normal(0, 2, page.shape)).astype(np.uint8)
    )
    assert reading.digit == 7
    assert reading.accepted


@pytest.mark.parametrize("edge", [6, 14, 22])
def test_a_small_photo_with_a_shadow_across_it_is_read(reader, seven, edge):
    page = np.full((28, 28), 210.0)
    page[:, :edge] *= 0.65
    reading = reader.predict((page * (1 - 0.7 * seven / 255)).astype(np.uint8))
    assert reading.digit == 7
    assert reading.accepted


def test_a_forms_line_does_not_win_over_a_doubtful_digit(reader):
    page = np.full((120, 160), 240, np.uint8)
    page[:, 150:153] = 30  # runs out of the picture: alone it would be a 1
    random = np.random.default_rng(3)
    page[30:90, 40:100] -= (random.random((60, 60)) < 0.4).astype(np.uint8) * 120
    reading = reader.predict(page)
    assert not reading.accepted


@pytest.fixture
def digits_alone(tmp_path):
    """The shipped model, said to be trained on digits alone and to accept from 0.99."""
    model = onnx.load(str(SHIPPED_MODEL))
    for entry in model.metadata_props:
        if entry.key == "inkdigits.accept":
            entry.value = "0.99"
    entry = model.metadata_props.add()
    entry.key, entry.value = "inkdigits.nondigits", "none"
    onnx.save(model, str(tmp_path / "alone.onnx"))
    return tmp_path / "alone.onnx"


def always(digit, confidence):
    """Probabilities that name one digit, whatever is asked."""
    row = np.full(10, (1 - confidence) / 9, np.float32)
    row[digit] = confidence
    return lambda arrays: np.tile(row, (len(arrays), 1))


@pytest.mark.parametrize("times", [1, 8])
def test_a_letter_is_no_digit_to_a_model_that_is_sure_of_everything(
    digits_alone, monkeypatch, times
):
    font = ImageFont.truetype(str(plain_fonts()[0]), 24)
    page = Image.new("L", (28, 28), 255)
    ImageDraw.Draw(page).text((14, 14), "W", 0, font, anchor="mm")
    reader = Reader(digits_alone)
    monkeypatch.setattr(reader, "probabilities", always(4, 0.999))
    reading = reader.predict(page.resize((28 * times, 28 * times)))
    assert not reading.accepted
    assert reading.reason == "no digit"


def test_a_plain_digit_needs_no_finder_where_the_packages_model_sees_one_too(
    digits_alone, monkeypatch, seven
):
    reader = Reader(digits_alone)
    monkeypatch.setattr(reader, "probabilities", always(7, 0.995))
    monkeypatch.setattr(reader, "_find", None)
    reading = reader.predict(seven)
    assert (reading.digit, reading.accepted) == (7, True)
    assert reading.confidence == pytest.approx(0.995)


def test_in_a_large_picture_too_a_digit_is_doubtful_where_the_model_doubts(
    digits_alone, monkeypatch, photo
):
    reader = Reader(digits_alone)
    for own, accepted in ((0.995, True), (0.12, False)):
        monkeypatch.setattr(reader, "probabilities", always(7, own))
        reading = reader.predict(photo)
        assert reading.digit == 7
        assert reading.accepted is accepted
        assert reading.reason == ("" if accepted else "unsure")


def test_what_reads_beside_a_model_of_digits_alone_is_named(digits_alone):
    names = [path.name for path in Reader(digits_alone).model.files]
    assert names == ["alone.onnx", "first.onnx", "second.onnx", "finder.onnx", "closeup.onnx"]
    names = [path.name for path in Reader(SHIPPED_MODEL).model.files]
    assert names == ["digits.onnx", "finder.onnx", "closeup.onnx"]


def test_a_models_own_level_of_acceptance_counts(tmp_path, sample):
    arrays = sample.test.images[:100].astype(np.float32) / np.float32(255)
    readings = Reader(SHIPPED_MODEL).read_arrays(arrays)
    number = min(range(100), key=lambda i: readings[i].confidence)
    digit, confidence = readings[number].digit, readings[number].confidence
    model = onnx.load(str(SHIPPED_MODEL))
    for entry in list(model.metadata_props):
        if entry.key == "inkdigits.accept":
            model.metadata_props.remove(entry)
    half_way_to_sure = (1 + confidence) / 2
    for stated, accepted in ((half_way_to_sure, False), (confidence / 2, True)):
        entry = model.metadata_props.add()
        entry.key, entry.value = "inkdigits.accept", str(stated)
        onnx.save(model, str(tmp_path / "model.onnx"))
        (reading,) = Reader(tmp_path / "model.onnx").read_arrays(arrays[number : number + 1])
        assert reading.digit == digit
        assert reading.accepted is accepted
        assert (reading.reason == "") is accepted
        model.metadata_props.remove(entry)


def test_a_models_own_level_counts_in_what_the_finding_networks_read(tmp_path, seven):
    picture = 255 - np.kron(
        np.pad(seven, 30), np.ones((3, 3), np.uint8)
    )  # too large for the bypass
    model = onnx.load(str(SHIPPED_MODEL))
    (entry,) = (e for e in model.metadata_props if e.key == "inkdigits.accept")
    confidence = []
    for level in ("0.5", "1.0"):
        entry.value = level
        onnx.save(model, str(tmp_path / "model.onnx"))
        reader = Reader(tmp_path / "model.onnx")
        reading, page = reader.predict(picture), reader.read(picture)
        assert (reading.digit, page.text) == (7, "7")
        assert reading.confidence == pytest.approx(page.numbers[0].confidence)
        confidence.append(reading.confidence)
    assert confidence[1] < confidence[0]


def test_the_packages_own_functions_use_the_shipped_model(seven):
    assert inkdigits.predict(seven).digit == 7
    assert inkdigits.read(seven).text == "7"


def test_arrays_of_another_range_or_shape_are_refused(reader):
    with pytest.raises(PictureError, match="divide 8-bit pixels by 255"):
        reader.probabilities(np.full((1, 28, 28), 255, np.float32))
    with pytest.raises(PictureError, match=r"arrays are \(28, 28\), expected \(N, 28, 28\)"):
        reader.probabilities(np.zeros((28, 28), np.float32))
    with pytest.raises(PictureError, match="expected 0"):
        reader.probabilities(np.full((1, 28, 28), np.nan, np.float32))


def test_a_model_that_is_not_ours_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no such model"):
        Reader(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ModelError, match="not an ONNX file, or a damaged one"):
        Reader(broken)
    foreign = onnx.load(str(SHIPPED_MODEL))
    del foreign.metadata_props[:]
    onnx.save(foreign, str(tmp_path / "foreign.onnx"))
    with pytest.raises(ModelError, match=r"has no metadata entry 'inkdigits\.spec'"):
        Reader(tmp_path / "foreign.onnx")


@pytest.mark.parametrize("name", ["mnist_cnn_model.keras", "best_mnist_model.h5"])
def test_a_keras_file_names_the_onnx_beside_it_or_how_to_make_one(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"never opened")
    with pytest.raises(ModelError) as refused:
        Reader(path)
    assert str(refused.value) == (
        f"{path}: is a Keras file, expected an .onnx file; "
        f"write one: inkdigits export {path} --to FOLDER --format onnx"
    )
    for beside in (tmp_path / "model.onnx", path.with_suffix(".onnx")):
        beside.touch()
        with pytest.raises(ModelError, match=rf"the one beside it is {beside}$"):
            Reader(path)


def test_a_model_of_another_size_is_refused(tmp_path):
    other = onnx.load(str(SHIPPED_MODEL))
    other.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 32
    other.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 32
    onnx.save(other, str(tmp_path / "other.onnx"))
    with pytest.raises(ModelError, match="not a model ONNX Runtime can load"):
        Reader(tmp_path / "other.onnx")


def test_a_model_of_a_later_format_is_refused_in_words(tmp_path):
    later = onnx.load(str(SHIPPED_MODEL))
    later.ir_version = 99
    onnx.save(later, str(tmp_path / "later.onnx"))
    with pytest.raises(ModelError, match=r"can load: Unsupported model IR version: 99.*export it"):
        Reader(tmp_path / "later.onnx")


def test_a_model_of_fewer_classes_is_refused(tmp_path):
    other = onnx.load(str(SHIPPED_MODEL))
    weights, bias = (
        next(w for w in other.graph.initializer if w.name == f"layer16.{part}")
        for part in ("weight", "bias")
    )
    for part in (weights, bias):
        part.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(part)[:9], part.name))
    other.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 9
    onnx.save(other, str(tmp_path / "other.onnx"))
    with pytest.raises(ModelError, match=r"gives \[\('probabilities', \[9\], .*expected .* \[10\]"):
        Reader(tmp_path / "other.onnx")


def test_a_model_whose_metadata_are_no_text_is_refused(tmp_path):
    data = SHIPPED_MODEL.read_bytes()
    (tmp_path / "model.onnx").write_bytes(data.replace(b"inkdigits.seed", b"inkdigits.\xffeed"))
    with pytest.raises(ModelError, match="not a model ONNX Runtime can load"):
        Reader(tmp_path / "model.onnx")


def test_a_model_that_answers_no_probabilities_is_refused(tmp_path):
    model = onnx.load(str(SHIPPED_MODEL))
    bias = next(w for w in model.graph.initializer if w.name == "layer16.bias")
    bias.CopyFrom(numpy_helper.from_array(np.full(10, np.nan, np.float32), bias.name))
    onnx.save(model, str(tmp_path / "model.onnx"))
    with pytest.raises(ModelError, match="gives values that are not numbers"):
        Reader(tmp_path / "model.onnx")


def test_reading_imports_no_training_framework():
    code = (
        "import sys, inkdigits; inkdigits.Reader();"
        "heavy = {'torch', 'keras', 'matplotlib', 'sklearn', 'pandas', 'onnx', 'rich'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("limit", [0, -1, float("nan"), "60", None])
@pytest.mark.parametrize("name", ["max_pixels", "max_seconds"])
def test_a_limit_is_a_number_above_0(name, limit):
    with pytest.raises(ConfigError, match=f"{name} is {limit!r}, expected a number above 0"):
        Reader(**{name: limit})


def test_a_batch_of_none_and_what_is_no_array_are_refused(reader):
    with pytest.raises(ConfigError, match="batch is 0, expected 1 or more"):
        list(reader.read_many([], batch=0))
    with pytest.raises(ConfigError, match=r"pictures is 'one\.png', expected several; read and"):
        list(reader.read_many("one.png"))
    with pytest.raises(PictureError, match="str is not an array"):
        reader.probabilities("x")


def test_a_reading_is_shown_with_a_bar_for_each_digit():
    reading = Reading(7, 0.8, (0.05,) * 4 + (0.0,) * 3 + (0.8, 0.0, 0.0), False, "unsure")
    assert repr(reading) == "<Reading 7: 80.00%, unsure: not accepted>"
    shown = reading._repr_html_()
    assert shown.count("<tr>") == 10
    assert "width:80.0px" in shown
    assert "not accepted: unsure" in shown
