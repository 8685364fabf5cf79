"""Files out of npm packages, each package of one version and with one hash.

In: a row of the table and the names of files in it. Out: their bytes. npm fetches a package once
into the cache, from whatever registry it is set up for; what has another hash is not used.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from inkdigits.data.download import cache_folder
from inkdigits.errors import ConfigError, ModelError
from inkdigits.files import written_whole

_WAIT_S = 600  # seconds that npm may take: 33 MB over a slow line
# npm's own defaults wait minutes where there is no network.
_IMPATIENT = ("--fetch-retries", "0", "--fetch-timeout", "120000")  # milliseconds


class Package(NamedTuple):
    """One version of an npm package."""

    name: str
    version: str
    integrity: str  # SHA-512, as `npm view NAME@VERSION dist.integrity` says


ONNXRUNTIME = Package(
    "onnxruntime-web", "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
)  # fmt: skip


def taken_out(package: Package, files: Mapping[str, str]) -> dict[str, bytes]:
    """The bytes of files in a package, by new name. files: name in the package to new name.

    Raises ConfigError if there is no npm or it cannot fetch the package, ModelError if what it
    fetched has another hash, DataError if there is no folder to keep it in.
    """
    path = cache_folder() / "npm" / f"{package.name}-{package.version}.tgz"
    if not path.is_file():
        _fetch(package, path)
    _check(package, path, f"delete {path} and try again")
    taken = {}
    with tarfile.open(path) as archive:
        for name, new_name in files.items():
            member = archive.extractfile(f"package/{name}")
            assert member is not None, name
            taken[new_name] = member.read()
    return taken


def _fetch(package: Package, path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigError(
            f"npm is not installed. It fetches {package.name}, which runs the model in a browser; "
            "install Node.js 18 or newer, which brings npm, or leave web out of --format"
        )
    with TemporaryDirectory() as folder:
        command = [
            npm, "pack", f"{package.name}@{package.version}", "--pack-destination", folder,
            "--ignore-scripts", "--silent", *_IMPATIENT,
        ]  # fmt: skip
        try:
            subprocess.run(
                command, capture_output=True, text=True, timeout=_WAIT_S, check=True, cwd=folder
            )
            (fetched,) = Path(folder).glob("*.tgz")
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise ConfigError(
                f"npm could not fetch {package.name} {package.version}; `npm pack "
                f"{package.name}@{package.version}` says why: is there a network, or a registry "
                "in npm's settings? Leave web out of --format to do without"
            ) from error
        _check(package, fetched, "look at the registry in npm's settings")
        with written_whole(path) as part:
            shutil.copyfile(fetched, part)


def _check(package: Package, path: Path, advice: str) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != package.integrity:
        raise ModelError(
            f"{path.name} has the hash {found}, expected {package.integrity}, which is that of "
            f"{package.name} {package.version}; {advice}"
        )
