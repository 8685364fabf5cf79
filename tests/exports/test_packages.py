"""Files out of npm packages, with a made-up npm: no network."""

import hashlib
import io
import os
import sys
import tarfile
from base64 import b64encode

import pytest

from inkdigits.errors import ConfigError, ModelError
from inkdigits.exports.packages import Package, taken_out

FILE = b"export const one = 1;\n"


@pytest.fixture
def archive(tmp_path):
    """A package as npm packs it, and its integrity."""
    path = tmp_path / "made-1.0.0.tgz"
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo("package/dist/one.mjs")
        entry.size = len(FILE)
        tar.addfile(entry, io.BytesIO(FILE))
    return path, f"sha512-{b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()}"


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts an npm that does what the Python lines say first on the path; an empty cache."""
    if os.name == "nt":
        pytest.skip("the made-up npm is a script with a #! line")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def made(lines):
        (tmp_path / "bin").mkdir()
        script = tmp_path / "bin" / "npm"
        script.write_text(f"#!{sys.executable}\nimport os, shutil, sys\n{lines}\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    return made


def test_a_package_is_fetched_once_and_its_files_taken_out(archive, npm):
    path, integrity = archive
    npm(f"shutil.copy({str(path)!r}, sys.argv[sys.argv.index('--pack-destination') + 1])\n"
        f"os.remove({str(path)!r})")  # fmt: skip
    package = Package("made", "1.0.0", integrity)
    for _ in range(2):
        assert taken_out(package, {"dist/one.mjs": "one.js"}) == {"one.js": FILE}


def test_what_has_another_hash_is_neither_used_nor_kept(archive, npm, tmp_path):
    path, _ = archive
    npm(f"shutil.copy({str(path)!r}, sys.argv[sys.argv.index('--pack-destination') + 1])")
    with pytest.raises(
        ModelError, match=r"expected sha512-other, .* made 1\.0\.0; look at the reg"
    ):
        taken_out(Package("made", "1.0.0", "sha512-other"), {"dist/one.mjs": "one.js"})
    assert not (tmp_path / "cache").exists()


def test_a_file_in_the_cache_that_was_altered_is_named(archive, npm, tmp_path):
    kept = tmp_path / "cache" / "inkdigits" / "npm" / "made-1.0.0.tgz"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(archive[0].read_bytes() + b"more")
    with pytest.raises(ModelError, match=r"delete .*made-1\.0\.0\.tgz and try again"):
        taken_out(Package("made", "1.0.0", archive[1]), {"dist/one.mjs": "one.js"})


def test_without_npm_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=r"npm is not installed.*install Node\.js"):
        taken_out(Package("made", "1.0.0", "sha512-any"), {})


@pytest.mark.parametrize("lines", ["sys.exit(1)", "pass"], ids=["fails", "brings nothing"])
def test_where_npm_cannot_fetch_it_names_the_command_that_says_why(npm, lines, tmp_path):
    npm(lines)
    with pytest.raises(ConfigError, match=r"could not fetch made 1\.0\.0.*`npm pack made@1\.0\.0`"):
        taken_out(Package("made", "1.0.0", "sha512-any"), {})
    assert not (tmp_path / "cache").exists()
