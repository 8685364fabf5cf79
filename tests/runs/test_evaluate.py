import csv
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from PIL import Image

from inkdigits.cli import cli
from inkdigits.data.digits import Digits, DigitSets
from inkdigits.errors import ConfigError, DataError, MissingExtraError, ModelError
from inkdigits.export import export
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.reading.reader import Reader
from inkdigits.runs import evaluate as module
from inkdigits.runs.evaluate import FILES, WRONG, evaluate
from support import names_in_utf_8, without_pictures


def nothing(*told):
    pass


@pytest.fixture
def small(monkeypatch, sample):
    """200 training and 100 test digits in the place of any source, as it would be loaded."""
    mixed = np.random.default_rng(0).permutation(1000)

    def put(split=False, labels=None):
        train, test = sample.train.take(mixed[:200], "train"), sample.test.take(mixed[:100], "test")
        if labels is not None:
            test = Digits(test.images, labels, test.name, test.source)
        said = "Some are split off." if split else ""
        sets = DigitSets(train, test, "small", f"{said} One is blank.".strip(), split=said)
        monkeypatch.setattr(module, "load", lambda source, advance: sets)
        return sets

    return put


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    for _ in export(str(SHIPPED_MODEL), folder, ["keras", "h5"]):
        pass
    return folder


def test_the_numbers_are_those_of_the_models_answers(small):
    test = small().test
    wrong = (test.labels + (np.arange(100) < 10)) % 10  # ten labels are one too high
    answers = Reader(SHIPPED_MODEL).probabilities(test.images.astype(np.float32) / 255)
    result = evaluate(str(SHIPPED_MODEL), "any", None).result
    right = (answers.argmax(1) == test.labels).mean()
    assert result.scores.accuracy == pytest.approx(right)
    level = result.acceptance.level
    assert level == float(Reader(SHIPPED_MODEL).model.metadata["inkdigits.accept"]) > 0
    assert result.acceptance.accepted == pytest.approx((answers.max(1) >= level).mean())
    small(labels=wrong)
    found = evaluate(str(SHIPPED_MODEL), "any", None).result.scores
    assert found.accuracy == pytest.approx((answers.argmax(1) == wrong).mean())
    assert 0.85 < found.accuracy < right
    assert found.matrix[wrong[0]][test.labels[0]] >= 1


@pytest.mark.parametrize(
    ("part", "split", "n"),
    [(None, False, 100), (None, True, 300), ("test", True, 100), ("train", False, 200),
     ("all", False, 300)],
)  # fmt: skip
def test_the_part_is_the_test_part_or_all_where_there_is_none(small, part, split, n):
    small(split)
    result = evaluate(None, "any", part).result
    assert result.data.images == result.scores.n == n
    said = "Some are split off. " if (part, split) == ("test", True) else ""
    assert result.data.notice == f"{said}One is blank."


def test_a_part_that_is_none_is_not_taken_for_another(small):
    small()
    with pytest.raises(ConfigError, match="part is 'tset', expected one of test, train, all"):
        evaluate(None, "any", "tset")


def test_of_what_the_model_has_learnt_only_what_it_has_not_is_scored(small, tmp_path):
    sets = small(split=True)
    model = onnx.load(str(SHIPPED_MODEL))
    for entry in model.metadata_props:
        if entry.key == "inkdigits.data_sha256":
            entry.value = sets.train.sha256
    onnx.save(model, str(tmp_path / "own.onnx"))
    result = evaluate(str(tmp_path / "own.onnx"), "any", None).result
    assert result.data.images == 100
    result = evaluate(str(tmp_path / "own.onnx"), "any", "all").result
    seen = "The model was trained on digits of this set: it has seen them."
    assert result.data.notice == f"{seen} One is blank."


