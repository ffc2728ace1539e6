"""An authority's keys, held in this process: one to sign with, one or more to open shares with.

The law of this file: which key of a share, header or stanza was wrong is not told, not even to the authority.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tera.codec import keyfile
from tera.codec.authorities import TYPES, AuthorityKey, key_id
from tera.codec.recipients import PrivateKey, generate_key
from tera.codec.signers import VerifyingKey
from tera.crypto import kem
from tera.crypto.random import Random, system
from tera.crypto.signing import SigningKey, generate
from tera.errors import BadKey, BadStanza
from tera.format.access import Stanza
from tera.format.schedule import stanza_info
from tera.format.signatures import signer_name
from tera.wire import canonical

_REFUSED: Final = "the stanza does not open with a key of this authority"


class HeldKeys:
    """Keys in memory; the last of `keys` is the newest, which is the one to seal to. Raises BadKey.

    Old ones stay as long as containers that were sealed to them are to be opened.
    """

    def __init__(self, signing: SigningKey, keys: Sequence[PrivateKey]) -> None:
        if not keys or any(key.kem.type not in TYPES for key in keys):
            raise BadKey("an authority has one or more keys of type xwing or mlkem1024-p384")
        self.signing = signing
        self._newest = keys[-1].public
        self._keys = {
            (TYPES[key.kem.type], key_id(key.public)): kem.KEMS[key.kem.type].private_key(key.seed) for key in keys
        }

    @classmethod
    def generate(cls, random: Random = system) -> HeldKeys:
        """Make new keys."""
        return cls(generate(random), [generate_key(random=random)])

    @classmethod
    def load(cls, data: bytes | str, *, where: str) -> HeldKeys:
        """Return the keys of a file that `secret_text` made; lines may be added for newer keys. Raises BadKey."""
        found = keyfile.load_keys(data, where=where)
        signing = [key for key in found if isinstance(key, SigningKey)]
        opening = [key for key in found if isinstance(key, PrivateKey)]
        if len(signing) != 1 or len(signing) + len(opening) != len(found):
            raise BadKey(f"{where}: an authority's keys are one signing key, and secret keys to open with")
        return cls(signing[0], opening)

    @property
    def public(self) -> AuthorityKey:
        """What those who seal need."""
        return AuthorityKey(VerifyingKey(self.signing.public), self._newest)

    @property
    def fingerprint(self) -> bytes:
        """The authority's name, 32 bytes."""
        return signer_name(self.signing.public)

    def open(self, stanza: Stanza, bind: bytes) -> bytes:
        """See `tera.authority.ports.Keys`."""
        authority, name = stanza.params
        key = self._keys.get((stanza.type, name))
        if key is None or authority != self.fingerprint:
            raise BadStanza(_REFUSED)
        try:
            return key.open(stanza.ct, stanza_info(bind, stanza.type, canonical.pack(stanza.params)))
        except BadStanza:
            raise BadStanza(_REFUSED) from None


def secret_text(signing: SigningKey, keys: Sequence[PrivateKey]) -> str:
    """Return the lines of a file of an authority's keys: whoever sees them is the authority."""
    found: list[SigningKey | PrivateKey] = [signing, *keys]
    return "".join(f"{keyfile.dump_secret(key)}\n" for key in found)
