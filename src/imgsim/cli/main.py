"""The program: finds the command, and turns its end into an exit code.

0 it ran; 1 a gate found something; 2 it could not run; 3 apply, undo or purge left something undone
that was asked for; 129 SIGHUP; 130 interrupted; 141 closed pipe; 143 SIGTERM.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

import click

from imgsim import __version__
from imgsim.addresses import printable
from imgsim.cli.commands import COMMANDS, GROUPS, load_command
from imgsim.cli.output import discard_output
from imgsim.cli.signals import Terminated, ignore_more_interrupts, termination_raises
from imgsim.cli.terminal import Terminal
from imgsim.errors import ImgsimError, UsageError, is_out_of_memory, left_by, limit_hint
from imgsim.garbage import collect_garbage_seldom


class _ClosedPipe(Exception):
    """The reader of the output has closed it."""


class _Commands(click.Group):
    """The group of all commands, which imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return load_command(name) if name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]}?" if near else "imgsim --help"
            raise UsageError(f"no such command: {args[0]}", hint)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click would make it exit code 1
            raise _ClosedPipe from error
        except SystemExit as error:  # of a method of another package: a gate would pass by its 0
            hint = "choose another one, or run it with -v for the traceback"
            raise ImgsimError(f"a method ended the program (exit {error.code})", hint) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, COMMANDS))
        for title, commands in GROUPS.items():
            with formatter.section(title):  # the summaries of all groups begin in one column
                formatter.write_dl([(f"{name:{widest}}", text) for name, text in commands.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="imgsim")
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    envvar="IMGSIM_CONFIG",
    help="Read defaults from this TOML file, instead of imgsim.toml or [tool.imgsim] in"
    " pyproject.toml here or in a folder above.",
)
@click.pass_context
def cli(ctx: click.Context, config: str | None) -> None:
    """Find duplicate and near-duplicate images.

    \b
    imgsim demo pictures           write some pictures to try it on
    imgsim find-dupes pictures     find the duplicates among them
    """
    from imgsim.cli.config import defaults, find_settings

    command = ctx.invoked_subcommand or ""
    ctx.default_map = defaults(config, command)
    if config is None and any(ctx.default_map.values()):
        ctx.ensure_object(Terminal).note(f"settings from {find_settings()}")


def main(arguments: list[str]) -> int:
    """Run a command line.

    Returns
    -------
    int
        The exit code.
    """
    _open_standard_streams()
    mask = _keep_own_rights()
    interrupts = signal.getsignal(signal.SIGINT)
    collect_garbage_seldom()
    terminal = Terminal()
    if {"-q", "--quiet"} & set(arguments):
        terminal.verbosity = -1  # before the command is found: settings are named then
    try:
        return _run(terminal, arguments)
    finally:
        terminal.restore()
        os.umask(mask)
        if threading.current_thread() is threading.main_thread() and interrupts is not None:
            signal.signal(signal.SIGINT, interrupts)


def _run(terminal: Terminal, arguments: list[str]) -> int:
    try:
        with termination_raises():
            code = cli.main(arguments, prog_name="imgsim", standalone_mode=False, obj=terminal)
        if sys.stdout is not None:
            sys.stdout.flush()
        return int(code or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        terminal.say(error.format_message())
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "imgsim"
        terminal.error(_one_line(_in_plain_words(error)), f"{name} --help")
    except click.ClickException as error:
        terminal.error(_one_line(error.format_message()), "")
    except ImgsimError as error:
        _traceback(terminal)
        terminal.error(error.message, error.hint)
    except (click.Abort, KeyboardInterrupt) as ended:
        ignore_more_interrupts()  # what was interrupted is cleared up when this exception goes
        terminal.interrupted("interrupted", _goes_on(arguments, ended))
        return 130
    except Terminated as ended:
        terminal.interrupted("terminated", _goes_on(arguments, ended))
        discard_output()
        return ended.exit_code
    except (_ClosedPipe, BrokenPipeError):
        discard_output()
        return 141
    except OSError as error:
        _traceback(terminal)
        if error.errno in _FULL and error.filename is None:  # click itself prints help and version
            discard_output()
            reason = f"cannot write standard output: {error.strerror}"
            terminal.error(reason, "choose another place for it")
        elif hint := limit_hint(error):
            place = f"{printable(str(error.filename))}: " if error.filename else ""
            terminal.error(f"{place}{error.strerror}", hint)
        else:
            _internal_error(terminal, error)
    except Exception as error:
        _traceback(terminal)
        if is_out_of_memory(error):
            terminal.error("there is not enough memory for this", "fewer workers (-j), ulimit -v")
        else:
            _internal_error(terminal, error)
    return 2


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def _internal_error(terminal: Terminal, error: Exception) -> None:
    hint = "" if terminal.verbosity > 0 else "run it with -v for the traceback, and report it"
    terminal.error(f"internal error: {_one_line(f'{type(error).__name__}: {error}')}", hint)


def _open_standard_streams() -> None:
    """Let no file that is opened later take the number of a standard stream that is closed.

    What C libraries write there would end up in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def _keep_own_rights() -> int:
    """Let the user read and write what the program makes; return the umask that was set.

    A mask that takes the owner's rights away would keep the program from its own temporary files.
    """
    mask = os.umask(0o077)
    os.umask(mask & ~0o700)
    return mask


def _goes_on(arguments: list[str], ended: BaseException) -> str:
    """Say what is left of an interrupted run; empty if only the cache knows."""
    if left := left_by(ended):
        return left
    if "apply" not in arguments:
        return ""
    from imgsim.act.history import number_of
    from imgsim.act.interrupted import how_to_go_on, run_of

    run = run_of(ended)
    if run:
        return how_to_go_on(number_of(run))
    return "nothing was moved, the same command begins again" if arguments[0] == "apply" else ""


def _traceback(terminal: Terminal) -> None:
    if terminal.verbosity > 0:
        import traceback

        terminal.say(traceback.format_exc().rstrip())


def _in_plain_words(error: click.UsageError) -> str:
    """What click says of an option."""
    said = error.format_message()
    return said.replace("valid integer range", "whole number").replace(
        "valid float range", "number"
    )


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())
