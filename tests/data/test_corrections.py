import asyncio

import pytest

from inkdigits.data.corrections import Corrections, Kept, read_corrections
from inkdigits.errors import CorrectionsError

KEPT = Kept(3, b"a file's bytes", b"\0" * 28 * 28 * 4, "{}", "0" * 64)


def test_what_is_kept_is_read_while_it_is_open_and_after(tmp_path):
    corrections = Corrections(tmp_path / "kept?.db")
    asyncio.run(corrections.keep(KEPT))
    assert [row.kept for row in read_corrections(tmp_path / "kept?.db")] == [KEPT]
    corrections.close()
    assert [row.kept for row in read_corrections(tmp_path / "kept?.db")] == [KEPT]
    assert [file.name for file in tmp_path.iterdir()] == ["kept?.db"]


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (None, "no such file; inkdigits serve --keep FILE.db makes one"),
        (b"", "is empty; inkdigits serve --keep FILE.db fills it"),
        (b"words " * 300, "cannot be read as corrections: file is not a database"),
    ],
)
def test_what_holds_no_corrections_is_said_and_left_as_it_is(tmp_path, held, says):
    file = tmp_path / "kept.db"
    if held is not None:
        file.write_bytes(held)
    with pytest.raises(CorrectionsError, match=says):
        list(read_corrections(file))
    assert {f: f.read_bytes() for f in tmp_path.iterdir()} == ({} if held is None else {file: held})
