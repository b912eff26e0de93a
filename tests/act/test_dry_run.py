"""A dry run says what the run does, whatever the files, their company and the options are."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from imgsim.act.apply import apply
from imgsim.act.options import ApplyOptions
from imgsim.act.plan import Plan
from imgsim.errors import ImgsimError

from .library import Trusting, plan_of, posix
from .test_carry import packet

KEPT = ("keep/a.jpg", "keep/b(1).jpg", "IMG_1.jpg")
COPIES = ("copies/a.jpg", "copies/x/b(1).jpg", "copies/IMG_E1.jpg", "a.jpg", "copies/x/c.jpg")
BESIDE = (".xmp", ".jpg.xmp", ".jpg.json", ".jpg.supplemental-metadata(1).json", ".mov", ".cr2",
          "-edited.jpg", ".AAE")  # fmt: skip


def _library(root: Path, chance: random.Random) -> Plan:
    groups = []
    copies = chance.sample(COPIES, k=len(COPIES))
    for number, kept in enumerate(KEPT):
        removed = [copies.pop() for _ in range(chance.randint(1, 2)) if copies]
        for name in (kept, *removed):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"content %d" % number)
        if removed:
            groups.append((kept, removed))
    for name in [*KEPT, *COPIES]:
        if chance.random() < 0.4 and (root / name).exists():
            beside = root / (name[: -len(".jpg")].replace("(1)", "") + chance.choice(BESIDE))
            if not beside.exists():
                beside.write_bytes(packet(chance.randint(1, 2), chance.choice("xy")))
    plans = [plan_of(root, kept, *removed) for kept, removed in groups]
    return replace(plans[0], groups=tuple(group for plan in plans for group in plan.groups))


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


ACCIDENTS: list[Callable[[Path, Path], object]] = [
    lambda root, file: (root / ".imgsim-trash").write_text("x"),
    lambda root, file: (root / ".imgsim-trash").symlink_to(root.parent),
    lambda root, file: (root / ".imgsim-trash").mkdir(),
    lambda root, file: (root.parent / "moved" / file.relative_to(root)).parent.mkdir(parents=True),
    lambda root, file: shutil.copytree(root / "copies", root.parent / "moved/copies"),
    lambda root, file: (root.parent / "moved").write_text("x"),
    lambda root, file: file.chmod(0o444),
    lambda root, file: file.parent.chmod(0o555),
    lambda root, file: file.write_bytes(b"CONTENT 0"),
    lambda root, file: file.write_bytes(b""),
    lambda root, file: file.unlink(),
    lambda root, file: os.link(file, file.with_suffix(".second")),
    lambda root, file: _link(file),
    lambda root, file: _link(file.parent) if file.parent != root else None,
]


@posix
@pytest.mark.parametrize("seed", range(200))
def test_a_dry_run_says_what_is_done(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    root = tmp_path / "photos"
    root.mkdir()
    plan = _library(root, chance)
    action = chance.choice(["quarantine", "move", "hardlink", "symlink", "delete"])
    for accident in chance.sample(ACCIDENTS, k=chance.randint(0, 3)):
        files = [path for path in sorted(root.rglob("*.jpg")) if path.is_file()]
        if files:
            with suppress(OSError):  # another one was before it
                accident(root, chance.choice(files))
    options = ApplyOptions(
        action,  # type: ignore[arg-type]
        str(tmp_path / "moved") if action == "move" else None,
        sidecars=chance.choice(["auto", "auto", "along", "hold", "leave"]),  # type: ignore[arg-type]
        carry_metadata=chance.random() < 0.5,
        yes_folders=chance.random() < 0.8,
        protect=("x",) if chance.random() < 0.2 else (),
    )
    assert _outcome(plan, options, yes=False) == _outcome(plan, options, yes=True)


def _outcome(plan: Plan, options: ApplyOptions, *, yes: bool) -> object:
    try:
        applied = apply(plan, options, yes=yes, verifier=Trusting())
    except ImgsimError as error:
        return error.message
    left = sorted((one.path, one.reason, one.asked_for) for one in applied.left)
    return applied.removed, left, applied.complete
