"""Organisations and API keys: made once, shown once, checked at every request.

The law of this file: a secret has 256 random bits and is kept as its SHA-256, so that guessing is hopeless and the
catalog gives none away; comparing takes the same time whatever is wrong.

    bearer   tera_<key id>_<secret>          one opaque token
    basic    <key id>:<secret>               api_key:api_secret
"""

from __future__ import annotations

import base64
import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from tera.catalog import orgs
from tera.catalog.engine import Connection
from tera.catalog.log import OrgLog
from tera.catalog.orgs import ApiKey, Org
from tera.crypto.kdf import equal
from tera.errors import BadCredentials, BadInput, Conflict, NoSuchThing
from tera.library.events import record
from tera.library.library import SCOPES, Library, Principal
from tera.policy.people import read_viewer

SECRET: Final = 32
_TOKEN: Final = "tera_"
_UNKNOWN: Final = bytes(32)
_KEY_ID: Final = re.compile("[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key with its secret, which nobody will be told again."""

    key: ApiKey
    secret: str = field(repr=False)

    @property
    def token(self) -> str:
        """The bearer token."""
        return f"{_TOKEN}{self.key.id}_{self.secret}"


def create_org(library: Library, name: str, email: str) -> tuple[Org, NewKey]:
    """Make an organisation with its keys, and a first API key with every right. Raises BadInput."""
    address = read_viewer(email)
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise BadInput("an organisation's name has 1 to 200 printable characters")
    now = library.now()
    org = Org(id=f"org-{uuid.UUID(bytes=library.random(16), version=4)}", name=name, email=address, created_at=now)
    library.keys.create(org.id, now)
    made = _new_key(library, org.id, "first key", address, frozenset({"admin"}), address, now)
    with library.catalog.writing(org.id) as db:
        orgs.add_org(db, org)
        orgs.add_key(db, made.key, _hash(made.secret))
        OrgLog(db, org.id, library.random).append(library.event("org_create", viewer=address).pack())
    return org, made


def create_key(
    library: Library,
    principal: Principal,
    *,
    name: str,
    owner: str | None = None,
    scopes: frozenset[str] = frozenset({"read"}),
    acts_for: frozenset[str] = frozenset(),
    may_assert: bool = False,
    expires_at: int | None = None,
) -> NewKey:
    """Make an API key. Its owner is its creator's address, unless an admin of the organisation says another.

    Raises Forbidden, BadInput.
    """
    principal.need("admin")
    if not scopes or not scopes <= SCOPES:
        raise BadInput(f"a key's scopes are some of {', '.join(sorted(SCOPES))}")
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise BadInput("a key's name has 1 to 200 printable characters")
    now = library.now()
    if expires_at is not None and expires_at <= now:
        raise BadInput("a key expires after now")
    address = principal.address if owner is None else read_viewer(owner)
    made = _new_key(library, principal.org.id, name, address, scopes, principal.address, now)
    key = replace(
        made.key, acts_for=frozenset(map(read_viewer, acts_for)), may_assert=may_assert, expires_at=expires_at
    )
    with library.catalog.writing(principal.org.id) as db:
        orgs.add_key(db, key, _hash(made.secret))
        record(library, db, principal, "key_create", extra={"of": key.id, "scopes": sorted(scopes)})
    return NewKey(key, made.secret)


def revoke_key(library: Library, principal: Principal, key_id: str) -> None:
    """End a key, now; once more is no error. Raises Forbidden, NoSuchThing, Conflict for the last with `admin`."""
    principal.need("admin")
    with library.catalog.writing(principal.org.id) as db:
        found = orgs.get_key(db, key_id)
        if found is None or found[0].org_id != principal.org.id:
            raise NoSuchThing("there is no such key")
        if found[0].revoked_at is None:
            _check_another(library, db, found[0])
            orgs.change_key(db, key_id, revoked_at=library.now())
            record(library, db, principal, "key_revoke", extra={"of": key_id})


def authenticate(
    library: Library, header: str | None, *, first: Callable[[Connection], None] | None = None
) -> tuple[ApiKey, Org]:
    """Return the key of an Authorization header, and its organisation. `first` is asked before, on what is read.

    Raises BadCredentials, and what `first` does.
    """
    with library.catalog.reading() as db:
        if first is not None:
            first(db)
        key_id, secret = _credentials(header)
        found = orgs.get_key_and_org(db, key_id) if _KEY_ID.fullmatch(key_id) else None
    fits = equal(_hash(secret), _UNKNOWN if found is None else found[1])
    if found is None or not fits:
        raise BadCredentials("the API key is not known, or its secret is wrong")
    (key, _, org), now = found, library.now()
    if key.revoked_at is not None or org.disabled_at is not None or (key.expires_at or now + 1) <= now:
        raise BadCredentials("the API key is over")
    _touch(library, key, now)
    return key, org


def _touch(library: Library, key: ApiKey, now: int) -> None:
    """Remember when a key was used last, to the minute: no write for each request."""
    if now - (key.last_used_at or 0) >= 60:
        with library.catalog.writing(key.org_id) as db:
            orgs.change_key(db, key.id, last_used_at=now)


def _credentials(header: str | None) -> tuple[str, str]:
    kind, _, rest = (header or "").strip().partition(" ")
    rest = rest.strip()
    if kind.lower() == "bearer" and rest.startswith(_TOKEN):
        key_id, _, secret = rest.removeprefix(_TOKEN).partition("_")
        return key_id, secret
    if kind.lower() == "basic":
        try:
            key_id, _, secret = base64.b64decode(rest, validate=True).decode().partition(":")
        except ValueError:
            raise BadCredentials("the Authorization header is not Basic in base64") from None
        return key_id, secret
    raise BadCredentials("an API key is needed", hint="Authorization: Bearer <token>")


def _new_key(
    library: Library, org_id: str, name: str, owner: str, scopes: frozenset[str], creator: str, now: int
) -> NewKey:
    key_id = library.random(10).hex()
    secret = base64.b32encode(library.random(SECRET)).decode().rstrip("=").lower()
    return NewKey(ApiKey(key_id, org_id, name, owner, scopes, creator, now), secret)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(b"tera/v1 api-secret\0" + secret.encode()).digest()


def _check_another(library: Library, db: Connection, ending: ApiKey) -> None:
    """Raise Conflict for the last key that administers: nobody would be left who can make another."""
    now = library.now()
    left = [
        key
        for key in orgs.keys_of_org(db, ending.org_id)
        if "admin" in key.scopes and key.revoked_at is None and (key.expires_at is None or key.expires_at > now)
    ]
    if [key.id for key in left] == [ending.id]:
        raise Conflict("it is the last key that administers the organisation", hint="make another one first")
