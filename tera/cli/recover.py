"""tera recover: undo an interrupted change in place; save what is left of a damaged container.

The law of this file: damage that was found is in the exit code (13), and a file with holes never looks
like a whole one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tera.cli import show
from tera.cli.config import Asking
from tera.cli.inputs import once
from tera.cli.keys import Opening
from tera.cli.options import asking_options, json_option, opening_options, quiet_option
from tera.cli.outputs import write_json
from tera.cli.talk import say, tell
from tera.errors import BadRoot

if TYPE_CHECKING:
    from tera.codec.recover import Damage

_SHOWN = 20


@click.command(short_help="Undo an interrupted change; save what is left of a damaged container.")
@click.argument("file", metavar="FILE", type=click.Path())
@opening_options
@asking_options
@click.option("-C", "--directory", metavar="DIR", help="Save what can be verified into this folder.")
@json_option
@quiet_option
def command(file: str, keys: Opening, asking: Asking, directory: str | None, as_json: bool, quiet: bool) -> None:
    """Put back the recipients, or the policy, of a container whose change in place was interrupted.

    With -i and -C: also write all files that can still be verified to DIR; those with holes get the ending .partial.
    """
    once(keys.stdin)
    if file == "-":
        raise click.UsageError("recover works on files, not on standard input")
    from tera.codec.recover import recover

    identities = keys.load(needed=directory is not None)
    if identities and directory is None:
        raise click.UsageError("a key is for saving files: name a folder with -C")
    found = recover(file, identities, directory, context=asking.context("extract"), config=asking.config())
    if as_json:
        write_json(dataclasses.asdict(found))
    elif not quiet:
        if found.policy == "restored":
            tell(f"tera: restored the policy of {file}")
        elif found.policy == "kept":
            tell(f"tera: the policy of {file} is whole, and stays as it is")
        if found.restored:
            tell(f"tera: restored the recipients of {file}")
        if directory is not None:
            whole = show.plural(len(found.salvaged), "whole file", "whole files")
            tell(f"tera: saved {whole} and {len(found.partial):,} with holes in {directory}")
    holes = _joined(found.damage)
    for path, start, stop in holes[:_SHOWN]:
        say("damaged", f"{path}: bytes {start:,} to {stop:,}")
    if holes:
        more = len(holes) - _SHOWN
        raise BadRoot(
            f"{show.plural(len(found.partial), 'file is', 'files are')} damaged"
            + (f", in {more} more places" if more > 0 else ""),
            hint="the holes are zeros; fetch the container again if it is somewhere else too",
        )


def _joined(damage: Sequence[Damage]) -> list[tuple[str, int, int]]:
    """Return path, start and stop of each hole, those that touch as one."""
    found: list[tuple[str, int, int]] = []
    for hole in damage:
        if found and found[-1][0] == hole.path and found[-1][2] == hole.start:
            found[-1] = (hole.path, found[-1][1], hole.stop)
        else:
            found.append((hole.path, hole.start, hole.stop))
    return found
