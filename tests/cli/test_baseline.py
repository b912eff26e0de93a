"""Baselines of find-dupes and leaks, as a CI job uses them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from imgsim.cli.main import main
from imgsim.schemas import schema
from tests.cli.test_leaks import SARIF

FAST = ("--executor", "threads", "--jobs", "1", "-m", "phash")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def find_dupes(*arguments: str, method: tuple[str, ...] = FAST) -> tuple[int, str, str]:
        code = main(["find-dupes", *arguments, *method])
        return (code, *capsys.readouterr())

    return find_dupes


@pytest.fixture
def data(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures with a copy each, and one without."""
    monkeypatch.setenv("IMGSIM_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    for seed in (1, 2, 3):
        photo(seed).save(f"data/{seed}.png")
    for seed in (1, 2):
        shutil.copy(f"data/{seed}.png", f"data/{seed} copy.png")
    return tmp_path / "data"


@pytest.fixture
def known(data: Path, run: Run) -> str:
    assert run("data", "-f", "json", "-o", "known.json")[0] == 0
    return "known.json"


CHECK = ("--check", "--baseline", "known.json")


def test_it_goes_by_contents_and_not_by_paths(data: Path, known: str, run: Run, photo) -> None:
    code, out, err = run("data", *CHECK)
    assert (code, out) == (0, "")
    assert "0 groups are not in the baseline; 2 known ones left out" in err
    assert "no new duplicates" in err
    assert run("./data", *CHECK)[0] == 0  # other words for the same files
    data.rename("moved")
    assert run("moved", *CHECK)[0] == 0
    for name in ("1.png", "1 copy.png"):  # other pictures under known names
        photo(9).save(f"moved/{name}")
    code, out, _ = run("moved", *CHECK)
    assert code == 1
    assert out.count("Group ") == 1
    assert "moved/1.png" in out
    assert "moved/2.png" not in out


def test_one_more_copy_is_new_and_a_group_less_is_not(data: Path, known: str, run: Run) -> None:
    shutil.copy("data/1.png", "data/1 again.png")
    code, out, err = run("data", *CHECK)
    assert code == 1
    assert "1 group is not in the baseline; 1 known one left out" in err
    line = next(i for i, text in enumerate(out.splitlines()) if "1 again.png" in text)
    assert "new: not in the baseline" in out.splitlines()[line + 1]
    assert out.count("not in the baseline") == 1
    (data / "1 again.png").unlink()
    (data / "2 copy.png").unlink()
    assert run("data", *CHECK)[0] == 0


def test_every_format_says_what_is_new(data: Path, known: str, run: Run) -> None:
    shutil.copy("data/3.png", "data/a 3.png")
    shutil.copy("data/1.png", "data/1 again.png")

    def printed(form: str, *more: str) -> str:
        code, out, _ = run("data", *CHECK, "-f", form, *more)
        assert code == 1
        return out

    document = json.loads(printed("json"))
    jsonschema.validate(document, schema("imgsim.find-dupes/2"))
    assert [group["new"] for group in document["groups"]] == [True, False, True]
    new = {m["path"] for group in document["groups"] for m in group["members"] if m["new"]}
    assert new == {"data/1 again.png", "data/3.png", "data/a 3.png"}
    assert len(json.loads(printed("json", "--only-new"))["groups"]) == 2
    lines = [json.loads(line)["new"] for line in printed("jsonl").splitlines()]
    assert lines == [True, False, True]
    rows = list(csv.DictReader(io.StringIO(printed("csv"))))
    assert {row["path"] for row in rows if row["new"] == "True"} == new
    assert len(list(csv.DictReader(io.StringIO(printed("csv", "--only-new"))))) == 5

    document = json.loads(printed("sarif"))
    jsonschema.validate(document, SARIF)
    results = document["runs"][0]["results"]
    states = {uri_of(result): result["baselineState"] for result in results}
    assert states["data/1%20again.png"] == "new"
    assert sorted(states.values()) == ["new", "new", "unchanged", "unchanged"]
    assert len({r["partialFingerprints"]["imgsim/v1"] for r in results}) == len(results)
    assert {r["ruleId"] for r in results} == {"duplicate-exact"}
    only = json.loads(printed("sarif", "--only-new"))["runs"][0]["results"]
    assert [r["baselineState"] for r in only] == ["new", "new"]
    for more in ((), ("--only-new",)):  # without --check what is known is left out
        out = run("data", "--baseline", known, "-f", "sarif", *more)[1]
        assert len(json.loads(out)["runs"][0]["results"]) == 2

    warnings = printed("github").splitlines()
    assert len(warnings) == 2
    assert warnings[0].startswith("::warning file=data/1 again.png,title=duplicate::the same file")


def uri_of(result: dict[str, Any]) -> str:
    place: str = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    return place


def test_a_new_file_is_told_of_where_it_would_be_kept(
    data: Path, known: str, run: Run, photo
) -> None:
    """The better picture is the finding: the pull request brings it."""
    photo(2).resize((640, 480)).save("data/2 larger.png")
    out = run("data", *CHECK, "-f", "github", "--keep", "largest")[1]
    assert out.startswith("::warning file=data/2 larger.png,title=duplicate::like data/2")
    assert out.count("\n") == 1


def test_without_check_it_hides_what_is_known(data: Path, known: str, run: Run) -> None:
    shutil.copy("data/3.png", "data/a 3.png")
    code, out, _ = run("data", "--baseline", known, "-f", "json", "--plan", "plan.json")
    assert code == 0
    (group,) = json.loads(out)["groups"]
    assert group["new"] is True
    planned = Path("plan.json").read_text()
    assert "a 3.png" in planned or "3.png" in planned
    assert "2 copy.png" not in planned
    assert run("data", "-f", "json")[1].count('"new": null') == 3 + 6  # groups and members


def test_update_baseline(data: Path, run: Run) -> None:
    update = ("--baseline", "known.json", "--update-baseline")
    code, _, err = run("data", "--check", *update)
    assert code == 0
    assert "known.json: 2 groups accepted" in err
    shutil.copy("data/3.png", "data/a 3.png")
    assert run("data", *CHECK)[0] == 1
    code, out, err = run("data", *update)  # shows once more what it accepts
    assert (code, out.count("Group ")) == (0, 1)
    assert "1 group is not in the baseline; 2 known ones left out" in err
    assert run("data", *CHECK)[0] == 0
    # by another method too: the earlier one is replaced
    other = (*FAST[:-1], "dhash")
    assert run("data", *update, method=other)[0] == 0
    assert run("data", *CHECK, method=other)[0] == 0
    assert run("data", *CHECK)[0] == 2
    before = Path("known.json").read_bytes()
    Path("empty").mkdir()
    assert run("empty", "--check", *update)[0] == 2  # nothing was read: nothing is accepted
    assert Path("known.json").read_bytes() == before
    assert run("data", "--baseline", "data/1.png", "--update-baseline")[0] == 2
    assert run("data", "--baseline", "no/known.json", "--update-baseline")[0] == 2


@pytest.mark.parametrize(
    ("method", "more"),
    [("dhash", ()), ("phash", ("--preset", "loose")), ("phash", ("--threshold", "5"))],
)
def test_another_method_or_threshold_is_refused(
    method: str, more: tuple[str, ...], known: str, run: Run
) -> None:
    code, out, err = run("data", *CHECK, *more, method=(*FAST[:-1], method))
    assert (code, out) == (2, "")
    assert "known.json was made by phash (threshold 4), this run is by" in err
    assert "hint: give the options that it was made with" in err
    assert run("data", *CHECK, "--threshold", "4")[0] == 0  # the same in other words


def test_an_old_file_without_digests_goes_by_paths_and_says_so(
    data: Path, known: str, run: Run
) -> None:
    document = json.loads(Path(known).read_text())
    document["schema"] = "imgsim.find-dupes/1"
    for group in document["groups"]:
        for member in group["members"]:
            del member["digest"]
    document["version"] = "0.0.1"
    Path(known).write_text(json.dumps(document))
    code, _, err = run("./data", *CHECK)
    assert code == 0
    assert "known.json has no digests: groups are known by their paths" in err
    assert "was written by imgsim 0.0.1" in err
    shutil.copy("data/3.png", "data/a 3.png")
    assert run("data", *CHECK)[0] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "names no schema"),
        ('{"schema": "imgsim.matches/1"}', "its schema is imgsim.matches/1"),
        ('{"schema": "imgsim.find-dupes/2"}', "is not whole"),
        (
            '{"schema": "imgsim.find-dupes/2", "method": "phash", "threshold": 4,'
            ' "version": "1", "groups": [3]}',
            "is not whole",
        ),
        (
            '{"schema": "imgsim.find-dupes/2", "method": "phash", "threshold": 4,'
            ' "version": "1", "groups": [{"members": [{"path": 3, "digest": "a"}]}]}',
            "is not whole",
        ),
    ],
)
def test_a_broken_baseline_is_one_line_and_a_hint(
    text: str, message: str, data: Path, run: Run
) -> None:
    Path("known.json").write_text(text)
    code, out, err = run("data", *CHECK)
    assert (code, out) == (2, "")
    assert err.startswith("imgsim: error: baseline known.json")
    assert message in err
    assert "Error(" not in err
    assert err.count("\n") == 2


