"""A container of the library, opened with the organisation's keys.

The law of this file: it opens and decides nothing. What a container's rules say is asked in `tera.library.open`,
before and after; so the gate in here lets everything pass, and counts nothing a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tera.codec.config import PLAIN
from tera.codec.gate import ANYBODY, Gate
from tera.codec.reader import Container
from tera.codec.recipients import Identity, Passphrase
from tera.codec.segment import ReadAt
from tera.codec.source import read_front
from tera.errors import AuthorityUnavailable, Conflict, NoKey, WrongPassphrase
from tera.format import access
from tera.format.access import Stanza
from tera.format.front import Front
from tera.format.rules import Rule
from tera.library.keystore import OrgKeys
from tera.policy.context import Action

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tera.storage.port import OpenBlob


class OwnGate(Gate):
    """Passes what the library has decided; `rules` are those that only recipients can read.

    The organisation's own authority gives its share at once: who decides here is the same.
    """

    def __init__(self, keys: OrgKeys) -> None:
        super().__init__(ANYBODY, PLAIN)
        self._keys = keys

    def check_front(self, front: Front) -> None:
        """Nothing: the rules in force are the row's."""

    def check_key(self, fingerprint: bytes) -> None:
        """Nothing: blocks are the row's."""

    def release(self, front: Front, stanza: Stanza) -> bytes:
        """Return the share. Raises AuthorityUnavailable for another authority's, BadStanza."""
        held = self._keys.held
        if stanza.params[0] != held.fingerprint:
            raise AuthorityUnavailable("another authority holds a share of the key: open it at the client")
        return held.open(stanza, front.bind)

    def check_payload(self, digest: bytes, signers: Sequence[bytes]) -> None:
        """Nothing: blocks are the row's."""

    def check_sealed(self, rules: tuple[Rule, ...] | None) -> None:
        """Keep them: they are decided on before content leaves."""
        self.rules = rules or ()

    def enter(self) -> None:
        """Nothing: the library counts."""

    def check_action(self, action: Action) -> None:
        """Nothing: the library has decided."""

    def check_entry(self, path: str, action: Action | None = None) -> None:
        """Nothing: the library has decided."""

    def check_entries(self, paths: Iterable[str], action: Action = "extract") -> None:
        """Nothing: the library has decided."""


def needs_password(source: ReadAt) -> bool:
    """Say whether a container has a share under a password."""
    return any(stanza.type == access.ARGON2ID for stanza in read_front(source).stanzas)


def unseal(
    source: OpenBlob, keys: OrgKeys, password: str | None, trying: AbstractContextManager[None]
) -> tuple[Container, tuple[Rule, ...]]:
    """Return the container, and the rules that stood sealed in it.

    `trying` is held while a password is tried. Raises WrongPassphrase, Conflict where the service holds no key of it,
    AuthorityUnavailable, and what `Container` does.
    """
    gate = OwnGate(keys)
    identities: list[Identity] = [one.key for one in keys.opening]
    locked = needs_password(source)
    try:
        if not locked or password is None:
            return Container(source, identities, gate=gate), gate.rules
        with trying:
            return Container(source, [*identities, Passphrase(password)], gate=gate), gate.rules
    except NoKey:
        if locked and password is None:
            raise WrongPassphrase(
                "the container asks for a password", hint="Tera-Password: the password in base64"
            ) from None
        raise Conflict("the service holds no key of this container: open it at the client") from None
