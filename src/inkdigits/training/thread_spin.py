"""How long PyTorch's threads spin while they wait for each other, before they sleep.

In: nothing. Out: the environment of this process, as its OpenMP library reads it once, when PyTorch
is loaded: so nothing here may import it.
"""

from __future__ import annotations

import os

SPINS = "10000"  # looks at a flag; docs/LOG.md has what other numbers gave
_SET = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # GNU's OpenMP, which PyTorch's builds for Linux have


def spin_briefly() -> None:
    """Let threads that wait sleep soon, unless the user has said how they wait."""
    if not any(name in os.environ for name in _SET):
        os.environ["GOMP_SPINCOUNT"] = SPINS
