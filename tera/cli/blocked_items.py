"""What a block list may name, read: containers, values, lines of values.

The law of this file: each kind is written as the verb that shows it writes it: an id as `tera inspect` does, a digest
as `tera digest`, a key as `tera keygen`; another form is an error that says which is meant. A container stands for
its id, its digest, recomputed from all bytes, and its H_bind: an id alone is chosen by its writer.
"""

from __future__ import annotations

import os
import re
import uuid
from contextlib import closing
from typing import Final

from tera.cli.inputs import STDIN, read_file
from tera.cli.keys import KEY_FILE, fingerprints
from tera.cli.progress import Progress
from tera.codec import keyfile
from tera.codec.blocklists import Item
from tera.codec.inspect import digest, inspect
from tera.codec.source import open_path, read_front
from tera.errors import BadInput, BadKey
from tera.format import digests
from tera.policy.blockfile import Kind
from tera.policy.blocklist import front_names
from tera.policy.envelope import parse_policy

KINDS: Final = {
    "id": Kind.CONTAINER,
    "digest": Kind.DIGEST,
    "signer": Kind.SIGNER,
    "recipient": Kind.RECIPIENT,
    "policy": Kind.POLICY,
    "bind": Kind.BIND,
}
_LINES: Final = 512 << 20
"""Bytes of a file of lines: some millions of them."""
_HEX_16: Final = re.compile("[0-9a-f]{32}")
_HEX_32: Final = re.compile("[0-9a-f]{64}")


def of_container(path: str, *, quiet: bool) -> Item:
    """Return a container's names; reads all of it. Raises what it is refused for."""
    with closing(open_path(path)) as source:
        front = read_front(source)
        with Progress("reading", quiet=quiet, total=source.size) as progress:
            found = digests.parse(digest(source, progress=progress.callback))
    return Item(path, ((Kind.CONTAINER, front.core.id), (Kind.DIGEST, found), (Kind.BIND, front.bind)))


def questions(path: str, *, quiet: bool) -> Item:
    """Return everything by which a reader, without a key, would find a container blocked."""
    named = list(of_container(path, quiet=quiet).names)
    with closing(open_path(path)) as source:
        front = read_front(source)
        signed = () if front.policy is None else parse_policy(front.policy).signatures
        named += front_names(front.core, front.bind, [one.signer for one in signed])
        named += [(Kind.SIGNER, one.fingerprint) for one in inspect(source).signers]
    return Item(path, tuple(dict.fromkeys(named)))


def of_lines(path: str) -> list[Item]:
    """Return what a file of lines names, comments (#) and empty lines left out. Raises BadInput, BadKey."""
    found: list[Item] = []
    for number, raw in enumerate(read_file(path, _LINES, "a list of values").splitlines(), 1):
        kind, _, value = raw.decode("utf-8", "replace").strip().partition(" ")
        if not kind or kind[0] == "#":
            continue
        value = value.strip()
        try:
            if kind not in KINDS or not value or value == STDIN:
                raise BadInput("not a line of KIND VALUE", hint=f"kinds: {', '.join(KINDS)}")
            found += of_value(kind, value)
        except (BadInput, BadKey) as error:
            raise type(error)(f"{path}:{number}: {error}", hint=error.hint) from None
    return found


def of_value(kind: str, text: str) -> list[Item]:
    """Return what the option `--kind` names: one thing, or all keys of a file. Raises BadInput, BadKey."""
    if kind == "signer":
        values = fingerprints([text])
    elif kind == "recipient":
        values = _recipients(text)
    else:
        return [Item(f"the {kind} {text}", ((KINDS[kind], _PARSERS[kind](text)),))]
    return [Item(f"the {kind} {one.hex()}", ((KINDS[kind], one),)) for one in values]


def parse_id(text: str) -> bytes:
    """Return the 16 bytes of an id, a UUID or 32 hexadecimal digits. Raises BadInput."""
    if _HEX_16.fullmatch(text):
        return bytes.fromhex(text)
    try:
        found = uuid.UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text:
        raise BadInput(f"this is no id: {text[:80]!r}", hint="32 hexadecimal digits in lower case, maybe as a UUID")
    return found.bytes


def _digest(text: str) -> bytes:
    try:
        return digests.parse(text)
    except BadInput as error:
        raise BadInput(f"--digest: {error}", hint="`tera digest` prints it") from None


def _bind(text: str) -> bytes:
    if not _HEX_32.fullmatch(text):
        raise BadInput("--bind: an H_bind has 64 hexadecimal digits in lower case")
    return bytes.fromhex(text)


_PARSERS: Final = {"id": parse_id, "policy": parse_id, "digest": _digest, "bind": _bind}


def _recipients(text: str) -> list[bytes]:
    """Return the fingerprints of public keys, by key, by file or by themselves."""
    if text != STDIN and not os.path.isfile(text):
        if _HEX_32.fullmatch(text):
            return [bytes.fromhex(text)]
        if text.lower().startswith(("tera", "age")):
            try:
                return [keyfile.parse_recipient(text).fingerprint]
            except BadKey as error:
                raise BadKey(f"--recipient: {error}", hint=error.hint) from None
    keys = keyfile.load_recipients(read_file(text, KEY_FILE, "a file of keys"), where=text)
    return [key.fingerprint for key in keys]
