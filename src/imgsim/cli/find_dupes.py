"""``imgsim find-dupes``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from imgsim.cli.baselines import BaselineChoice, baseline_options, choose_baseline
from imgsim.cli.decision_options import (
    decisions_option,
    read_decisions,
    say_that_own_do_not_count,
)
from imgsim.cli.gates import (
    STRICT_HELP,
    allow_missing_option,
    could_compare_all,
    fails_strictly,
    refuse_missing,
    refuse_unjudged,
)
from imgsim.cli.index_options import index_option, open_snapshot
from imgsim.cli.make import (
    check_paths,
    make_method,
    make_run_options,
    read_labels,
    refuse_preset_beside,
)
from imgsim.cli.options import (
    check_folder_exists,
    format_option,
    output_option,
    timing_option,
    writing_options,
)
from imgsim.cli.output import write
from imgsim.cli.search_options import search_options
from imgsim.cli.spreadsheet import table
from imgsim.cli.terminal import Terminal, output_width, paint, terminal_width
from imgsim.errors import UsageError

if TYPE_CHECKING:
    from imgsim.read.manifests.path_values import PathValues
    from imgsim.stage_times import StageTimes, Sums
    from imgsim.tasks.find_duplicates import Duplicates
    from imgsim.types import Role


@click.command("find-dupes")
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path())
@search_options
@index_option(
    "Match also against the files of an index that imgsim index build made (auto, local); always"
    " keep them. Where one is gone or was changed, nothing is matched with it."
)
@click.option(
    "--sort",
    type=click.Choice(["path", "size", "similarity", "date"]),
    default="path",
    show_default=True,
    help="Order of the groups. path: of the kept file; size: the most bytes of copies first;"
    " similarity: the surest first; date: by when the kept file was taken, else last changed.",
)
@click.option(
    "--summary",
    is_flag=True,
    help="Instead of the groups, how many files of each folder have copies in another.",
)
@click.option(
    "--facts",
    is_flag=True,
    help="Show metadata, with the content of places, ratings, titles and keywords, and whether"
    " JPEGs were compressed twice. Without it, JSON and CSV say of private ones if there are any.",
)
@format_option(
    ["text", "json", "jsonl", "csv", "html", "sarif", "github", "fiftyone", "cleanlab"],
    "html: a page to decide on in a browser, which saves choices as a plan. sarif, github: findings"
    " for code hosts, one per copy. fiftyone: JSON that fiftyone.Dataset.from_json reads; cleanlab:"
    " CSV with the columns of its near-duplicate issues, a row per image.",
)
@output_option
@timing_option
@click.option(
    "--profile-stages",
    is_flag=True,
    help="Measure where the time goes: processor and wall seconds of each stage, summed over all"
    " processes, as a table on standard error and in JSON as seconds_by_stage.",
)
@click.option("--check", is_flag=True, help="Exit with 1 if there are duplicates: a gate for CI.")
@click.option(
    "--check-kind",
    type=click.Choice(["exact", "pixels", "near", "label"]),
    default="near",
    show_default=True,
    help="With --check: how sure a duplicate must be to count. exact: the same bytes; pixels: or"
    " the same pixels; near: all. Any two files of a group count, whichever is kept. label: only"
    " groups under two labels, see --labels.",
)
@click.option(
    "--labels",
    metavar="folder|COLUMN",
    help="Show groups whose files stand under two labels first, and propose none of these for"
    " removal. folder: the folders of a file below PATH; COLUMN: of --label-file,"
    " or of --manifest.",
)
@click.option(
    "--label-file",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="A list with labels, as any manifest, of paths below the one PATH or from here on; without"
    " --labels, its column label.",
)
@decisions_option
@click.option(
    "--all",
    "show_all",
    is_flag=True,
    help="Show also what was decided before, marked; none of it is removable.",
)
@baseline_options("groups", " Without --check no format shows them.")
@click.option("--strict", is_flag=True, help=STRICT_HELP)
@allow_missing_option
@click.option(
    "--plan",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=check_folder_exists,
    metavar="FILE",
    help="Write which files are not needed, and what stands in their place, for imgsim apply; -"
    " for standard output, without the groups.",
)
@click.option(
    "--include",
    multiple=True,
    metavar="ROLES",
    help="With --plan: list also members of these roles (edited,cropped), not chosen. Never"
    " fuller.",
)
@writing_options
@click.pass_obj
def command(terminal: Terminal, /, paths: tuple[str, ...], **given: Any) -> int:
    """Find groups of exact and near duplicates below PATHs.

    Nothing is changed on disk. Each group has one file to keep; every other one was itself
    compared with it. Flat images (blank scans) and those below 16 pixels only match images with
    equal pixels; most icons of 64 pixels and more also the same icon in another size, by auto.
    What you decided before is left out, see imgsim decisions.

    \b
    imgsim find-dupes photos
    imgsim find-dupes photos --format json | jq '.groups[].keep'
    imgsim find-dupes new --reference archive --isolate
    imgsim find-dupes new --index archive.index
    imgsim find-dupes photos --plan plan.json
    imgsim find-dupes photos --format html -o duplicates.html
    """
    from imgsim.stage_times import measuring, processor_seconds

    if not given.pop("profile_stages"):
        return _find(terminal, paths, given)
    from imgsim.report.stage_text import stage_lines

    with measuring() as times:
        times.add("starting", time.process_time(), 0.0)
        code = _find(terminal, paths, given, times)
    for line in stage_lines(times.sums(), processor_seconds()):
        terminal.say(line)
    return code


def _find(
    terminal: Terminal,
    paths: tuple[str, ...],
    given: dict[str, Any],
    times: StageTimes | None = None,
) -> int:
    """Find, report, and return the exit code; `times` takes what the stages take."""
    from imgsim.stage_times import stage

    with stage("starting"):
        from imgsim.profile import read_profile
        from imgsim.report.baseline import FIND_DUPES
        from imgsim.report.formats import find_dupes_json
        from imgsim.report.group_order import in_order
        from imgsim.report.text import find_dupes_summary
        from imgsim.tasks.arguments import make_criterion
        from imgsim.tasks.find_duplicates import find_duplicates

    refuse_preset_beside(given)
    check_paths(paths, given["files_from"], given["manifests"])
    _refuse_what_does_nothing(given)
    labels = _chosen_labels(given, paths)
    include = _parse_roles(given.pop("include"))
    plan_file = given.pop("plan")
    chosen = choose_baseline(given, FIND_DUPES)
    method = make_method(terminal, given)
    own = ["preset", "threshold", "min_similarity", "proposer", "keep", "isolate", "skip_masks"]
    wanted = {name: given.pop(name) for name in own}
    profile = given.pop("profile")
    wanted["profile"] = read_profile(profile) if profile else None
    output = {
        name: given.pop(name) for name in ["format", "output", "no_timing", "facts", "summary"]
    }
    order, index = given.pop("sort"), given.pop("index")
    form = output["format"]
    strict, check, kind = (given.pop(name) for name in ["strict", "check", "check_kind"])
    allow_missing = given.pop("allow_missing")
    show_all, gate = given.pop("show_all"), check or chosen.file is not None
    decisions = read_decisions(named := given.pop("decisions"), own=not gate)
    options = make_run_options(terminal, **given)
    if chosen.file is not None:
        limits = {n: wanted[n] for n in own[:4]}
        chosen.require_same(
            make_criterion(method, **limits, profile=wanted["profile"], decode=options.decode)
        )
    wanted["index"] = None if index is None else open_snapshot(index)
    wanted |= {"check_all": strict, "jpeg_history": output["facts"], "decisions": decisions}
    duplicates = find_duplicates(paths, method, **wanted, options=options)
    if show_all:
        duplicates = duplicates.with_decided()
    duplicates = in_order(duplicates, order)
    if labels is not None:
        from imgsim.tasks.labels import with_labels

        duplicates = with_labels(duplicates, labels)
    shown = _compared(duplicates, chosen, form, check=check)
    known_too = check and not chosen.only_new
    stages = None if times is None else times.sums()
    if index is None:
        _say_what_matches_nothing(terminal, wanted["keep"], duplicates.paths)
    if plan_file is not None:  # first, whoever reads the text to its end
        _write_plan(terminal, shown, include, plan_file)
    plan_only = _plan_is_output(plan_file, output["output"])
    if not plan_only:
        with stage("report"):
            write(
                _formatted_text(shown, output, stages, known_too=known_too),
                output["output"],
                for_programs=form != "text",
            )
    told: dict[str, Any] = {
        "verbose": terminal.verbosity > 0,
        "folders": plan_only or not output["summary"],
        "among": "" if chosen.file is None else "new ",
        "decided_hint": "" if check else "--all shows them",
    }
    for line in find_dupes_summary(shown, width=terminal_width(sys.stderr), **told):
        terminal.summary(line)
    if gate and named is None:
        say_that_own_do_not_count(terminal, "--check" if check else "--baseline")
    new = sum(group.new is True for group in shown.groups)
    chosen.say(
        terminal, new, len(shown.groups), len(duplicates.groups), "group", labels=labels is not None
    )
    # equal bytes and equal pixels are found without comparing
    by_look = kind in ("near", "label")
    not_judged = len(duplicates.not_judged) if by_look else 0
    not_compared = duplicates.not_compared if by_look else ()
    unread = len(duplicates.skipped), len(duplicates.damaged)
    unsure = not_judged, len(not_compared), len(duplicates.not_checked)
    unverified = len({pair.left for pair in duplicates.unverified})
    if strict and fails_strictly(terminal, *unread, *unsure, unverified):
        return 2
    missing = () if allow_missing or not check else duplicates.missing
    if chosen.update and duplicates.images and not missing and not not_compared:
        parts = find_dupes_json(duplicates, timing=False)
        chosen.rewrite(terminal, parts, len(duplicates.groups), "group")
    if not check:
        return 0
    if given["reference"] and not duplicates.references:
        terminal.error("no readable image below --reference", "check its path")
        return 2
    code = _check_exit_code(terminal, duplicates, kind, chosen)
    if code == 0 and missing:
        refuse_missing(terminal, missing)
        return 2
    if code == 0 and not could_compare_all(terminal, duplicates, kind):
        return 2
    return code


def _compared(
    duplicates: Duplicates, chosen: BaselineChoice, form: str, *, check: bool
) -> Duplicates:
    """Return the groups that are shown: all, or those that are not in the baseline."""
    from imgsim.report.baseline import mark_new, only_new

    if chosen.file is None:
        return duplicates
    marked = mark_new(duplicates, chosen.before)
    new = only_new(marked)
    return new if not check or chosen.shows_only_new(form) else marked


def _refuse_what_does_nothing(given: dict[str, Any]) -> None:
    """Refuse options that need another one, or do not go with one."""
    if given["show_all"] and given["check"]:
        raise UsageError("--check does not count what was decided", "leave --all out")
    if given["check_kind"] != "near" and not given["check"]:
        raise UsageError("--check-kind does nothing without --check", "add --check")
    if given["check_kind"] == "label" and not (given["labels"] or given["label_file"]):
        raise UsageError("--check-kind label needs labels", "add --labels folder")
    if given["format"] != "text" and _plan_is_output(given["plan"], given["output"]):
        raise UsageError(
            "--plan - and the groups go to standard output both",
            "write one to a file: --output FILE, or --plan FILE",
        )
    if given["include"] and not given["plan"]:
        raise UsageError("--include does nothing without --plan", "add --plan FILE")
    if given["allow_missing"] and not given["check"]:
        raise UsageError("--allow-missing does nothing without --check", "leave it out")
    if given["summary"] and given["format"] != "text":
        raise UsageError(
            "--summary is text",
            "leave it out: JSON has the folders as folder_pairs beside the groups",
        )


def _chosen_labels(given: dict[str, Any], paths: Sequence[str]) -> str | PathValues | None:
    """Return where the labels are; None where none were asked for.

    Raises
    ------
    UsageError
        There is no such column.
    """
    labels, file = given.pop("labels"), given.pop("label_file")
    if labels is None and file is None:
        return None
    from imgsim.read.manifests.manifest import values_of
    from imgsim.read.manifests.reading import columns_of_paths, read_manifest
    from imgsim.tasks.folder_labels import FOLDER

    if file is not None:
        return read_labels(file, paths, labels)
    if labels != FOLDER:
        manifests = [read_manifest(name) for name in given["manifests"]]
        manifests += columns_of_paths(paths)
        if manifests:
            return values_of(manifests, labels)
        hint = "add --label-file FILE or --manifest FILE, or: folder"
        raise UsageError(f"--labels {labels} needs a table", hint)
    return FOLDER


def _parse_roles(texts: tuple[str, ...]) -> frozenset[Role]:
    if not texts:
        return frozenset()
    from imgsim.act.plan import parse_roles

    return parse_roles(texts)


def _say_what_matches_nothing(
    terminal: Terminal, keep: Sequence[str], paths: Sequence[str]
) -> None:
    """Name rules about folders in which no picture lies: a wrong letter would go unnoticed."""
    from imgsim.group.file_names import matches_folder

    for rule in keep:
        name, _, pattern = rule.partition(":")
        if name in ("folder", "not-folder") and not any(matches_folder(p, pattern) for p in paths):
            terminal.note(f"--keep {rule}: no picture lies in such a folder")


def _plan_is_output(plan: Path | None, output: str | None) -> bool:
    """Whether the plan goes to standard output, and nothing else can."""
    return str(plan) == "-" and output in (None, "-")


def _write_plan(
    terminal: Terminal, duplicates: Duplicates, include: frozenset[Role], file: Path
) -> None:
    from imgsim.act.plan_file import write_plan
    from imgsim.act.planning import make_plan, not_planned
    from imgsim.report.units import count

    write(write_plan(make_plan(duplicates, include)), str(file))
    inside, beside = not_planned(duplicates)
    if inside:
        lies = "lies in an archive" if inside == 1 else "lie in archives"
        terminal.summary(
            f"not in the plan: {count(inside, 'copy', 'copies')} that {lies}, which imgsim never"
            " changes"
        )
    if beside:
        terminal.summary(
            f"not in the plan: {count(beside, 'copy', 'copies')} of what is kept in an archive;"
            " a file is only removed for another file"
        )


def _check_exit_code(
    terminal: Terminal,
    duplicates: Duplicates,
    kind: Literal["exact", "pixels", "near", "label"],
    chosen: BaselineChoice,
) -> int:
    """Return the exit code of ``--check``: 1 for a new group, 2 if no image could be judged."""
    from imgsim.report.baseline import unknown_groups

    if duplicates.images == 0:
        terminal.error("no readable image to check", "check the paths")
        return 2
    if kind == "label":
        counted = [group for group in duplicates.groups if group.conflict]
    else:
        counted = [part for group in duplicates.groups for part in group.parts(kind)]
    if chosen.before is not None:
        counted = unknown_groups(counted, chosen.before)
    if counted and not chosen.update:
        return 1
    if duplicates.whole == 0 or (kind in ("near", "label") and duplicates.judged == 0):
        refuse_unjudged(terminal, damaged=bool(duplicates.damaged))
        return 2
    return 0


def _formatted_text(
    duplicates: Duplicates, output: dict[str, Any], stages: Sums | None, *, known_too: bool
) -> Any:
    from imgsim.report import formats
    from imgsim.report.text import Page, find_dupes_text, folders_text

    form, facts = output["format"], output["facts"]
    if form == "json":
        return formats.find_dupes_json(
            duplicates, timing=not output["no_timing"], private=facts, stages=stages
        )
    if form in ("fiftyone", "cleanlab"):
        from imgsim.report import exports

        writer = exports.find_dupes_fiftyone if form == "fiftyone" else exports.find_dupes_cleanlab
        return writer(duplicates)
    if form == "html":
        from imgsim.review.export import duplicates_page

        return duplicates_page(duplicates)
    if form == "jsonl":
        return formats.find_dupes_jsonl(duplicates, private=facts)
    if form == "csv":
        return table(formats.find_dupes_csv(duplicates, private=facts))
    if form in ("sarif", "github"):
        from imgsim.report import duplicate_annotations

        if form == "github":
            return duplicate_annotations.find_dupes_github(duplicates)
        return duplicate_annotations.find_dupes_sarif(duplicates, known_too=known_too)
    width = output_width(output["output"])
    if output["summary"]:
        return folders_text(duplicates, width)
    return find_dupes_text(duplicates, Page(paint, width, facts))
