"""The check of the documents' language: what it counts, what it finds, what it leaves out."""

import prose


def long_sentence(n):
    return " ".join(["word"] * n) + "."


def test_a_sentence_ends_at_a_full_stop_and_at_its_paragraphs_end():
    text = "Two words. It takes 14. 2 s\nin all! No end here\n\n- A point\n- of a list\n"
    assert [(line, len(words)) for line, words in prose.sentences(text)] == [
        (1, 2), (1, 3), (1, 4), (2, 3), (4, 2), (5, 3),
    ]  # fmt: skip


def test_one_long_sentence_in_ten_is_too_many_and_one_in_eleven_is_not():
    text = f"{long_sentence(31)} " + "Short. " * 9
    (found,) = prose.check(f"# Title\n\n{text}\n")
    assert found.line == 3
    assert found.found == "31 words: word word word word word word ..."
    assert found.better == "under 10% over 30 words, not 1 of 10"
    assert prose.check(text + "Short.") == []
    assert prose.check(text.replace("word word", "word", 1)) == []  # 30 words


def test_code_tables_headings_comments_and_addresses_are_left_out():
    text = """# What is wanted

| wanted | table |

```sh
wanted $(pass over)
```

<!-- wanted
anew --> See `wanted
anew`, [this](https://wanted.org/anew) and https://wanted.org.
"""
    assert prose.check(text) == []


def test_a_find_names_its_line_and_the_better_word_also_across_lines():
    text = (
        "Fine.\n\nIt is taken\nanew, and gone\non with, in some 20 files that are\nno pictures.\n"
    )
    assert [(line, found) for line, found, _ in prose.check(text)] == [
        (4, "anew"), (4, "gone on with"), (5, "some 20"), (5, "that are no"),
    ]  # fmt: skip
    assert prose.check(text)[0].better == "again"
    assert prose.check("renewed, some pictures, go on, undoubtedly, anew-ness") == []


def test_the_command_prints_a_line_for_each_find(tmp_path, capsys):
    path = tmp_path / "text.md"
    path.write_text("A count of 5 is wanted.\n")
    assert prose.main([str(path)]) == 1
    assert capsys.readouterr().out == f"{path}:1: wanted, better: expect, require, ask for\n"
    path.write_text("A count of 5 is expected.\n")
    assert prose.main([str(path)]) == 0
    assert capsys.readouterr().out == ""
