"""ACCESS: the stanzas, each with a share of the file key.

The law of this file: everything that affects the section's bytes is here. Wrapping and unwrapping are
the recipients' and identities' (`tera.codec`), keys and MAC the schedule's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from tera.errors import BadAccess
from tera.format import limits, schema
from tera.format.sections import ACCESS, HEADER, pack_header
from tera.wire import canonical

XWING: Final = 1
MLKEM1024_P384: Final = 2
MLKEM768: Final = 3
MLKEM1024: Final = 4
ARGON2ID: Final = 16
KEK: Final = 17
AUTHORITY_XWING: Final = 32
AUTHORITY_MLKEM1024_P384: Final = 33

NAMES: Final = {
    XWING: "xwing",
    MLKEM1024_P384: "mlkem1024-p384",
    MLKEM768: "mlkem768",
    MLKEM1024: "mlkem1024",
    ARGON2ID: "argon2id",
    KEK: "kek",
    AUTHORITY_XWING: "authority-xwing",
    AUTHORITY_MLKEM1024_P384: "authority-mlkem1024-p384",
}
ENC_LENGTH: Final = {
    XWING: 1_120,
    MLKEM1024_P384: 1_665,
    MLKEM768: 1_088,
    MLKEM1024: 1_568,
    AUTHORITY_XWING: 1_120,
    AUTHORITY_MLKEM1024_P384: 1_665,
}
SHARE: Final = 32
_SEALED_SHARE: Final = SHARE + 16
_WRAPPED: Final = 80
_HINTED: Final = (XWING, MLKEM1024_P384, MLKEM768, MLKEM1024)
AUTHORITY: Final = (AUTHORITY_XWING, AUTHORITY_MLKEM1024_P384)
MAC: Final = 32

ALIGNMENT: Final = 4_096
FREE: Final = 1_280
"""Slack that a writer leaves: a stanza takes about 1,181 bytes, so one recipient can be added in place."""


@dataclass(frozen=True, slots=True)
class Stanza:
    """One share, locked. `params` is its unpacked list; `hint` has 4 bytes or none."""

    group: int
    type: int
    hint: bytes
    params: list[Any]
    ct: bytes

    @property
    def enc(self) -> bytes:
        """The KEM's encapsulated key (HPKE types)."""
        return self.ct[: ENC_LENGTH[self.type]]


def parse_access(body: bytes, authorities: tuple[bytes, ...]) -> tuple[Stanza, ...]:
    """Parse ACCESS's body without touching its MAC. Raises NotCanonical or BadAccess."""
    length = int.from_bytes(body[:4], "big")
    if 4 + length + MAC > len(body):
        raise BadAccess("the stanzas do not fit into ACCESS")
    value = canonical.unpack(body[4 : 4 + length], what="ACCESS", max_len=limits.ACCESS)
    if any(body[4 + length : -MAC]):
        raise BadAccess("the slack of ACCESS is not zero")
    outer = schema.array(value, 2, BadAccess, "ACCESS", low=2)
    schema.integer(outer[0], 1, 1, BadAccess, "the version of ACCESS")
    stanzas = tuple(
        _parse_stanza(item) for item in schema.array(outer[1], limits.STANZAS, BadAccess, "the stanzas", low=1)
    )
    _check_groups(stanzas)
    _check_authorities(stanzas, authorities)
    return stanzas


def pack_access(stanzas: tuple[Stanza, ...]) -> bytes:
    """Return `u32(len) || access_map`: the body before slack and MAC."""
    value: list[Any] = [1, [[s.group, s.type, s.hint, s.params, s.ct] for s in stanzas]]
    packed = canonical.pack(value)
    return len(packed).to_bytes(4, "big") + packed


