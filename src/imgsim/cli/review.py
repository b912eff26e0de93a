"""``imgsim review``."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.decision_options import decisions_option, read_decisions
from imgsim.cli.make import check_paths, make_method, make_run_options, refuse_preset_beside
from imgsim.cli.options import (
    check_folder_exists,
    writing_options,
)
from imgsim.cli.search_options import search_options
from imgsim.cli.terminal import Terminal

if TYPE_CHECKING:
    from imgsim.act.plan import Plan
    from imgsim.read.options import RunOptions
    from imgsim.review.sources import Source

_HEAD_BYTES = 4096


@click.command("review")
@click.argument("paths", nargs=-1, metavar="PATH...|PLAN", type=click.Path())
@click.option(
    "--browser/--no-browser",
    default=True,
    help="Open the page in the browser, or only print its address.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Where the page is served, on this machine alone.  [default: a port that is free]",
)
@click.option(
    "--plan",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=check_folder_exists,
    metavar="FILE",
    help="Where the page writes its plan.  [default: a new file in the working directory]",
)
@decisions_option
@search_options
@writing_options
@click.pass_obj
def command(terminal: Terminal, /, paths: tuple[str, ...], **given: Any) -> int:
    """Decide about duplicates on a page in the browser.

    It shows the groups of duplicates below PATHs, or those of a PLAN of find-dupes, as pictures
    side by side. What you decide is saved at once, see imgsim decisions. Nothing on disk is moved
    before you say so on the page, and that is taken back there or by imgsim undo.

    The page is served on 127.0.0.1 and ends with Ctrl-C, or on the page itself.

    \b
    imgsim review photos
    imgsim review plan.json
    imgsim review photos --no-browser --port 8765
    """
    from imgsim.act.interrupted import how_to_go_on
    from imgsim.decisions.store import Decisions
    from imgsim.review.acting import Acting
    from imgsim.review.answers import Answers
    from imgsim.review.image_service import ImageService
    from imgsim.review.serve import open_socket, serve
    from imgsim.review.session import Session
    from imgsim.review.writers import Owner, Writers, owner_path

    check_paths(paths, given["files_from"], given["manifests"], "PATH...|PLAN")
    browser, port, plan = (given.pop(name) for name in ("browser", "port", "plan"))
    decisions = read_decisions(given.pop("decisions"), own=True)
    if decisions is None:
        terminal.note("decisions are off: what you decide is forgotten when the review ends")
        decisions = Decisions()
    source, options = _source(terminal, paths, given)
    listening = open_socket(port)
    owner = Owner(owner_path(decisions.path, source.kind, source.paths))
    session = Session(source, Answers(decisions), options, Writers(owner))
    acting = Acting(session, plan)
    images = ImageService(options)
    try:
        serve(session, acting, images, listening, browser=browser, say=terminal.say)
    except KeyboardInterrupt:
        terminal.say("")  # behind the ^C of the terminal
        code = 130
    else:
        code = 0 if session.error is None else 2
    state = session.figures()
    decided = f": {state['decided']} of {state['groups']} groups decided" if state["groups"] else ""
    terminal.say(f"the review has ended{decided}")
    if acting.interrupted:
        for run in acting.interrupted_runs():
            terminal.say(how_to_go_on(run.name))
        return 3 if code == 0 else code
    return code


def _source(
    terminal: Terminal, paths: tuple[str, ...], given: dict[str, Any]
) -> tuple[Source, RunOptions]:
    from imgsim.profile import read_profile
    from imgsim.progress import Silent
    from imgsim.read.discover import check_there
    from imgsim.review.sources import FolderSource, PlanSource, Search

    refuse_preset_beside(given)
    method = make_method(terminal, given)
    own = ["preset", "threshold", "min_similarity", "proposer", "keep", "isolate", "skip_masks"]
    wanted = {name: given.pop(name) for name in own}
    profile = given.pop("profile")
    wanted["profile"] = read_profile(profile) if profile else None
    options = replace(make_run_options(terminal, **given), progress=Silent())  # the page shows it
    plan = _plan_of(paths)
    if plan is not None:
        search = Search(plan.method, {"preset": plan.preset or "normal", "keep": "original"})
        if plan.preset is None:
            search = Search(plan.method, {"threshold": plan.threshold, "keep": "original"})
        options = replace(options, decode=plan.decode, max_pixels=plan.max_pixels, min_pixels=0)
        return PlanSource(paths[0], plan, options, search), options
    for path in paths:
        check_there(path)
    return FolderSource(paths, Search(method, wanted), options), options


def _plan_of(paths: tuple[str, ...]) -> Plan | None:
    """The plan, if that is what the only path names."""
    if len(paths) != 1 or not os.path.isfile(paths[0]):
        return None
    try:
        with open(paths[0], "rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:  # said when it is read
        head = b""
    if b'"imgsim.plan/' not in head and not paths[0].lower().endswith(".json"):
        return None
    from imgsim.cli.plans import read_plan_file

    return read_plan_file(paths[0])
