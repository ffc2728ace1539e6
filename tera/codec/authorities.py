"""Authorities, as those who seal know them: whose share of the key is sealed to whom.

The law of this file: an authority is known by the fingerprint of its signing key, which a container names; the KEM
key that its share is sealed to belongs to it because its owner says so, in one file with both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tera.codec.recipients import PublicKey
from tera.codec.signers import VerifyingKey
from tera.crypto import kem
from tera.crypto.random import Random
from tera.errors import BadKey
from tera.format import access
from tera.format.access import Stanza
from tera.format.schedule import stanza_info
from tera.wire import canonical

KEY_ID: Final = 8
TYPES: Final = {kem.XWING.type: access.AUTHORITY_XWING, kem.MLKEM1024_P384.type: access.AUTHORITY_MLKEM1024_P384}
"""The stanza's type for a KEM key's."""


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """An authority's public text: its signing key, and the newest KEM key. Raises BadKey for a pure ML-KEM key."""

    signer: VerifyingKey
    key: PublicKey

    def __post_init__(self) -> None:
        if self.key.kem.type not in TYPES:
            raise BadKey(f"an authority's key is of type xwing or mlkem1024-p384, not {self.key.kem.name}")

    @property
    def fingerprint(self) -> bytes:
        """The authority's name, 32 bytes: what CORE's `release` holds."""
        return self.signer.fingerprint

    @property
    def text(self) -> str:
        """The two lines that a file of an authority's keys holds."""
        from tera.codec import keyfile

        return f"{keyfile.dump_public(self.signer)}\n{keyfile.dump_public(self.key)}\n"

    def wrap(self, share: bytes, bind: bytes, group: int, random: Random) -> Stanza:
        """See `Recipient`."""
        type = TYPES[self.key.kem.type]
        params = [self.fingerprint, key_id(self.key)]
        info = stanza_info(bind, type, canonical.pack(params))
        return Stanza(group, type, b"", params, self.key.kem.seal(self.key.raw, share, info))


def key_id(key: PublicKey) -> bytes:
    """Return what a stanza calls an authority's KEM key."""
    return key.fingerprint[:KEY_ID]


def load_authority(data: bytes | str, *, where: str) -> AuthorityKey:
    """Return the authority whose public text this is; `where` names it in errors. Raises BadKey."""
    from tera.codec import keyfile

    keys = keyfile.load_keys(data, where=where)
    signers = [key for key in keys if isinstance(key, VerifyingKey)]
    sealing = [key for key in keys if isinstance(key, PublicKey)]
    if len(signers) != 1 or not sealing or len(signers) + len(sealing) != len(keys):
        raise BadKey(
            f"{where}: an authority's public text has two keys, one terasign1..., one to seal to",
            hint="`tera keygen -y` prints it, of a file that `tera keygen --authority` made",
        )
    return AuthorityKey(signers[0], sealing[-1])
