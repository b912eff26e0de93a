"""``imgsim bench``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from imgsim.cli.options import (
    MethodType,
    device_options,
    make_methods,
    make_run_options,
    run_options,
    talk_options,
)
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal
from imgsim.comparators.registry import ALL
from imgsim.decode import DEFAULT_MAX_PIXELS

if TYPE_CHECKING:
    from imgsim.bench.results import Bench

_LAYOUTS = ("auto", "folder", "prefix", "per-scene", "truth", "pairs")
_EXPERIMENTS = ("methods", "resilience", "norms")
_FORMATS = ("text", "json", "csv", "markdown")


@click.command("bench")
@click.argument("dataset", metavar="DATASET", type=click.Path())
@click.option(
    "-m",
    "--method",
    type=MethodType(),
    multiple=True,
    default=[ALL],
    show_default=True,
    metavar="NAME[:field=value,...]",
    help="Can be repeated; all: every method that is available.",
)
@click.option(
    "--experiment",
    "experiments",
    type=click.Choice(_EXPERIMENTS),
    multiple=True,
    default=_EXPERIMENTS,
    show_default=True,
    help="methods: speed and accuracy; resilience: copies changed in every way; norms: Euclidean"
    " distance by scipy and by numpy. Can be repeated.",
)
@click.option(
    "--protocol",
    type=click.Choice(("imgsim", "article")),
    default="imgsim",
    show_default=True,
    help="article: scenes of four, the first the query, images resized to one size, nothing"
    " normalised, whole feature maps.",
)
@click.option(
    "--layout",
    type=click.Choice(_LAYOUTS),
    default="auto",
    show_default=True,
    help="Where the labels are: a folder per class, a prefix of the names, numbers, a truth.csv"
    " (path,label), a list of pairs (a,b,same).",
)
@click.option(
    "--per-scene",
    type=click.IntRange(min=2),
    metavar="N",
    help="Files are named by numbers; N in a row show one scene.",
)
@click.option("--prefix", metavar="REGEX", help=r"Group 1 is the label.  [default: ^(.+)_\d+]")
@click.option("--split", metavar="NAME", help="Only this split, such as valid.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--max-images",
    type=click.IntRange(min=2),
    default=5000,
    show_default=True,
    metavar="N",
    help="Of more, draw so many, class by class.",
)
@click.option(
    "--changed-images",
    type=click.IntRange(min=2),
    default=24,
    show_default=True,
    metavar="N",
    help="Originals of the experiment resilience.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write index.html, bench.json, bench.md and CSV files there, and a file per result: an"
    " interrupted run goes on from them.",
)
@click.option("--fresh", is_flag=True, help="Measure again what is known in -o DIR.")
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Exit with 1 if a method is worse or slower than in this earlier bench.json.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="What accuracy, MAP, µAP, precision, recall and recognised copies may lose.",
)
@click.option(
    "--max-slowdown",
    type=click.FloatRange(min=1),
    default=2.0,
    show_default=True,
    help="What times may be multiplied by, on one kind of machine.",
)
@click.option("-f", "--format", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--no-timing", is_flag=True, help="Leave times out of the JSON.")
@run_options
@device_options
@talk_options
@click.pass_context
def command(ctx: click.Context, /, dataset: str, output: Path | None, **given: Any) -> int:
    """Measure how fast methods are and how right, on a labelled DATASET.

    \b
    imgsim bench photos-by-subject
    imgsim bench ukbench --per-scene 4 -m phash -m cosine -o report
    imgsim bench data --baseline known/bench.json --max-drop 0.01
    """
    from imgsim.bench import gate, plots
    from imgsim.bench.labelled import load
    from imgsim.bench.results import Store
    from imgsim.bench.runner import Plan, bench
    from imgsim.report.bench import gate_text

    terminal = ctx.ensure_object(Terminal)
    if output is not None:
        plots.require_matplotlib()
    before = gate.read_bench(given["baseline"]) if given["baseline"] else None
    data = load(
        dataset, layout=given["layout"], per_scene=given["per_scene"], prefix=given["prefix"]
    )
    if given["split"]:
        data = data.only(given["split"])
    plan = Plan(
        tuple(given["experiments"]),
        given["protocol"],
        given["seed"],
        given["max_images"],
        given["changed_images"],
        _recorded(ctx),
    )
    store = Store(output / "results" if output else None, fresh=given["fresh"])
    methods = make_methods(terminal, given)
    options = make_run_options(terminal, **_run_settings(given))
    found = bench(data, methods, plan, store=store, options=options)
    _show(found, given["format"], timing=not given["no_timing"])
    if output is not None:
        _write_all(terminal, found, output, dataset)
    if before is None:
        return 0
    compared = gate.compare(
        before, found, max_drop=given["max_drop"], max_slowdown=given["max_slowdown"]
    )
    for line in gate_text(compared):
        terminal.summary(line)
    return 1 if compared.drops else 0


def _run_settings(given: dict[str, Any]) -> dict[str, Any]:
    asked = {n: given[n] for n in ("decode", "jobs", "executor", "file_timeout", "cache")}
    return asked | {
        "files_from": None,
        "null": False,
        "recursive": True,
        "exclude": (),
        "default_excludes": True,
        "follow_symlinks": False,
        "min_pixels": 0,
        "max_pixels": DEFAULT_MAX_PIXELS,
    }


def _recorded(ctx: click.Context) -> str:
    """The command as it was given, with names in place of the user's own paths."""
    parts = ["imgsim", "bench", os.path.basename(os.path.abspath(ctx.params["dataset"]))]
    places = {"output": "DIR", "baseline": "FILE", "weights": "FILE", "cache": "FILE"}
    for option in ctx.command.params:
        name = option.name or ""
        if (
            not isinstance(option, click.Option)
            or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE
            or name not in ctx.params
        ):
            continue
        value = ctx.params[name]
        for one in value if option.multiple else [value]:
            parts.append(max(option.opts, key=len))
            if not option.is_flag:
                parts.append(places.get(name, str(one)))
    return shlex.join(parts)


def _show(found: Bench, name: str, *, timing: bool) -> None:
    from imgsim.report import bench as report

    writers: dict[str, Callable[[], Iterable[str]]] = {
        "text": lambda: report.text(found),
        "json": lambda: report.as_json(found, timing=timing),
        "csv": lambda: report.methods_csv(found),
        "markdown": lambda: report.markdown(found),
    }
    write(writers[name](), None, for_programs=name != "text")


def _write_all(terminal: Terminal, found: Bench, folder: Path, dataset: str) -> None:
    from imgsim.report import bench as report
    from imgsim.report.benchpage import bench_page

    root = dataset if os.path.isdir(dataset) else os.path.dirname(dataset)
    files: dict[str, Iterable[str]] = {
        "bench.json": report.as_json(found),
        "bench.md": report.markdown(found),
        "methods.csv": report.methods_csv(found),
        "index.html": bench_page(found, root),
    }
    if found.resilience:
        files["changes.csv"] = report.changes_csv(found.resilience)
    if found.norms:
        files["norms.csv"] = report.norms_csv(found.norms)
    folder.mkdir(parents=True, exist_ok=True)
    for name, parts in files.items():
        write(parts, str(folder / name))
    terminal.summary(f"{folder / 'index.html'}: tables and plots")
