"""The verbs, and what `tera --help` says of them, without importing one before it is asked for.

The law of this file: a verb is a line in `VERBS` and a module whose `command` it is.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Final

import click
from click.shell_completion import CompletionItem

VERBS: Final = {
    "keygen": ("tera.cli.keygen", "Make a key, or show the public half of one."),
    "encode": ("tera.cli.encode", "Seal files, folders and streams into one container."),
    "decode": ("tera.cli.decode", "Open a container into a folder."),
    "ls": ("tera.cli.ls", "List what is in a container."),
    "cat": ("tera.cli.cat", "Write files of a container to standard output."),
    "inspect": ("tera.cli.inspect", "Show what anybody can see of a container."),
    "verify": ("tera.cli.verify", "Check a whole container; say what was checked and what was not."),
    "digest": ("tera.cli.digest", "Print a container's digest, computed from its bytes."),
    "rewrap": ("tera.cli.rewrap", "Change who may open a container; its payload stays."),
    "recover": ("tera.cli.recover", "Undo an interrupted change; save what is left of a damaged container."),
    "push": ("tera.cli.push", "Seal files here, and put the container into a library."),
    "pull": ("tera.cli.pull", "Fetch a container from a library."),
    "open": ("tera.cli.open", "Open a container of a library into a folder."),
    "policy": ("tera.cli.policy", "Show and change the rules of a container that was sealed with --dynamic."),
    "blocklist": ("tera.cli.blocklist", "Make and change a list of what may not be opened."),
    "authority": ("tera.cli.authority", "Run an authority, which holds shares of keys; see who asked."),
    "serve": ("tera.cli.service", "Serve a library over HTTP until SIGTERM."),
    "admin": ("tera.cli.admin", "Set up, check, back up and clean a library's data."),
    "audit": ("tera.cli.audit", "Check a log, and show what it says."),
    "completion": ("tera.cli.completion", "Print the script that completes tera's commands in a shell."),
}
COMPLETE: Final = "_TERA_COMPLETE"
_EPILOG: Final = """\b
Exit codes: 0 ok; 1 other; 2 usage; 3 some inputs were skipped; 4 I/O;
10 not a tera container; 11 no key matches; 12 wrong passphrase;
13 corrupt or tampered; 14 blocked; 15 denied by a rule; 130 interrupted."""


class _Verbs(click.Group):
    """A group that imports a verb's module when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(VERBS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, 1)
            raise click.UsageError(f"no verb {args[0]!r}" + (f": {near[0]}?" if near else ""), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name, help=VERBS[name][1]) for name in VERBS if name.startswith(incomplete)]


def _show_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from tera import __version__

        click.echo(f"tera {__version__}")
        ctx.exit()


@click.group(
    cls=_Verbs,
    epilog=_EPILOG,
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=False,
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
def tera() -> None:
    """Seal files into one post-quantum container; open them, read any part, change who may.

    \b
    tera keygen -o key.txt                       a key; the public half goes to stderr
    tera encode FILES... -r teraxwing1... -o out.tera
    tera decode out.tera -i key.txt -C folder
    """


def run(arguments: list[str]) -> int:
    """Run a verb; raises what it raises."""
    instruction = os.environ.get(COMPLETE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(tera, {}, "tera", COMPLETE, instruction)
    with tera.make_context("tera", arguments) as context:
        tera.invoke(context)
    return 0
