"""No text moves a cursor, and no two names look alike."""

import csv
import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsim.addresses import printable
from imgsim.escapes import as_json, csv_text, escaped

HOSTILE = st.text(
    st.sampled_from(list("aÿé\\xu0912eb\x1b\x7f\x85\x9b\xad\u200d\u202e\u2028\ufeff\n\r\t"))
)
NAMES = HOSTILE | st.binary(max_size=8).map(os.fsdecode)


@given(NAMES, NAMES)
def test_a_shown_name_is_seen_whole_and_is_no_other_one(one, other):
    assert printable(one).isprintable()
    assert (printable(one) == printable(other)) == (one == other)


@pytest.mark.parametrize("indent", [None, 1])
@given(HOSTILE)
def test_json_holds_the_text_and_shows_no_control(indent, text):
    written = as_json({text: [text, "🦊"]}, indent)
    assert json.loads(written) == {text: [text, "🦊"]}
    assert written.replace("\n", "").isprintable()


@given(HOSTILE)
def test_a_cell_of_csv_shows_no_control_but_line_feeds(text):
    shown = csv_text(text)
    assert shown.replace("\n", "").isprintable()
    assert shown == text or not text.replace("\n", "").isprintable()
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow([shown])
    assert next(csv.reader(io.StringIO(stream.getvalue(), newline=""))) == [shown]


def test_workflow_commands_of_github_hold_no_controls() -> None:
    from imgsim.report.code_hosts import warning_command

    command = warning_command("rtl \u202e.jpg", "duplicate", "as \x1b[31m.jpg")
    assert command == "::warning file=rtl \\u202e.jpg,title=duplicate::as \\x1b[31m.jpg\n"


@pytest.mark.skipif(os.sep == "\\", reason="backslashes stand between folders")
@pytest.mark.parametrize("sign", ["\x1b", "\n", "\r"])
def test_no_file_looks_like_another_one_to_code_hosts(sign: str) -> None:
    from imgsim.report.code_hosts import warning_command

    lookalike = f"{escaped(sign)}.jpg"  # a name with a backslash in it
    assert f"file={lookalike}," in warning_command(f"{sign}.jpg", "duplicate", "")
    assert f"file=\\{lookalike}," in warning_command(lookalike, "duplicate", "")
