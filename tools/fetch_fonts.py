"""Fetch the handwriting fonts that the shipped model's hands and letters come from.

    python tools/fetch_fonts.py FOLDER

Needs npm. The packages of tools/handwriting_fonts.txt (Fontsource's; SIL Open Font License,
Apache 2.0 or MIT) are installed in a temporary folder; FOLDER gets each one's Latin letters.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LIST = Path(__file__).with_name("handwriting_fonts.txt")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    packages = LIST.read_text().split()
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            ["npm", "install", "--prefix", place, "--ignore-scripts", "--no-audit", "--silent",
             *(f"@fontsource/{package}" for package in packages)],
            check=True,
        )  # fmt: skip
        for package in packages:
            name = package.partition("@")[0]
            files = Path(place) / "node_modules" / "@fontsource" / name / "files"
            latin = sorted(files.glob(f"{name}-latin-*-normal.woff"))
            plain = [file for file in latin if "-400-" in file.name]
            shutil.copyfile((plain or latin)[0], folder / f"{name}.woff")
    print(f"{len(packages)} fonts in {folder}")


if __name__ == "__main__":
    main()
