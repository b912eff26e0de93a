"""--max-memory takes sizes as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsim.cli.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("4GB", 4 * 10**9), ("4gb", 4 * 10**9), ("500MB", 5 * 10**8), ("1.5 GiB", 3 << 29),
     ("2k", 2000), ("123", 123), ("7 B", 7), ("", None), ("0", None), ("-1GB", None), ("GB", None),
     ("4 XB", None), ("4iB", None), ("1e9", None), ("nan", None),
     ("9" * 400, None)],
)  # fmt: skip
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size(text) == size


def test_the_option_and_the_variable_skip_files_and_a_wrong_size_is_a_usage_error(
    tmp_path: Path, photo, imgsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(1).save(tmp_path / "a.png")
    run = ("find-dupes", tmp_path, "-v", "--executor", "threads")
    assert "needs 17.6 MB" in (done := imgsim(*run, "--max-memory", "1MB")).stderr
    assert done.returncode == 0
    assert "--max-memory" not in imgsim(*run).stderr
    monkeypatch.setenv("IMGSIM_MAX_MEMORY", "1000kB")
    assert "--max-memory is 1 MB" in imgsim(*run).stderr
    assert imgsim(*run, "--strict").returncode == 2
    assert "--max-memory" not in imgsim(*run, "--max-memory", "1 GiB").stderr
    for wrong in (("--max-memory", "much"), ("--max-memory", "0"), ("--max-memory",)):
        done = imgsim(*run, *wrong)
        assert done.returncode == 2
        assert "max-memory" in done.stderr
    for endless in ("nan", "inf", "0"):
        assert imgsim(*run, "--file-timeout", endless).returncode == 2
    monkeypatch.setenv("IMGSIM_MAX_MEMORY", "4 apples")
    assert imgsim(*run).returncode == 2
