"""tera decode: open a container into a folder.

The law of this file: by default nothing is written before the container's end has been verified, also
from a pipe; `--stream` gives that up and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from tera.cli import show
from tera.cli.config import Asking
from tera.cli.containers import below, open_container, raw
from tera.cli.inputs import once
from tera.cli.keys import Opening
from tera.cli.options import FILE, asking_options, json_option, opening_options, quiet_option, signer_option
from tera.cli.outputs import write_json
from tera.cli.progress import Progress
from tera.cli.talk import tell

if TYPE_CHECKING:
    from tera.codec.extract import Extracted
    from tera.codec.reader import Container


@click.command(short_help="Open a container into a folder.")
@click.argument("file", metavar="FILE", type=FILE)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-C", "--directory", metavar="DIR", default=".", help="Write into this folder. Default: the current one.")
@opening_options
@signer_option
@asking_options
@click.option("-f", "--force", is_flag=True, help="Replace files that are there.")
@click.option("--rename", is_flag=True, help="Rename what this file system cannot hold, instead of refusing it.")
@click.option("--stream", is_flag=True, help="Write files as they come, before the container's end is verified.")
@json_option
@quiet_option
def command(
    file: str,
    names: tuple[str, ...],
    directory: str,
    keys: Opening,
    signers: Sequence[bytes],
    asking: Asking,
    force: bool,
    rename: bool,
    stream: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Open a container into a folder: everything, or the files and folders NAME.

    FILE may be - for standard input. Nothing is written that was not verified, nor, unless --stream is given, before
    the container's end was.
    """
    once([file, *keys.stdin])
    with Progress("opening", quiet=quiet) as progress:
        if stream:
            if names or rename:
                raise click.UsageError("--stream takes everything, under the names that come")
            found = _stream(file, directory, keys, signers, asking, force, progress)
        else:
            with open_container(file, keys.load, signers, asking, "extract") as container:
                wanted = below(container.paths, names) if names else None
                progress.total = container.size if wanted is None else sum(container.entry(one).size for one in wanted)
                found = extract_into(container, directory, wanted, force=force, rename=rename, progress=progress)
    if as_json:
        write_json({"directory": directory, "entries": found.entries, "size": found.size})
    elif not quiet:
        what = f"{show.plural(found.entries, 'entry', 'entries')} ({show.size(found.size)})"
        tell(f"tera: opened {what} into {directory}")


def extract_into(
    container: Container, directory: str, wanted: list[str] | None, *, force: bool, rename: bool, progress: Progress
) -> Extracted:
    """Write entries into a folder, all of them if None is given; return what was written."""
    from tera.codec.extract import extract
    from tera.codec.target import TargetFolder

    folder = TargetFolder(directory, force=force)
    complete = False
    try:
        found = extract(container, folder, wanted=wanted, rename=rename, progress=progress.callback)
        complete = True
    finally:
        folder.close(complete=complete)
    return found


def _stream(
    file: str,
    directory: str,
    keys: Opening,
    signers: Sequence[bytes],
    asking: Asking,
    force: bool,
    progress: Progress,
) -> Extracted:
    from tera.codec.decode import decode

    with raw(file) as source, open(source, "rb") if isinstance(source, str) else nullcontext(source) as piped:
        return decode(
            piped,
            directory,
            keys.load(),
            signers=signers,
            context=asking.context("extract"),
            config=asking.config(),
            stream=True,
            force=force,
            progress=progress.callback,
        )
