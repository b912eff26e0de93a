"""``imgsim demo``."""

from __future__ import annotations

from pathlib import Path

import click

from imgsim.cli.options import talk_options
from imgsim.cli.terminal import Terminal


@click.command("demo")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(["pictures", "process"]),
    default="pictures",
    show_default=True,
    help="process: frames of a fixed camera over a process, split into train and valid by chance.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Other pictures.")
@talk_options
@click.pass_obj
def command(terminal: Terminal, folder: Path, kind: str, seed: int) -> int:
    """Write a small folder of pictures with known duplicates into DIR.

    DIR must be empty or not exist.
    """
    if kind == "process":
        from imgsim.bench.process import write_process

        process = write_process(folder, seed)
        terminal.summary(
            f"wrote {process.files} frames to {folder}: {len(set(process.states.values()))} states"
        )
        terminal.summary(f"now try: imgsim leaks {folder}/train {folder}/valid")
        return 0
    from imgsim.bench.generate import write_demo

    demo = write_demo(folder, seed)
    copies = sum(len(group) for group in demo.groups)
    terminal.summary(
        f"wrote {demo.files} files to {folder}: {len(demo.groups)} pictures in {copies} files,"
        f" the others once, {len(demo.broken)} broken"
    )
    terminal.summary(f"now try: imgsim find-dupes {folder}")
    return 0
