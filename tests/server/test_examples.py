"""The examples for programs in docs/serving.md, run as they stand there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inkdigits import Reader

ROOT = Path(__file__).parent.parent.parent
LINES = re.findall(r"^\$ (.*curl .*)$", (ROOT / "docs" / "serving.md").read_text(), re.MULTILINE)
SHOWN = "http://127.0.0.1:8000"  # the address in the document


def answer_to(line, address):
    command = ["sh", "-c", line.replace(SHOWN, address)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_curl_examples_of_the_readme_answer_as_it_says(service):
    page, form, one, coded, model = (answer_to(line, service.address) for line in LINES)
    assert page["text"] == "7"
    assert [found["text"] for found in form["pages"]] == ["3", "8"]
    assert (one["digit"], one["accepted"]) == (0, True)
    assert coded["digit"] == 1
    assert model["identity"] == Reader().model.about.identity
