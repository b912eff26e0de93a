"""The table of commands and their summaries; each is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS = {
    "apply": "Remove the files that a PLAN of find-dupes names.",
    "bench": "Measure how fast methods are and how right, on a labelled DATASET.",
    "cache": "Show, clear or prune what is remembered between runs.",
    "calibrate": "Choose thresholds of methods on pictures of which it is known what matches.",
    "cluster": "Find clusters of images, and draw a map of them.",
    "compare": "Show every method's score of two images, its threshold and its verdict.",
    "completion": "Print the completion script of a SHELL.",
    "decisions": "Remember what a person decided of pictures: list, forget, share it.",
    "demo": "Write a small folder of pictures with known duplicates.",
    "doctor": "Show what this installation reads and computes.",
    "explain": "Show where in two images the score of a method comes from.",
    "features": "Write the features that a method compares, a row per image, as a table.",
    "find-dupes": "Find groups of exact and near duplicates.",
    "known": "Tell which files an archive knows, and as what.",
    "leaks": "Find near duplicates across the splits of a data set.",
    "matches": "Rank the nearest other images of every image, by each method.",
    "methods": "List the comparators: score, presets, fields, availability.",
    "plan": "Show what a plan holds, or check it against the files as they are.",
    "purge": "Delete for good what a run moved to .imgsim-trash.",
    "review": "Decide about duplicates on a page in the browser.",
    "runs": "List the runs of imgsim apply.",
    "search": "Rank the images of a folder that are nearest to each QUERY.",
    "sort": "Put images in a chain, each beside what resembles it.",
    "staged": "Find staged images that duplicate tracked ones, or each other: a hook for git.",
    "train": "Train a network on a folder of yours.",
    "undo": "Bring back what a run of imgsim apply removed.",
}


def load_command(name: str) -> click.Command:
    """Import one of `COMMANDS`."""
    module = import_module(f"imgsim.cli.{name.replace('-', '_')}")
    command: click.Command = module.command
    return command
