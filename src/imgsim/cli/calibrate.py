"""``imgsim calibrate``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from imgsim.cli.make import make_methods, make_run_options
from imgsim.cli.method_options import device_options, scoring_methods_option
from imgsim.cli.options import (
    dataset_options,
    run_options,
    seed_option,
    text_or_json_option,
    walk_options,
    writing_options,
)
from imgsim.cli.output import write
from imgsim.cli.terminal import Terminal

if TYPE_CHECKING:
    from imgsim.calibration.calibrate import Calibration


@click.command("calibrate")
@click.argument("dataset", metavar="DATASET|PAIRS.csv", type=click.Path())
@click.option(
    "--target-precision",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="The loosest threshold of which so many of the pairs found match, such as 0.99.",
)
@click.option(
    "--max-false-positives",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="The loosest threshold that finds at most so many of the pairs that do not match, such"
    " as 1e-6. Where there are too few pairs to count them, a fitted tail tells.",
)
@scoring_methods_option
@dataset_options
@click.option(
    "--split",
    metavar="NAME",
    help="Choose on this split, such as train, and measure on all others; no label may stand in"
    " both. Else the labels are divided by chance.",
)
@seed_option("Which labels thresholds are chosen on.")
@walk_options
@run_options
@device_options
@text_or_json_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Write the profile to this file."
)
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 1 if a method misses the target on the half that its threshold was not chosen"
    " on; with 2 if nothing tells, since no pair was found there.",
)
@writing_options
@click.pass_obj
def command(
    terminal: Terminal,
    /,
    dataset: str,
    target_precision: float | None,
    max_false_positives: float | None,
    split: str | None,
    seed: int,
    form: str,
    output: str | None,
    check: bool,
    **given: Any,
) -> int:
    """Choose thresholds of methods on pictures of which it is known what matches.

    DATASET is laid out as for bench. Thresholds are chosen on half of the labels; what is shown
    was measured on the other half. The profile is read by --profile of find-dupes, leaks, compare
    and bench.

    \b
    imgsim calibrate photos --target-precision 0.99 -m phash -m ssim -o mine.json
    imgsim find-dupes elsewhere -m phash --profile mine.json
    imgsim calibrate photos --target-precision 0.99 -m phash --check    # for CI
    """
    from imgsim.calibration.calibrate import calibrate, only_target
    from imgsim.dataset.layouts import load_labelled
    from imgsim.report.calibration import calibration_summary, calibration_text, profile_json

    target = only_target(target_precision, max_false_positives)
    layout = {name: given.pop(name) for name in ("layout", "per_scene", "prefix")}
    methods = make_methods(terminal, given)
    options = make_run_options(terminal, **given)
    data = load_labelled(dataset, **layout, options=options.discover)
    calibration = calibrate(data, methods, target, seed=seed, tuning_split=split, options=options)
    option = "--target-precision" if target_precision else "--max-false-positives"
    names = " ".join(f"-m {m.spec}" for m in methods)
    half = f"--seed {seed}" if split is None else f"--split {shlex.quote(split)}"
    said = f"imgsim calibrate DATASET {option} {target.value:g} {half} {names}"
    if output:
        write(profile_json(calibration, said), output)
    if form == "json":
        write(profile_json(calibration, said), None, for_programs=True)
    else:
        write(calibration_text(calibration), None)
    for line in calibration_summary(calibration, verbose=terminal.verbosity > 0):
        terminal.summary(line)
    return _check_exit_code(terminal, calibration) if check else 0


def _check_exit_code(terminal: Terminal, calibration: Calibration) -> int:
    """Return the exit code of ``--check``: 1 for a missed target, 2 if nothing tells."""
    misses = {one.comparator.spec: one.misses(calibration.target) for one in calibration.methods}
    if missed := [name for name, misses_it in misses.items() if misses_it]:
        terminal.summary(f"target missed on the held-out half: {', '.join(missed)}")
        return 1
    if untold := [name for name, misses_it in misses.items() if misses_it is None]:
        terminal.error(
            f"{', '.join(untold)}: no pair on the held-out half tells whether the target is met",
            "calibrate on more labels",
        )
        return 2
    return 0
