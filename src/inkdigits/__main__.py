"""The command `inkdigits`, which `python -m inkdigits` is as well."""

from __future__ import annotations

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, and exit."""
    # Ctrl-C while libraries are loaded would be their traceback, or an error that they make of it.
    # Where something is to be tidied up, `console.answer_signals` takes it from there.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    from inkdigits.cli import main as run

    run()


if __name__ == "__main__":
    main()
