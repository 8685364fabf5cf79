"""The commands: parse, call one library function, print.

Results go to standard output, everything else to standard error. Exit codes: 0 good, 1 something
failed, 2 wrong usage. The only place that exits; heavy libraries are imported inside commands.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from inkdigits.cli.console import error_text, say
from inkdigits.environment import address_limit_mb
from inkdigits.errors import ConfigError, InkdigitsError
from inkdigits.version import __version__

# Libraries by the extra that brings them; all others are [train]'s.
_EXTRAS = {
    "serve": ("starlette", "uvicorn", "httptools", "prometheus_client", "python_multipart"),
    "batch": ("ray", "pyarrow", "fsspec"),
    "tflite": ("litert_torch", "ai_edge_litert"),
}
# Addresses that a command takes, in MB. With fewer, libraries crash while they are loaded.
_LEAST = {
    **dict.fromkeys(("read", "predict", "serve", "evaluate"), 600),
    **dict.fromkeys(("train", "ensemble", "export"), 2_000),
}


def main() -> NoReturn:
    """Run the command line; errors become one line and exit code 1 (2 for wrong settings)."""
    if sys.stdout is None or sys.stderr is None:  # closed by the caller: >&-
        sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
        sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    # A file's name may be no text; it is written as stderr writes it, and JSON can be read.
    # In the locales C and POSIX its handler is another than in others.
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in (
        "strict",
        "surrogateescape",
    ):
        sys.stdout.reconfigure(errors="backslashreplace")
    # Commands draw into files. A notebook's own backend is not installed where `!inkdigits` runs.
    os.environ["MPLBACKEND"] = "agg"
    try:
        # Click gives the code of an Exit back instead of raising it.
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("inkdigits"):
            raise
        library = (error.name or "").split(".")[0]
        extra = next((name for name, those in _EXTRAS.items() if library in those), "train")
        say(
            f"error: this needs {error.name}, which is not installed: "
            f"pip install 'inkdigits[{extra}]'"
        )
        sys.exit(1)
    except ConfigError as error:
        say(f"error: {error}")
        sys.exit(2)
    except InkdigitsError as error:
        say(f"error: {error}")
        sys.exit(1)
    except ImportError as error:
        if (error.name or "").startswith("inkdigits"):
            raise
        say(
            f"error: a library cannot be loaded: {error}; free memory, or raise its limit (ulimit "
            "-v), or reinstall it"
        )
        sys.exit(1)
    except MemoryError as error:
        say(
            f"error: memory is short{f' ({error})' if str(error) else ''}; free some, or raise its "
            "limit (ulimit -v)"
        )
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone (| head); that is no error of ours.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        say(f"error: {error_text(error)}")
        sys.exit(1)
    code = code if isinstance(code, int) else 0
    if sys.argv[1:2] in (["predict"], ["read"]):
        # All is written, nothing is left to clean up. To take numpy, OpenCV and ONNX Runtime apart
        # would take a sixth of the time in which one picture is read.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


class _Commands(click.Group):
    """Commands that are imported when they are asked for: predict shall not wait for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"inkdigits.cli.{_MODULES[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command


_MODULES = {
    "read": "read", "predict": "predict", "serve": "serve", "train": "train", "ensemble": "train",
    "recipes": "train", "evaluate": "evaluate", "export": "export", "data": "data",
    "batch": "batch", "scale": "batch",
}  # fmt: skip


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="inkdigits")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Read handwritten digits and numbers; train and check the networks that do.

    \b
    Example:
      inkdigits read marks.jpg
      inkdigits predict digit.png
      inkdigits serve
      inkdigits train --recipe fast
    """
    name = ctx.invoked_subcommand or ""
    least, allowed = _LEAST.get(name, 0), address_limit_mb()
    if allowed < least and not {"-h", "--help"} & set(sys.argv):
        raise MemoryError(
            f"inkdigits {name} takes {least:,} MB of addresses and may have {allowed:,.0f}"
        )
