"""How others get to a service: this machine's addresses, the link to the page, a QR code of it.

In: what the service listens on. Out: text for a terminal.
"""

from __future__ import annotations

import io
import ipaddress
import socket
from contextlib import suppress
from urllib.parse import quote

import segno

_ELSEWHERE = ("192.0.2.1", 9)  # an address that nobody has. Source: RFC 5737


def addresses(listening: str) -> list[str]:
    """The addresses that other machines can open; none for a service on this machine alone.

    listening: the numeric address that the service is bound to.
    """
    bound = ipaddress.ip_address(listening)
    if bound.is_loopback:
        return []
    if not bound.is_unspecified:
        return [listening]
    found = {_outward()}
    try:
        named = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except OSError:  # a machine whose name nobody knows
        named = []
    found |= {str(entry[4][0]) for entry in named}
    return sorted(one for one in found if one and not ipaddress.ip_address(one).is_loopback)


def _outward() -> str:
    """The address that packets to other networks would leave from; "" without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_ELSEWHERE)  # sends nothing
            return str(asking.getsockname()[0])
        except OSError:
            return ""


def link(address: str, port: int, token: str | None) -> str:
    """The page's address. The token is in the fragment, which browsers send to nobody."""
    shown = f"[{address}]" if ":" in address else address
    return f"http://{shown}:{port}/" + (f"#token={quote(token, safe='')}" if token else "")


def qr_code(text: str) -> str:
    """The text as a QR code of block characters, light on dark; "" where it is too long for one."""
    drawn = io.StringIO()
    with suppress(segno.DataOverflowError):
        segno.make(text, micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()
