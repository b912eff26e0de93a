"""``imgsim demo``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from imgsim.cli.options import talk_options
from imgsim.cli.terminal import Terminal

KINDS = ("duplicates", "copies", "look-alikes", "turntable", "scenes", "process", "rounds", "stall")


@click.command("demo")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="duplicates",
    show_default=True,
    help="copies: 96 pictures and two changed copies of each, with a truth.csv; look-alikes:"
    " receipts, forms, sea, icons and so on, of which no two are the same; turntable: 24 fruits"
    " in 4 positions; scenes: 12 places from 4 viewpoints; process: frames of a fixed camera,"
    " split into train and valid by chance; rounds: 27 such frames in the order of time, and one of"
    " them brighter; stall: 8 fruits on a table, a folder of photos for each.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Other pictures.")
@talk_options
@click.pass_obj
def command(terminal: Terminal, folder: Path, kind: str, seed: int) -> int:
    """Write a small folder of pictures with known duplicates into DIR.

    DIR must be empty or not exist.

    \b
    imgsim demo pictures
    imgsim demo fruits --kind turntable
    """
    if kind == "duplicates":
        _write_duplicates(terminal, folder, seed)
        return 0
    if kind == "process":
        _camera_frames(terminal, folder, seed)
        return 0
    from imgsim.pictures import standins
    from imgsim.pictures.fixed_camera import write_rounds
    from imgsim.pictures.stall import write_stall

    writers: dict[str, Callable[..., Sequence[object]]] = {
        "rounds": write_rounds,
        "stall": write_stall,
        "copies": standins.write_changed,
        "look-alikes": standins.write_look_alikes,
        "turntable": standins.write_turntable,
        "scenes": standins.write_scenes,
    }
    written = writers[kind](folder, seed=seed)
    terminal.summary(f"wrote {len(written)} pictures to {folder}")
    return 0


def _camera_frames(terminal: Terminal, folder: Path, seed: int) -> None:
    from imgsim.pictures.fixed_camera import write_camera_frames

    frames = write_camera_frames(folder, seed)
    terminal.summary(
        f"wrote {frames.files} frames to {folder}: {len(set(frames.states.values()))} states"
    )
    terminal.summary(f"now try: imgsim leaks {folder}/train {folder}/valid")


def _write_duplicates(terminal: Terminal, folder: Path, seed: int) -> None:
    from imgsim.pictures.generate import write_demo

    demo = write_demo(folder, seed)
    copies = sum(len(group) for group in demo.groups)
    terminal.summary(
        f"wrote {demo.files} files to {folder}: {len(demo.groups)} pictures in {copies} files,"
        f" the others once, {len(demo.broken)} broken"
    )
    terminal.summary(f"now try: imgsim find-dupes {folder}")
