"""The fixed parts of the scripts that `scripts` writes; ``%(name)s`` is filled in."""

from __future__ import annotations

SH = """\
#!/bin/sh
# Written by imgsim %(version)s for the plan %(run)s: moves %(number)d files of
#   %(shown)s
# Read it, strike out what is to stay, and run it: sh FILE
# What it moved is brought back by: sh FILE undo
# Each file, and the one that is kept in its place, has to have the content that it had when the
# plan was made; below the root no symbolic link is followed, and nothing is overwritten.
root=%(root)s
where=%(where)s
mode=${1-do} done=0 also=0 left=0 moved=0

case $mode in
  do | undo) ;;
  *) echo "usage: sh $0 [undo]" >&2; exit 2 ;;
esac
if [ "$(cd -P -- "$root" && pwd -P; echo .)" != "$root
." ]; then
  printf 'not the folder of the plan any more: %%s\\n' "$root" >&2
  exit 2
fi

digest() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi |
    cut -c1-64
}

# skip WHY FILE
skip() {
  printf 'skipped, %%s: %%s\\n' "$1" "$2" >&2
  left=$((left + 1))
}

# plain FOLDER PATH: neither it nor a folder on the path below it is a symbolic link
plain() {
  at=$1 rest=$2
  while :; do
    if [ -L "$at" ]; then
      skip 'a folder on the way is a symbolic link' "$1/$2"
      return 1
    fi
    case $rest in
      */*) at=$at/${rest%%%%/*} rest=${rest#*/} ;;
      *) return 0 ;;
    esac
  done
}

# put FILE FOLDER PATH: move it to the path below the folder
put() {
  plain "$2" "$3" || return 1
  to=$2/$3
  if [ -e "$to" ] || [ -L "$to" ]; then
    skip 'something is there' "$to"
    return 1
  fi
  if ! mkdir -p -- "${to%%/*}" || ! mv -n -- "$1" "$to" || [ -e "$1" ]; then
    skip 'it cannot be moved' "$1"
    return 1
  fi
}

# move KEPT ITS_SHA256 FILE ITS_SHA256
move() {
  moved=0
  if [ "$mode" = undo ]; then
    if back "$3" "$4"; then done=$((done + 1)); fi
    return
  fi
  plain "$root" "$1" && plain "$root" "$3" || return 0
  kept=$root/$1 file=$root/$3
  for one in "$kept" "$file"; do
    if [ -L "$one" ] || [ ! -f "$one" ] || [ ! -s "$one" ]; then
      skip 'not a regular file with content' "$one"; return
    fi
  done
  if [ "$kept" -ef "$file" ]; then
    skip 'two names of one file' "$file"; return
  fi
  if [ "$(digest "$kept")" != "$2" ] || [ "$(digest "$file")" != "$4" ]; then
    skip 'it or the kept file has changed' "$file"; return
  fi
  if put "$file" "$folder" "$below$3"; then done=$((done + 1)) moved=1; fi
}

# along SIDECAR ITS_SHA256, of the file that was moved last
along() {
  if [ "$mode" = undo ]; then
    if back "$1" "$2"; then also=$((also + 1)); fi
    return
  fi
  file=$root/$1
  [ "$moved" -eq 1 ] || return 0
  if [ -L "$file" ] || [ ! -f "$file" ] || [ "$(digest "$file")" != "$2" ]; then
    skip 'the sidecar has changed' "$file"; return
  fi
  if put "$file" "$folder" "$below$1"; then also=$((also + 1)); fi
}

# back FILE ITS_SHA256, if it was moved
back() {
  plain "$folder" "$below$1" || return 1
  file=$folder/$below$1
  if [ ! -e "$file" ] && [ ! -L "$file" ]; then return 1; fi
  if [ -L "$file" ] || [ ! -f "$file" ] || [ "$(digest "$file")" != "$2" ]; then
    skip 'it was changed after it was moved away' "$file"; return 1
  fi
  put "$file" "$root" "$1" || return 1
  if [ -n "$below" ]; then
    rest=$below$1
    (cd -- "$folder" && rmdir -p -- "${rest%%/*}") 2>/dev/null
  fi
  return 0
}

"""
SH_END = """
if [ "$mode" = undo ]; then
  printf 'moved %d files and %d sidecars back, skipped %d\\n' "$done" "$also" "$left"
else
  printf 'moved %d files and %d sidecars to %s, skipped %d\\n' "$done" "$also" "$where" "$left"
  printf '"sh %s undo" brings them back\\n' "$0"
fi
[ "$left" -eq 0 ] || exit 3
"""