@pytest.mark.parametrize("part", ["all", "test"])
def test_of_digits_that_were_added_in_training_it_is_said(small, tmp_path, part):
    sets = small(split=True)
    in_file = np.arange(300).reshape(100, 3)  # every third digit of the file was split off
    train = replace(sets.train, positions=in_file[:, :2].ravel())
    test = replace(sets.test, positions=in_file[:, 2])
    both = replace(sets, train=train, test=test)
    order = np.argsort(np.concatenate([train.positions, test.positions]))
    images, labels = (
        np.concatenate([getattr(one, name) for one in (train, test)])[order]
        for name in ("images", "labels")
    )
    learnt = Digits(images, labels, "", "") if part == "all" else test
    model = onnx.load(str(SHIPPED_MODEL))
    model.metadata_props.add(key="inkdigits.added", value=json.dumps({"sha256": learnt.sha256}))
    onnx.save(model, str(tmp_path / "own.onnx"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load", lambda source, advance: both)
        found = evaluate(str(tmp_path / "own.onnx"), "any", part)
        other = evaluate(str(tmp_path / "own.onnx"), "any", "train")
    assert "it has seen them" in found.result.data.notice
    assert "it has seen them" not in other.result.data.notice


def test_a_few_pictures_are_scored_without_a_split(tmp_path, sample):
    for label in (3, 7):
        image = sample.test.images[np.flatnonzero(sample.test.labels == label)[0]]
        Image.fromarray(image).save(tmp_path / f"{label}_1.png")
    result = evaluate(None, str(tmp_path), None).result
    assert (result.scores.n, result.scores.per_class_n) == (
        2, (0, 0, 0, 1, 0, 0, 0, 1, 0, 0)
    )  # fmt: skip
    with pytest.raises(DataError, match="cannot split off 20%"):
        evaluate(None, str(tmp_path), "test")


def test_a_folder_of_an_evaluation_holds_what_the_command_says(small, tmp_path):
    sets = small()
    labels = sets.test.labels.copy()
    labels[4] = (labels[4] + 1) % 10
    small(labels=labels)
    out = tmp_path / "out"
    done = CliRunner().invoke(cli, ["evaluate", "--data", "any", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert {path.name for path in out.iterdir()} == set(FILES)
    assert all(f"\n  {name} " in done.stdout for name in FILES)
    result = json.loads((out / "result.json").read_text())
    rows = list(csv.DictReader((out / WRONG).open()))
    assert len(rows) == result["scores"]["n"] - sum(
        row[i] for i, row in enumerate(result["scores"]["matrix"])
    )
    row = next(row for row in rows if row["index"] == "4")
    assert (row["digit"], row["read_as"]) == (str(labels[4]), str((labels[4] - 1) % 10))
    report = (out / "report.html").read_text()
    text, pictures = without_pictures(report)
    assert pictures == 4
    assert "http" not in text
    accuracy = f"{100 * result['scores']['accuracy']:.2f} %"
    assert f"{accuracy} of 100 digits read right" in text
    assert f"{result['acceptance']['level']:.4f}" in text
    assert accuracy.replace(" ", "") in done.stdout


@names_in_utf_8
def test_what_is_read_wrongly_is_named_by_file_and_index(tmp_path, sample):
    """Of 20 pictures 18 and 19 are labelled otherwise, and they have odd names."""
    folder = tmp_path / "mine"
    folder.mkdir()
    names = [f"{d}_{n}.png".encode() for n in range(2) for d in range(10)]
    names[18:] = [b"3_\xff.png", b"4_\r.png"]
    for i, name in enumerate(names):
        image = sample.test.images[np.flatnonzero(sample.test.labels == i % 10)[i // 10]]
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:
            Image.fromarray(image).save(file, "PNG")
    found = evaluate(None, str(folder), "all")
    found.save(tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / WRONG).open(newline="")))
    there = sorted(
        names, key=lambda name: (-1 if not name[2:3].isdigit() else int(name[2:3]), name)
    )
    wrong = {
        str(there.index(names[18])): ("3", "8", f"{folder}/3_\\udcff.png"),
        str(there.index(names[19])): ("4", "9", f"{folder}/4_\r.png"),
    }
    assert {row["index"]: (row["digit"], row["read_as"], row["file"]) for row in rows} == wrong


def test_of_a_split_table_the_index_is_the_files_and_no_file_is_named(tmp_path, small):
    sets = small(split=True)
    labels = sets.test.labels.copy()
    labels[4] = (labels[4] + 1) % 10
    small(split=True, labels=labels)
    found = evaluate(None, "any", "all")
    found.save(tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / WRONG).open()))
    assert ("4", str(labels[4]), "") in [(r["index"], r["digit"], r["file"]) for r in rows]


def test_a_filled_folder_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "result.json").write_text("{}")
    command = ["evaluate", "no such model", "--data", "no such data", "--out", str(tmp_path)]
    done = CliRunner().invoke(cli, command)
    assert "already exists and is not empty" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_report_is_shown_in_a_notebook(small):
    small()
    found = evaluate(None, "any")
    assert repr(found) == f"<Report {found.accuracy:.2%} of 100 digits right: test>"
    shown = found._repr_html_()
    assert shown.count("data:image/png;base64,") == 2
    assert list(found.plots) == [
        "confusion_matrix", "calibration", "incorrect_predictions", "correct_predictions",
    ]  # fmt: skip


def test_the_printed_table_has_each_digit_and_what_it_is_read_as(small):
    sets = small()
    done = CliRunner().invoke(cli, ["evaluate", "--data", "any"])
    lines = done.stdout.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("digit"))
    found = [line.split()[:2] for line in lines[first + 1 :]]
    assert found == [[str(d), str((sets.test.labels == d).sum())] for d in range(10)]
    assert "accepted" in done.stdout


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_keras_file_of_ours_is_scored_as_its_onnx_is(small, keras_files, ending):
    small()
    wanted = evaluate(str(SHIPPED_MODEL), "any", None).result
    found = evaluate(str(keras_files / f"model.{ending}"), "any", None).result
    assert found.scores.matrix == wanted.scores.matrix
    assert found.scores.loss == pytest.approx(wanted.scores.loss, rel=1e-3)
    assert found.acceptance.level == wanted.acceptance.level
    assert found.model.identity != wanted.model.identity


def test_a_keras_file_without_keras_names_what_to_install(small, keras_files, monkeypatch):
    small()
    monkeypatch.delitem(sys.modules, "inkdigits.exports.keras_file", raising=False)
    monkeypatch.delitem(sys.modules, "inkdigits.exports.keras", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingExtraError, match=r"needs keras, .*pip install 'inkdigits\[train\]'"):
        evaluate(str(keras_files / "model.keras"), "any", None)


def test_a_model_that_is_missing_or_foreign_is_named(small, tmp_path):
    small()
    with pytest.raises(ModelError, match=r"none\.keras: no such model"):
        evaluate(str(tmp_path / "none.keras"), "any", None)
    (tmp_path / "broken.keras").write_bytes(b"no archive")
    with pytest.raises(ModelError, match=r"broken\.keras: not a readable Keras file"):
        evaluate(str(tmp_path / "broken.keras"), "any", None)


def test_scoring_a_model_imports_no_training_framework(tmp_path):
    code = (
        "import sys; from inkdigits.runs.evaluate import evaluate\n"
        "evaluate(None, 'sample')\n"
        "print(sorted({'torch', 'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
