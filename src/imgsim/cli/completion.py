"""``imgsim completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of a SHELL.

    \b
    eval "$(imgsim completion bash)"        in ~/.bashrc
    eval "$(imgsim completion zsh)"         in ~/.zshrc
    imgsim completion fish | source         in config.fish
    """
    from imgsim.cli.main import cli
    from imgsim.cli.output import write

    completion = get_completion_class(shell)
    assert completion is not None
    write([completion(cli, {}, "imgsim", "_IMGSIM_COMPLETE").source() + "\n"], None)
    return 0
