"""A text of others, such as a file's name, in one line of what is written; or in a row of CSV.

In: texts. Out: text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

# What would move a terminal's cursor, colour it, begin a line or turn the direction of writing.
_COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_END = "\r\n"


def shown(text: str) -> str:
    """The text as one line that does nothing to a terminal."""
    return _COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def csv_row(values: Iterable[object]) -> str:
    """The row, without an end; a value with a comma, a quote or the end of a line is quoted."""
    row = io.StringIO()
    # The writer quotes the letters of its own ends alone, before Python 3.13 at the least.
    csv.writer(row, lineterminator=_END).writerow(values)
    return row.getvalue().removesuffix(_END)
