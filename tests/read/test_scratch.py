"""Large arrays for the time of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from imgsim.errors import UsageError
from imgsim.read import scratch as scratches
from imgsim.read.scratch import check_room, release, scratch

FULL_DISK = """
import resource, sys, tempfile
import numpy as np
from imgsim.errors import UsageError
from imgsim.read import scratch as scratches
tempfile.tempdir = sys.argv[1]
scratches._IN_MEMORY = 1000
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # no file may be larger
try:
    rows = scratches.scratch((1000, 10), np.dtype(np.uint8))
    rows[:] = 1  # a page that the file has no room for is a bus error
except UsageError as error:
    print(error.message)
    print(error.hint)
"""


def test_in_a_file_it_holds_zeros_and_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratches, "_IN_MEMORY", 1000)
    rows = scratch((300, 7), np.dtype(np.uint16))
    assert (rows.shape, rows.dtype, rows.any()) == ((300, 7), np.uint16, False)
    rows[299, 6] = 65535
    assert rows.sum(dtype=int) == 65535
    release(rows.view(np.uint8)[:, :4])
    assert rows[299, 6] == 65535
    release(np.arange(3))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_an_error_that_names_the_folder_and_the_bytes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    message, hint = done.stdout.splitlines()
    assert message.startswith(f"no room for 10,000 bytes in {tmp_path}: ")
    assert "ulimit -f" in hint  # by which the disk is imitated


@pytest.mark.skipif(not hasattr(scratches.os, "posix_fallocate"), reason="always so here")
def test_where_space_cannot_be_reserved_zeros_are_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(scratches.os, "posix_fallocate")
    monkeypatch.setattr(scratches, "_IN_MEMORY", 1000)
    rows = scratch((3 << 20,), np.dtype(np.uint8))
    rows[-1] = 7
    assert rows.sum(dtype=int) == 7


def test_arrays_together_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratches, "_IN_MEMORY", scratches._held[0] + 250_000)
    rows = [scratch((100_000,), np.dtype(np.uint8)) for _ in range(3)]
    assert [one.base is None for one in rows] == [True, True, False]
    view = rows.pop(0)[5:]
    assert scratch((100_000,), np.dtype(np.uint8)).base is not None
    del view
    assert scratch((100_000,), np.dtype(np.uint8)).base is None


def test_room_for_what_comes_later_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    check_room(1000)
    monkeypatch.setattr(scratches, "_IN_MEMORY", 100)
    check_room(1000)
    with pytest.raises(UsageError, match=r"take 1,000,000,000,000,000,000 bytes in .*, which has"):
        check_room(10**18)
