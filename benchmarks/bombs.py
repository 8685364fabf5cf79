"""Files that attack whoever reads them: small, and slow, large or broken. Made, not kept."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def white_png(width, height, kept=1.0, before=b""):
    """White RGB, of whose pixels that share is in the file. before: chunks before them."""
    row = b"\0" + b"\xff" * (3 * width)
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">II5B", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + before
        + png_chunk(b"IDAT", pixels[: int(kept * len(pixels))]) + png_chunk(b"IEND", b"")
    )  # fmt: skip


def run_length_bmp(width=39_000_000):
    """One pixel, then an end of line, which stands for all others."""
    body = bytes((1, 0, 0, 0))
    start = 14 + 40 + 1024
    sizes = (40, width, 1, 1, 8, 1, len(body), 0, 0, 0, 0)
    head = struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start)
    return head + struct.pack("<IiiHHIIiiII", *sizes) + bytes(1024) + body


def saved(kind, side=100, **options):
    file = io.BytesIO()
    Image.fromarray(np.full((side, side), 255, np.uint8)).save(file, kind, **options)
    return file.getvalue()


def jpeg_of_scans(n):
    """A sequential JPEG whose three channels come again and again, each in a scan of its own."""
    whole = saved("JPEG")
    frame = whole.index(b"\xff\xc0")
    size = int.from_bytes(whole[frame + 2 : frame + 4], "big")
    about, table = whole[frame + 4 : frame + 9], whole[frame + 12]
    channels = b"".join(bytes((i, 0x11, table)) for i in (1, 2, 3))
    new = b"\xff\xc0" + struct.pack(">H", 17) + about + bytes((3,)) + channels
    whole = whole[:frame] + new + whole[frame + 2 + size :]
    start = whole.rindex(b"\xff\xda")
    scan = bytearray(whole[start:-2])
    scans = b""
    for i in range(n):
        scan[5] = 1 + i % 3
        scans += bytes(scan)
    return whole[:start] + scans + b"\xff\xd9"


def tiff(**tags):
    """A TIFF of 100x100 whose tags lie in it as they are given: tag_322=32768."""
    body = zlib.compress(b"\xff" * 128 * 128)
    basic = {256: 100, 257: 100, 258: 8, 259: 8, 262: 1, 277: 1}
    entries = basic | {int(name.removeprefix("tag_")): value for name, value in tags.items()}
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries |= {324: start, 325: len(body)} if 322 in entries else {273: start, 279: len(body)}
    listed = b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in sorted(entries.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + listed + bytes(4) + body


def page_of_digits(side=1000, step=12):
    """As many strokes as fit, each of which looks like a 1: 3 kB that take seconds to read."""
    page = np.full((side, side), 255, np.uint8)
    for top in range(2, side - step, step):
        for left in range(5, side - step, step):
            page[top : top + 8, left : left + 2] = 0
    file = io.BytesIO()
    Image.fromarray(page).save(file, "PNG")
    return file.getvalue()
