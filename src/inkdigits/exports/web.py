"""A folder for any static host: the drawing page with the models, read in the browser itself.

In: one of our .onnx files. Out: a folder of plain files that loads nothing from elsewhere: the page
of `inkdigits serve` with another service.js, the reader of `inkdigits.reading` and all below it
written again as JavaScript modules (both from `inkdigits/web`), Python's constants for it, the
model and the package's networks that find digits, and ONNX Runtime's WebAssembly.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inkdigits import spec
from inkdigits.errors import ModelError
from inkdigits.exports.packages import ONNXRUNTIME, taken_out
from inkdigits.files import check_replaceable, folder_written_whole
from inkdigits.picture import decode, levels, place, small, stroke_width, views
from inkdigits.picture import open as opening
from inkdigits.reading import combine, explain, finder, lines, page, reader
from inkdigits.reading.finder import CLOSE_UP_MODEL, FINDER_MODEL, shipped_finder
from inkdigits.reading.model import about
from inkdigits.spec import ACCEPT, N_CLASSES, accept_from, knows_nondigits
from inkdigits.version import __version__

WEB = Path(__file__).parent.parent / "web"
_FOLDERS = ("page", "offline", "reading", "picture")  # of WEB, and of what is written
MODEL, _ABOUT = "model.onnx", "model.json"
_OWN = rf"({'|'.join(_FOLDERS)}|constants|onnxruntime|index\.html|{_ABOUT}|package\.json|\w+\.onnx)"
# Whose constants the modules of the same name in JavaScript take.
_SHARED = (
    combine, decode, explain, finder, levels, lines, opening, page, place, reader, small, spec,
    stroke_width, views,
)  # fmt: skip
# By .js, not .mjs: not all static hosts know that as a script. The one with "bundle" in its name
# has all in it but the .wasm; of these the plain one is the smallest (no GPU).
_RUNTIME = {"dist/ort.wasm.bundle.min.mjs": "ort.js"}
# 14.2 MB, 3.7 gzipped. Many hosts send .wasm as it is; so it lies packed, and the page unpacks it.
_PACKED = {"dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm.gz"}
_LICENCES = ("LICENSE", "ThirdPartyNotices.txt")  # npm's package has none; pip's of the same has
# For the page. A worker has the policy that its host sends, if any, and loads only what lies
# beside it; 'wasm-unsafe-eval' is for browsers that should hold it to the page's.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
# What differs in the page where there is no server.
_CHANGED = (
    ('<meta charset="utf-8">', '<meta charset="utf-8">\n  '
     f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
    ("Pictures are read by this server and not stored.",
     "Pictures are read in this browser and sent nowhere."),
    ('\n      &nbsp;<a href="docs">API</a>', ""),
)  # fmt: skip
_LEFT_OUT = (".html", ".mjs")
CHECK_S = 300  # seconds that Node may take to read the digits


def save_web(source: Path, folder: Path, about: Mapping[str, str]) -> None:
    """Write the folder, whole or not at all; about: the model's metadata.

    Raises what `check_folder` and `taken_out` do.
    """
    check_folder(folder)
    runtime = taken_out(ONNXRUNTIME, _RUNTIME | _PACKED)
    with folder_written_whole(folder, _ABOUT, _OWN) as part:
        for name in _FOLDERS:
            for file in sorted((WEB / name).rglob("*")):
                if file.is_file() and file.name != "service.js" and file.suffix not in _LEFT_OUT:
                    copy = part / file.relative_to(WEB)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, copy)
        shutil.copyfile(WEB / "offline" / "service.js", part / "page" / "service.js")
        (part / "index.html").write_text(_page(), encoding="utf-8")
        (part / "onnxruntime").mkdir()
        for name, data in runtime.items():
            packed = gzip.compress(data, mtime=0) if name in _PACKED.values() else data
            (part / "onnxruntime" / name).write_bytes(packed)
        for name in _LICENCES:
            shutil.copyfile(Path(onnxruntime.__file__).parent / name, part / "onnxruntime" / name)
        shutil.copyfile(source, part / MODEL)
        for model in (FINDER_MODEL, CLOSE_UP_MODEL):
            shutil.copyfile(model, part / model.name)
        write_constants(part / "constants")
        told = json.dumps(_about(source, about), indent=1)
        (part / _ABOUT).write_text(told, encoding="utf-8")
        # Node takes .js for another kind of script without it; browsers do not look at it.
        (part / "package.json").write_text('{"private": true, "type": "module"}\n')


def check_folder(folder: Path) -> None:
    """Raise ConfigError where a folder of another kind, or with others' files, is in the way."""
    check_replaceable(folder, _ABOUT, _OWN)


def write_constants(folder: Path) -> None:
    """Write a module of constants for each of Python's that has one of the same name in WEB."""
    folder.mkdir(parents=True, exist_ok=True)
    for module in _SHARED:
        name = f"{module.__name__.rpartition('.')[2]}.js"
        (folder / name).write_text(_constants(module), encoding="utf-8")


def web_probabilities(folder: Path, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the folder's own reader gives for arrays (N, 28, 28) in [0, 1]: (N, 10), in Node."""
    command = ["node", str(WEB / "offline" / "check.mjs"), str(folder.resolve())]
    given = np.ascontiguousarray(arrays, "<f4").tobytes()
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, timeout=CHECK_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        raise ModelError(
            f"{folder}: could not be checked in Node, of which it needs 18 or newer ({error}; "
            f"{said.decode(errors='replace')[-500:]})"
        ) from error
    return np.frombuffer(done.stdout, "<f4").reshape(-1, N_CLASSES).astype(np.float32)


def _page() -> str:
    page = (WEB / "page" / "index.html").read_text(encoding="utf-8")
    for there, here in _CHANGED:
        if page.count(there) != 1:
            raise ValueError(f"index.html has {there!r} {page.count(there)} times, expected once")
        page = page.replace(there, here)
    return page


def _constants(module: ModuleType) -> str:
    """A module's numbers, texts and rows of them, as JavaScript; private names lose their line."""
    found = []
    for name, value in vars(module).items():
        plain = _plain(value)
        if name.isupper() and plain is not None:
            found.append(f"export const {name.lstrip('_')} = {json.dumps(plain)};\n")
    return "".join(found)


def _plain(value: object) -> Any:
    """The value as JSON has it; None if it is nothing plain."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        parts = [_plain(part) for part in value]
        return None if None in parts else parts
    return value if isinstance(value, int | float | str) else None


def _about(source: Path, metadata: Mapping[str, str]) -> dict[str, object]:
    """What the service answers at /v1/model, and the metadata of the finding networks."""
    answering = about(source, (source, FINDER_MODEL, CLOSE_UP_MODEL), metadata)
    found = shipped_finder().metadata
    weights = combine.Combination.from_metadata(found, str(FINDER_MODEL))
    return {
        "name": answering.name,
        "identity": answering.identity,
        "files": answering.files,
        "accept": float(metadata.get(ACCEPT, 0)),
        "knows_nondigits": knows_nondigits(metadata, source.name),
        "finder": {"accept": accept_from(found, str(FINDER_MODEL)), "combine": asdict(weights)},
        "metadata": answering.metadata,
        "inkdigits": __version__,
        "keeps_corrections": False,
    }