POWERSHELL = """\
# Written by imgsim %(version)s for the plan %(run)s: moves %(number)d files.
# Read it, strike out what is to stay, and run it: powershell -File FILE
# What it moved is brought back by: powershell -File FILE undo
param([ValidateSet('do', 'undo')][string]$mode = 'do')
$root = %(root)s
$where = %(where)s
$script:done = 0; $script:also = 0; $script:left = 0; $script:moved = $false

function Skip($why, $file) { Write-Warning "skipped, ${why}: $file"; $script:left++ }

# Neither the folder nor one on the path below it is a link
function Test-Plain($base, $path) {
  $at = $base
  foreach ($part in @($path -split '[\\\\/]')) {
    $item = Get-Item -LiteralPath $at -Force -ErrorAction SilentlyContinue
    if ($item -and $item.LinkType) {
      Skip 'a folder on the way is a link' (Join-Path $base $path)
      return $false
    }
    $at = Join-Path $at $part
  }
  return $true
}

function Put($path, $base, $name) {
  if (-not (Test-Plain $base $name)) { return $false }
  $to = Join-Path $base $name
  if (Test-Path -LiteralPath $to) { Skip 'something is there' $to; return $false }
  try {
    New-Item -ItemType Directory -Force -Path (Split-Path $to) -ErrorAction Stop | Out-Null
    Move-Item -LiteralPath $path -Destination $to -ErrorAction Stop
  } catch { Skip $_.Exception.Message $path; return $false }
  return $true
}

function Test-Same($path, $hash) {
  $item = Get-Item -LiteralPath $path -Force -ErrorAction SilentlyContinue
  return $item -and -not $item.PSIsContainer -and $item.LinkType -ne 'SymbolicLink' -and
    (Get-FileHash -LiteralPath $path -Algorithm SHA256).Hash -eq $hash
}

function Move-Back($File, $FileHash) {
  $name = $below + $File
  if (-not (Test-Plain $folder $name)) { return $false }
  $path = Join-Path $folder $name
  if (-not (Test-Path -LiteralPath $path)) { return $false }
  if (-not (Test-Same $path $FileHash)) {
    Skip 'it was changed after it was moved away' $path
    return $false
  }
  return Put $path $root $File
}

function Move-Copy($Kept, $KeptHash, $File, $FileHash) {
  $script:moved = $false
  if ($mode -eq 'undo') { if (Move-Back $File $FileHash) { $script:done++ }; return }
  if (-not (Test-Plain $root $Kept) -or -not (Test-Plain $root $File)) { return }
  $keptPath = Join-Path $root $Kept; $path = Join-Path $root $File
  foreach ($one in $keptPath, $path) {
    $item = Get-Item -LiteralPath $one -Force -ErrorAction SilentlyContinue
    if (-not $item -or $item.PSIsContainer -or $item.LinkType -eq 'SymbolicLink' -or
        $item.Length -eq 0) { return Skip 'not a regular file with content' $one }
  }
  if (-not (Test-Same $keptPath $KeptHash) -or -not (Test-Same $path $FileHash)) {
    return Skip 'it or the kept file has changed' $path
  }
  if (Put $path $folder ($below + $File)) { $script:done++; $script:moved = $true }
}

function Move-Sidecar($File, $FileHash) {
  if ($mode -eq 'undo') { if (Move-Back $File $FileHash) { $script:also++ }; return }
  $path = Join-Path $root $File
  if (-not $script:moved) { return }
  if (-not (Test-Same $path $FileHash)) { return Skip 'the sidecar has changed' $path }
  if (Put $path $folder ($below + $File)) { $script:also++ }
}

"""
POWERSHELL_END = """
$moved = "moved $script:done files and $script:also sidecars"
if ($mode -eq 'undo') {
  Write-Output "$moved back, skipped $script:left"
} else {
  Write-Output "$moved to $where, skipped $script:left"
  Write-Output "powershell -File FILE undo brings them back"
}
if ($script:left) { exit 3 }
"""
