"""Makes pages of the site for MkDocs (`hooks` in mkdocs.yml).

README.md and others that lie beside `docs` are pages, and links between them are turned round. The
reference of the command line is made from the commands themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from imgsim.cli.commands import GROUPS
from imgsim.cli.main import cli

ROOT = Path(__file__).parents[1]

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting-a-flaw.md",
    "LICENSE": "license.txt",
}

_CODE = re.compile(r"<code[ >].*?</code>", re.DOTALL)
_CODE_TEXT = re.compile(r"(?<=>)[^<>]+(?=<)")
_HYPHENS = re.compile(r"(?<![\w./-])(?=[\w-]{1,24}(?![\w./-]))(?:--?\w+|\w+(?=-\w))(?:-\w+)*")
"""An option, or words joined by hyphens, of a length that has room in any column."""

_OPTION_WIDTH = 30
"""Characters of an option that stand in one line."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files of the repository into links to pages."""
    outside = page.file.src_uri in PAGES.values()

    def turned(link: re.Match[str]) -> str:
        target, section = link[1], link[2] or ""
        name = target.removeprefix("../") if not outside else target
        if name in PAGES and (outside or target.startswith("../")):
            return f"]({PAGES[name]}{section})"
        return f"]({target.removeprefix('docs/')}{section})" if outside else link[0]

    if page.file.src_uri == "command-line.md":
        return markdown + "\n" + "\n".join(_command_line())
    return re.sub(r"\]\(([^)#:\s]+)(#[^)\s]*)?\)", turned, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep options and names with hyphens in code from breaking at these (site.css)."""

    def kept(code: re.Match[str]) -> str:
        return _CODE_TEXT.sub(
            lambda text: _HYPHENS.sub(r'<span class="whole">\g<0></span>', text[0]), code[0]
        )

    return _CODE.sub(kept, html)


def _command_line() -> Iterator[str]:
    """The lines of the reference: what ``--help`` says of each command."""
    top = click.Context(cli, info_name="imgsim")
    yield from ("## Of all commands", "", *_options(cli, top))
    for title, names in GROUPS.items():
        yield from (f"## {title}", "")
        for name in names:
            command = cli.get_command(top, name)
            assert command is not None
            context = click.Context(command, top, info_name=name)
            yield from _described(command, context, 3)
            if isinstance(command, click.Group):
                for below in command.list_commands(context):
                    one = command.get_command(context, below)
                    assert one is not None
                    yield from _described(one, click.Context(one, context, info_name=below), 4)


def _described(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {context.command_path.removeprefix('imgsim ')}", "")
    for part in re.split(r"\n\s*\n", (command.help or "").strip()):
        lines = [line.strip() for line in part.splitlines()]
        if lines[0] == "\b":  # as it stands
            kind = "sh" if lines[1].startswith("imgsim") else "text"
            yield from (f"```{kind}", *lines[1:], "```", "")
        else:
            yield from (_text(" ".join(lines)), "")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from ("```text", usage, "```", "", *_options(command, context))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    rows = [
        record
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None and record[1]
    ]
    if rows:
        yield from ("| option | what it does |", "|---|---|")
        yield from (f"| {_option(option)} | {_text(text)} |" for option, text in rows)
        yield ""


def _option(text: str) -> str:
    """An option and its values as code, in lines so short that its description has most of a row.

    Code in the first column does not break by itself (site.css).
    """
    lines = [""]
    for piece in re.findall(r"[^\s|]+(?:\||\s+)?", text):
        if len(lines[-1]) + len(piece.rstrip()) > _OPTION_WIDTH and lines[-1]:
            lines.append("")
        lines[-1] += piece
    return "<br>".join(f"`{line.rstrip()}`" for line in lines)


def _text(text: str) -> str:
    """Help as Markdown: what is written like code there is code here."""
    text = re.sub(r"[<>*_\[\]|]", lambda special: "\\" + special[0], " ".join(text.split()))
    return re.sub(r"(?<![\w-])(--[a-z][\w-]*)", r"`\1`", text)
