"""``imgsim bench``."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from imgsim.cli.make import make_ready_methods, make_run_options
from imgsim.cli.method_options import device_options, methods_option, profile_option
from imgsim.cli.options import (
    dataset_options,
    format_option,
    number_option,
    run_options,
    seed_option,
    talk_options,
)
from imgsim.cli.output import write
from imgsim.cli.spreadsheet import table
from imgsim.cli.terminal import Terminal
from imgsim.comparators.registry import ALL, RANKING_METHOD
from imgsim.decode.spec import DEFAULT_MAX_PIXELS
from imgsim.temporary import TemporaryFolder

if TYPE_CHECKING:
    from imgsim.benchmark.results import Bench

_STAND_INS = {"turntable": None, "scenes": 4, "copies": None}
"""By the images of a scene, where the names say no more."""
_METHODS = (ALL, RANKING_METHOD)  # what rankings take is none of the methods' defaults
_ARTICLE_METHODS = (
    *("euclidean", "ssim", "phash", "cosine"),
    *("efficientnet-euclidean", "efficientnet-cosine"),
)
_ARTICLE_EXPERIMENTS = ("methods", "norms")
_EXPERIMENTS = ("methods", "resilience", "norms")
_FORMATS = ("text", "json", "csv", "markdown")


@click.command("bench")
@click.argument("dataset", required=False, type=click.Path())
@click.option(
    "--stand-in",
    type=click.Choice(list(_STAND_INS)),
    help="Instead of DATASET: pictures made for the occasion, easier than real ones. turntable:"
    " 24 fruits in 4 positions; scenes: 12 places from 4 viewpoints; copies: 96 pictures and two"
    " changed copies of each.",
)
@methods_option(_METHODS, "Can be repeated; all: every method that is available.")
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
    " normalised, whole feature maps; reported as method, seconds, accuracy. Without DATASET and"
    " --stand-in: experiment 1 on turntable, 2 on scenes, 3 scipy against numpy.",
)
@dataset_options
@click.option("--split", metavar="NAME", help="Only this split, such as valid.")
@seed_option("Of what is drawn: images, changes.")
@number_option("--max-images", 5000, "Of more, draw so many, class by class.", least=2)
@number_option("--changed-images", 24, "Originals of the experiment resilience.", least=2)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write index.html, bench.json, bench.md and CSV files there, and a file per result: an"
    " interrupted run goes on from them.",
)
@profile_option
@click.option("--fresh", is_flag=True, help="Measure again what is known in -o DIR.")
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Exit with 1 if a method is worse or slower than in this earlier bench.json, or is not"
    " measured any more, with 2, at once, if that is of other data.",
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="What a figure of accuracy may lose, of rankings, pairs or copies, as a share.",
)
@click.option(
    "--max-slowdown",
    type=click.FloatRange(min=1),
    default=2.0,
    show_default=True,
    help="What times may be multiplied by, on one kind of machine.",
)
@format_option(_FORMATS)
@click.option("--no-timing", is_flag=True, help="Leave times out of the JSON.")
@run_options
@device_options
@talk_options
@click.pass_context
def command(ctx: click.Context, /, dataset: str | None, **given: Any) -> int:
    """Measure how fast methods are and how right, on a labelled DATASET.

    \b
    imgsim bench photos-by-subject
    imgsim bench ukbench --per-scene 4 -m phash -m cosine -o report
    imgsim bench data --baseline known/bench.json --max-drop 0.01
    imgsim bench --stand-in scenes
    imgsim bench --protocol article
    """
    stand_in = given["stand_in"]
    article = given["protocol"] == "article"
    if (dataset is None) == (stand_in is None) and not (article and dataset is None):
        raise click.UsageError("Name one DATASET, or a --stand-in.", ctx)
    if article:
        _take_defaults_of_article(ctx, given)
    if dataset is not None:
        return _run_bench(ctx, dataset, given)
    with TemporaryFolder("bench") as folder:
        if stand_in is not None:
            return _run_bench(ctx, _write_stand_in(Path(folder), given), given)
        return _run_article(ctx, Path(folder), given)


def _take_defaults_of_article(ctx: click.Context, given: dict[str, Any]) -> None:
    """Take the methods and experiments of the comparison, where none are named."""
    if ctx.get_parameter_source("method") is ParameterSource.DEFAULT:
        given["method"] = _ARTICLE_METHODS
    if ctx.get_parameter_source("experiments") is ParameterSource.DEFAULT:
        given["experiments"] = _ARTICLE_EXPERIMENTS


def _run_article(ctx: click.Context, folder: Path, given: dict[str, Any]) -> int:
    """Run all three experiments of the comparison, on pictures made for the occasion."""
    if given["format"] not in ("text", "markdown") or given["baseline"]:
        raise click.UsageError("Name a DATASET or a --stand-in, for one document.", ctx)
    output = given["output"]
    codes = []
    for number, kind in ((1, "turntable"), (2, "scenes")):
        one = given | {"stand_in": kind}
        if output is not None:
            one["output"] = output / f"experiment-{number}"
        if number == 1:  # the third stands at the end
            one["experiments"] = [e for e in given["experiments"] if e != "norms"]
        if one["experiments"]:
            codes.append(_run_bench(ctx, _write_stand_in(folder, one), one))
            write(["\n"], None)
    return max(codes)


def _write_stand_in(folder: Path, given: dict[str, Any]) -> str:
    from imgsim.pictures import standins

    kind = given["stand_in"]
    writers: dict[str, Callable[..., object]] = {
        "turntable": standins.write_turntable,
        "scenes": standins.write_scenes,
        "copies": standins.write_changed,
    }
    made = folder / f"stand-in-{kind}"
    writers[kind](made, seed=given["seed"])
    given["per_scene"] = _STAND_INS[kind]
    return str(made)


def _run_bench(ctx: click.Context, dataset: str, given: dict[str, Any]) -> int:
    from imgsim.benchmark import gate, plots
    from imgsim.benchmark.results import Unmeasured
    from imgsim.benchmark.runner import Plan, bench
    from imgsim.benchmark.store import Store
    from imgsim.dataset.layouts import load_labelled
    from imgsim.profile import read_profile
    from imgsim.report.bench import gate_text

    terminal = ctx.ensure_object(Terminal)
    output: Path | None = given["output"]
    if output is not None:
        plots.require_matplotlib()
    before = gate.read_bench(given["baseline"]) if given["baseline"] else None
    profile = read_profile(given["profile"]) if given["profile"] else None
    if profile and tuple(given["method"]) == _METHODS:
        given["method"] = profile.methods
    data = load_labelled(
        dataset, **{name: given[name] for name in ("layout", "per_scene", "prefix")}
    )
    if given["split"]:
        data = data.only(given["split"])
    plan = Plan(
        tuple(given["experiments"]),
        given["protocol"],
        given["seed"],
        given["max_images"],
        given["changed_images"],
        _recorded_command(ctx, dataset),
        profile,
    )
    store = Store(output / "results" if output else None, fresh=given["fresh"])
    optional = _ARTICLE_METHODS if given["method"] is _ARTICLE_METHODS else (ALL,)
    methods, left_out = make_ready_methods(terminal, given, optional=optional)
    options = make_run_options(terminal, **_run_settings(given))
    so_far: list[Bench] = []
    try:
        measurements = bench(
            data,
            methods,
            plan,
            store=store,
            baseline=before,
            unmeasured=[Unmeasured(name, reason) for name, reason in left_out.items()],
            on_result=so_far.append,
            options=options,
        )
    except BaseException as error:
        if not isinstance(error, Exception) and output is not None and so_far:  # Ctrl-C, SIGTERM
            _write_report(terminal, so_far[-1], output, dataset)
        raise
    if output is not None:  # before anybody closes the pipe
        _write_report(terminal, measurements, output, dataset)
    _show_measurements(measurements, given["format"], timing=not given["no_timing"])
    if before is None:
        return 0
    compared = gate.compare_with_baseline(
        before, measurements, max_drop=given["max_drop"], max_slowdown=given["max_slowdown"]
    )
    for line in gate_text(compared):
        terminal.summary(line)
    return 0 if compared.passes else 1


def _run_settings(given: dict[str, Any]) -> dict[str, Any]:
    names = ("decode", "jobs", "executor", "ray_address", "file_timeout", "max_memory", "cache")
    asked = {name: given[name] for name in names}
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


def _recorded_command(ctx: click.Context, dataset: str) -> str:
    """Return the command as it was given, with names in place of the user's own paths."""
    from imgsim.benchmark.data import data_name

    parts = ["imgsim", "bench"]
    if ctx.params["stand_in"] is None:
        parts.append(data_name(dataset))
    files = dict.fromkeys(("baseline", "weights", "cache", "profile"), "FILE")
    places = {"output": "DIR", **files}
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


