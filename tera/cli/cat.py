"""tera cat: write files of a container, or a range of one, to standard output.

The law of this file: every name is looked up before the first byte is written, and every byte was
verified before it leaves; only the blocks that are needed are read.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from tera.cli.config import Asking
from tera.cli.containers import open_container
from tera.cli.inputs import once
from tera.cli.keys import Opening
from tera.cli.options import AT_LEAST_0, FILE, asking_options, opening_options, signer_option
from tera.cli.outputs import file_output
from tera.errors import BadInput

_STEP = 4 << 20


@click.command(short_help="Write files of a container to standard output.")
@click.argument("file", metavar="FILE", type=FILE)
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@opening_options
@signer_option
@asking_options
@click.option("--offset", metavar="N", type=AT_LEAST_0, help="Start at this byte of the file.")
@click.option("--length", metavar="N", type=AT_LEAST_0, help="Stop after so many bytes.")
def command(
    file: str,
    names: tuple[str, ...],
    keys: Opening,
    signers: Sequence[bytes],
    asking: Asking,
    offset: int | None,
    length: int | None,
) -> None:
    """Write the files NAME of a container to standard output, one after the other.

    With --offset and --length a range of one file is read, wherever it is in the container.
    """
    once([file, *keys.stdin])
    ranged = offset is not None or length is not None
    if ranged and len(names) > 1:
        raise click.UsageError("--offset and --length are of one file")
    with open_container(file, keys.load, signers, asking, "extract") as container:
        for name in names:
            if container.entry(name).is_dir:
                raise BadInput(f"{name!r} is a folder")
        with file_output() as output:
            for name in names:
                if not ranged:
                    container.copy_to(name, output)
                    continue
                at = offset or 0
                end = container.entry(name).size if length is None else at + length
                while at < end and (piece := container.read_range(name, at, min(at + _STEP, end))):
                    at += len(piece)
                    while piece:  # stdout may be unbuffered, and take less
                        piece = piece[output.write(piece) :]
