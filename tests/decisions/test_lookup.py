"""What decisions say of files: which were named, which go, and which nobody knows again."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsim.decisions.lookup import NOT_KEPT, Decided, SeenFile
from imgsim.decisions.records import Answer, DecidedFile, Decision, decision_line, read_line
from imgsim.decisions.store import check_answer, without_files, without_pairs
from imgsim.errors import UsageError


def named(content: str, path: str) -> DecidedFile:
    return DecidedFile(content * 64, None, path, 4, 3, "")


def seen(content: str, path: str) -> SeenFile:
    return SeenFile(content * 64, path)


def decisions(*given: tuple[Answer, list[DecidedFile]]) -> list[Decision]:
    return [
        Decision(answer, tuple(files), f"2026-01-01T00:00:{number:02}.000000Z")
        for number, (answer, files) in enumerate(given)
    ]


def test_a_file_that_was_named_in_keep_all_stays_beside_an_equal_one() -> None:
    stay = ("keep-all", [named("a", "/p/a.jpg"), named("b", "/p/b.jpg")])
    a, b, copy = seen("a", "/p/a.jpg"), seen("b", "/p/b.jpg"), seen("b", "/q/copy.jpg")
    decided = Decided(decisions(stay), [a, b, copy])
    assert decided.file_stays(b, copy) == "keep-all"
    assert decided.file_stays(copy, b) is None
    # nothing but a newer answer that names it lets it go
    for answer in ("keep", "remove"):
        newer = (answer, [named("b", "/q/copy.jpg"), named("b", "/p/b.jpg")])
        assert Decided(decisions(stay, newer), [a, b, copy]).file_stays(b, copy) is None
        assert Decided(decisions(newer, stay), [a, b, copy]).file_stays(b, copy) == "keep-all"
    other = ("keep", [named("b", "/q/copy.jpg"), named("b", "/q/other.jpg")])
    assert Decided(decisions(stay, other), [a, b, copy]).file_stays(b, copy) == "keep-all"


def test_a_file_that_was_named_is_known_by_another_link(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    stay = ("keep-all", [named("a", "/p/a.jpg"), named("b", str(tmp_path / "link/b.jpg"))])
    b, copy = seen("b", str(tmp_path / "photos/b.jpg")), seen("b", "/q/copy.jpg")
    decided = Decided(decisions(stay), [b, copy])
    assert decided.file_stays(b, copy) == "keep-all"


@pytest.mark.parametrize("renamed", ["kept", "other", "both"])
def test_a_folder_that_is_renamed_turns_no_answer_round(renamed: str) -> None:
    given = decisions(("keep", [named("a", "/A/x.jpg"), named("a", "/B/x.jpg")]))
    kept = seen("a", "/A/x.jpg" if renamed == "other" else "/Z/x.jpg")
    other = seen("a", "/B/x.jpg" if renamed == "kept" else "/Y/x.jpg")
    decided = Decided(given, [kept, other])
    ranks = decided._keep_rank(kept), decided._keep_rank(other)
    assert NOT_KEPT not in ranks  # the content is to be kept
    if renamed == "both":
        assert ranks[0] == ranks[1]  # nobody knows which was which
    else:
        assert ranks[0] < ranks[1]
        assert decided.file_stays(kept, other) == "keep"
        assert decided.file_stays(other, kept) is None


def test_a_link_in_the_place_of_a_folder_leads_to_no_file_that_may_go(tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "b.jpg").write_bytes(b"the last one")
    (tmp_path / "y").symlink_to("z")
    gone = ("remove", [named("a", "/p/a.jpg"), named("b", str(tmp_path / "y" / "b.jpg"))])
    other = seen("b", str(tmp_path / "z" / "b.jpg"))
    assert not Decided(decisions(gone), [seen("a", "/p/a.jpg"), other])._removes(0, other)


def test_one_file_may_go_by_a_decision_and_no_other_of_its_content() -> None:
    gone = ("remove", [named("a", "/p/a.jpg"), named("b", "/p/b.jpg")])
    a, b, copy = seen("a", "/p/a.jpg"), seen("b", "/p/b.jpg"), seen("b", "/q/copy.jpg")

    def removes(file: SeenFile, *there: SeenFile) -> bool:
        return Decided(decisions(gone), [a, *there])._removes(0, file)

    assert removes(b, b)
    assert (removes(b, b, copy), removes(copy, b, copy)) == (True, False)
    assert not removes(copy, copy)  # the other one may be gone
    assert not removes(copy, copy, seen("b", "/r/copy.jpg"))  # one of two, and nobody knows which
    decided = Decided(decisions(gone), [a, b])
    assert decided._keep_rank(a) == (0, 0)  # the other one stays
    assert decided._keep_rank(b) == NOT_KEPT
    # it takes the place of an older answer, and a newer one takes its place
    stay = ("keep-all", [named(c, f"/p/{c}.jpg") for c in "abc"])
    assert Decided(decisions(stay, gone), [a, b]).file_stays(b, a) is None
    assert Decided(decisions(gone, stay), [a, b]).file_stays(b, a) == "keep-all"


def test_remove_names_two_files_and_is_read_again() -> None:
    two = [named("a", "/p/a.jpg"), named("b", "/p/b.jpg")]
    (decision,) = decisions(("remove", two))
    assert read_line(decision_line(decision).encode(), "x", 2) == decision
    assert without_pairs(decision, [{0}, {1}]) == ()
    assert without_files(decision, {0}) == without_files(decision, {1}) == ()
    for wrong in ([two[0]], [*two, named("c", "/p/c.jpg")]):
        with pytest.raises(UsageError):
            check_answer("remove", wrong)


def test_a_file_that_is_kept_is_turned_round_only_by_an_answer_that_names_it() -> None:
    a, b, c = seen("a", "/camera/x.jpg"), seen("a", "/phone/x.jpg"), seen("a", "/backup/x.jpg")
    camera, phone, backup = (named("a", one.path) for one in (a, b, c))
    first: tuple[Answer, list[DecidedFile]] = ("keep", [camera, phone])
    later: list[tuple[Answer, list[DecidedFile]]] = [
        ("keep", [phone, backup]),
        ("keep", [phone]),
        ("keep", [named("b", "/p/b.jpg"), backup]),
        ("remove", [named("b", "/p/b.jpg"), backup]),
    ]
    for answer in later:
        decided = Decided(decisions(first, answer), [a, b, c, seen("b", "/p/b.jpg")])
        assert decided.file_stays(a, b) == "keep"
        assert decided.file_stays(a, seen("b", "/p/b.jpg")) == "keep"
        assert decided.file_stays(b, a) == ("keep" if answer[1][0] is phone else None)
        assert decided.file_stays(c, a) is None
    turned = Decided(decisions(first, ("keep", [phone, camera])), [a, b, c])
    assert (turned.file_stays(a, b), turned.file_stays(b, a)) == (None, "keep")
