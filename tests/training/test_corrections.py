"""Thirty corrections of one hand, by the way they really go: file, PNGs, train --add."""

import asyncio
import hashlib
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import ndimage

from inkdigits import Reader, Run
from inkdigits.cli import cli
from inkdigits.picture.place import place
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.server.corrections import Corrections, Kept, write_corrections
from support import short_ends

N = 30


def leaning_left(digit):
    """The digit (28, 28) uint8 as a hand writes it that leans 45 degrees further to the left."""
    large = np.asarray(Image.fromarray(digit).resize((112, 112), Image.Resampling.BICUBIC))
    wide = np.pad(large.astype(np.float32) / 255, 56)
    return place(ndimage.affine_transform(wide, [[1, 0], [-1, 1]], offset=[0, 112], order=1))


def wrong(model, arrays, labels):
    return Reader(model, threads=1).probabilities(arrays).argmax(1) != labels


def keep(path, arrays, labels):
    file = Corrections(path)
    for number, (array, label) in enumerate(zip(arrays, labels, strict=True)):
        image = np.rint(255 * array).astype(np.uint8).tobytes()
        kept = Kept(int(label), b"picture %d" % number, image, 8, 0.5, None, "")
        asyncio.run(file.keep(kept))
    file.close()


@pytest.fixture(scope="module")
def hand(sample):
    """700 digits of the hand, and 300 of MNIST: all of them from the set that is not trained on."""
    mixed = np.random.default_rng(0).permutation(1000)
    test = sample.test.take(mixed, "mixed")
    leaning = np.stack([leaning_left(digit) for digit in test.images[:700]])
    plain = test.images[700:].astype(np.float32) / 255
    return (leaning, test.labels[:700]), (plain, test.labels[700:])


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, hand):
    """A run that learnt the first thirty digits of the hand that the shipped model reads wrong."""
    folder = tmp_path_factory.mktemp("learnt")
    leaning, labels = hand[0]
    chosen = np.flatnonzero(wrong(SHIPPED_MODEL, leaning, labels))[:N]
    keep(folder / "kept.db", leaning[chosen], labels[chosen])
    assert write_corrections(folder / "kept.db", folder / "mine") == N
    args = ["--data", "sample", "--add", folder / "mine", "--threads", 1]
    with short_ends():
        done = CliRunner().invoke(
            cli, ["train", "--from", *map(str, [SHIPPED_MODEL, *args, "--out", folder / "run"])]
        )
    assert done.exit_code == 0, done.output
    return folder / "run", np.delete(np.arange(len(labels)), chosen), done


def test_thirty_corrections_teach_a_hand_and_cost_nothing_of_mnist(learnt, hand):
    run, others, _ = learnt
    leaning, labels = hand[0]
    before, after = (
        wrong(model, leaning[others], labels[others]).mean() for model in (SHIPPED_MODEL, run)
    )
    assert before > 0.03
    assert 0 < after < 0.7 * before
    before, after = (int(wrong(model, *hand[1]).sum()) for model in (SHIPPED_MODEL, run))
    assert after <= before
    found = json.loads((run / "result.json").read_text())["fine_tuning"]
    assert 0 < found["kept"] <= 0.5
    assert found["end_accuracy"] >= found["start_accuracy"]
    assert found["start_added"] == 0
    assert found["end_added"] > 0.7


def test_the_run_says_what_was_added(learnt):
    run, _, done = learnt
    added = json.loads((run / "result.json").read_text())["data"]["added"]
    assert (added["name"], added["images"], added["times"]) == ("mine", N, 13)
    assert Reader(run).model.accept == Reader().model.accept > 0  # it doubts what it did
    assert json.loads(Reader(run).model.metadata["inkdigits.added"]) == added
    assert "30 added digits of mine, each 13 times" in " ".join(
        (run / "report.html").read_text().split()
    )
    assert f"added: 30 digits of {run.parent / 'mine'}, each 13 times" in done.stderr
    assert "added digits: 0% right before, " in done.stderr
    tuned = json.loads((run / "result.json").read_text())["fine_tuning"]
    report = (run / "report.html").read_text()
    assert f"Kept: {100 * tuned['kept']:.0f} % of the way from the start's weights" in report
    assert "<td>added digits, which were learnt</td><td>0.00</td>" in report
    assert "added digits: 0% right before, " in Run(run)._repr_html_()


def test_a_resumed_run_knows_what_was_added(learnt):
    run, _, _ = learnt
    model = run / "model.onnx"
    whole = hashlib.sha256(model.read_bytes()).hexdigest()
    model.unlink()
    (run / "result.json").unlink()  # as if stopped after the last epoch
    with short_ends():
        done = CliRunner().invoke(cli, ["train", "--resume", str(run)])
    assert done.exit_code == 0, done.output
    assert hashlib.sha256(model.read_bytes()).hexdigest() == whole


def test_digits_are_added_without_a_model_to_go_on_from_as_well(learnt, tmp_path, monkeypatch):
    def enough(*_):
        raise KeyboardInterrupt  # exports and pictures are the same and cost the most

    monkeypatch.setattr("inkdigits.runs.run.write_models", enough)
    args = ["--recipe", "flash", "--data", "sample", "--add", learnt[0].parent / "mine"]
    done = CliRunner().invoke(cli, ["train", *map(str, [*args, "--out", tmp_path / "run"])])
    assert "mine, each 13 times" in done.stderr
    assert "3,990 images, 400 held out for validation" in done.stderr
    assert "of 1,000 images right" in done.stderr


def test_a_run_that_goes_on_takes_no_other_settings():
    done = CliRunner().invoke(cli, ["train", "--resume", "x", "--seed", "3"])
    assert done.exit_code == 2
    assert "--resume continues with the run's own settings" in done.stderr


def test_a_folder_that_is_not_there_stops_the_run(tmp_path):
    args = ["train", "--data", "sample", "--add", tmp_path / "mine", "--out", tmp_path / "run"]
    done = CliRunner().invoke(cli, list(map(str, args)))
    assert f"{tmp_path / 'mine'}: does not exist; expected a folder of pictures" in str(
        done.exception
    )
