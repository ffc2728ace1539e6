"""What a block list may name, as a command line says it: containers, and values that are shown elsewhere.

The law of this file: each kind is written as the verb that shows it writes it: an id as `tera inspect` does, a digest
as `tera digest`, a key as `tera keygen`; another form is an error that says which is meant. A container stands for
its id, its digest, recomputed from all bytes, and its H_bind: an id alone is chosen by its writer.
"""

from __future__ import annotations

import functools
import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tera.cli.inputs import STDIN, once, read_file
from tera.cli.keys import KEY_FILE, fingerprints
from tera.cli.options import FILE
from tera.cli.progress import Progress
from tera.errors import BadInput, BadKey

if TYPE_CHECKING:
    from tera.codec.blocklists import Item
    from tera.policy.blockfile import Kind

_F = TypeVar("_F", bound=Callable[..., Any])
_LINES: Final = 512 << 20
"""Bytes of a file of lines: some millions of them."""
_HEX_16: Final = re.compile("[0-9a-f]{32}")
_HEX_32: Final = re.compile("[0-9a-f]{64}")
_KINDS: Final = ("id", "digest", "signer", "recipient", "policy", "bind")
_HELP: Final = {
    "id": "A container's id, as `tera inspect` shows it.",
    "digest": "A container's digest, as `tera digest` shows it.",
    "signer": "Whoever signs with this key: a file, terasign1..., or a fingerprint.",
    "recipient": "Whoever opens with this key: a file, teraxwing1..., or a fingerprint.",
    "policy": "Every container with this policy: its id, as `tera policy show` shows it.",
    "bind": "One container with one key: its H_bind, in hexadecimal digits.",
}
_FROM: Final = click.option(
    "--from", "lines", metavar="FILE", type=FILE, help="Lines of KIND VALUE; KIND is the name of an option above."
)


@dataclass(frozen=True, slots=True)
class Named:
    """What a command line names."""

    values: tuple[tuple[str, str], ...]
    lines: str | None
    containers: tuple[str, ...]

    @property
    def given(self) -> bool:
        """Whether anything was named."""
        return bool(self.values or self.lines or self.containers)

    @property
    def stdin(self) -> list[str | None]:
        """The arguments that may be `-`."""
        return [self.lines, *(value for kind, value in self.values if kind in ("signer", "recipient"))]

    def items(self, *, quiet: bool) -> list[Item]:
        """Return all of it, each once. Raises BadInput, BadKey, InputUnavailable, what a container is refused for."""
        found: dict[tuple[object, ...], Item] = {}
        for item in self._items(quiet=quiet):
            found.setdefault(item.names, item)
        return list(found.values())

    def _items(self, *, quiet: bool) -> Iterator[Item]:
        for kind, value in self.values:
            yield from _values(kind, value)
        if self.lines:
            yield from _from_lines(self.lines)
        for path in self.containers:
            yield container(path, quiet=quiet)


def blockable_options(function: _F) -> _F:
    """Add `--id`, `--digest` and so on, and containers; the verb gets `named`, a `Named`."""

    @functools.wraps(function)
    def gathered(*args: Any, containers: tuple[str, ...], lines: str | None, **others: Any) -> Any:
        values = tuple((kind, value) for kind in _KINDS for value in others.pop(f"blocked_{kind}"))
        return function(*args, named=Named(values, lines, containers), **others)

    found: Any = _FROM(gathered)
    for kind in reversed(_KINDS):
        name = f"blocked_{kind}"
        found = click.option(f"--{kind}", name, metavar="VALUE", multiple=True, help=_HELP[kind])(found)
    return found  # type: ignore[no-any-return]


def container(path: str, *, quiet: bool) -> Item:
    """Return a container's names; reads all of it. Raises what it is refused for."""
    from tera.codec.blocklists import Item
    from tera.codec.inspect import digest
    from tera.codec.source import open_path, read_front
    from tera.format.digests import parse
    from tera.policy.blockfile import Kind

    source = open_path(path)
    try:
        front = read_front(source)
        with Progress("reading", quiet=quiet, total=source.size) as progress:
            found = parse(digest(source, progress=progress.callback))
    finally:
        source.close()
    return Item(path, ((Kind.CONTAINER, front.core.id), (Kind.DIGEST, found), (Kind.BIND, front.bind)))


