"""Scripts that remove what a plan names, and check each file again before."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from imgsim.act.options import ApplyOptions
from imgsim.act.outcome import Removed
from imgsim.act.paths import native
from imgsim.act.plan import Plan
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
done=0 left=0

digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi |
    cut -c1-64
}

# move KEPT ITS_SHA256 FILE ITS_SHA256
move() {
  kept=$root/$1 file=$root/$3 to=$target/$3
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
  if [ -e "$to" ] || [ -L "$to" ]; then
    printf 'skipped, something is there: %%s\\n' "$to" >&2
    left=$((left + 1)); return
  fi
  if mkdir -p -- "$(dirname -- "$to")" && mv -n -- "$file" "$to"; then
    done=$((done + 1))
  else
    left=$((left + 1))
  fi
}

"""
_SH_END = """
echo "moved $done files to $target, skipped $left"
[ "$left" -eq 0 ] || exit 3
"""

_POWERSHELL = """\
# Written by imgsim %(version)s for the plan %(run)s: moves %(number)d files.
# Read it, strike out what is to stay, and run it: powershell -File FILE
$root = %(root)s
$target = %(target)s
$script:done = 0; $script:left = 0

function Skip($why, $file) { Write-Warning "skipped, ${why}: $file"; $script:left++ }

function Move-Copy($Kept, $KeptHash, $File, $FileHash) {
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
  if (Test-Path -LiteralPath $to) { return Skip 'something is there' $to }
  New-Item -ItemType Directory -Force -Path (Split-Path $to) | Out-Null
  Move-Item -LiteralPath $path -Destination $to -ErrorAction Stop
  $script:done++
}

"""
_POWERSHELL_END = """
Write-Output "moved $script:done files to $target, skipped $script:left"
if ($script:left) { exit 3 }
"""


def write_script(
    plan: Plan, removed: Sequence[Removed], options: ApplyOptions, *, powershell: bool = False
) -> Iterator[bytes]:
    """Yield a script that moves files away, for sh or PowerShell.

    Parameters
    ----------
    plan : Plan
    removed : sequence of Removed
        What a dry run would remove. Their sidecars follow them.
    options : ApplyOptions
        Of the actions ``quarantine`` and ``move``.
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
    word = b"Move-Copy" if powershell else b"move"
    for one in removed:
        kept, path = (
            quote(os.fsencode(native(p)) if powershell else p) for p in (one.kept, one.path)
        )
        yield (
            b" ".join([word, kept, digests[one.kept].encode(), path, digests[one.path].encode()])
            + b"\n"
        )
    yield (_POWERSHELL_END if powershell else _SH_END).encode()


def _sh_quoted(path: bytes) -> bytes:
    return b"'" + path.replace(b"'", b"'\\''") + b"'"


def _powershell_quoted(path: bytes) -> bytes:
    text = path.decode("utf-8", "replace")
    if text.encode() != path:
        raise UsageError("a name is no UTF-8: PowerShell cannot have it", "use imgsim apply")
    for mark in "'\u2018\u2019\u201a\u201b":  # all of them end a text
        text = text.replace(mark, mark * 2)
    return f"'{text}'".encode()
