"""What a caller wants in a container's public and private header, made into the format's values.

The law of this file: a caller's mistake is found here, before anything is written, and is `BadInput`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tera.crypto.random import Random
from tera.errors import BadInput, LimitExceeded, Malformed
from tera.format import limits
from tera.format.core import NO_PADDING, PADME, Core, NoRules, RulesPlace, SealedRules, StaticRules
from tera.format.records import Manifest, parse_manifest
from tera.format.rules import Rule, parse_rules
from tera.wire import canonical


def uuid7(now_ns: int, random: Random) -> bytes:
    """Return a UUIDv7 (RFC 9562): milliseconds, then random bits; it sorts by time."""
    number = int.from_bytes((now_ns // 1_000_000).to_bytes(6, "big") + random(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    return (number & ~(0x3 << 62) | 0x2 << 62).to_bytes(16, "big")


def sorted_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags sorted, each once. Raises BadInput."""
    if isinstance(tags, str):
        raise BadInput("tags are a list of str")
    found = sorted(set(tags))
    if len(found) > limits.TAGS:
        raise BadInput(f"there are more than {limits.TAGS} tags")
    for tag in found:
        try:
            size = len(tag.encode())
        except UnicodeEncodeError:
            size = 0
        if not 1 <= size <= limits.TAG_BYTES:
            raise BadInput(f"a tag has 1 to {limits.TAG_BYTES} bytes of UTF-8: {tag[:60]!r}")
    return tuple(found)


def place_rules(rules: Sequence[Sequence[Any]] | None, *, sealed: bool) -> tuple[RulesPlace, tuple[Rule, ...] | None]:
    """Return where the rules are, for CORE, and the rules of the manifest if they are sealed."""
    if rules is None:
        return NoRules(), None
    try:
        value = sorted([name, content] for name, content in rules)
        found = parse_rules(canonical.unpack(canonical.pack(value), what="rules", max_len=limits.MANIFEST), BadInput)
    except (TypeError, ValueError) as error:
        raise BadInput(f"the rules are not pairs of a name and a value that a container can hold: {error}") from None
    return (SealedRules(), found) if sealed else (StaticRules(found), None)


def build(
    *,
    id: bytes,
    created: int,
    rules: Sequence[Sequence[Any]] | None,
    sealed_rules: bool,
    public_tags: Iterable[str],
    tags: Iterable[str],
    manifest: bytes,
    signers: tuple[bytes, ...],
    padding: bool,
) -> tuple[Core, bytes, bytes]:
    """Return CORE, its packed map, and the packed MANIFEST. Raises BadInput or LimitExceeded."""
    if not isinstance(manifest, bytes | bytearray | memoryview):
        raise TypeError("the manifest is bytes: a JSON text")
    place, private = place_rules(rules, sealed=sealed_rules)
    core = Core(
        id=id,
        created=created,
        rules=place,
        tags=sorted_tags(public_tags),
        signers=signers,
        padding=PADME if padding else NO_PADDING,
    )
    packed = Manifest(bytes(manifest), sorted_tags(tags), private).pack()
    if len(packed) > limits.MANIFEST:
        raise LimitExceeded("the manifest has more than 16 MiB", hint="put it in as a file")
    try:
        parse_manifest(packed, sealed=private is not None)
        return core, core.pack(), packed
    except (Malformed, ValueError) as error:
        raise BadInput(f"no container can hold this: {error}") from None
