"""Scripts that remove what a plan names, and check each file again before."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from imgsim.act.check import open_plan_root
from imgsim.act.files import FileSystem
from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Removed
from imgsim.act.paths import native, shown
from imgsim.act.plan import Plan
from imgsim.act.script_texts import POWERSHELL, POWERSHELL_END, SH, SH_END
from imgsim.act.systems import this_file_system
from imgsim.act.targets import Targets
from imgsim.act.walk import Different, folder_of, open_hashed, reason_of
from imgsim.errors import UsageError
from imgsim.read.discover import TRASH


def write_script(
    plan: Plan,
    removed: Sequence[Removed],
    options: ApplyOptions,
    *,
    sidecars: Mapping[bytes, str],
    waste: Mapping[bytes, bytes] | None = None,
    powershell: bool = False,
) -> Iterator[bytes]:
    """Yield a script that moves files away, and back, for sh or PowerShell.

    Parameters
    ----------
    plan : Plan
    removed : sequence of Removed
        What a dry run would remove. Their sidecars follow them.
    options : ApplyOptions
        Of the actions ``quarantine`` and ``move``.
    sidecars : mapping of bytes to str
        The digests of the sidecars, see `sidecar_digests`.
    waste : mapping of bytes to bytes, optional
        The waste folders of removed files, see `waste_folders`; by default that of the root.
    powershell : bool

    Raises
    ------
    UsageError
        The action is another one, or a name cannot be written in PowerShell.
    """
    if options.action not in ("quarantine", "move"):
        raise UsageError("--script moves files, and does nothing else", "leave the action out")
    quote = _powershell_quoted if powershell else _sh_quoted
    where = options.move_to or f"{TRASH} below {plan.root}"
    head = {
        b"version": plan.version.encode("utf-8", "replace").replace(b"\n", b" "),
        b"run": plan.run.encode(),
        b"number": len(removed),
        b"shown": os.fsencode(plan.root).replace(b"\n", b"?"),
        b"root": quote(os.fsencode(plan.root)),
        b"where": quote(os.fsencode(where)),
    }
    yield (POWERSHELL if powershell else SH).encode() % head
    digests = {one.file.path: one.file.sha256 for _, one in plan.removals}
    digests |= {group.keep.path: group.keep.sha256 for group in plan.groups}
    move, along = (b"Move-Copy", b"Move-Sidecar") if powershell else (b"move", b"along")

    def words(path: bytes, digest: str) -> bytes:
        return quote(os.fsencode(native(path)) if powershell else path) + b" " + digest.encode()

    known = b""
    for one in removed:
        target = _target(plan, options, (waste or {}).get(one.path, TRASH.encode()), powershell)
        if target != known:
            yield target
            known = target
        files = [words(path, digests[path]) for path in (one.kept, one.path)]
        yield b" ".join([move, *files]) + b"\n"
        for path in one.sidecars:
            yield along + b" " + words(path, sidecars[path]) + b"\n"
    yield (POWERSHELL_END if powershell else SH_END).encode()


def _target(plan: Plan, options: ApplyOptions, waste: bytes, powershell: bool) -> bytes:
    """Lines that say to which folder files go, and to which path below it."""
    folder, below = b"", b""
    if options.move_to is not None:  # links on the way to it are followed now, not later
        folder = os.fsencode(os.path.realpath(options.move_to))
    else:
        below = b"/".join([waste, f"script-{plan.run}".encode(), b""])
    if powershell:
        to = _powershell_quoted(folder) if folder else b"$root"
        return b"$folder = %s\n$below = %s\n" % (to, _powershell_quoted(below))
    return b"folder=%s below=%s\n" % (_sh_quoted(folder) if folder else b"$root", _sh_quoted(below))


def waste_folders(
    plan: Plan, removed: Sequence[Removed], options: ApplyOptions, fs: FileSystem | None = None
) -> dict[bytes, bytes]:
    """Return the waste folder of each removed file, both below the root.

    Raises
    ------
    UsageError
        A folder cannot be opened any more.
    """
    fs = fs or this_file_system()
    root = open_plan_root(fs, plan)
    try:
        targets = Targets(fs, root, plan, options)
        return {one.path: targets.waste_folder(one.path) for one in removed}
    except OSError as error:
        raise UsageError(f"the files changed meanwhile: {reason_of(error)}", "try again") from None
    finally:
        fs.leave(root)


def sidecar_digests(
    plan: Plan, removed: Sequence[Removed], fs: FileSystem | None = None
) -> dict[bytes, str]:
    """Return the sha256 of the sidecars that go along, in hexadecimal.

    Parameters
    ----------
    plan : Plan
    removed : sequence of Removed
    fs : FileSystem, optional

    Raises
    ------
    UsageError
        One cannot be read.
    """
    fs = fs or this_file_system()
    digests: dict[bytes, str] = {}
    root = open_plan_root(fs, plan)
    try:
        for path in {path for one in removed for path in one.sidecars}:
            try:
                with folder_of(fs, root, path) as at:
                    opened = open_hashed(fs, *at)
            except (Different, OSError) as error:
                raise UsageError(
                    f"cannot read the sidecar {shown(path)}: {reason_of(error)}",
                    "--sidecars leave passes them over",
                ) from None
            opened.close()
            digests[path] = opened.sha256
    finally:
        fs.leave(root)
    return digests


def _sh_quoted(path: bytes) -> bytes:
    return b"'" + path.replace(b"'", b"'\\''") + b"'"


def _powershell_quoted(path: bytes) -> bytes:
    text = path.decode("utf-8", "replace")
    if text.encode() != path:
        raise UsageError("a name is no UTF-8: PowerShell cannot have it", "use imgsim apply")
    for mark in "'\u2018\u2019\u201a\u201b":  # all of them end a text
        text = text.replace(mark, mark * 2)
    return f"'{text}'".encode()
