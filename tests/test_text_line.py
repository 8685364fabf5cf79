import csv
import io

from inkdigits.text_line import csv_row, shown


def test_a_row_of_csv_is_one_row_whatever_its_values_are():
    row = ["a\nb", "c\rd", "e\r\nf", 'g"h', "i,j", "k", ""]
    assert csv_row(row) == '"a\nb","c\rd","e\r\nf","g""h","i,j",k,'
    assert list(csv.reader(io.StringIO(csv_row(row) + "\n", newline=""))) == [row]
    assert csv_row([1, 2.5]) == "1,2.5"


def test_a_shown_text_is_one_line_that_does_nothing_to_a_terminal():
    assert shown("a\nb\rc\td\x1b[31me\u2028f\u202eg\x85h") == (
        r"a\nb\rc\td\x1b[31me\u2028f\u202eg\x85h"
    )
    assert shown("7 \xe9 \u4e03.png") == "7 \xe9 \u4e03.png"