def questions(path: str, *, quiet: bool) -> Item:
    """Return everything by which a reader, without a key, would find a container blocked."""
    from tera.codec.blocklists import Item
    from tera.codec.inspect import inspect
    from tera.codec.source import open_path, read_front
    from tera.policy.blockfile import Kind
    from tera.policy.blocklist import front_names
    from tera.policy.envelope import parse_policy

    with_digest = container(path, quiet=quiet)
    source = open_path(path)
    try:
        front = read_front(source)
        signed = () if front.policy is None else parse_policy(front.policy).signatures
        signers = [one.fingerprint for one in inspect(source).signers]
    finally:
        source.close()
    named = [*with_digest.names, *front_names(front.core, front.bind, [one.signer for one in signed])]
    named += [(Kind.SIGNER, one) for one in signers]
    return Item(path, tuple(dict.fromkeys(named)))


# --- values ---------------------------------------------------------------------------------------


def parse_id(text: str, what: str) -> bytes:
    """Return the 16 bytes of an id, as a UUID or 32 hexadecimal digits. Raises BadInput."""
    if _HEX_16.fullmatch(text):
        return bytes.fromhex(text)
    try:
        found = uuid.UUID(text)
    except ValueError:
        found = None
    if found is None or str(found) != text:
        raise BadInput(f"{what}: this is no id: {text[:80]!r}", hint="32 hexadecimal digits, or with - between them")
    return found.bytes


def _values(kind: str, text: str) -> Iterator[Item]:
    from tera.codec.blocklists import Item
    from tera.format.digests import parse
    from tera.policy.blockfile import Kind

    def item(kind_: Kind, value: bytes, shown: str = text) -> Item:
        return Item(f"the {kind} {shown}", ((kind_, value),))

    match kind:
        case "id":
            yield item(Kind.CONTAINER, parse_id(text, "--id"))
        case "policy":
            yield item(Kind.POLICY, parse_id(text, "--policy"))
        case "digest":
            try:
                yield item(Kind.DIGEST, parse(text))
            except BadInput as error:
                raise BadInput(f"--digest: {error}", hint="`tera digest` prints it") from None
        case "bind":
            if not _HEX_32.fullmatch(text):
                raise BadInput("--bind: an H_bind has 64 hexadecimal digits")
            yield item(Kind.BIND, bytes.fromhex(text))
        case "signer":
            for one in fingerprints([text]):
                yield item(Kind.SIGNER, one, one.hex())
        case "recipient":
            for one in _recipients(text):
                yield item(Kind.RECIPIENT, one, one.hex())


def _recipients(text: str) -> list[bytes]:
    """Return the fingerprints of public keys, by key, by file or by themselves."""
    from tera.codec import keyfile

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


def _from_lines(path: str) -> Iterator[Item]:
    data = read_file(path, _LINES, "a list of values")
    for number, raw in enumerate(data.splitlines(), 1):
        line = raw.decode("utf-8", "replace").strip()
        if not line or line.startswith("#"):
            continue
        kind, _, value = line.partition(" ")
        if kind not in _KINDS or not value.strip() or value.strip() == STDIN:
            raise BadInput(f"{path}:{number}: not a line of KIND VALUE", hint=f"kinds: {', '.join(_KINDS)}")
        try:
            yield from _values(kind, value.strip())
        except (BadInput, BadKey) as error:
            raise type(error)(f"{path}:{number}: {error}", hint=error.hint) from None


def check_stdin(file: str, keys: Sequence[str], named: Named) -> None:
    """Raise UsageError when standard input is named twice, or is the list itself."""
    if file == STDIN:
        raise click.UsageError("a block list is a file: it is read at random, and replaced as a whole")
    once([*keys, *named.stdin])
