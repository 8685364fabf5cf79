"""`inkdigits serve`: the page to draw on and the HTTP service."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import click

from inkdigits.cli.console import say


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: a free one."
)
@click.option("--model", help="A run folder or an .onnx file.  [default: the shipped model]")
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.db",
    help="Keep corrections of readings, with their pictures.  [default: nothing is kept]",
)
@click.option(
    "--token", envvar="INKDIGITS_TOKEN", help="What callers must show; also in $INKDIGITS_TOKEN."
)
@click.option(
    "--allow-origin", multiple=True, metavar="URL", help="Let pages of this other site call it."
)
def serve(
    host: str,
    port: int,
    model: str | None,
    keep: Path | None,
    token: str | None,
    allow_origin: tuple[str, ...],
) -> None:
    """Serve a page to draw on, and POST /v1/read for programs; /docs describes it.

    Ctrl-C or SIGTERM ends it when what is in flight is answered, 10 seconds at most.

    \b
    Example:
      inkdigits serve
      inkdigits serve --keep corrections.db
      INKDIGITS_TOKEN=secret inkdigits serve --host 0.0.0.0
    """
    if token is not None and not (token.strip() and token.isascii()):
        raise click.UsageError("--token is empty or not ASCII; leave it out or name one")

    from inkdigits.data.corrections import Corrections
    from inkdigits.server.app import create_app
    from inkdigits.server.limits import Limits
    from inkdigits.server.pool import Pool
    from inkdigits.server.serve import bound
    from inkdigits.server.serve import serve as run

    limits = Limits()
    listening = bound(host, port)
    corrections = Corrections(keep) if keep else None
    pool = Pool(model, limits)
    try:
        app = create_app(pool, limits, corrections, token, allow_origin)
        address, found = listening.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        if not ipaddress.ip_address(address).is_loopback:
            say(_warning(token))

        def started() -> None:
            say(f"inkdigits serves http://{shown}:{found} with {pool.model.name}; Ctrl-C ends it")

        run(app, listening, limits, started)
    finally:
        pool.close()
        if corrections:
            corrections.close()
    say("stopped")


def _warning(token: str | None) -> str:
    reach = "note: whoever reaches this machine over the network can reach this server"
    if token is None:
        reach += ", and have pictures read; --token asks callers for a secret"
    return f"{reach}. Nothing is encrypted: for other networks put a TLS proxy before it"
