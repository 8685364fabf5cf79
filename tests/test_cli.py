import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from inkdigits.cli import cli
from inkdigits.reading.reader import Reader
from inkdigits.version import __version__
from support import names_in_utf_8, without_pictures


def run(*args, **options):
    """The command as a process."""
    return subprocess.run(
        [sys.executable, "-m", "inkdigits", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **options,
    )


def run_here(*args):
    """The command in this process, which has loaded PyTorch already. Errors are exceptions."""
    return CliRunner().invoke(cli, list(map(str, args)))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A real, small run: the sample, one epoch."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    done = run("train", "--data", "sample", "--epochs", 1, "--batch-size", 64, "--out", folder)
    assert done.returncode == 0, done.stderr
    return folder, done


FILES = (
    "mnist_cnn_model.keras", "mnist_cnn_model.h5", "best_mnist_model.h5", "training_history.pkl",
    "class_distribution_mnist.png", "sample_digits.png", "training_history.png",
    "confusion_matrix_mnist.png", "correct_predictions.png", "incorrect_predictions.png",
    "model.onnx", "report.html", "result.json", "history.json", "checkpoint.safetensors",
    "settings.json", "settings.toml",
)  # fmt: skip


def test_a_run_folder_holds_every_file_and_no_other(run_folder):
    folder, done = run_folder
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    assert all((folder / name).stat().st_size > 100 for name in FILES)
    assert f"in {folder}:" in done.stdout
    assert all(f"\n  {name} " in done.stdout for name in FILES)


def test_the_result_can_be_repeated_from_what_it_says(run_folder):
    folder, done = run_folder
    result = json.loads((folder / "result.json").read_text())
    assert result["scores"]["n"] == 1000
    assert 0.9 < result["scores"]["accuracy"] < 1
    assert f"{result['scores']['accuracy']:.2%} of 1,000 test images right" in done.stdout
    assert result["recipe"]["epochs"] == 1
    assert result["recipe"]["batch_size"] == 64
    assert len(result["data"]["train"]["sha256"]) == 64
    assert set(result["phase_seconds"]) == {
        "data", "training", "threshold", "evaluation", "exports", "pictures",
    }  # fmt: skip
    assert result["machine"]["versions"]["inkdigits"] == __version__
    assert max(result["export_max_difference"].values()) <= 1e-5


def test_the_model_states_what_it_accepts_and_the_run_says_what_that_keeps(run_folder):
    folder, done = run_folder
    result = json.loads((folder / "result.json").read_text())
    threshold, acceptance = result["threshold"], result["acceptance"]
    stated = Reader(folder).model.metadata
    assert stated["inkdigits.accept"] == f"{threshold['accept']:.4f}"
    assert stated["inkdigits.nondigits"] == "none"
    assert threshold["accept"] == acceptance["level"] > 0.2
    assert 0.97 <= threshold["digits"] < 1
    assert 0 < threshold["nondigits"] < 0.8
    assert 0.9 < acceptance["accepted"] < 1
    assert acceptance["accepted_of_wrong"] < acceptance["accepted_of_right"]
    assert f"a confidence of {threshold['accept']:.4f} or more are accepted: " in done.stderr
    report = (folder / "report.html").read_text()
    assert f"{threshold['accept']:.4f}" in report
    assert f"<td>{100 * threshold['nondigits']:.2f}</td>" in report


def test_the_notice_about_the_sample_is_on_stderr_and_in_the_report(run_folder):
    folder, done = run_folder
    assert "no number made from them can be compared" in done.stderr
    report = (folder / "report.html").read_text()
    assert "no number made from them can be compared" in report
    text, pictures = without_pictures(report)
    assert pictures == 6
    assert "http" not in text.replace("http-equiv", "")  # loads nothing from anywhere


def test_a_piped_run_prints_plain_lines(run_folder):
    _, done = run_folder
    assert "epoch 1/1  loss" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert "Warning" not in done.stderr


def test_a_finished_run_is_not_run_again(run_folder):
    folder, _ = run_folder
    before = (folder / "result.json").stat().st_mtime_ns
    done = run_here("train", "--resume", folder)
    assert done.exit_code == 0
    assert "is finished already" in done.stderr
    assert (folder / "result.json").stat().st_mtime_ns == before


def test_a_folder_in_use_is_not_written_to(run_folder):
    folder, _ = run_folder
    done = run("train", "--out", folder)
    assert done.returncode == 2
    assert "already exists and is not empty" in done.stderr


def test_a_fresh_models_run_folder_reads_a_picture(run_folder, tmp_path, sample):
    folder, _ = run_folder
    Image.fromarray(255 - np.kron(sample.test.images[250], np.ones((8, 8), np.uint8))).save(
        tmp_path / "two.png"
    )
    done = run("predict", "--model", folder, "--json", tmp_path / "two.png")
    assert done.returncode == 0
    assert json.loads(done.stdout)["digit"] == sample.test.labels[250]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_and_ends_with_an_unbroken_runs_weights(tmp_path, stop):
    flags = ["--data", "sample", "--recipe", "flash", "--epochs", "2", "--threads", "1"]
    flags += ["--batch-size", "32"]  # slow enough to be stopped in between
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    with subprocess.Popen(
        [sys.executable, "-m", "inkdigits", "train", *flags, "--out", broken],
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would this child of one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        for line in process.stderr:
            if line.startswith("epoch 1/2"):
                break
        time.sleep(0.1)
        process.send_signal(stop)
        rest = process.stderr.read()
        code = process.wait(60)
    assert code == {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}[stop]
    if stop != signal.SIGKILL:
        assert f"continue with: inkdigits train --resume {broken}" in rest
    assert not (broken / "result.json").exists()
    assert (broken / "checkpoint.safetensors").is_file()
    if stop == signal.SIGKILL:  # once: to go on takes the longest
        assert run_here("train", "--resume", broken).exit_code == 0
        assert run_here("train", *flags, "--out", whole).exit_code == 0
        results = [json.loads((f / "result.json").read_text()) for f in (broken, whole)]
        assert results[0]["scores"] == results[1]["scores"]
        assert results[0]["epochs_run"] == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--epochs", "0"], "epochs is 0, expected 1 to 10,000"),
        (["--recipe", "slow"], "no recipe 'slow'; expected original, flash, fast"),
        (["--learning-rate", "-1"], "learning_rate is -1.0, expected over 0"),
        (["--threads", "0"], "threads is 0, expected 1 to 1024"),
        (["--resume", "x", "--epochs", "3"], "--resume continues with the run's own settings"),
        (["--device", "gpu"], "device is 'gpu', expected one of auto, cpu, cuda, mps"),
        (["--config", "run.toml"], "run.toml: cannot be read as TOML"),
    ],
)
def test_a_bad_setting_is_wrong_usage_before_any_data_is_read(args, message, tmp_path):
    done = run("train", "--data", "no/such/data", *args, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "no/such/data" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--data", "no/such/data"], "no/such/data: does not exist"),
        (["--data", "sample", "--recipe", "distilled", "--teacher", "none"], "none: no such model"),
        (["--data", "sample", "--from", "none.onnx"], "none.onnx: no such model"),
    ],
)
def test_a_start_that_fails_leaves_no_folder(args, message, tmp_path):
    done = run("train", *args, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_stopped_in_its_first_epoch_says_so_and_leaves_no_folder(tmp_path):
    flags = ["--data", "sample", "--recipe", "original", "--batch-size", "8"]
    with subprocess.Popen(
        [sys.executable, "-m", "inkdigits", "train", *flags],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        for line in process.stderr:
            if line.startswith("training: recipe original"):
                break
        assert list(tmp_path.glob("runs/*/settings.json"))
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 130
    assert rest.splitlines()[-1] == (
        "stopped in the first epoch: nothing was kept; the same command starts again"
    )
    assert list(tmp_path.iterdir()) == []


def test_resuming_what_is_no_run_is_a_clear_error(tmp_path):
    done = run("train", "--resume", tmp_path)
    assert done.returncode == 1
    assert "is not a run folder" in done.stderr


def test_predict_reads_in_order_reports_the_bad_and_exits_with_one(tmp_path, seven):
    good = tmp_path / "b.png"
    Image.fromarray(seven).save(good)
    (tmp_path / "a.png").write_bytes(b"not a picture")
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    (tmp_path / "empty.png").touch()
    done = run("predict", "--json", good, tmp_path, tmp_path / "none.png", good)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    names = ["b.png", "a.png", "b.png", "blank.png", "empty.png", "none.png", "b.png"]
    assert [line["file"] for line in lines] == [str(tmp_path / name) for name in names]
    read = [line for line in lines if "error" not in line]
    assert len(read) == 3
    assert all(line["digit"] == 7 and len(line["probabilities"]) == 10 for line in read)
    assert done.stderr == ""
    done = run("predict", good, tmp_path, tmp_path / "none.png", good)
    errors = done.stderr.splitlines()
    assert len(errors) == 4
    assert all(line.startswith("error: ") for line in errors)
    for name, why in (
        ("a.png", "not a picture this program can read"),
        ("blank.png", "all one colour"),
        ("empty.png", "is empty"),
        ("none.png", "cannot be read: No such file or directory"),
    ):
        assert sum(str(tmp_path / name) in line and why in line for line in errors) == 1


def test_a_folder_without_pictures_is_said_to_be_one(tmp_path):
    (tmp_path / "notes.txt").touch()
    done = run("predict", tmp_path)
    assert done.returncode == 1
    assert (
        f"{tmp_path}: is a folder; expected a picture, or for a command a folder with pic"
        in done.stderr
    )


@names_in_utf_8
def test_a_name_that_is_no_text_is_written_and_is_json(tmp_path, seven):
    Image.fromarray(seven).save(tmp_path / "seven.png")
    odd = os.fsencode(tmp_path) + b"/\xff.png"
    os.rename(tmp_path / "seven.png", odd)
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = run("predict", "--json", str(tmp_path), env=strict)
    assert done.returncode == 0
    assert json.loads(done.stdout)["file"] == os.fsdecode(odd)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_a_clear_error(tmp_path, seven):
    Image.fromarray(seven).save(tmp_path / "seven.png")
    command = [sys.executable, "-m", "inkdigits", "predict", str(tmp_path)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No space left" in done.stderr


def test_predict_shows_the_most_probable(tmp_path, seven):
    Image.fromarray(seven).save(tmp_path / "seven.png")
    done = run("predict", "--top", 3, tmp_path / "seven.png")
    assert done.returncode == 0
    assert done.stdout.count("%") == 3


def test_predict_doubts_and_says_why(tmp_path, seven):
    page = 180 + np.random.default_rng(0).normal(0, 5, (300, 400))
    Image.fromarray(page.astype(np.uint8)).save(tmp_path / "blank.png")
    Image.fromarray(seven).save(tmp_path / "seven.png")
    done = run("predict", tmp_path)
    assert done.returncode == 0
    doubted, read = done.stdout.splitlines()
    assert doubted.startswith("?  blank, best guess ")
    assert read.startswith("7 ")
    assert not run("predict", "--accept-all", tmp_path).stdout.startswith("?")
    line = json.loads(run("predict", "--json", tmp_path / "blank.png").stdout)
    assert (line["accepted"], line["reason"]) == (False, "blank")
    line = json.loads(run("predict", "--json", "--accept-all", tmp_path / "blank.png").stdout)
    assert (line["accepted"], line["reason"]) == (True, "")


def test_predict_draws_why(tmp_path, seven):
    Image.fromarray(seven).save(tmp_path / "seven.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done = run("predict", "--explain", tmp_path / "out" / "why.png", tmp_path)
    assert done.returncode == 1  # for the broken one
    assert done.stdout.startswith("7 ")
    with Image.open(tmp_path / "out" / "why.png") as page:
        assert page.height < 2 * 270  # one row: the broken one has none


def test_predict_without_a_picture_is_wrong_usage():
    assert run("predict").returncode == 2


def test_export_png_writes_a_folder_that_train_reads(tmp_path):
    done = run_here("data", "export-png", tmp_path / "digits", "--data", "sample")
    assert done.exit_code == 0
    assert "5,000 pictures" in done.stdout
    info = run_here("data", "info", tmp_path / "digits").stdout
    original = run_here("data", "info", "sample").stdout
    sums = [[s for s in text.split() if len(s) == 64] for text in (info, original)]
    assert sums[0] == sums[1]
    assert len(sums[0]) == 2


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["train"],
        ["ensemble"],
        ["predict"],
        ["recipes"],
        ["evaluate"],
        ["export"],
        ["data"],
        ["data", "export-png"],
        ["data", "info"],
        ["data", "make"],
        ["batch"],
        ["scale"],
        ["scale", "read"],
    ],
)
def test_every_command_has_help_with_an_example_and_imports_nothing_heavy(command):
    code = (
        "import sys; from inkdigits.cli import cli\n"
        f"try: cli.main({[*command, '--help']!r})\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'PIL', 'onnxruntime', 'keras', 'rich'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "Example:" in done.stdout
    assert "heavy: []" in done.stdout


def test_the_help_of_train_lists_the_recipes_settings_apart_with_their_values():
    own, of_recipe = run("train", "--help").stdout.split("Recipe settings (an option overrides")
    words = " ".join(of_recipe.split())
    assert "--epochs INTEGER Passes over the training set. [1 to 10,000]" in words
    assert "[constant, one_cycle]" in words
    assert "--resume" in own
    assert "--epochs INTEGER" not in own


def test_the_list_of_commands_shows_whole_sentences():
    listed = run("--help").stdout.split("Commands:")[1].strip().splitlines()
    assert len(listed) == 10
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


def test_version_is_printed():
    assert run("--version").stdout.strip() == f"inkdigits, version {__version__}"


def test_a_missing_training_library_names_the_command(tmp_path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(name='torch')")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run("train", "--data", "sample", env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert "this needs torch, which is not installed: pip install 'inkdigits[train]'" in done.stderr


def test_a_run_on_pictures_shows_what_it_learnt_and_lists_what_it_left_out(tmp_path, sample):
    for i, (image, label) in enumerate(zip(sample.train.images, sample.train.labels, strict=True)):
        if i % 40 == 0:
            folder = tmp_path / "mine" / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            photo = np.rint(220 - np.kron(image, np.ones((2, 2))) * 0.7).astype(np.uint8)
            Image.fromarray(photo).convert("RGB").save(folder / f"{i}.jpg")
    Image.new("RGB", (60, 60), "white").save(folder / "blank.png")
    out = tmp_path / "run"
    done = run_here("train", "--recipe", "flash", "--data", tmp_path / "mine", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "The digit was found in 100 pictures. 1 was left out: " in done.stderr
    assert "\n  pictures.csv " in done.stdout
    result = json.loads((out / "result.json").read_text())
    assert result["data"]["pictures"]["found"] == 100
    assert result["data"]["pictures"]["left_out"] == 1
    listed = (out / "pictures.csv").read_text().splitlines()
    assert listed[1].startswith(f"{folder / 'blank.png'},9,no,")
    report = (out / "report.html").read_text()
    assert "Pictures, and the digit that was found in each" in report
    assert "blank: all one colour" in report
    with Image.open(out / "pictures.png") as sheet:
        assert sheet.width == 8 * 160 + 8


def test_a_table_of_pixels_becomes_a_submission(tmp_path, sample):
    images, labels = sample.test.images[::50], sample.test.labels[::50]
    lines = [",".join(f"pixel{i}" for i in range(784))]
    lines += [",".join(map(str, image.ravel())) for image in images]
    (tmp_path / "test.csv").write_text("\n".join(lines))
    out = tmp_path / "submission.csv"
    done = run("predict", "--submission", out, tmp_path / "test.csv")
    assert (done.returncode, done.stdout) == (0, f"20 digits in {out}\n")
    header, *rows = out.read_text().splitlines()
    assert header == "ImageId,Label"
    assert rows == [f"{i},{label}" for i, label in enumerate(labels, 1)]
    again = run("predict", "--submission", tmp_path / "test.csv", tmp_path / "test.csv")
    assert again.returncode == 2
    assert "is also the input; name another file" in again.stderr
    assert run("predict", "--submission", out, "--json", tmp_path / "test.csv").returncode == 2