def _show_measurements(measurements: Bench, name: str, *, timing: bool) -> None:
    from imgsim.report import bench as report

    writers: dict[str, Callable[[], Iterable[str]]] = {
        "text": lambda: report.bench_text(measurements),
        "json": lambda: report.bench_json(measurements, timing=timing),
        "csv": lambda: table(report.methods_csv(measurements)),
        "markdown": lambda: report.bench_markdown(measurements),
    }
    write(writers[name](), None, for_programs=name != "text")


def _write_report(terminal: Terminal, measurements: Bench, folder: Path, dataset: str) -> None:
    from imgsim.report import bench as report
    from imgsim.report.benchpage import bench_page

    root = dataset if os.path.isdir(dataset) else os.path.dirname(dataset)
    files: dict[str, Iterable[str]] = {
        "bench.json": report.bench_json(measurements),
        "bench.md": report.bench_markdown(measurements),
        "methods.csv": report.methods_csv(measurements),
        "index.html": bench_page(measurements, root),
    }
    if measurements.resilience:
        files["changes.csv"] = report.changes_csv(measurements.resilience)
    if measurements.norms:
        files["norms.csv"] = report.norms_csv(measurements.norms)
    folder.mkdir(parents=True, exist_ok=True)
    for name, parts in files.items():
        write(parts, str(folder / name))
    what = "what was measured before" if measurements.unfinished else "tables and plots"
    terminal.summary(f"{folder / 'index.html'}: {what}")
