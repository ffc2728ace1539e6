"""The keys that a command line names: public ones to seal to, secret ones to open and sign with.

The law of this file: keys are loaded when they are asked for, so that a usage error comes before a
prompt; nothing here shows one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from tera.cli.inputs import STDIN, once, read_file
from tera.cli.passphrase import PassphraseSource, ask
from tera.errors import BadKey

if TYPE_CHECKING:
    from tera.codec.recipients import Identity, KeyEncryptionKey, PublicKey, Recipient
    from tera.crypto.signing import SigningKey

KEY_FILE: Final = 8 << 20
"""Bytes of a key file: 1,024 recipients take 2 MiB."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The keys to open with, as they were named."""

    files: tuple[str, ...]
    passphrase: PassphraseSource
    kek_file: str | None
    kek_id: str

    @property
    def stdin(self) -> list[str | None]:
        """The arguments that may be `-`."""
        return [*self.files, self.passphrase.file, self.kek_file]

    def load(self, *, needed: bool = True) -> list[Identity]:
        """Return the identities. Raises UsageError if there is none, and one is `needed`."""
        asked = self.passphrase.given
        if needed and not (self.files or asked or self.kek_file):
            raise click.UsageError("no key to open with: name one with -i, or -p for a passphrase")
        found: list[Identity] = []
        for file in self.files:
            found += _identities(file)
        if self.kek_file:
            found.append(kek(self.kek_file, self.kek_id))
        if asked:
            from tera.codec.recipients import Passphrase

            found.append(Passphrase(self.passphrase.get("Passphrase")))
        return found


@dataclass(frozen=True, slots=True)
class Sealing:
    """The recipients to seal to, as they were named."""

    texts: tuple[str, ...]
    files: tuple[str, ...]
    passphrase: PassphraseSource
    kek_file: str | None
    kek_id: str
    all_of: bool
    anonymous: bool

    @property
    def stdin(self) -> list[str | None]:
        """The arguments that may be `-`."""
        return [*self.files, self.passphrase.file, self.kek_file]

    @property
    def given(self) -> bool:
        """Whether anything was named."""
        return bool(self.texts or self.files or self.kek_file or self.passphrase.given)

    def load(self) -> list[Recipient | Sequence[Recipient]]:
        """Return the recipients, each key once: alternatives, or one group. Raises UsageError for none."""
        if not self.given:
            raise click.UsageError("nobody to seal to: name a key with -r or -R, or -p for a passphrase")
        found: list[Recipient] = list(public_keys(self.texts, self.files, anonymous=self.anonymous))
        if self.kek_file:
            found.append(kek(self.kek_file, self.kek_id))
        if self.passphrase.given:
            from tera.codec.recipients import Passphrase

            found.append(Passphrase(self.passphrase.get("New passphrase", confirm=True)))
        return [found] if self.all_of else list(found)


# --- loading --------------------------------------------------------------------------------------


def public_keys(texts: Sequence[str], files: Sequence[str], *, anonymous: bool = False) -> list[PublicKey]:
    """Return the public keys of `-r` and `-R`, each once. Raises BadKey, InputUnavailable."""
    from tera.codec import keyfile

    found: dict[PublicKey, None] = {}
    for text in texts:
        try:
            found[keyfile.parse_recipient(text)] = None
        except BadKey as error:
            hint = f"a file of keys is given with -R {text}" if _is_file(text) else error.hint
            raise BadKey(f"-r: {error}", hint=hint) from None
    for file in files:
        for key in keyfile.load_recipients(read_file(file, KEY_FILE, "a file of keys"), where=file):
            found[key] = None
    for key in found:
        key.anonymous = anonymous
    return list(found)


def signing_keys(files: Sequence[str]) -> list[SigningKey]:
    """Return the keys of `--sign-key`, each once. Raises BadKey, InputUnavailable."""
    from tera.codec import keyfile

    found: dict[bytes, SigningKey] = {}
    for file in files:
        for key in keyfile.load_signers(read_file(file, KEY_FILE, "a file of keys"), where=file):
            found[key.public] = key
    return list(found.values())


def _identities(file: str) -> list[Any]:
    from tera.codec import keyfile

    def password() -> bytes:
        return ask(f"Passphrase of {file}").encode()

    return list(keyfile.load_identities(read_file(file, KEY_FILE, "a file of keys"), where=file, password=password))


def fingerprints(signers: Sequence[str]) -> list[bytes]:
    """Return the fingerprints that `--signer` names, by key, by file or by themselves."""
    if not signers:
        return []
    from tera.codec import keyfile

    once(signers)
    found: dict[bytes, None] = {}
    for one in signers:
        if len(one) == 64 and not one.strip("0123456789abcdef"):
            found[bytes.fromhex(one)] = None  # never a file: one of that name would take the place of the signer
            continue
        if one != STDIN and not _is_file(one) and one.lower().startswith(("tera", "age")):
            try:
                found[keyfile.parse_verifier(one).fingerprint] = None
            except BadKey as error:
                raise BadKey(f"--signer: {error}", hint=error.hint) from None
            continue
        for key in keyfile.load_verifiers(read_file(one, KEY_FILE, "a file of keys"), where=one):
            found[key.fingerprint] = None
    return list(found)


def kek(file: str, key_id: str) -> KeyEncryptionKey:
    """Return the key-encryption key in a file, under its name. Raises BadKey, InputUnavailable."""
    from tera.codec.recipients import KeyEncryptionKey

    data = read_file(file, 1 << 10, "a key-encryption key")
    if len(data) != 32:
        try:
            data = bytes.fromhex(data.decode("ascii").strip())
        except ValueError:
            data = b""
    if len(data) != 32:
        raise BadKey(f"{file}: a key-encryption key has 32 bytes, raw or as 64 hexadecimal digits")
    return KeyEncryptionKey(data, key_id.encode())


def _is_file(text: str) -> bool:
    try:
        return os.path.isfile(text)
    except ValueError:
        return False
