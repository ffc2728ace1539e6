"""What can be known of a container: without a key, and with one.

The law of this file: nothing that the file states is passed on as true unless it was recomputed or a
signature of somebody whom the caller named vouches for it; what was not checked is said.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from tera.codec.config import PLAIN, Config
from tera.codec.gate import ANYBODY
from tera.codec.layout import Signer, check_payload, check_signatures, find_trailer
from tera.codec.reader import Container
from tera.codec.recipients import Identity
from tera.codec.segment import ReadAt, SegmentReader, locate_index
from tera.codec.source import Readable, as_source, read_front
from tera.errors import BadRoot, Malformed
from tera.format import access, digests, limits
from tera.format import sections as s
from tera.format.core import DynamicRules, NoRules, SealedRules, StaticRules
from tera.format.front import Front
from tera.format.limits import Limits
from tera.format.rules import Rule
from tera.format.trailer import Trailer
from tera.policy.context import Context
from tera.policy.envelope import parse_policy
from tera.policy.vocabulary import label

_PLACES: Final = {NoRules: "none", StaticRules: "static", SealedRules: "sealed", DynamicRules: "dynamic"}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a stranger can read. `verified` says whether a pinned signature vouches for the header.

    `stanzas` are the recipients' types by group. `rule_list` are static rules, or those of the policy, whose own
    signature is not looked at here. `size` is that of the file.
    """

    id: str
    created: str
    tags: tuple[str, ...]
    rules: str
    rule_list: tuple[tuple[str, Any], ...]
    authorities: tuple[str, ...]
    signers: tuple[Signer, ...]
    announced_signers: tuple[str, ...]
    stanzas: tuple[tuple[str, ...], ...]
    padded: bool
    size: int
    payload: int
    verified: bool

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return {
            "id": self.id,
            "created": self.created,
            "tags": list(self.tags),
            "rules": {
                "place": self.rules,
                "list": [
                    {"name": name, "value": _plain(value), "enforcement": label(name, bool(self.authorities))}
                    for name, value in self.rule_list
                ],
            },
            "authorities": list(self.authorities),
            "signers": [
                {"fingerprint": one.fingerprint.hex(), "required": one.required, "pinned": one.pinned}
                for one in self.signers
            ],
            "announced_signers": list(self.announced_signers),
            "recipients": [list(group) for group in self.stanzas],
            "padded": self.padded,
            "size": self.size,
            "payload": self.payload,
            "verified": self.verified,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked and what was not. `entries` is None when no key opened the container."""

    digest: str
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]
    signers: tuple[Signer, ...]
    entries: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return {
            "digest": self.digest,
            "checked": list(self.checked),
            "unchecked": list(self.unchecked),
            "signers": [
                {"fingerprint": one.fingerprint.hex(), "required": one.required, "pinned": one.pinned}
                for one in self.signers
            ],
            "entries": self.entries,
        }


def inspect(source: Readable, *, signers: Sequence[bytes] = ()) -> Inspection:
    """Return what can be seen without a key; reads the header and the trailer, not the payload.

    Raises MissingSignature when a fingerprint of `signers` did not sign.
    """
    found, close = as_source(source)
    try:
        front = read_front(found)
        trailer = _trailer(found, front)
        verified = check_signatures(front, trailer, signers)
        size = found.size
    finally:
        close()
    core = front.core
    return Inspection(
        id=str(uuid.UUID(bytes=core.id)),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(core.created)),
        tags=core.tags,
        rules=_PLACES[type(core.rules)],
        rule_list=tuple((rule.name, rule.value) for rule in _readable(front)),
        authorities=tuple(one.hex() for one in core.authorities),
        signers=verified,
        announced_signers=tuple(one.hex() for one in core.signers),
        stanzas=tuple(
            tuple(access.NAMES[stanza.type] for stanza in members) for members in access.groups(front.stanzas)
        ),
        padded=bool(core.padding),
        size=size,
        payload=trailer.layout.payload,
        verified=any(one.pinned for one in verified),
    )


def _readable(front: Front) -> tuple[Rule, ...]:
    """Return the rules that anybody can read; a policy that cannot be read shows none."""
    place = front.core.rules
    if isinstance(place, DynamicRules) and front.policy is not None:
        with suppress(Malformed):
            return parse_policy(front.policy).envelope.rules or ()
    return place.rules if isinstance(place, StaticRules) else ()


def digest(source: Readable, *, progress: Callable[[int], None] | None = None) -> str:
    """Return the container digest, recomputed from all bytes. Needs no key. Raises BadRoot."""
    found, close = as_source(source)
    try:
        front = read_front(found)
        return _recompute(found, front, _trailer(found, front), progress)
    finally:
        close()


def verify(
    source: Readable,
    identities: Sequence[Identity] = (),
    *,
    signers: Sequence[bytes] = (),
    context: Context = ANYBODY,
    config: Config = PLAIN,
    bounds: Limits = limits.DEFAULT,
    progress: Callable[[int], None] | None = None,
) -> Verification:
    """Check everything that the keys at hand allow, and say what was and what was not checked.

    Raises what is wrong. Without identities: structure, roots, digest and signatures. With them, all: that is an
    open for viewing, which rules may deny and which is counted.
    """
    found, close = as_source(source)
    try:
        front = read_front(found)
        trailer = _trailer(found, front)
        verified = check_signatures(front, trailer, signers)
        text = _recompute(found, front, trailer, progress)
        checked = ["structure", "roots of all blocks", "container digest"]
        unchecked: list[str] = []
        if verified:
            checked.append(f"{len(verified)} signature{'s' if len(verified) > 1 else ''}")
            (checked if any(one.pinned for one in verified) else unchecked).append(
                "who signed, by a key that you trust"
            )
        else:
            unchecked.append("who made it: it is not signed, so whoever can open it could have made it")
        entries = None
        inside = [
            "key commitment",
            "recipients' section",
            "trailer MAC",
            "index",
            "every record",
            "every file's digest",
        ]
        if identities:
            from tera.codec.extract import extract
            from tera.codec.nowhere import Nowhere

            # Nothing comes out, so there is no limit on it.
            unlimited = replace(bounds, max_output=None)
            with Container(
                found, identities, signers=signers, context=context, config=config, bounds=unlimited
            ) as container:
                entries = extract(container, Nowhere(), action="view").entries  # it leaves nothing behind
            checked += inside
        else:
            unchecked += inside
        return Verification(text, tuple(checked), tuple(unchecked), verified, entries)
    finally:
        close()


def _trailer(source: ReadAt, front: Front) -> Trailer:
    trailer, payload = find_trailer(source, front.length)
    check_payload(trailer, payload)
    return trailer


def _recompute(source: ReadAt, front: Front, trailer: Trailer, progress: Callable[[int], None] | None) -> str:
    layout = trailer.layout
    plain, index_plain = locate_index(source, front.length, layout.payload, layout.chunks)
    data = SegmentReader(source, s.DATA, front.length, plain)
    index = SegmentReader(source, s.INDEX, front.length + s.segment_length(plain), index_plain)
    roots = (_root(data, progress), _root(index, progress))
    if roots != layout.roots:
        raise BadRoot("the payload is not the one that the trailer describes")
    return digests.show(digests.container_digest(front.bind, roots, layout.payload))


def _root(segment: SegmentReader, progress: Callable[[int], None] | None) -> bytes:
    segment.read_head()
    leaves = bytearray()
    for number in range(segment.blocks):
        block = segment.raw_block(number)
        leaves += digests.leaf(segment.kind, number, block)
        if progress:
            progress(len(block))
    return digests.root(segment.kind, segment.salt_commitment, segment.chunks, leaves)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
