"""Groups: shares that together are the file key, split for recipients and joined for identities.

The law of this file: a share is fresh for every group (a reused one would let one group's release open
another), and the file key exists here only between the join and the key schedule.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from tera.codec.recipients import Identity, Passphrase, Recipient
from tera.crypto.kdf import xor
from tera.crypto.random import Random
from tera.errors import BadInput, BadStanza, NoKey, WrongPassphrase
from tera.format import access, limits
from tera.format.access import Stanza
from tera.format.front import Front
from tera.format.schedule import FILE_KEY_LENGTH, KeySchedule

Recipients: TypeAlias = "Iterable[Recipient | Sequence[Recipient]]"
"""Each element may open alone; a sequence is an AND: all of its members are needed."""


def as_groups(recipients: Recipients) -> list[list[Recipient]]:
    """Return the recipients by group. Raises BadInput for none, or for an empty or too large group."""
    found = [list(item) if isinstance(item, Sequence) else [item] for item in recipients]
    if not all(hasattr(one, "wrap") for members in found for one in members):
        raise BadInput("a recipient is a key and not its text", hint="tera.parse_recipient makes one of a text")
    if not found:
        raise BadInput("a container without a recipient could never be opened", hint="name one with -r or -R")
    if not all(1 <= len(members) <= limits.STANZAS_IN_GROUP for members in found):
        raise BadInput(f"a group has 1 to {limits.STANZAS_IN_GROUP} recipients")
    if sum(map(len, found)) > limits.STANZAS:
        raise BadInput(f"there are more than {limits.STANZAS:,} recipients")
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


def unlock(front: Front, identities: Sequence[Identity]) -> tuple[bytes, int]:
    """Return the file key and the group that gave it.

    What is cheap is tried first: groups with a passphrase come last, so that Argon2id runs only if no
    other key opens. Raises BadStanza, WrongPassphrase or NoKey.
    """
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
        for stanza in sorted(members, key=lambda stanza: stanza.type == access.ARGON2ID):
            if stanza.type == access.ARGON2ID:
                if missing:
                    break
                tried = tried or any(slow)
            share, broken = _open_one(stanza, front.bind, fast_first)
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


def _open_one(stanza: Stanza, bind: bytes, identities: Sequence[Identity]) -> tuple[bytes | None, BadStanza | None]:
    broken: BadStanza | None = None
    for identity in identities:
        try:
            share = identity.unwrap(stanza, bind)
        except BadStanza as error:
            broken = error
            continue
        if share is not None:
            return share, None
    return None, broken


def open_front(front: Front, identities: Sequence[Identity]) -> tuple[KeySchedule, bytes, int]:
    """Unlock, check KC and the MAC of ACCESS; return the keys, the file key and the group that opened.

    Raises what `unlock` does, KeyCommitment and AccessMac.
    """
    file_key, group = unlock(front, identities)
    keys = KeySchedule.checked(file_key, front.h_core, front.commitment)
    front.check_access(keys)
    return keys, file_key, group
