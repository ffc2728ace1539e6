"""What a caller wants in a container's public and private header, made into the format's values.

The law of this file: a caller's mistake is found here, before anything is written, and is `BadInput`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tera.crypto.random import Random
from tera.crypto.signing import SigningKey
from tera.errors import BadInput, LimitExceeded, Malformed, UnsupportedRule
from tera.format import limits
from tera.format.core import NO_PADDING, PADME, Core, DynamicRules, NoRules, RulesPlace, SealedRules, StaticRules
from tera.format.records import Manifest, parse_manifest
from tera.format.rules import Rule, parse_rules
from tera.format.signatures import signer_name
from tera.policy import vocabulary
from tera.policy.envelope import first_envelope, pack_policy, sign_envelope
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


def check_rules(rules: Sequence[Sequence[Any]] | None) -> tuple[Rule, ...] | None:
    """Return rules, sorted and known, None for none. Raises BadInput for what no reader would decide on."""
    if rules is None:
        return None
    try:
        value = sorted([name, content] for name, content in rules)
        found = parse_rules(canonical.unpack(canonical.pack(value), what="rules", max_len=limits.MANIFEST), BadInput)
        vocabulary.parse_rules(found)
    except (TypeError, ValueError) as error:
        raise BadInput(f"the rules are not pairs of a name and a value that a container can hold: {error}") from None
    except UnsupportedRule as error:
        raise BadInput(
            str(error), hint="spec/policy.md has the names and forms; a manifest is read more leniently"
        ) from None
    return found


def place_rules(rules: tuple[Rule, ...] | None, *, sealed: bool, dynamic: Dynamic | None, random: Random) -> RulesPlace:
    """Return where the rules are, for CORE. Raises BadInput."""
    if dynamic is not None:
        if sealed:
            raise BadInput("rules that can change cannot be sealed: whoever changes them has no key")
        return dynamic.place(random)
    if rules is None:
        return NoRules()
    return SealedRules() if sealed else StaticRules(rules)


@dataclass(frozen=True, slots=True)
class Dynamic:
    """Rules that can change: whoever has one of `keys` may write the next version.

    The first version holds for `valid_for` seconds. `policy_id` (16 bytes) is drawn if it is not given.
    """

    keys: Sequence[SigningKey]
    valid_for: int = 90 * 86_400
    policy_id: bytes | None = None

    def place(self, random: Random) -> DynamicRules:
        """Return what CORE says of the policy."""
        signers = tuple(sorted({signer_name(key.public) for key in self.keys}))
        if not 1 <= len(signers) <= limits.SIGNERS:
            raise BadInput(f"a policy is signed by 1 to {limits.SIGNERS} keys")
        return DynamicRules(random(16) if self.policy_id is None else self.policy_id, signers, 1)

    def policy(self, core: Core, rules: tuple[Rule, ...] | None, now: int) -> bytes:
        """Return the body of POLICY with the first version."""
        assert isinstance(core.rules, DynamicRules)
        first = first_envelope(core.rules.policy_id, rules, now=now, expires=now + self.valid_for, container_id=core.id)
        return pack_policy(sign_envelope(first, self.keys))


def build(
    *,
    id: bytes,
    created: int,
    rules: Sequence[Sequence[Any]] | None,
    sealed_rules: bool,
    dynamic: Dynamic | None,
    authorities: tuple[bytes, ...],
    public_tags: Iterable[str],
    tags: Iterable[str],
    manifest: bytes,
    signers: tuple[bytes, ...],
    padding: bool,
    random: Random,
) -> tuple[Core, bytes, bytes, tuple[Rule, ...] | None]:
    """Return CORE, its packed map, the packed MANIFEST, and the rules. Raises BadInput or LimitExceeded."""
    if not isinstance(manifest, bytes | bytearray | memoryview):
        raise TypeError("the manifest is bytes: a JSON text")
    found = check_rules(rules)
    place = place_rules(found, sealed=sealed_rules, dynamic=dynamic, random=random)
    if authorities and not isinstance(place, StaticRules | DynamicRules):
        raise BadInput("an authority decides on rules that it can read, and there are none")
    for rule in found or ():
        if rule.name == "time" and rule.value.get("end", limits.TIME_MAX) <= created:
            raise BadInput("the rule time lets nobody in: it has ended already", hint="time.end is in UTC")
    if not signers and any(rule.name == "require_signature" for rule in found or ()):
        raise BadInput(
            "the rule require_signature lets nobody in: the container is not signed", hint="--sign-key signs"
        )
    private = found if isinstance(place, SealedRules) else None
    core = Core(
        id=id,
        created=created,
        rules=place,
        tags=sorted_tags(public_tags),
        signers=signers,
        authorities=authorities,
        padding=PADME if padding else NO_PADDING,
    )
    packed = Manifest(bytes(manifest), sorted_tags(tags), private).pack()
    if len(packed) > limits.MANIFEST:
        raise LimitExceeded("the manifest has more than 16 MiB", hint="put it in as a file")
    try:
        parse_manifest(packed, sealed=private is not None)
        return core, core.pack(), packed, found
    except (Malformed, ValueError) as error:
        raise BadInput(f"no container can hold this: {error}") from None
