"""What the service answers, as an OpenAPI description.

In: the limits. Out: a dictionary. Tests hold the service to it.
"""

from __future__ import annotations

from typing import Any

from inkdigits.picture.open import MAX_SIDE
from inkdigits.server.limits import Limits
from inkdigits.spec import CLASS_NAMES, N_CLASSES, SIDE, SORTS
from inkdigits.version import __version__

_ALWAYS = (403, 421, 429, 431, 503)  # whatever is asked for
_REASONS = ["", "blank", "several digits", "no digit", "unsure"]
NO_DIGIT = "none"  # in the place of a correction's digit
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/bmp", "image/tiff", "image/webp")
_PDF = "application/pdf"
_BODY = "The body is one picture, as it is or in base64 in JSON,"
_DOCUMENTS = (
    "A PDF, and a TIFF of several pages, has a Page or an Error for each of its pages, alone as in "
    "a list. A PDF that cannot be read is an Error if it is sent alone."
)
_SEVERAL = (
    "or a form with pictures as files in fields of any name, or a list in JSON, and the answer has"
)
_EACH = "or an Error for each, in order."
_OCCLUSION = (
    "By occlusion: a 5x5 patch of the array is covered with paper, and the loss of the digit's "
    "probability is shared among the pixels under it. It takes about 30 times the work"
)
_BASE64 = {"type": "string", "description": "A picture file in base64, or a base64 data URL"}
_DOT = (  # a PNG of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


def description(limits: Limits) -> dict[str, Any]:
    """The OpenAPI 3.1 description of the service."""
    megabytes, megapixels = limits.body / 1e6, limits.pixels / 1e6
    answers = {
        400: "The body is empty, or not a valid form or JSON",
        401: "The token is missing or wrong",
        403: "A page of another site asks, and the server was not told that it may",
        404: "This server keeps no corrections, or not this one",
        408: f"The body was not here after {limits.body_time:g} s",
        413: f"The body is over {megabytes:g} MB, or holds over {limits.pictures} pictures "
        "or pages. Of a list, an Error's: the ones before took all that a request may, "
        f"{limits.request_time:g} s of a worker and {limits.answer / 1e6:g} MB of answers",
        415: "Not a picture that is read",
        422: f"Over {megapixels:g} million pixels, all of one colour, or a parameter or the JSON "
        "is wrong",
        421: "The server is called by a name that it was not told",
        429: "Too many requests of this connection wait for their turn",
        431: f"The request's line and headers are over {limits.head:,} bytes",
        503: "Too many pictures wait, or connections are open, or the server is being stopped; try "
        "again after Retry-After seconds",
        507: "The correction could not be written: the disk is full or fails",
    }
    faults = {
        str(status): {"description": text, "content": _json("Error")}
        for status, text in answers.items()
    }

    def refusals(*more: int) -> dict[str, Any]:
        return {str(status): faults[str(status)] for status in sorted((*_ALWAYS, *more))}

    some = refusals(400, 401, 408, 413, 415, 422)
    picture = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _PICTURES}
    form = {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "pictures": {
                        "type": "array",
                        "items": {"type": "string", "format": "binary"},
                        "minItems": 1,
                        "maxItems": limits.pictures,
                    }
                },
                "required": ["pictures"],
            }
        }
    }
    in_json = {
        "application/json": {
            "schema": {
                "oneOf": [
                    _object({"picture": _BASE64}),
                    _object(
                        {
                            "pictures": {
                                "type": "array",
                                "items": _BASE64,
                                "minItems": 1,
                                "maxItems": limits.pictures,
                            }
                        }
                    ),
                ]
            },
            "examples": {
                "one picture": {"value": {"picture": _DOT}},
                "two": {"value": {"pictures": [_DOT, f"data:image/png;base64,{_DOT}"]}},
            },
        }
    }
    bodies = {"required": True, "content": picture | form | in_json}
    document = picture | {_PDF: picture["image/png"]}
    read = {
        "summary": "Read all digits and numbers in a picture, or in each of many",
        "description": f"{_BODY} and the answer its Page; {_SEVERAL} a Page {_EACH} {_DOCUMENTS}",
        "parameters": [
            _switch("array", f"Answer with the {SIDE}x{SIDE} array of each digit"),
            {
                "name": "saliency", "in": "query",
                "schema": {"type": "integer", "minimum": 0, "maximum": 99_999},
                "description": "Answer with what mattered in the digit of that place: 0 is the "
                f"first. {_OCCLUSION}",
            },
        ],
        "requestBody": {"required": True, "content": document | form | in_json},
        "responses": {"200": _read("Page", "Pages"), **some},
    }  # fmt: skip
    predict = {
        "summary": "Read the digit in a picture of one digit, or in each of many",
        "description": f"{_BODY} and the answer its Reading; {_SEVERAL} a Reading {_EACH}",
        "parameters": [
            _switch("array", f"Answer with the {SIDE}x{SIDE} array that the network saw"),
            _switch("saliency", f"Answer with what mattered in it. {_OCCLUSION}"),
        ],
        "requestBody": bodies,
        "responses": {"200": _read("Reading", "Readings"), **some},
    }
    page_as_png = {
        "summary": "One page of a PDF or TIFF as a grey PNG",
        "description": "For browsers, which show neither. Sent to /v1/read it has the same digits "
        f"as the page; its longer side is {MAX_SIDE} pixels at most.",
        "parameters": [
            {
                "name": "page", "in": "query",
                "schema": {
                    "type": "integer", "minimum": 1, "maximum": limits.pictures, "default": 1,
                },
                "description": "Which page: 1 is the first",
            }
        ],
        "requestBody": {"required": True, "content": document},
        "responses": {
            "200": {
                "description": "The page",
                "content": {"image/png": picture["image/png"]},
            },
            **some,
        },
    }  # fmt: skip
    correct = {
        "summary": "Keep what a picture shows, where it was read wrong",
        "description": "Only where the server was started with --keep FILE.db; 404 elsewhere.",
        "parameters": [
            {
                "name": "digit", "in": "query", "required": True,
                "schema": {"enum": [*CLASS_NAMES, NO_DIGIT]},
                "description": f"The right one; {NO_DIGIT} where there is no digit",
            },
            {
                "name": "place", "in": "query",
                "schema": {"type": "integer", "minimum": 0, "maximum": 99_999},
                "description": "Which digit of /v1/read's it is: 0 is the first. Left out for the "
                "digit of /v1/predict",
            },
        ],
        "requestBody": {"required": True, "content": picture},
        "responses": {
            "201": {"description": "Kept: it survives a crash", "content": _json("Kept")},
            **refusals(400, 401, 404, 408, 413, 415, 422, 507),
        },
    }  # fmt: skip
    take_back = {
        "summary": "Forget a correction again",
        "description": "One of the last thousand since the server started.",
        "parameters": [
            {
                "name": "undo", "in": "query", "required": True, "schema": {"type": "string"},
                "description": "As it was answered when the correction was kept",
            }
        ],
        "responses": {
            "200": {"description": "Forgotten", "content": _json("Forgotten")},
            **refusals(401, 404, 507),
        },
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "inkdigits",
            "version": __version__,
            "description": "Reads handwritten digits and numbers in pictures. Nothing of a "
            "picture is kept unless it is corrected.",
        },
        "paths": {
            "/v1/read": {"post": read},
            "/v1/predict": {"post": predict},
            "/v1/page": {"post": page_as_png},
            "/v1/corrections": {"post": correct, "delete": take_back},
            "/v1/model": {"get": _get("What reads", _json("Model"), refusals(401))},
            "/healthz": {"get": _get("Whether the service runs", _json("Status"), refusals())},
            "/readyz": {"get": _get("Whether it takes more pictures", _json("Status"), refusals())},
            "/metrics": {
                "get": _get(
                    "Counts, for Prometheus",
                    {"text/plain": {"schema": {"type": "string"}}},
                    refusals(401),
                )
            },
        },
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _schemas() -> dict[str, Any]:
    share = {"type": "number", "minimum": 0, "maximum": 1}
    row = {"type": "array", "items": {"type": "number"}, "minItems": SIDE, "maxItems": SIDE}
    array = {"type": "array", "items": row, "minItems": SIDE, "maxItems": SIDE}
    reading = {
        "name": {
            "type": "string",
            "description": "The file's, in a form; of a document's page such as scan.pdf#page=2",
        },
        "digit": {"type": "integer", "minimum": 0, "maximum": 9},
        "confidence": {**share, "description": "The digit's probability"},
        "probabilities": {
            "type": "array", "items": share, "minItems": N_CLASSES, "maxItems": N_CLASSES,
            "description": "Of 0 to 9",
        },
        "accepted": {
            "type": "boolean",
            "description": "False: the digit is only a guess",
        },
        "reason": {"enum": _REASONS, "description": "Why it is not accepted"},
        "box": {
            "type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4,
            "description": "Of the ink: left, top, right, bottom, in pixels of the upright picture",
        },
        "array": {**array, "description": "If asked for: what the network saw, ink 1, paper 0"},
        "saliency": {
            **array,
            "description": "If asked for: the share of probability lost where it is covered",
        },
    }  # fmt: skip
    text, whole = {"type": "string"}, {"type": "integer", "minimum": 0}
    place = {
        "type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4,
        "description": "Left, top, right, bottom, in pixels of the upright picture",
    }  # fmt: skip
    yes = {"type": "boolean"}
    number = {
        "text": {**text, "description": "Its digits, with its sign, points and commas"},
        "box": place,
        "confidence": {
            **share,
            "description": "Probability that it is right, with its signs and those beside it",
        },
        "accepted": {**yes, "description": "All its digits are, and the signs in and beside it"},
        "line": {**whole, "description": "Which of the page's lines: 0 is the first"},
    }
    digit = {
        **{key: reading[key] for key in ("digit", "probabilities", "accepted")},
        "confidence": {**share, "description": "Probability that there is this digit"},
        "reason": {"enum": ["", "unsure", "no digit"], "description": "Why it is not accepted"},
        "box": place,
        "line": whole,
        "number": {**whole, "description": "Which of the page's numbers"},
        "array": reading["array"],
        "saliency": reading["saliency"],
    }
    sign = {
        "sign": {"enum": list(SORTS[N_CLASSES:])},
        "confidence": share,
        "accepted": {**yes, "description": "False: the sign is only a guess"},
        "box": place,
    }
    page = {
        "name": reading["name"],
        "page": {
            "type": "integer",
            "minimum": 1,
            "description": "Which page of a document: 1 is the first",
        },
        "text": {**text, "description": "A line for each line of writing, with the signs"},
        "reason": {"enum": ["", "blank"], "description": "blank: no digit was found"},
        "width": {**whole, "description": "Pixels of the upright picture"},
        "height": whole,
        "turned": {
            "enum": [0, 90, 180, 270],
            "description": "Degrees clockwise that it was turned by, besides EXIF",
        },
        "numbers": {"type": "array", "items": _object(number)},
        "digits": {
            "type": "array",
            "items": _object(digit, tuple(k for k in digit if k not in ("array", "saliency"))),
        },
        "signs": {"type": "array", "items": _object(sign)},
    }
    wanted = ("digit", "confidence", "probabilities", "accepted", "reason", "box")
    return {
        "Page": _object(page, tuple(key for key in page if key not in ("name", "page"))),
        "Pages": _listed("pages", "Page"),
        "Reading": _object(reading, wanted),
        "Error": _object(
            {"name": text, "page": page["page"], "error": text, "status": whole},
            ("error", "status"),
        ),
        "Readings": _listed("readings", "Reading"),
        "Kept": _object(
            {
                "id": whole,
                "kept": {**whole, "description": "How many are kept"},
                "undo": {**text, "description": "Takes it back: DELETE /v1/corrections?undo=..."},
            }
        ),
        "Forgotten": _object({"id": whole, "kept": whole}),
        "Status": _object({"status": {"enum": ["alive", "ready"]}}),
        "Model": _object(
            {
                "name": text,
                "identity": {
                    **text,
                    "description": "One SHA-256 for all its files; corrections are kept with it",
                },
                "files": {
                    "type": "object",
                    "additionalProperties": text,
                    "description": "SHA-256 of each, by name",
                },
                "accept": {
                    **share,
                    "description": "Acceptance threshold: digits from this confidence are accepted",
                },
                "metadata": {"type": "object", "additionalProperties": text},
                "inkdigits": text,
                "keeps_corrections": {"type": "boolean"},
            }
        ),
    }


def _object(properties: dict[str, Any], required: tuple[str, ...] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required or properties),
        "additionalProperties": False,
    }


def _listed(field: str, name: str) -> dict[str, Any]:
    """An object with a list of those, an Error in the place of any."""
    one = {"anyOf": [_ref(name), _ref("Error")]}
    return _object({field: {"type": "array", "items": one}})


def _read(one: str, several: str) -> dict[str, Any]:
    schema = {"anyOf": [_ref(one), _ref(several)]}
    return {"description": "What was read", "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _switch(name: str, text: str) -> dict[str, Any]:
    schema = {"type": "boolean", "default": False}
    return {"name": name, "in": "query", "schema": schema, "description": text}


def _get(summary: str, content: dict[str, Any], refusals: dict[str, Any]) -> dict[str, Any]:
    answer = {"description": summary, "content": content}
    return {"summary": summary, "responses": {"200": answer, **refusals}}
