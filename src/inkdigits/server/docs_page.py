"""The page /docs: the service's description as HTML, for people.

In: an OpenAPI document. Out: HTML.
"""

from __future__ import annotations

from html import escape
from typing import Any


def as_page(found: dict[str, Any]) -> str:
    """The description as HTML, for people."""
    parts = [
        _operation(path, method, what, found["components"]["responses"])
        for path, way in found["paths"].items()
        for method, what in way.items()
    ]
    parts += ["<h2>What is answered</h2>"]
    for name, schema in found["components"]["schemas"].items():
        if "properties" not in schema:  # a file, which is not answered
            continue
        parts.append(f"<h3>{escape(name)}</h3><table>{_fields(schema)}</table>")
    title, info = escape(found["info"]["title"]), found["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title}: the service</title><link rel="stylesheet" href="/page/style.css">'
        f'</head><body class="docs"><header><h1>{title} {escape(info["version"])}</h1></header>'
        f"<main><p>{escape(info['description'])} For programs: "
        '<a href="/openapi.json">openapi.json</a>; to draw: <a href="/">the page</a>.</p>'
        "<pre>curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' HOST/v1/read\n"
        "curl --data-binary @digit.png -H 'Content-Type: image/png' HOST/v1/predict\n"
        "curl --data-binary @scan.pdf -H 'Content-Type: application/pdf' HOST/v1/read\n"
        "curl -F pictures=@1.png -F pictures=@2.png HOST/v1/read</pre>"
        f"{''.join(parts)}</main></body></html>"
    )


def _fields(schema: dict[str, Any], within: str = "") -> str:
    """A row for each field, and for those of the lists in it: numbers[].text."""
    rows = ""
    for name, kind in schema["properties"].items():
        rows += (
            f"<tr><td><code>{escape(within + name)}</code></td><td>{escape(_kind(kind))}</td>"
            f"<td>{escape(kind.get('description', ''))}</td></tr>"
        )
        inner = kind.get("items", kind)
        if "properties" in inner:
            rows += _fields(inner, f"{within}{name}{'[]' if 'items' in kind else ''}.")
    return rows


def _operation(path: str, method: str, what: dict[str, Any], refusals: dict[str, Any]) -> str:
    """refusals: answers that several operations share, by their status."""
    parameters = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(_kind(one['schema']))}</td>"
        f"<td>{escape(one['description'])}</td></tr>"
        for one in what.get("parameters", ())
    )
    answers = "".join(
        f"<tr><td>{escape(status)}</td>"
        f"<td>{escape(refusals.get(status, answer)['description'])}</td></tr>"
        for status, answer in what["responses"].items()
    )
    return (
        f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(what['summary'])}. "
        f"{escape(what.get('description', ''))}</p>"
        + (f"<table>{parameters}</table>" if parameters else "")
        + f"<table>{answers}</table>"
    )


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(repr(value) for value in schema["enum"])
    kind = schema["type"]
    return f"{kind}, {schema['minItems']}" if "minItems" in schema else str(kind)
