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
from imgsim.act.systems import this_file_system
from imgsim.act.walk import Different, folder_of, open_hashed, reason_of
from imgsim.errors import UsageError
from imgsim.read.discover import TRASH

_SH = """\
#!/bin/sh
# Written by imgsim %(version)s for the plan %(run)s: moves %(number)d files of
#   %(shown)s
# Read it, strike out what is to stay, and run it: sh FILE
# Each file, and the one that is kept in its place, has to have the content that it had when the
# plan was made; nothing is overwritten.
root=%(root)s
target=%(target)s
done=0 also=0 left=0 moved=0

digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi |
    cut -c1-64
}

# put FILE TARGET
put() {
  if [ -e "$2" ] || [ -L "$2" ]; then
    printf 'skipped, something is there: %%s\\n' "$2" >&2
    return 1
  fi
  mkdir -p -- "$(dirname -- "$2")" && mv -n -- "$1" "$2" && [ ! -e "$1" ]
}

# move KEPT ITS_SHA256 FILE ITS_SHA256
move() {
  moved=0 kept=$root/$1 file=$root/$3 to=$target/$3
  for one in "$kept" "$file"; do
    if [ -L "$one" ] || [ ! -f "$one" ] || [ ! -s "$one" ]; then
      printf 'skipped, not a regular file with content: %%s\\n' "$one" >&2
      left=$((left + 1)); return
    fi
  done
  if [ "$kept" -ef "$file" ]; then
    printf 'skipped, two names of one file: %%s\\n' "$file" >&2
    left=$((left + 1)); return
  fi
  if [ "$(digest "$kept")" != "$2" ] || [ "$(digest "$file")" != "$4" ]; then
    printf 'skipped, it or the kept file has changed: %%s\\n' "$file" >&2
    left=$((left + 1)); return
  fi
  if put "$file" "$to"; then
    done=$((done + 1)) moved=1
  else
    left=$((left + 1))
  fi
}

# along SIDECAR ITS_SHA256, of the file that was moved last
along() {
  file=$root/$1 to=$target/$1
  [ "$moved" -eq 1 ] || return
  if [ -L "$file" ] || [ ! -f "$file" ] || [ "$(digest "$file")" != "$2" ]; then
    printf 'skipped, the sidecar has changed: %%s\\n' "$file" >&2
    left=$((left + 1)); return
  fi
  if put "$file" "$to"; then also=$((also + 1)); else left=$((left + 1)); fi
}

"""
_SH_END = """
echo "moved $done files and $also sidecars to $target, skipped $left"
[ "$left" -eq 0 ] || exit 3
"""

_POWERSHELL = """\
# Written by imgsim %(version)s for the plan %(run)s: moves %(number)d files.
# Read it, strike out what is to stay, and run it: powershell -File FILE
$root = %(root)s
$target = %(target)s
$script:done = 0; $script:also = 0; $script:left = 0; $script:moved = $false

function Skip($why, $file) { Write-Warning "skipped, ${why}: $file"; $script:left++ }

function Put($path, $to) {
  if (Test-Path -LiteralPath $to) { Skip 'something is there' $to; return $false }
  try {
    New-Item -ItemType Directory -Force -Path (Split-Path $to) -ErrorAction Stop | Out-Null
    Move-Item -LiteralPath $path -Destination $to -ErrorAction Stop
  } catch { Skip $_.Exception.Message $path; return $false }
  return $true
}

function Move-Copy($Kept, $KeptHash, $File, $FileHash) {
  $script:moved = $false
  $keptPath = Join-Path $root $Kept; $path = Join-Path $root $File; $to = Join-Path $target $File
  foreach ($one in $keptPath, $path) {
    $item = Get-Item -LiteralPath $one -Force -ErrorAction SilentlyContinue
    if (-not $item -or $item.PSIsContainer -or $item.LinkType -eq 'SymbolicLink' -or
        $item.Length -eq 0) { return Skip 'not a regular file with content' $one }
  }
  if ((Get-FileHash -LiteralPath $keptPath -Algorithm SHA256).Hash -ne $KeptHash -or
      (Get-FileHash -LiteralPath $path -Algorithm SHA256).Hash -ne $FileHash) {
    return Skip 'it or the kept file has changed' $path
  }
  if (Put $path $to) { $script:done++; $script:moved = $true }
}

function Move-Sidecar($File, $FileHash) {
  $path = Join-Path $root $File; $to = Join-Path $target $File
  if (-not $script:moved) { return }
  $item = Get-Item -LiteralPath $path -Force -ErrorAction SilentlyContinue
  if (-not $item -or $item.PSIsContainer -or $item.LinkType -eq 'SymbolicLink' -or
      (Get-FileHash -LiteralPath $path -Algorithm SHA256).Hash -ne $FileHash) {
    return Skip 'the sidecar has changed' $path
  }
  if (Put $path $to) { $script:also++ }
}

"""
_POWERSHELL_END = """
Write-Output "moved $script:done files and $script:also sidecars to $target, skipped $script:left"
if ($script:left) { exit 3 }
"""


def write_script(
    plan: Plan,
    removed: Sequence[Removed],
    options: ApplyOptions,
    *,
    sidecars: Mapping[bytes, str],
    powershell: bool = False,
) -> Iterator[bytes]:
    """Yield a script that moves files away, for sh or PowerShell.

    Parameters
    ----------
    plan : Plan
    removed : sequence of Removed
        What a dry run would remove. Their sidecars follow them.
    options : ApplyOptions
        Of the actions ``quarantine`` and ``move``.
    sidecars : mapping of bytes to str
        The digests of the sidecars, see `sidecar_digests`.
    powershell : bool

    Raises
    ------
    UsageError
        The action is another one, or a name cannot be written in PowerShell.
    """
    if options.action not in ("quarantine", "move"):
        raise UsageError("--script moves files, and does nothing else", "leave the action out")
    quote = _powershell_quoted if powershell else _sh_quoted
    target = options.move_to or os.path.join(plan.root, TRASH, f"script-{plan.run}")
    head = {
        b"version": plan.version.encode("utf-8", "replace").replace(b"\n", b" "),
        b"run": plan.run.encode(),
        b"number": len(removed),
        b"shown": os.fsencode(plan.root).replace(b"\n", b"?"),
        b"root": quote(os.fsencode(plan.root)),
        b"target": quote(os.fsencode(target)),
    }
    yield (_POWERSHELL if powershell else _SH).encode() % head
    digests = {one.file.path: one.file.sha256 for _, one in plan.removals}
    digests |= {group.keep.path: group.keep.sha256 for group in plan.groups}
    move, along = (b"Move-Copy", b"Move-Sidecar") if powershell else (b"move", b"along")

    def words(path: bytes, digest: str) -> bytes:
        return quote(os.fsencode(native(path)) if powershell else path) + b" " + digest.encode()

    for one in removed:
        files = [words(path, digests[path]) for path in (one.kept, one.path)]
        yield b" ".join([move, *files]) + b"\n"
        for path in one.sidecars:
            yield along + b" " + words(path, sidecars[path]) + b"\n"
    yield (_POWERSHELL_END if powershell else _SH_END).encode()


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
                    f"cannot read the sidecar {shown(path)}: {reason_of(error)}", "check it"
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