def padded_length(packed: int, start: int) -> int:
    """Return the body's length for a section that starts at offset `start`: the payload behind it is
    aligned to 4,096 bytes (so that copies can share blocks) with room for one more stanza."""
    least = start + HEADER + packed + FREE + MAC
    return -(-least // ALIGNMENT) * ALIGNMENT - start - HEADER


def unsealed_section(packed: bytes, length: int) -> tuple[bytes, bytes]:
    """Return the section's header and its body without the MAC, for the schedule to MAC."""
    return pack_header(ACCESS, length), packed + bytes(length - MAC - len(packed))


def _parse_stanza(value: Any) -> Stanza:
    group, type, hint, params, ct = schema.array(value, 5, BadAccess, "a stanza", low=5)
    schema.integer(group, 0, limits.STANZAS - 1, BadAccess, "a stanza's group")
    if schema.integer(type, XWING, AUTHORITY_MLKEM1024_P384, BadAccess, "a stanza's type") not in NAMES:
        raise BadAccess("a stanza has a type that is not known")
    schema.binary(hint, 0, 4, BadAccess, "a stanza's hint")
    if len(hint) not in ((0, 4) if type in _HINTED else (0,)):
        raise BadAccess("a stanza's hint has a wrong length")
    _check_params(type, params)
    expected = ENC_LENGTH[type] + _SEALED_SHARE if type in ENC_LENGTH else _WRAPPED
    schema.binary(ct, expected, expected, BadAccess, f"the ct of a {NAMES[type]} stanza")
    return Stanza(group, type, hint, params, ct)


def check_argon2(m_kib: Any, t: Any, p: Any, error: schema.Error = BadAccess) -> None:
    """Check memory in KiB, passes and lanes of Argon2id; raises `error`."""
    schema.integer(m_kib, limits.ARGON2_MIN_KIB, limits.ARGON2_MAX_KIB, error, "Argon2id's memory")
    schema.integer(t, 1, limits.ARGON2_MAX_PASSES, error, "Argon2id's passes")
    schema.integer(p, 1, limits.ARGON2_MAX_LANES, error, "Argon2id's lanes")
    if m_kib * t > limits.ARGON2_MAX_COST:
        raise error("Argon2id's memory times passes is over 4 GiB")


def _check_params(type: int, params: Any) -> None:
    what = f"the params of a {NAMES[type]} stanza"
    if type == ARGON2ID:
        m_kib, t, p, salt = schema.array(params, 4, BadAccess, what, low=4)
        check_argon2(m_kib, t, p)
        schema.binary(salt, 16, 16, BadAccess, "a stanza's salt")
    elif type == KEK:
        key_id, salt = schema.array(params, 2, BadAccess, what, low=2)
        schema.binary(key_id, 0, limits.KEY_ID, BadAccess, "a stanza's key id")
        schema.binary(salt, 16, 16, BadAccess, "a stanza's salt")
    elif type in AUTHORITY:
        authority, key_id = schema.array(params, 2, BadAccess, what, low=2)
        schema.binary(authority, 32, 32, BadAccess, "a stanza's authority")
        schema.binary(key_id, 1, limits.KEY_ID, BadAccess, "a stanza's key id")
    else:
        schema.array(params, 0, BadAccess, what)


def groups(stanzas: tuple[Stanza, ...]) -> list[list[Stanza]]:
    """Return the stanzas by group: each group's shares together give the file key."""
    return [list(members) for _, members in groupby(stanzas, key=lambda stanza: stanza.group)]


def _check_groups(stanzas: tuple[Stanza, ...]) -> None:
    found = groups(stanzas)
    if [members[0].group for members in found] != list(range(len(found))):
        raise BadAccess("the groups are not in order, or one is missing")
    if max(map(len, found)) > limits.STANZAS_IN_GROUP:
        raise BadAccess(f"a group has more than {limits.STANZAS_IN_GROUP} stanzas")
    if sum(stanza.type == ARGON2ID for stanza in stanzas) > limits.PASSPHRASE_STANZAS:
        raise BadAccess(f"there are more than {limits.PASSPHRASE_STANZAS} passphrase stanzas")


def _check_authorities(stanzas: tuple[Stanza, ...], authorities: tuple[bytes, ...]) -> None:
    """Without this, a recipient could rewrap around the authority while the author's signature still holds."""
    for members in groups(stanzas):
        named = sorted(stanza.params[0] for stanza in members if stanza.type in AUTHORITY)
        if tuple(named) != authorities:
            raise BadAccess("a group does not hold one stanza for each authority that CORE names, and no other")
        if len(named) == len(members):
            raise BadAccess("a group holds nothing but authority stanzas")
