"""Where and when a number was measured: processor, versions, commit; and where lines are shown.

Reading asks for the cores alone, so what only `describe` needs is imported there.
"""

from __future__ import annotations

import math
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

from inkdigits.version import __version__

_PACKAGES = ("torch", "numpy", "scikit-learn", "keras", "onnx", "onnxruntime", "Pillow")


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def training_threads() -> int:
    """Threads to train with where none are asked for: OMP_NUM_THREADS, else one for each core.

    PyTorch takes the variable likewise.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun sets 1 for each worker, whatever there is
        return cores()
    stated = os.environ.get("OMP_NUM_THREADS", "")
    return int(stated) if re.fullmatch("[1-9][0-9]{0,2}", stated) else cores()


def live_terminal() -> bool:
    """Whether standard error is a terminal on which a line can be rewritten.

    A notebook gives `!command` a terminal too, and keeps every state of each line that it sees; to
    Jupyter's kernels belongs the variable.
    """
    return sys.stderr.isatty() and "JPY_PARENT_PID" not in os.environ


def peak_memory_mb() -> int:
    """The most memory this process has held so far, in 10^6 bytes; 0 where that is not known."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 10**6 if sys.platform == "darwin" else peak * 1024 // 10**6


def address_limit_mb() -> float:
    """What this process may have of addresses (ulimit -v), in MB; infinite without a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return math.inf
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit / 1e6


def give_back_memory() -> None:
    """Let the system have what this process freed and its allocator kept; only glibc's is asked."""
    import ctypes

    with suppress(AttributeError, OSError, TypeError):  # another allocator; another system
        ctypes.CDLL(None).malloc_trim(0)


def cpu_name() -> str:
    """The processor's name as the system gives it."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def now() -> str:
    """The time, UTC, as ISO 8601 writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def describe() -> dict[str, object]:
    """What a reader of a result needs to repeat it."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": platform.python_version(), "inkdigits": __version__}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "system": platform.platform(terse=True),
        "versions": versions,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """The checkout's commit, "-dirty" behind it if files differ; None outside a checkout."""
    import subprocess

    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None
