"""What the service may be called by, and from which sites.

In: a request's headers. Out: why it is refused, if it is.
"""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers


class Hosts:
    """Names and sites that are let in.

    A site may have its own name point at this machine; a browser then lets its page at all that
    answers there (DNS rebinding). So a name is to be known; an address in digits is fine, for it
    points nowhere else. hosts: names. origins: of other sites whose pages may call.
    """

    def __init__(self, hosts: tuple[str, ...], origins: tuple[str, ...]) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origins)

    def refusal(self, headers: Headers) -> tuple[int, str] | None:
        """A status and words, or None."""
        host = headers.get("host", "")
        name = _name(host)
        if name not in self._hosts and not _is_here(name):
            return 421, f"this server knows no name {name[:100]!r}; --allow-host NAME tells it one"
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return None
        site = origin.partition("://")[2]
        # A TLS proxy may give its own address as the host.
        if site == host or _name(site) in self._hosts:
            return None
        words = f"pages of {origin[:100]!r} may not call this server; --allow-origin URL lets them"
        return 403, words


def _name(host: str) -> str:
    """Without port, brackets, and the dot that ends a full name."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().rstrip(".")


def _is_here(name: str) -> bool:
    # No browser leaves the name out.
    if name in ("", "localhost") or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
