"""The table of commands and their summaries; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

GROUPS: dict[str, dict[str, str]] = {
    "Find": {
        "find-dupes": "Find groups of exact and near duplicates.",
        "known": "Tell which files an archive knows, and as what.",
        "search": "Rank the images of a folder that are nearest to each QUERY.",
        "matches": "Rank the nearest other images of every image, by each method.",
        "compare": "Show every method's score of two images, its threshold and its verdict.",
        "explain": "Show where in two images the score of a method comes from.",
    },
    "Act on what was found": {
        "review": "Decide about duplicates on a page in the browser.",
        "plan": "Show what a plan holds, or check it against the files as they are.",
        "apply": "Remove the files that a PLAN of find-dupes names.",
        "undo": "Bring back what a run of imgsim apply removed.",
        "runs": "List the runs of imgsim apply.",
        "purge": "Delete for good what a run moved to .imgsim-trash.",
        "decisions": "Remember what a person decided of pictures: list, forget, share it.",
    },
    "Data sets": {
        "leaks": "Find near duplicates across the splits of a data set.",
        "staged": "Find staged images that duplicate tracked ones, or each other: a hook for git.",
        "sort": "Put images in a chain, each beside what resembles it.",
        "cluster": "Find clusters of images, and draw a map of them.",
    },
    "Methods": {
        "methods": "List the comparators: score, presets, fields, availability.",
        "bench": "Measure how fast methods are and how right, on a labelled DATASET.",
        "calibrate": "Choose thresholds of methods on pictures of which it is known what matches.",
        "train": "Train a network on a folder of yours.",
        "features": "Write the features that a method compares, a row per image, as a table.",
    },
    "Set-up and upkeep": {
        "demo": "Write a small folder of pictures with known duplicates.",
        "doctor": "Show what this installation reads and computes.",
        "index": "Keep a lasting index of pictures, to compare others with them.",
        "cache": "Show, clear or prune what is remembered between runs.",
        "completion": "Print the completion script of a SHELL.",
    },
}
"""Commands by what people do, with their summaries, in the order of ``imgsim --help``."""

COMMANDS = {name: summary for group in GROUPS.values() for name, summary in group.items()}


def load_command(name: str) -> click.Command:
    """Import one of `COMMANDS`."""
    module = import_module(f"imgsim.cli.{name.replace('-', '_')}")
    command: click.Command = module.command
    return command
