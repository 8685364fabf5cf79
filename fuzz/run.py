"""Made-up files for everything here that reads other people's.

    python fuzz/run.py [--seconds 600] [--target idx]

Atheris (pip install -c constraints.txt -e '.[fuzz]') changes the files of fuzz/corpus and keeps
what reaches new lines of code; each target has a process of its own. A finding ends its target and
is written to fuzz/found/: an exception that is not the target's own, a process that dies, more than
5 s of the processor or 500 MB for one file. Mend it, and make it a test. To see one again:

    python fuzz/run.py --target idx --again fuzz/found/FILE
"""

import argparse
import re
import subprocess
import sys
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
FOUND = HERE / "found"
NAMES = sorted(folder.name for folder in (HERE / "corpus").iterdir())
MAX_PROCESS_MB = 6_000  # the fuzzer ends a process that holds more while it reads,
MAX_WAIT_S = 60  # or that is not through by then, be the machine as busy as it may
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def with_checksums(png: bytes) -> bytes:
    """A PNG file with its chunks' checksums put right: else few changes pass the first check."""
    fixed, at = bytearray(png), len(_SIGNATURE)
    while at + 12 <= len(fixed):
        end = at + 8 + int.from_bytes(fixed[at : at + 4], "big")
        if end + 4 > len(fixed):
            break
        fixed[end : end + 4] = zlib.crc32(fixed[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(fixed)


def fuzz(name: str, *options: str) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["inkdigits", "PIL", "gzip", "zipfile"]):
        from PIL import Image
        from targets import TARGETS, check

        Image.init()

    def changed(data: bytes, max_size: int, seed: int) -> bytes:
        new = atheris.Mutate(data, max_size)
        return with_checksums(new)[:max_size] if new.startswith(_SIGNATURE) else new

    with tempfile.TemporaryDirectory() as folder:
        for seed in TARGETS[name].seeds():  # or the first of them would wait for imports
            with suppress(Exception):
                check(TARGETS[name], seed.read_bytes(), Path(folder))
        atheris.Setup(
            [sys.argv[0], *options],
            lambda data: check(TARGETS[name], data, Path(folder)),
            custom_mutator=changed,
        )
        atheris.Fuzz()


def fuzz_apart(name: str, seconds: int, again: Path | None) -> bool:
    """Fuzz one target in a process of its own; print what came of it; whether nothing was found."""
    with tempfile.TemporaryDirectory() as new:
        where = [again] if again else [new, HERE / "corpus" / name]
        command = [
            sys.executable, __file__, "--child", name, *map(str, where),
            f"-max_total_time={seconds}", f"-timeout={MAX_WAIT_S}",
            f"-rss_limit_mb={MAX_PROCESS_MB}", "-max_len=40000", "-print_final_stats=1",
            f"-artifact_prefix={FOUND}/{name}-", f"-dict={HERE / 'dictionary.txt'}",
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
    tried = re.findall(r"number_of_executed_units: (\d+)", done.stderr)
    print(f"{name:<14}{int(tried[-1]) if tried else 0:>10,} files", flush=True)
    if done.returncode:
        # An exception is on standard output, what libFuzzer says on standard error.
        print(done.stdout[-2_000:], done.stderr[-1_000:], sep="\n", flush=True)
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=600, help="of all targets together")
    parser.add_argument("--target", choices=NAMES, help="this one alone")
    parser.add_argument("--again", type=Path, help="a file that was found, once")
    given = parser.parse_args()
    FOUND.mkdir(exist_ok=True)
    names = [given.target] if given.target else NAMES
    each = given.seconds // len(names)
    clean = [fuzz_apart(name, each, given.again) for name in names]
    if not all(clean):
        sys.exit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        fuzz(*sys.argv[2:])
    else:
        main()
