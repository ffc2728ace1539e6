"""tera ls: list what is in a container, without reading its payload.

The law of this file: what is listed has been verified against the key, and, if one is pinned, the signature.
"""

from __future__ import annotations

import stat
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tera.cli import show
from tera.cli.config import Asking
from tera.cli.containers import below, open_container
from tera.cli.inputs import once
from tera.cli.keys import Opening
from tera.cli.options import FILE, asking_options, json_option, opening_options, signer_option
from tera.cli.outputs import write, write_json

if TYPE_CHECKING:
    from tera.codec.reader import Container
    from tera.format.index import Entry


@click.command(short_help="List what is in a container.")
@click.argument("file", metavar="FILE", type=FILE)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-l", "--long", is_flag=True, help="With permissions, size in bytes, and time.")
@opening_options
@signer_option
@asking_options
@json_option
def command(
    file: str,
    names: tuple[str, ...],
    long: bool,
    keys: Opening,
    signers: Sequence[bytes],
    asking: Asking,
    as_json: bool,
) -> None:
    """List what is in a container: everything, or the files and folders NAME.

    --json also gives the manifest, the tags, the rules, the signers, and the BLAKE3 digest of each file.
    """
    once([file, *keys.stdin])
    with open_container(file, keys.load, signers, asking, "view") as container:
        entries: Sequence[Entry] = container.entries
        if names:
            entries = [container.entry(path) for path in below(container.paths, names)]
        if as_json:
            write_json(_described(container, entries))
        elif entries:
            width = max(len(str(entry.size)) for entry in entries) if long else 0
            write("\n".join(_line(entry, width) if long else _path(entry) for entry in entries))


def _path(entry: Entry) -> str:
    return show.safe(entry.path) + ("/" if entry.is_dir else "")


def _line(entry: Entry, width: int) -> str:
    mode = stat.filemode(entry.mode | (stat.S_IFDIR if entry.is_dir else stat.S_IFREG))
    return f"{mode}  {entry.size:>{width}}  {show.local(entry.mtime)}  {_path(entry)}"


def _described(container: Container, entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(bytes=container.id)),
        "created": show.moment(container.created),
        "digest": container.digest,
        "tags": container.tags,
        "private_tags": container.private_tags,
        "manifest": container.manifest.decode(errors="replace"),
        "rules": {rule.name: rule.value for rule in container.rules},
        "signers": [
            {"fingerprint": one.fingerprint, "required": one.required, "pinned": one.pinned}
            for one in container.signatures
        ],
        "entries": [
            {
                "path": entry.path,
                "type": "directory" if entry.is_dir else "file",
                "mode": f"{entry.mode:04o}",
                "mtime": entry.mtime,
                "size": entry.size,
                "b3": None if entry.is_dir else entry.b3,
            }
            for entry in entries
        ],
    }
