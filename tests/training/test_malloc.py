import platform
import subprocess
import sys

import pytest

CODE = """
import gc, os, sys
from pathlib import Path
import torch
from inkdigits.training.malloc import keep_freed_memory

def held_mb():
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 1e6

if sys.argv[1] == 'kept':
    keep_freed_memory()
before = held_mb()
block = torch.ones(50_000_000, dtype=torch.uint8)
del block
gc.collect()
print(held_mb() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep memory")
@pytest.mark.parametrize(("how", "low", "high"), [("kept", 45, 60), ("given back", -1, 5)])
def test_a_freed_block_of_50_mb_stays_with_the_process(how, low, high):
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True
    )
    assert low < float(done.stdout) < high
