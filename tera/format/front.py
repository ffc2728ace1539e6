"""The front: preamble, CORE, POLICY and ACCESS, as one value; all that can be read without a key.

The law of this file: the order of the sections before the payload, and of their checks, is here. It
pulls bytes through a function, so that a file and a pipe are read alike and no more than needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tera.crypto.kdf import equal
from tera.errors import AccessMac, BadInput, BadPolicy, LimitExceeded, Malformed, Truncated
from tera.format import access, limits
from tera.format import sections as s
from tera.format.access import Stanza, parse_access
from tera.format.core import KC_LENGTH, Core, DynamicRules, parse_core
from tera.format.schedule import KeySchedule, bind_hash, core_hash
from tera.wire import canonical

Pull: TypeAlias = Callable[[int], bytes]
"""Takes a number of bytes and returns that many, fewer only at the end of the input."""


@dataclass(frozen=True, slots=True)
class Front:
    """What stands before the payload.

    `h_core` and `bind` are H_core and H_bind; `commitment` is KC; `prefix` the bytes before ACCESS;
    `access_body` its body with MAC; `length` the offset at which the payload starts.
    """

    core: Core
    h_core: bytes
    commitment: bytes
    bind: bytes
    policy: bytes | None
    stanzas: tuple[Stanza, ...]
    prefix: bytes
    access_body: bytes

    @property
    def access_offset(self) -> int:
        return len(self.prefix)

    @property
    def length(self) -> int:
        return len(self.prefix) + s.HEADER + len(self.access_body)

    def check_access(self, keys: KeySchedule) -> None:
        """Verify ACCESS's MAC. Raises AccessMac."""
        header = s.pack_header(s.ACCESS, len(self.access_body))
        found = keys.access_mac(header, self.access_body[: -access.MAC])
        if not equal(found, self.access_body[-access.MAC :]):
            raise AccessMac("the recipients' section was changed")


@dataclass(frozen=True, slots=True)
class Prefix:
    """What stands before ACCESS: CORE and POLICY, and the hashes over them."""

    core: Core
    h_core: bytes
    commitment: bytes
    bind: bytes
    policy: bytes | None
    bytes: bytes


def parse_prefix(pull: Pull) -> Prefix:
    """Read and check preamble, CORE and POLICY."""
    preamble = pull(len(s.PREAMBLE))
    s.check_preamble(preamble)
    header, core_body = _section(pull, s.CORE)
    core_map, commitment = core_body[:-KC_LENGTH], core_body[-KC_LENGTH:]
    core = parse_core(core_map)
    read = preamble + header + core_body
    policy = None
    if isinstance(core.rules, DynamicRules):
        header, policy = _section(pull, s.POLICY)
        check_policy(policy)
        read += header + policy
    h_core = core_hash(core_map)
    return Prefix(core, h_core, commitment, bind_hash(h_core, commitment), policy, read)


def parse_front(pull: Pull) -> Front:
    """Read and check everything before the payload, in the order of spec/container.md, without a key."""
    prefix = parse_prefix(pull)
    _, access_body = _section(pull, s.ACCESS)
    return Front(
        core=prefix.core,
        h_core=prefix.h_core,
        commitment=prefix.commitment,
        bind=prefix.bind,
        policy=prefix.policy,
        stanzas=parse_access(access_body, prefix.core.authorities),
        prefix=prefix.bytes,
        access_body=access_body,
    )


def build_prefix(keys: KeySchedule, core_map: bytes, policy: bytes | None = None) -> bytes:
    """Return the bytes before ACCESS; `policy` is the body of POLICY, for a CORE whose rules are dynamic."""
    body = core_map + keys.commitment
    found = s.PREAMBLE + s.pack_header(s.CORE, len(body)) + body
    return found if policy is None else found + s.pack_header(s.POLICY, len(policy)) + policy


def build_access(
    stanzas: tuple[Stanza, ...],
    keys: KeySchedule,
    start: int,
    length: int | None = None,
    authorities: tuple[bytes, ...] = (),
) -> bytes:
    """Return the ACCESS section for offset `start`; of body length `length` if given (in place).

    Raises LimitExceeded when the stanzas need more than 4 MiB, or more than `length`; BadInput for stanzas
    that no reader would take: whoever wrote them could not be undone.
    """
    packed = access.pack_access(stanzas)
    size = access.padded_length(len(packed), start) if length is None else length
    if size > limits.ACCESS or len(packed) + access.MAC > size:
        raise LimitExceeded("the recipients do not fit into the section", hint="rewrap to a copy (-o)")
    header, body = access.unsealed_section(packed, size)
    try:
        parse_access(body + bytes(access.MAC), authorities)
    except Malformed as error:
        raise BadInput(f"no reader would take these recipients: {error}") from None
    return header + body + keys.access_mac(header, body)


def check_policy(body: bytes) -> None:
    """Check POLICY's framing: two canonical values, then zeros. Raises NotCanonical or BadPolicy."""
    rest = body
    for what, shape in (("POLICY", dict), ("POLICY's signatures", list)):
        length = int.from_bytes(rest[:4], "big")
        if 4 + length > len(rest):
            raise BadPolicy(f"{what} does not fit into its section")
        value = canonical.unpack(rest[4 : 4 + length], what=what, max_len=limits.POLICY)
        if not isinstance(value, shape):
            raise BadPolicy(f"{what} has a wrong type")
        rest = rest[4 + length :]
    if any(rest):
        raise BadPolicy("the slack of POLICY is not zero")


def _section(pull: Pull, type: int) -> tuple[bytes, bytes]:
    header = pull(s.HEADER)
    length = s.parse_header(header, type).length
    body = pull(length)
    if len(body) < length:
        raise Truncated("the file ends inside its header")
    return header, body
