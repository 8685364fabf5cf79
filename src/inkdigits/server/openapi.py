"""What the service answers: openapi.json, with the limits of this service put in.

In: the limits. Out: an OpenAPI 3.1 document. Tests hold the service to it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inkdigits.server.limits import Limits
from inkdigits.version import __version__

NO_DIGIT = "none"  # in the place of a correction's digit


def description(limits: Limits) -> dict[str, Any]:
    """The description of the service."""
    text = Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")
    text = text.replace('"${pictures}"', str(limits.pictures))  # a number where it stands alone
    values = {
        "version": __version__,
        "body": f"{limits.body / 1e6:g}",
        "body_time": f"{limits.body_time:g}",
        "request_time": f"{limits.request_time:g}",
        "answer": f"{limits.answer / 1e6:g}",
        "pictures": f"{limits.pictures}",
        "pixels": f"{limits.pixels / 1e6:g}",
        "head": f"{limits.head:,}",
    }
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value)
    found: dict[str, Any] = json.loads(text)
    return found
