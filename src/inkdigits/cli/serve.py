"""`inkdigits serve`: the page to draw on and the HTTP service."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
import webbrowser
from pathlib import Path

import click

from inkdigits.cli.console import model_option, say


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes a free one.",
)
@model_option
@click.option(
    "--keep",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.db",
    help="Keep corrections of readings, with their pictures.  [default: nothing is kept]",
)
@click.option(
    "--token", envvar="INKDIGITS_TOKEN", help="Secret that callers must send; or $INKDIGITS_TOKEN."
)
@click.option(
    "--allow-origin",
    multiple=True,
    metavar="URL",
    help="Let pages of this other site call the service.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME",
    help="Answer to this name, too, such as a proxy's.",
)
@click.option("--open", "in_browser", is_flag=True, help="Open the page in this machine's browser.")
def serve(
    host: str,
    port: int,
    model: str | None,
    keep: Path | None,
    token: str | None,
    allow_origin: tuple[str, ...],
    allow_host: tuple[str, ...],
    in_browser: bool,
) -> None:
    """Serve a page to draw on, and an HTTP service.

    Programs post pictures to /v1/read; /docs describes it.

    With --host 0.0.0.0 the command prints the addresses that others open, and a QR code on a
    terminal. The link holds the token. The service answers to addresses in digits, to localhost,
    and to the names in --host and --allow-host.

    Ctrl-C and SIGTERM end it within 2 seconds.

    \b
    Example:
      inkdigits serve --open
      inkdigits serve --keep corrections.db
      INKDIGITS_TOKEN=secret inkdigits serve --host 0.0.0.0
    """
    if token is None:
        token = os.environ.get("INKDIGITS_TOKEN")  # click takes an empty one for none
    if token is not None:
        token = token.strip()  # as callers' are
        if not (token and token.isascii()):
            raise click.UsageError(
                "--token (or INKDIGITS_TOKEN) is empty or not ASCII; leave it out or name one"
            )

    allow_origin = tuple(map(_origin, allow_origin))
    for name in allow_host:
        if not name or set(name) & set("/:@ "):
            raise click.UsageError(
                f"--allow-host {name!r}: expected a name such as digits.example.org, without "
                "http:// and port"
            )

    from inkdigits.server.app import create_app
    from inkdigits.server.corrections import Corrections
    from inkdigits.server.limits import Limits
    from inkdigits.server.pool import Pool
    from inkdigits.server.serve import bound
    from inkdigits.server.serve import serve as run
    from inkdigits.server.share_link import addresses, link, qr_code

    limits = Limits()
    listening = bound(host, port)
    corrections = Corrections(keep) if keep else None
    pool = Pool(model, limits)
    try:
        app = create_app(pool, limits, corrections, token, allow_origin, (host, *allow_host))
        address, found = listening.getsockname()[:2]
        here = ipaddress.ip_address(address)
        if not here.is_loopback:
            say(_warning(token))

        def started() -> None:
            served = link(address, found, None).rstrip("/")
            say(f"inkdigits serves {served} with {pool.model.name}; Ctrl-C ends it")
            links = [link(one, found, token) for one in addresses(address)]
            for one in links:
                say(f"others open {one}")
            if links and sys.stderr.isatty() and (code := qr_code(links[0])):
                click.echo(code, err=True)
            if in_browser:
                own = {4: "127.0.0.1", 6: "::1"}[here.version] if here.is_unspecified else address
                webbrowser.open(link(own, found, token))

        run(app, listening, limits, started)
    finally:
        pool.close()
        if corrections:
            corrections.close()
    say("stopped")


def _origin(site: str) -> str:
    """A site as browsers name it. Raises UsageError for what none of them sends."""
    found = re.fullmatch(r"(https?://[^/?#@\s]+)/?", site.lower())
    if found is None:
        raise click.UsageError(
            f"--allow-origin {site!r}: expected a site such as https://example.org, without a path"
        )
    return found[1]


def _warning(token: str | None) -> str:
    reach = "note: whoever reaches this machine over the network can reach this server"
    if token is None:
        reach += ", and have pictures read; --token asks callers for a secret"
    return f"{reach}. Nothing is encrypted: for other networks put a TLS proxy before it"
