"""tera digest: a container's digest, computed from all of its bytes.

The law of this file: what is printed was recomputed; it is never quoted from the file.
"""

from __future__ import annotations

import os

import click

from tera.cli.config import Asking
from tera.cli.containers import open_container, sealed_file
from tera.cli.inputs import once
from tera.cli.keys import Opening
from tera.cli.options import FILE, asking_options, json_option, opening_options, quiet_option
from tera.cli.outputs import write, write_json
from tera.cli.progress import Progress


@click.command(short_help="Print a container's digest, computed from its bytes.")
@click.argument("file", metavar="FILE", type=FILE)
@click.option("--content", is_flag=True, help="The digest of what is inside: needs a key, and is as secret.")
@opening_options
@asking_options
@json_option
@quiet_option
def command(file: str, content: bool, keys: Opening, asking: Asking, as_json: bool, quiet: bool) -> None:
    """Print a container's digest: the name by which it is looked up.

    It needs no key and stays the same when recipients change. --content prints another one, which is equal for the
    same files sealed twice; keep it to yourself, since whoever has it can test guesses of the content.
    """
    once([file, *keys.stdin])
    if content:
        with open_container(file, keys.load, (), asking, "view") as container:
            name, found = "content_digest", container.content_digest.hex()
    else:
        from tera.codec.inspect import digest

        with Progress("reading", quiet=quiet) as progress, sealed_file(file) as source:
            progress.total = os.stat(source if isinstance(source, str) else source.fileno()).st_size
            name, found = "digest", digest(source, progress=progress.callback)
    if as_json:
        write_json({name: found})
    else:
        write(found)
