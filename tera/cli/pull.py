"""tera pull: fetch a container from a library, as it is stored.

The law of this file: what appears, or leaves on standard output, is the container that was asked for: its digest was
computed from its bytes before.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING, BinaryIO

import click

from tera.cli import show
from tera.cli.config import Asking
from tera.cli.inputs import once
from tera.cli.options import FILE, config_option, json_option, quiet_option
from tera.cli.outputs import binary_output, file_output, write_json
from tera.cli.progress import Progress
from tera.cli.push import described
from tera.cli.server import Server, server_options
from tera.cli.talk import tell

if TYPE_CHECKING:
    from tera.client.library import Library
    from tera.client.stored import StoredContainer


@click.command(short_help="Fetch a container from a library.")
@click.argument("container", metavar="ID|DIGEST")
@click.option("-o", "--output", metavar="FILE", type=FILE, help="Write it here; else to standard output.")
@click.option("-f", "--force", is_flag=True, help="Replace the output if it is there.")
@server_options
@config_option
@json_option
@quiet_option
def command(
    container: str,
    output: str | None,
    force: bool,
    server: Server,
    asking: Asking,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fetch a container from a library, by its id there or its digest, as it is stored: sealed."""
    once([server.token_file])
    target = binary_output(output, "a container")
    if as_json and not isinstance(target, str):
        raise click.UsageError("--json answers on standard output, where the container is: name a file with -o")
    library = server.connect(asking)
    stored = library.find(container)
    with Progress("fetching", quiet=quiet, total=stored.size) as progress:
        if isinstance(target, str):
            library.download(stored, target, force=force, progress=progress.callback)
        else:
            _to_stdout(library, stored, progress)
    if as_json:
        write_json({"file": output} | described(stored))
    elif not quiet:
        where = output if isinstance(target, str) else "standard output"
        tell(f"tera: pulled {stored.name} ({show.size(stored.size)}) into {where}, {stored.digest}")


def fetch_checked(library: Library, stored: StoredContainer, copy: BinaryIO, progress: Progress) -> None:
    """Fetch a container onto a file, which stands at its start afterwards. Raises BadDigest for another one."""
    from tera.client.library import check_digest
    from tera.codec.inspect import digest

    library.download(stored, copy, progress=progress.callback)
    copy.flush()
    check_digest(digest(copy), stored)
    copy.seek(0)


def _to_stdout(library: Library, stored: StoredContainer, progress: Progress) -> None:
    with tempfile.TemporaryFile() as copy:
        fetch_checked(library, stored, copy, progress)
        with file_output() as output:
            shutil.copyfileobj(copy, output, 1 << 20)
