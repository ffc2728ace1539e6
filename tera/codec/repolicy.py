"""Changing a container's rules: the next version of its policy, in place or in a copy.

The law of this file: a version is made from one that is authentic, and takes the place of that one and of no other.
That it had expired is no obstacle to its owner; that this machine has seen a newer one is, since everybody who has
seen it too would refuse what is made here. No key to the content is needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tera.codec.config import PLAIN, Config
from tera.codec.header import check_rules
from tera.codec.layout import find_trailer
from tera.codec.overwrite import POLICY, check_target, copy, overwrite
from tera.codec.rewrap import front_section
from tera.codec.segment import ReadAt
from tera.codec.source import open_path, pulling, read_front
from tera.crypto.signing import SigningKey
from tera.errors import BadInput, LimitExceeded, Malformed, PolicyRollback, Unauthentic
from tera.format import sections as s
from tera.format.core import Core, DynamicRules
from tera.format.front import Front, parse_prefix
from tera.format.rules import Rule
from tera.format.signatures import signer_name
from tera.policy.envelope import (
    SignedEnvelope,
    check_authentic,
    check_history,
    next_envelope,
    pack_policy,
    parse_policy,
    sign_envelope,
)
from tera.policy.marks import Mark, MarkKey, Marks, check_issued

DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Updated:
    """The new version; `prefix` is the container up to ACCESS, which `authorities` (fingerprints) are to see.

    `marks` are for the state of whoever made it, who writes them: so an old copy is not taken for the newest one.
    """

    policy: SignedEnvelope
    prefix: bytes
    authorities: tuple[bytes, ...]
    marks: dict[MarkKey, Mark]
    in_place: bool
    size: int


def update_policy(
    path: str | os.PathLike[str],
    keys: Sequence[SigningKey],
    *,
    rules: Sequence[Sequence[Any]] | Literal["keep"] | None = "keep",
    valid_for: int = 90 * DAY,
    output: str | os.PathLike[str] | None = None,
    in_place: bool = False,
    force: bool = False,
    lost: bool = False,
    config: Config = PLAIN,
) -> Updated:
    """Write the next version of a container's policy, signed by `keys`, which CORE has to name.

    `rules` are as in `encode`, None for none, or those that are there. It holds for `valid_for` seconds from now by
    the clock of `config`, whose state says which version has been seen; with `lost`, the new one goes on above a
    newer one that is gone. Writes a copy to `output`, or changes the file itself if `in_place` (refused when it has
    several links, or when the section would have to grow). Raises TeraError.
    """
    name = os.fspath(path)
    source = open_path(name)
    try:
        check_target(name, output, in_place=in_place)
        POLICY.check_none(name)
        front = read_front(source)
        old, place = read_policy(front)
        check_authentic(old, front.core)
        _check_keys(keys, place)
        marks: Marks = {} if config.state is None else config.state
        seen = _seen(place, marks)
        _check_newest(old, front.core, marks, lost=lost)
        now = int(config.clock())
        check_issued(now, old.envelope.issued, "the policy")
        now = max(now, old.envelope.issued)
        envelope = next_envelope(
            old,
            old.envelope.rules if rules == "keep" else _known(rules, front.core),
            now=now,
            expires=now + valid_for,
            lost=max(seen, old.envelope.version) if lost else 0,
        )
        find_trailer(source, front.length)  # a truncated file is not worth a new policy
        made = sign_envelope(envelope, keys)
        assert front.policy is not None
        length = len(front.policy)
        offset = front.access_offset - s.HEADER - length
        before = front.prefix[offset:]
        if in_place:
            section = _section(pack_policy(made, length))
            overwrite(name, POLICY, front.bind, offset, before, section)
            size = source.size
        else:
            assert output is not None
            section = _section(_fitting(made, length))
            head = front.prefix[:offset] + section + front_section(front)
            size = copy(source, head, front.length, output, force=force)
    finally:
        source.close()
    mark = Mark(envelope.version, made.hash)
    return Updated(
        policy=made,
        prefix=front.prefix[:offset] + section,
        authorities=front.core.authorities,
        marks={MarkKey("policy", one.signer, place.policy_id): mark for one in made.signatures},
        in_place=in_place,
        size=size,
    )


def read_policy(front: Front) -> tuple[SignedEnvelope, DynamicRules]:
    """Return a container's policy, not verified, and what CORE says of it. Raises BadPolicy; BadInput without one."""
    if front.policy is None or not isinstance(front.core.rules, DynamicRules):
        raise BadInput("the container has no policy: its rules cannot change", hint="`tera inspect` shows its rules")
    return parse_policy(front.policy), front.core.rules


def is_newer(source: ReadAt, old: bytes) -> bool:
    """Say whether a container's policy is whole and authentic, and a later version than that of the body `old`."""
    try:
        prefix = parse_prefix(pulling(source))
        if prefix.policy is None:
            return False
        found = parse_policy(prefix.policy)
        check_authentic(found, prefix.core)
        return found.envelope.version > parse_policy(old).envelope.version
    except (Malformed, Unauthentic):
        return False


def _check_keys(keys: Sequence[SigningKey], place: DynamicRules) -> None:
    if not keys:
        raise BadInput("a policy is signed by 1 key or more", hint="--policy-key FILE")
    for key in keys:
        name = signer_name(key.public)
        if name not in place.signers:
            known = ", ".join(one.hex()[:16] for one in place.signers)
            raise BadInput(f"the key {name.hex()[:16]} may not change this policy", hint=f"these may: {known}")


def _seen(place: DynamicRules, marks: Marks) -> int:
    """Return the newest version that has been seen, 0 for none."""
    found = (marks.get(MarkKey("policy", signer, place.policy_id)) for signer in place.signers)
    return max((mark.version for mark in found if mark is not None), default=0)


def _check_newest(old: SignedEnvelope, core: Core, marks: Marks, *, lost: bool) -> None:
    try:
        check_history(old, core, marks)
    except PolicyRollback as error:
        if not lost:
            error.hint = "change the newest copy; if that is lost, --lost goes on from this one"
            raise


def _known(rules: Sequence[Sequence[Any]] | None, core: Core) -> tuple[Rule, ...] | None:
    found = check_rules(rules)
    if not core.signers and any(rule.name == "require_signature" for rule in found or ()):
        raise BadInput("the rule require_signature lets nobody in: the container is not signed")
    return found


def _section(body: bytes) -> bytes:
    return s.pack_header(s.POLICY, len(body)) + body


def _fitting(made: SignedEnvelope, length: int) -> bytes:
    """Return the body: as long as the old one, so that what is behind it stays where it was, or with new room."""
    try:
        return pack_policy(made, length)
    except LimitExceeded:
        return pack_policy(made)
