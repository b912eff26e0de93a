"""``imgsim leaks``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.baselines import baseline_options, choose_baseline
from imgsim.cli.decision_options import gate_decisions_option, read_decisions
from imgsim.cli.gates import (
    STRICT_HELP,
    allow_missing_option,
    fails_strictly,
    refuse_missing,
    refuse_not_compared,
    refuse_unjudged,
)
from imgsim.cli.make import make_method, make_run_options, refuse_preset_beside
from imgsim.cli.method_options import device_options, leaks_preset_option, verdict_options
from imgsim.cli.options import (
    check_folder_exists,
    format_option,
    k_option,
    masks_option,
    output_option,
    run_options,
    timing_option,
    walk_options,
    writing_options,
)
from imgsim.cli.output import write, write_bytes, write_paths
from imgsim.cli.spreadsheet import table
from imgsim.cli.terminal import Terminal, paint
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.tasks.leaks.results import Leaks


@click.command("leaks")
@click.argument("folders", nargs=-1, required=True, metavar="TRAIN VALID...", type=click.Path())
@click.option(
    "--split-file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="One folder is given, and this list says what is in which split, as any manifest does,"
    " but with paths below the folder. More columns are groups and labels.",
)
@click.option(
    "--group-by",
    metavar="prefix|folder|COLUMN|REGEX",
    help="Files that belong together, such as frames of a video, must not be divided either."
    " prefix: the same name up to its last number; COLUMN: of the --split-file or the lists;"
    " REGEX: its groups, in the path below the split's folder.",
)
@click.option(
    "--labels",
    metavar="folder|COLUMN",
    help="Tell leaks whose match has another label apart, as conflicts. folder: the folders below"
    " the split's; COLUMN: of the --split-file, or of the lists that stand for the splits.",
)
@k_option("How many matches of each leak are shown.")
@leaks_preset_option
@verdict_options
@walk_options
@masks_option
@run_options
@device_options
@format_option(
    ["text", "json", "csv", "html", "sarif", "github"],
    "html: a page to look through and decide on, which saves choices as a plan; github:"
    " annotations.",
)
@output_option
@click.option(
    "--drop-list",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the files to drop from the larger split so that no leak remains, one a line; with -"
    " to standard output, and no leaks.",
)
@click.option(
    "--write-splits",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=check_folder_exists,
    metavar="FILE",
    help="Write splits without leaks, for --split-file: what matches or is of one group stands in"
    " one split, and the splits are as large as before where that can be. All pairs are compared.",
)
@timing_option
@gate_decisions_option
@baseline_options("leaks")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also if there are leaks.")
@click.option("--strict", is_flag=True, help=STRICT_HELP)
@allow_missing_option
@writing_options
@click.pass_obj
def command(terminal: Terminal, /, folders: tuple[str, ...], **given: Any) -> int:
    """Find near duplicates across the splits of a data set.

    Each leak is shown at its file in the smaller split, with the nearest files of larger splits.
    Exit code 1 if there are any, 2 if a split has no readable image, or none that is large and
    detailed enough to be judged, or if a listed file is not there.

    \b
    imgsim leaks data/train data/valid data/test
    imgsim leaks data --split-file splits.csv --group-by patient --labels finding
    imgsim leaks data.yaml
    imgsim leaks train valid --write-splits fixed.csv
    imgsim leaks train valid -f html -o leaks.html --drop-list drop.txt
    """
    from imgsim.profile import read_profile
    from imgsim.read.discover import check_there, printable
    from imgsim.read.manifests.manifest import Manifest
    from imgsim.report.baseline import LEAKS
    from imgsim.report.leak_baseline import mark_new_leaks, only_new_leaks
    from imgsim.report.leaks import corrected_csv, leaks_json, leaks_summary
    from imgsim.tasks.arguments import make_criterion
    from imgsim.tasks.leaks.find_leaks import find_leaks
    from imgsim.tasks.leaks.splits import read_split_file, tells_splits, with_manifests

    split_file, write_splits = given.pop("split_file"), given.pop("write_splits")
    if split_file and len(folders) != 1:
        raise UsageError("--split-file goes with one folder", "name the folder of its paths")
    if not split_file and len(folders) < 2 and not tells_splits(folders[0]):
        check_there(folders[0])
        raise UsageError("leaks are found between two splits", "name a second, or a --split-file")
    splits = [read_split_file(split_file, folders[0])] if split_file else with_manifests(folders)
    refuse_preset_beside(given)
    chosen = choose_baseline(given, LEAKS)
    method = make_method(terminal, given)
    own = [
        "preset",
        "threshold",
        "min_similarity",
        "proposer",
        "group_by",
        "labels",
        "k",
        "skip_masks",
    ]
    wanted = {name: given.pop(name) for name in own}
    profile = given.pop("profile")
    wanted["profile"] = read_profile(profile) if profile else None
    output = {n: given.pop(n) for n in ("format", "output", "drop_list", "no_timing")}
    alone = _is_output(output, {"--drop-list": output["drop_list"], "--write-splits": write_splits})
    strict, exit_zero = given.pop("strict"), given.pop("exit_zero")
    allow_missing = given.pop("allow_missing")
    decisions = read_decisions(given.pop("decisions"), own=False)
    options = make_run_options(terminal, **given)
    if chosen.file is not None:
        limits = {n: wanted[n] for n in [*own[:4], "profile"]}
        chosen.require_same(
            make_criterion(method, **limits, decode=options.decode, default="loose")
        )
    leaks = find_leaks(
        splits,
        method,
        **wanted,
        check_all=strict,
        correct_splits=bool(write_splits),
        decisions=decisions,
        options=options,
    )
    shown = marked = leaks
    if chosen.file:
        known, divided = (
            (chosen.before.leaks, chosen.before.divided) if chosen.before else (None, ())
        )
        shown = marked = mark_new_leaks(leaks, known, divided)
    if chosen.shows_only_new(output["format"]):
        shown = only_new_leaks(marked)
    _write_leaks(shown, alone=alone, **output)
    if leaks.corrected is not None and not leaks.corrected.empty:
        manifests = [one for one in splits if isinstance(one, Manifest)]
        _write_list(corrected_csv(leaks, manifests), write_splits)
    for line in leaks_summary(leaks, verbose=terminal.verbosity > 0):
        terminal.summary(line)
    told = [leak.new is True for leak in marked.leaks]
    told += [group.new is True for group in marked.groups]
    new, among = sum(told), len(shown.leaks) + len(shown.groups)
    chosen.say(terminal, new, among, len(told), "leak", labels=wanted["labels"] is not None)
    if leaks.corrected is not None and leaks.corrected.empty:
        terminal.error(
            f"no splits without leaks: all of {', '.join(map(printable, leaks.corrected.empty))}"
            " hangs together with others",
            "ask for less with --preset normal or another --group-by, or use --drop-list",
        )
        return 2
    new_ones = new if chosen.file is not None else len(told)
    code = _exit_code(terminal, leaks, strict=strict, passes=exit_zero or not new_ones)
    if (code == 0 or (code == 1 and chosen.update)) and leaks.missing and not allow_missing:
        refuse_missing(terminal, leaks.missing, folders[0] if split_file else None)
        return 2
    needed = not new_ones or chosen.update or leaks.corrected is not None
    if code < 2 and needed and leaks.not_compared:
        refuse_not_compared(terminal, leaks.not_compared)
        return 2
    if code < 2 and chosen.update:
        chosen.rewrite(terminal, leaks_json(leaks, timing=False), len(told), "leak")
        return 0
    return code


def _exit_code(terminal: Terminal, leaks: Leaks, *, strict: bool, passes: bool) -> int:
    """Return 2 if the gate could not do its work, 0 if it passes, else 1."""
    unread = len(leaks.skipped), len(leaks.damaged)
    unsure = len(leaks.not_judged), len(leaks.not_compared), len(leaks.not_checked)
    if strict and fails_strictly(terminal, *unread, *unsure):
        return 2
    if empty := [split.name for split in leaks.splits if not split.images]:
        terminal.error(
            f"no readable image in {', '.join(empty)}",
            "check the folder; symbolic links need --follow-symlinks",
        )
        return 2
    unjudged = [split.name for split in leaks.splits if split.images == split.not_judged]
    if leaks.clean and unjudged:
        refuse_unjudged(terminal, unjudged)
        return 2
    if leaks.clean and leaks.judged == 0:
        refuse_unjudged(terminal, damaged=True)
        return 2
    return 0 if passes else 1


def _page(leaks: Leaks) -> Iterable[str]:
    from imgsim.review.export import leaks_page

    return leaks_page(leaks)


def _write_leaks(
    leaks: Leaks,
    *,
    alone: bool,
    format: str,
    output: str | None,
    drop_list: str | None,
    no_timing: bool,
) -> None:
    from imgsim.report import annotations
    from imgsim.report import leaks as report

    writers: dict[str, Callable[[], Iterable[str]]] = {
        "text": lambda: report.leaks_text(leaks, paint),
        "json": lambda: report.leaks_json(leaks, timing=not no_timing),
        "csv": lambda: table(report.leaks_csv(leaks)),
        "html": lambda: _page(leaks),
        "sarif": lambda: annotations.leaks_sarif(leaks),
        "github": lambda: annotations.leaks_github(leaks),
    }
    if not alone:
        write(writers[format](), output, for_programs=format != "text")
    if drop_list is not None:
        _write_list(b"".join(os.fsencode(path) + b"\n" for path in leaks.drop), Path(drop_list))


def _is_output(output: Mapping[str, Any], lists: Mapping[str, object]) -> bool:
    """Return whether a list goes to standard output, and the leaks as text then nowhere.

    Raises
    ------
    UsageError
        Something else was to go there too.
    """
    there = [option for option, file in lists.items() if str(file) == "-"]
    if there and output["output"] in (None, "-") and output["format"] != "text":
        there.append("the leaks")
    if len(there) > 1:
        raise UsageError(
            f"{' and '.join(there)} go to standard output both", "write one of them to a file"
        )
    return bool(there) and output["output"] in (None, "-")


def _write_list(data: bytes, file: Path) -> None:
    if str(file) == "-":
        write_paths([data])
    else:
        write_bytes(data, file)
