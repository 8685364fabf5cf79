"""The fuzzer's own files, each once: read, or refused by the one error that its target allows."""

from pathlib import Path

import pytest
from connection import answers_to
from targets import CORPUS, TARGETS, check

SEEDS = [(target, seed) for target in TARGETS.values() for seed in target.seeds()]


@pytest.mark.parametrize(
    ("target", "seed"), SEEDS, ids=[f"{target.name}-{seed.name}" for target, seed in SEEDS]
)
def test_a_seed_is_read_or_refused(tmp_path, target, seed):
    check(target, seed.read_bytes(), tmp_path)


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("picture", "png-8"), ("picture", "tiff-tiles"), ("picture", "jpeg-cmyk"),
        ("model", "whole"), ("model", "int8"), ("idx", "images-gzipped"), ("csv", "bom"),
        ("npz", "whole"), ("npz-pictures", "whole"), ("png", "grey"), ("font", "dejavu"),
        ("corrections", "kept"), ("corrections", "columns"), ("settings", "whole"),
        ("config", "whole"), ("result", "whole"),
    ],
)  # fmt: skip
def test_whole_seeds_are_read(tmp_path, name, seed):
    """Or the fuzzer would change what is refused at the first look."""
    path: Path = tmp_path / TARGETS[name].file
    path.write_bytes((CORPUS / name / seed).read_bytes())
    TARGETS[name].read(path)


def test_whole_requests_are_answered():
    answers = {seed.name: answers_to(seed.read_bytes()) for seed in TARGETS["http"].seeds()}
    assert answers.pop("half") == b""  # its body is still to come
    assert answers.pop("corrections").startswith(b"HTTP/1.1 403 ")
    assert answers.pop("page-file").startswith(b"HTTP/1.1 404 ")
    assert answers.pop("expect").startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert answers["pipelined"].count(b"HTTP/1.1 200 ") == 2
    assert {name for name, one in answers.items() if b"HTTP/1.1 200 OK" not in one} == set()