def test_a_kind_is_checked_by_its_own_parts(data: Path, known: str, run: Run, photo) -> None:
    photo(1).resize((320, 240)).save("data/1 large.png")
    assert run("data", *CHECK)[0] == 1
    assert run("data", *CHECK, "--check-kind", "pixels")[0] == 0
    shutil.copy("data/1.png", "data/1 again.png")
    assert run("data", *CHECK, "--check-kind", "exact")[0] == 1


LEAKS = ("leaks", "train", "valid", *FAST)


@pytest.fixture
def splits(tmp_path: Path, photo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures of validation that stand in training too."""
    monkeypatch.setenv("IMGSIM_CACHE", "off")
    monkeypatch.chdir(tmp_path)
    for folder, seeds in (("train", (1, 2, 3, 4)), ("valid", (1, 2, 5))):
        Path(folder).mkdir()
        for seed in seeds:
            photo(seed).save(f"{folder}/{seed}.png")
    return tmp_path


def test_leaks_have_a_baseline_too(splits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def leaks(*arguments: str) -> tuple[int, str, str]:
        code = main([*LEAKS, *arguments])
        return (code, *capsys.readouterr())

    baseline = ("--baseline", "known.json")
    assert leaks()[0] == 1
    assert leaks(*baseline)[0] == 2  # there is none yet
    code, _, err = leaks(*baseline, "--update-baseline")
    assert code == 0
    assert "known.json: 2 leaks accepted" in err
    assert leaks(*baseline)[:2] == (0, "")
    Path("valid/1.png").rename("valid/renamed.png")
    assert leaks(*baseline)[:2] == (0, "")
    shutil.copy("train/4.png", "valid/4.png")
    code, out, err = leaks(*baseline)
    assert code == 1
    assert out.count(" (valid)\n") == 1
    assert "1 leak is not in the baseline; 2 known ones left out" in err
    document = json.loads(leaks(*baseline, "-f", "json")[1])
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    assert {leak["path"]: leak["new"] for leak in document["leaks"]} == {
        "valid/2.png": False, "valid/4.png": True, "valid/renamed.png": False,
    }  # fmt: skip
    assert len(json.loads(leaks(*baseline, "-f", "json", "--only-new")[1])["leaks"]) == 1
    document = json.loads(leaks(*baseline, "-f", "sarif")[1])
    jsonschema.validate(document, SARIF)
    states = [r["baselineState"] for r in document["runs"][0]["results"]]
    assert states == ["unchanged", "new", "unchanged"]
    assert leaks(*baseline, "-f", "github")[1].count("::warning") == 1
    rows = list(csv.DictReader(io.StringIO(leaks(*baseline, "-f", "csv")[1])))
    assert [row["new"] for row in rows] == ["False", "True", "False"]
    code, _, err = leaks(*baseline, "--preset", "strict")
    assert code == 2
    assert "this run is by phash" in err
    run_find = main(["find-dupes", "train", *FAST, *baseline])
    assert run_find == 2  # of another command


def test_a_new_conflict_of_a_known_group_is_new(data: Path, run: Run) -> None:
    for name, folder in (("1.png", "cat"), ("1 copy.png", "cat"), ("2.png", "dog")):
        (data / folder).mkdir(exist_ok=True)
        (data / name).rename(data / folder / name)
    labels = ("--labels", "folder")
    update = ("--baseline", "known.json", "--update-baseline")
    assert run("data", *update)[0] == 0
    code, _, err = run("data", *CHECK, *labels)
    assert (code, "made without labels: every conflict of labels is new" in err) == (0, True)
    (data / "dog/1 copy.png").write_bytes((data / "cat/1 copy.png").read_bytes())
    (data / "cat/1 copy.png").unlink()
    assert run("data", *CHECK)[0] == 0  # the same files, where labels are not asked for
    for kind in ("near", "label"):  # no conflict was accepted without labels
        code, out, _ = run("data", *CHECK, *labels, "--check-kind", kind)
        assert (code, out.count("Group ")) == (1, 1)
    (data / "dog/1 copy.png").rename(data / "cat/1 copy.png")
    assert run("data", *update, *labels)[0] == 0
    (data / "cat/1 copy.png").rename(data / "dog/1 copy.png")
    assert run("data", *CHECK, *labels)[0] == 1
    assert run("data", *CHECK, *labels, "--check-kind", "label")[0] == 1
    assert run("data", *CHECK)[0] == 0
    assert run("data", *update, *labels)[0] == 0
    assert run("data", *CHECK, *labels)[0] == 0
    data.rename("moved")
    assert run("moved", *CHECK, *labels)[0] == 0


def leaks_code(*arguments: str) -> int:
    return main([*LEAKS, *arguments, "--baseline", "known.json"])


def test_a_new_conflict_of_a_known_leak_is_new(splits: Path) -> None:
    labels = ("--labels", "folder")
    for split in ("train", "valid"):
        for name in ("cat", "dog"):
            Path(split, name).mkdir()
        for path in list(Path(split).glob("*.png")):
            path.rename(Path(split, "cat", path.name))
    Path("train/cat/3.png").rename("train/dog/3.png")
    assert leaks_code("--update-baseline") == 0
    assert leaks_code(*labels) == 0
    Path("train/cat/1.png").rename("train/dog/1.png")
    assert leaks_code() == 0
    assert leaks_code(*labels) == 1
    Path("train/dog/1.png").rename("train/cat/1.png")
    assert leaks_code(*labels, "--update-baseline") == 0
    Path("train/cat/1.png").rename("train/dog/1.png")
    assert leaks_code(*labels) == 1
    assert leaks_code(*labels, "--update-baseline") == 0
    assert leaks_code(*labels) == 0


def test_another_match_of_a_known_leak_is_new_and_a_match_less_is_not(splits: Path, photo) -> None:
    near = photo(1).resize((300, 225))
    Path("train/1.png").unlink()
    for number in range(5):  # more than the three that are listed
        near.resize((200 + 20 * number, 150 + 15 * number)).save(f"train/1 near {number}.png")
    assert leaks_code("--update-baseline") == 0
    assert leaks_code() == 0
    shutil.copy("valid/1.png", "train/1.png")
    assert leaks_code() == 1
    Path("train/1 near 3.png").unlink()  # as many as before
    assert leaks_code() == 1
    Path("train/1.png").unlink()
    for number in (0, 1, 2, 4):
        assert leaks_code() == 0
        Path(f"train/1 near {number}.png").unlink()


def test_matches_that_are_not_listed_are_known_by_their_contents(
    splits: Path, capsys: pytest.CaptureFixture[str], photo
) -> None:
    """Whatever -k is: none hides behind the number of those that matched, and none is new again."""
    near = photo(1).resize((300, 225))
    names = [f"train/1 near {number}.png" for number in range(6)]
    Path("train/1.png").unlink()
    for number, name in enumerate(names):
        near.resize((200 + 20 * number, 150 + 15 * number)).save(name)
    assert leaks_code("-k", "2", "--update-baseline") == 0
    document = json.loads(Path("known.json").read_text())
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    (leak,) = (one for one in document["leaks"] if one["matched"] > 2)
    assert sum(files for _, files in leak["contents"]) == leak["matched"] == 6
    for k in ("1", "2", "9"):
        assert leaks_code("-k", k) == 0
    listed = {match["path"] for match in leak["matches"]}
    first, second = [name for name in names if name not in listed][:2]
    Path(first).rename("kept.png")
    assert leaks_code() == 0
    # as many as before, and none of those that are listed is nearer
    shutil.copy(second, first)
    for k in ("1", "2", "9"):
        assert leaks_code("-k", k) == 1, k
    Path(first).unlink()
    Path("kept.png").rename(first)
    for name in listed:
        Path(name).unlink()
        for k in ("1", "9"):
            assert leaks_code("-k", k) == 0
    for one in document["leaks"]:  # as an earlier version wrote it
        del one["contents"]
    Path("known.json").write_text(json.dumps(document))
    capsys.readouterr()
    assert leaks_code() == 0
    assert "has only the nearest matches of some leaks" in capsys.readouterr().err
    for one in document["leaks"]:  # by hand
        one["matches"] = []
    Path("known.json").write_text(json.dumps(document))
    assert leaks_code() == 1


def test_leaks_are_known_when_another_split_is_the_smaller_one(splits: Path, photo) -> None:
    shutil.copy("valid/2.png", "valid/2 again.png")
    for seed in (6, 7, 8):
        photo(seed).save(f"train/{seed}.png")
    assert leaks_code("--update-baseline") == 0
    document = json.loads(Path("known.json").read_text())
    assert {leak["split"] for leak in document["leaks"]} == {"valid"}
    for seed in range(20, 24):
        photo(seed).save(f"valid/{seed}.png")
    assert leaks_code() == 0
    shutil.copy("train/1.png", "train/1 again.png")
    assert leaks_code() == 1
    Path("train/1 again.png").unlink()
    shutil.copy("valid/2.png", "valid/2 once more.png")
    assert leaks_code() == 1
    Path("valid/2 once more.png").unlink()
    shutil.copy("valid/20.png", "train/20.png")
    assert leaks_code() == 1


def test_a_known_conflict_that_comes_to_be_listed_is_not_new(splits: Path, photo) -> None:
    """The far match of another label that is shown besides does not make nearer ones new."""
    labels = ("--labels", "folder", "-k", "1", "--threshold", "20")
    for split in ("train", "valid"):
        for path in list(Path(split).glob("*.png")):
            path.unlink()
        for name in ("cat", "dog"):
            Path(split, name).mkdir()
    picture = photo(1)
    picture.save("valid/cat/1.png")
    for number, quality in enumerate((95, 40, 12, 5)):
        picture.save(f"train/cat/{number}.jpg", quality=quality)
    for number, quality in enumerate((4, 2)):
        picture.save(f"train/dog/{number}.jpg", quality=quality)
    for seed in (7, 8, 9):  # train stays the larger one
        photo(seed).save(f"train/dog/of {seed}.png")
    photo(10).save("valid/dog/10.png")
    assert leaks_code(*labels, "--update-baseline") == 0
    assert leaks_code(*labels) == 0
    leaks = json.loads(Path("known.json").read_text())["leaks"]
    assert [(leak["matched"], leak["conflicts"]) for leak in leaks] == [(6, 2)]
    for path in sorted(Path("train").glob("*/?.jpg"))[:-1]:  # always the nearest that is listed
        path.unlink()
        assert leaks_code(*labels) == 0


def test_divided_groups_are_known_by_their_contents(
    splits: Path, capsys: pytest.CaptureFixture[str], photo
) -> None:
    words = [*LEAKS, "--group-by", "([1-9])", "--threshold", "0", "--baseline", "known.json"]
    for number in ("1", "2"):  # no copies
        Path(f"valid/{number}.png").unlink()
        photo(10 + int(number)).save(f"valid/{number}0.png")
    assert main([*words, "--update-baseline"]) == 0
    document = json.loads(Path("known.json").read_text())
    jsonschema.validate(document, schema("imgsim.leaks/1"))
    assert [len(s["digests"]) for g in document["groups"] for s in g["splits"]] == [1] * 4
    assert main(words) == 0
    Path("train/1.png").rename("train/7.png")
    Path("valid/10.png").rename("valid/7.png")
    assert main(words) == 0  # by another name
    photo(20).save("valid/20.png")
    capsys.readouterr()
    assert main(words) == 1  # other contents by a known name
    assert capsys.readouterr().out.startswith("group 2: ")
    for group in document["groups"]:
        for split in group["splits"]:
            del split["digests"]
    Path("known.json").write_text(json.dumps(document))
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("group 7: ")
    assert "no digests of divided groups" in captured.err
