"""tera open: open a container of a library into a folder.

The law of this file: the container is fetched sealed and opened here; the library is asked for its share of the key
where it holds one, and nobody whom neither the user nor the configuration has named. Nothing is written that was not
verified.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from tera.cli import show
from tera.cli.config import Asking
from tera.cli.containers import below
from tera.cli.decode import extract_into
from tera.cli.inputs import once
from tera.cli.keys import Opening
from tera.cli.options import asking_options, json_option, opening_options, quiet_option, signer_option
from tera.cli.outputs import write_json
from tera.cli.progress import Progress
from tera.cli.pull import fetch_checked
from tera.cli.push import described
from tera.cli.server import Server, server_options
from tera.cli.talk import tell

if TYPE_CHECKING:
    from tera.client.library import Library
    from tera.client.stored import StoredContainer
    from tera.codec.config import Config
    from tera.codec.reader import Container
    from tera.codec.source import Readable


@click.command(short_help="Open a container of a library into a folder.")
@click.argument("container", metavar="ID|DIGEST")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-C", "--directory", metavar="DIR", default=".", help="Write into this folder. Default: the current one.")
@server_options
@opening_options
@signer_option
@asking_options
@click.option("-f", "--force", is_flag=True, help="Replace files that are there.")
@click.option("--rename", is_flag=True, help="Rename what this file system cannot hold, instead of refusing it.")
@json_option
@quiet_option
def command(
    container: str,
    names: tuple[str, ...],
    directory: str,
    server: Server,
    keys: Opening,
    signers: Sequence[bytes],
    asking: Asking,
    force: bool,
    rename: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Open a container of a library into a folder: everything, or the files and folders NAME.

    It is opened here, with your key: the library sees neither key nor content. Of single files, only the parts of the
    container are fetched that they are in.
    """
    once([*keys.stdin, server.token_file])
    library = server.connect(asking)
    stored = library.find(container)
    with (
        _reachable(library, stored, quiet=quiet, whole=not names) as source,
        _opened(library, stored, source, keys, signers, asking) as opened,
        Progress("opening", quiet=quiet) as progress,
    ):
        wanted = below(opened.paths, names) if names else None
        progress.total = opened.size if wanted is None else sum(opened.entry(one).size for one in wanted)
        found = extract_into(opened, directory, wanted, force=force, rename=rename, progress=progress)
    if as_json:
        write_json(described(stored) | {"directory": directory, "entries": found.entries, "plain_size": found.size})
    elif not quiet:
        what = f"{show.plural(found.entries, 'entry', 'entries')} ({show.size(found.size)})"
        tell(f"tera: opened {what} into {directory}")


@contextmanager
def _reachable(library: Library, stored: StoredContainer, *, quiet: bool, whole: bool) -> Iterator[Readable]:
    """Give a container: a copy without a name, still sealed; or, for a part of it, where it is."""
    if not whole:
        yield library.source(stored)
        return
    with tempfile.TemporaryFile() as copy:
        with Progress("fetching", quiet=quiet, total=stored.size) as progress:
            fetch_checked(library, stored, copy, progress)
        yield copy


@contextmanager
def _opened(
    library: Library,
    stored: StoredContainer,
    source: Readable,
    keys: Opening,
    signers: Sequence[bytes],
    asking: Asking,
) -> Iterator[Container]:
    from tera.client.library import check_digest
    from tera.codec.gate import Gate
    from tera.codec.reader import Container

    config = _with_library(asking.config(), library, stored, source, asking.viewer)
    gate = Gate(asking.context("extract"), config, signers=signers)
    with Container(source, keys.load(), signers=signers, gate=gate) as container:
        check_digest(container.digest, stored)
        yield container


def _with_library(
    config: Config, library: Library, stored: StoredContainer, source: Readable, viewer: str | None
) -> Config:
    """Return a configuration that asks the library for the shares of whom it does not name.

    An answer counts because of who signed it: a library that is not the authority has nothing to say.
    """
    from tera.codec.source import as_source, read_front

    found, close = as_source(source)
    try:
        named = read_front(found).core.authorities
    finally:
        close()
    asked = library.releaser(stored, viewer=viewer)
    return replace(config, authorities={**dict.fromkeys(named, asked), **config.authorities})
