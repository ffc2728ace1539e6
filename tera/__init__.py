"""tera: files sealed into one container that survives quantum computers and carries its own rules.

The law of this file: `__all__` is the public API, all of it; what is not named here may change. Names are
loaded when they are first used, so that `import tera` and the command start fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tera.codec.authorities import AuthorityKey, load_authority
    from tera.codec.config import BlockListFile, Config, Releaser
    from tera.codec.decode import decode
    from tera.codec.encoder import Encoder, Sealed, encode
    from tera.codec.extract import Extracted
    from tera.codec.header import Dynamic
    from tera.codec.inspect import Inspection, Verification, digest, inspect, verify
    from tera.codec.keyfile import (
        load_identities,
        load_recipients,
        load_signers,
        load_verifiers,
        parse_identity,
        parse_recipient,
    )
    from tera.codec.reader import Container
    from tera.codec.reader import Container as open
    from tera.codec.recipients import (
        Decapsulator,
        DecapsulatorKey,
        Identity,
        KeyEncryptionKey,
        Passphrase,
        PrivateKey,
        PublicKey,
        Recipient,
        generate_key,
    )
    from tera.codec.recover import Recovered, recover
    from tera.codec.rewrap import Rewrapped, rewrap
    from tera.codec.segment import ReadAt
    from tera.codec.signers import VerifyingKey
    from tera.crypto.signing import SigningKey
    from tera.crypto.signing import generate as generate_signing_key
    from tera.errors import Denied, Malformed, NotFound, TeraError, Unauthentic, Unavailable
    from tera.format.index import Entry
    from tera.format.limits import Limits
    from tera.policy.context import Context
    from tera.policy.manifest import read_manifest
    from tera.policy.places import Place
    from tera.state.reader import MemoryReaderState
    from tera.state.readerdb import SqliteReaderState

__version__ = "0.1.0"

__all__ = [
    "AuthorityKey",
    "BlockListFile",
    "Config",
    "Container",
    "Context",
    "Decapsulator",
    "DecapsulatorKey",
    "Denied",
    "Dynamic",
    "Encoder",
    "Entry",
    "Extracted",
    "Identity",
    "Inspection",
    "KeyEncryptionKey",
    "Limits",
    "Malformed",
    "MemoryReaderState",
    "NotFound",
    "Passphrase",
    "Place",
    "PrivateKey",
    "PublicKey",
    "ReadAt",
    "Recipient",
    "Recovered",
    "Releaser",
    "Rewrapped",
    "Sealed",
    "SigningKey",
    "SqliteReaderState",
    "TeraError",
    "Unauthentic",
    "Unavailable",
    "Verification",
    "VerifyingKey",
    "decode",
    "digest",
    "encode",
    "generate_key",
    "generate_signing_key",
    "inspect",
    "load_authority",
    "load_identities",
    "load_recipients",
    "load_signers",
    "load_verifiers",
    "open",
    "parse_identity",
    "parse_recipient",
    "read_manifest",
    "recover",
    "rewrap",
    "verify",
]

_HOMES = {
    "tera.codec.authorities": ("AuthorityKey", "load_authority"),
    "tera.codec.config": ("BlockListFile", "Config", "Releaser"),
    "tera.codec.decode": ("decode",),
    "tera.codec.encoder": ("Encoder", "Sealed", "encode"),
    "tera.codec.extract": ("Extracted",),
    "tera.codec.header": ("Dynamic",),
    "tera.codec.inspect": ("Inspection", "Verification", "digest", "inspect", "verify"),
    "tera.codec.keyfile": (
        "load_identities",
        "load_recipients",
        "load_signers",
        "load_verifiers",
        "parse_identity",
        "parse_recipient",
    ),
    "tera.codec.reader": ("Container",),
    "tera.codec.recipients": (
        "Decapsulator",
        "DecapsulatorKey",
        "Identity",
        "KeyEncryptionKey",
        "Passphrase",
        "PrivateKey",
        "PublicKey",
        "Recipient",
        "generate_key",
    ),
    "tera.codec.recover": ("Recovered", "recover"),
    "tera.codec.rewrap": ("Rewrapped", "rewrap"),
    "tera.codec.segment": ("ReadAt",),
    "tera.codec.signers": ("VerifyingKey",),
    "tera.crypto.signing": ("SigningKey",),
    "tera.errors": ("Denied", "Malformed", "NotFound", "TeraError", "Unauthentic", "Unavailable"),
    "tera.format.index": ("Entry",),
    "tera.format.limits": ("Limits",),
    "tera.policy.context": ("Context",),
    "tera.policy.manifest": ("read_manifest",),
    "tera.policy.places": ("Place",),
    "tera.state.reader": ("MemoryReaderState",),
    "tera.state.readerdb": ("SqliteReaderState",),
}
_RENAMED = {
    "open": ("tera.codec.reader", "Container"),
    "generate_signing_key": ("tera.crypto.signing", "generate"),
}
_WHERE = {name: (home, name) for home, names in _HOMES.items() for name in names} | _RENAMED


def __getattr__(name: str) -> Any:
    try:
        home, original = _WHERE[name]
    except KeyError:
        raise AttributeError(f"module 'tera' has no attribute {name!r}") from None
    value = getattr(import_module(home), original)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
