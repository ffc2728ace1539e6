"""tera inspect: what anybody can see of a container.

The law of this file: without a key everything is what the file claims, and is shown as `unverified`; a
signature of somebody whom the caller named vouches for the header and the payload, never for the
recipients, whom every recipient can change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from tera.cli import show
from tera.cli.containers import sealed_file
from tera.cli.options import FILE, json_option, signer_option
from tera.cli.outputs import write, write_json

_PLACES = {
    "none": "none",
    "static": "readable by anyone",
    "sealed": "readable by recipients only",
    "dynamic": "they can change: a signed policy holds them",
}


@click.command(short_help="Show what anybody can see of a container.")
@click.argument("file", metavar="FILE", type=FILE)
@signer_option
@json_option
def command(file: str, signers: Sequence[bytes], as_json: bool) -> None:
    """Show what anybody can see of a container: no key is needed.

    Names, sizes and content of files are not among it. Everything is what the file claims, unless --signer names
    a key that has signed it.
    """
    from tera.codec.inspect import inspect

    with sealed_file(file) as source:
        found = inspect(source, signers=signers).to_dict()
    if as_json:
        write_json(found)
    else:
        write("\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    vouched = "signed" if found["verified"] else "unverified"
    rules = found["rules"]
    yield _row("id", found["id"], vouched)
    yield _row("created", found["created"], vouched)
    yield _row("tags", ", ".join(found["tags"]) or "none", vouched)
    yield _row("rules", _PLACES.get(rules["place"], rules["place"]), vouched)
    for rule in rules["list"]:
        yield _row("", f"{rule['name']} = {show.one_line(rule['value'])}", f"{vouched}, {rule['enforcement']}")
    for authority in found["authorities"]:
        yield _row("authority", authority, vouched)
    for number, members in enumerate(found["recipients"]):
        yield _row("recipients" if not number else "", f"{number}: {' and '.join(members)}", "unverified")
    yield _row("size", _bytes(found["size"]), "measured")
    padded = ", padded" if found["padded"] else ""
    yield _row("payload", _bytes(found["payload"]) + padded, vouched)
    signed = {one["fingerprint"]: one for one in found["signers"]}
    for number, fingerprint in enumerate(dict.fromkeys([*found["announced_signers"], *signed])):
        one = signed.get(fingerprint, {"required": True, "pinned": False})
        mark = "signed" if one["pinned"] else "unverified: if you trust this key, name it with --signer"
        yield _row("signers" if not number else "", fingerprint, mark)
    if not signed:
        yield _row("signers", "none", vouched)


def _row(label: str, value: str, mark: str) -> str:
    return f"{label:<11} {show.safe(value):<38}  ({mark})"


def _bytes(count: int) -> str:
    return f"{count:,} bytes"
