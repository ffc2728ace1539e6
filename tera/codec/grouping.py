"""Groups: shares that together are the file key, split for recipients and joined for identities.

The law of this file: a share is fresh for every group (a reused one would let one group's release open
another), and the file key exists here only between the join and the key schedule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from tera.codec.authorities import AuthorityKey
from tera.codec.config import PLAIN
from tera.codec.gate import ANYBODY, Gate
from tera.codec.recipients import Identity, Passphrase, PublicKey, Recipient
from tera.crypto.kdf import xor
from tera.crypto.random import Random
from tera.errors import BadInput, BadStanza, NoKey, WrongPassphrase
from tera.format import access, limits
from tera.format.access import Stanza
from tera.format.front import Front
from tera.format.schedule import FILE_KEY_LENGTH, KeySchedule

Recipients: TypeAlias = "Iterable[Recipient | Sequence[Recipient]]"
"""Each element may open alone; a sequence is an AND: all of its members are needed."""


def as_groups(recipients: Recipients, authorities: Sequence[AuthorityKey] = ()) -> list[list[Recipient]]:
    """Return the recipients by group, each with all `authorities`.

    Raises BadInput for none, or for an empty or too large group, or an authority that comes twice.
    """
    if len({one.fingerprint for one in authorities}) < len(authorities):
        raise BadInput("an authority is named twice")
    found = [list(item) if isinstance(item, Sequence) else [item] for item in recipients]
    if not all(hasattr(one, "wrap") for members in found for one in members):
        raise BadInput("a recipient is a key and not its text", hint="tera.parse_recipient makes one of a text")
    if not found:
        raise BadInput("a container without a recipient could never be opened", hint="name one with -r or -R")
    if not all(1 <= len(members) <= limits.STANZAS_IN_GROUP for members in found):
        raise BadInput(f"a group has 1 to {limits.STANZAS_IN_GROUP} recipients")
    if sum(map(len, found)) > limits.STANZAS:
        raise BadInput(f"there are more than {limits.STANZAS:,} recipients")
    if authorities:
        if len(authorities) > limits.AUTHORITIES:
            raise BadInput(f"there are more than {limits.AUTHORITIES} authorities")
        found = [[*members, *authorities] for members in found]
        if max(map(len, found)) > limits.STANZAS_IN_GROUP or sum(map(len, found)) > limits.STANZAS:
            raise BadInput("there are too many recipients with a share for each authority")
    passphrases = sum(isinstance(one, Passphrase) for members in found for one in members)
    if passphrases > limits.PASSPHRASE_STANZAS:
        raise BadInput(f"there are more than {limits.PASSPHRASE_STANZAS} passphrases")
    return found


def lock(
    file_key: bytes, bind: bytes, found: list[list[Recipient]], random: Random, first: int = 0
) -> tuple[Stanza, ...]:
    """Return the stanzas of the groups, numbered from `first`."""
    stanzas: list[Stanza] = []
    for group, members in enumerate(found, first):
        shares = [random(FILE_KEY_LENGTH) for _ in members[1:]]
        shares.insert(0, xor(file_key, *shares))
        stanzas += [one.wrap(share, bind, group, random) for one, share in zip(members, shares, strict=True)]
    return tuple(stanzas)


def unlock(front: Front, identities: Sequence[Identity], gate: Gate | None = None) -> tuple[bytes, int]:
    """Return the file key and the group that gave it.

    What is cheap is tried first: groups with a passphrase come last, so that Argon2id runs only if no
    other key opens; and an authority is asked only when nothing else is missing, since that may count an open.
    Raises BadStanza, WrongPassphrase, NoKey, and what `gate` does.
    """
    gate = gate or Gate(ANYBODY, PLAIN)
    slow = [isinstance(identity, Passphrase) for identity in identities]
    fast_first = [identity for _, identity in sorted(zip(slow, identities, strict=True), key=lambda pair: pair[0])]
    changed: BadStanza | None = None
    candidates = access.groups(front.stanzas)
    candidates.sort(key=lambda members: any(stanza.type == access.ARGON2ID for stanza in members))
    tried = False
    for members in candidates:
        shares: list[bytes] = []
        missing = False
        # A passphrase comes last here too: it is worth Argon2id's time only if nothing else is missing.
        for stanza in sorted(members, key=_cost):
            if missing and _cost(stanza)[0]:
                break
            if stanza.type in access.AUTHORITY:
                shares.append(gate.release(front, stanza))
                continue
            tried = tried or (stanza.type == access.ARGON2ID and any(slow))
            share, broken = _open_one(stanza, front.bind, fast_first, gate)
            changed = changed or broken
            if share is None:
                missing = True
            else:
                shares.append(share)
        if not missing and len(shares) == len(members):
            return xor(*shares), members[0].group
    if changed:
        raise changed
    if tried:
        raise WrongPassphrase("the passphrase is wrong")
    raise NoKey("none of the keys at hand opens this container")


def _cost(stanza: Stanza) -> tuple[int, bytes]:
    """Sort by what a try costs: nothing; Argon2id's time; an open at an authority, in the order of fingerprints."""
    if stanza.type in access.AUTHORITY:
        return 2, stanza.params[0]
    return int(stanza.type == access.ARGON2ID), b""


def _open_one(
    stanza: Stanza, bind: bytes, identities: Sequence[Identity], gate: Gate
) -> tuple[bytes | None, BadStanza | None]:
    broken: BadStanza | None = None
    for identity in identities:
        public = getattr(identity, "public", None)
        if isinstance(public, PublicKey) and public.kem.type == stanza.type:
            gate.check_key(public.fingerprint)
        try:
            share = identity.unwrap(stanza, bind)
        except BadStanza as error:
            broken = error
            continue
        if share is not None:
            return share, None
    return None, broken


def open_front(
    front: Front, identities: Sequence[Identity], gate: Gate | None = None
) -> tuple[KeySchedule, bytes, int]:
    """Steps 2 to 4: what needs no key; unlock; KC and the MAC of ACCESS.

    Returns the keys, the file key and the group that opened. Raises what `Gate.check_front` and `unlock` do,
    KeyCommitment and AccessMac.
    """
    gate = gate or Gate(ANYBODY, PLAIN)
    gate.check_front(front)
    file_key, group = unlock(front, identities, gate)
    keys = KeySchedule.checked(file_key, front.h_core, front.commitment)
    front.check_access(keys)
    return keys, file_key, group
