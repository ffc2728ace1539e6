"""Viewers: addresses that an organisation has enrolled, each with what proves it.

The law of this file: an admin of the organisation says whose a key is, and only of keys that are the organisation's
own, or public. A viewer key has the scope `open` and no other; a signing key is one viewer's. What another
organisation says of a key proves nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tera.catalog import orgs, viewers
from tera.catalog.engine import Connection
from tera.catalog.log import OrgLog
from tera.catalog.viewers import Viewer
from tera.codec import keyfile
from tera.codec.signers import VerifyingKey
from tera.errors import BadInput, BadKey, Conflict, NoSuchThing
from tera.library import identity
from tera.library.drm import moment
from tera.library.identity import NewKey
from tera.library.library import Library, Principal
from tera.policy.people import read_viewer

SCOPE: Final = frozenset({"open"})
TEXT: Final = 8_192
"""Characters of a public key that is sent."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A viewer, and the key that was made for it, which nobody will be told again."""

    viewer: Viewer
    made: NewKey | None = None


def enrol(
    library: Library, principal: Principal, email: str, *, key_id: str | None = None, public_key: str | None = None
) -> Enrolled:
    """Say what proves an address: an API key of the organisation, a public signing key, or both; in place of before.

    With neither, a new key is made. Raises Forbidden, BadInput, BadKey, NoSuchThing for a key that is not the
    organisation's, Conflict for a signing key that is somebody else's here.
    """
    principal.need("admin")
    address = read_viewer(email)
    public = None if public_key is None else read_public(public_key)
    made = None
    if key_id is None and public is None:
        made = identity.create_key(library, principal, name=f"viewer {address}"[:200], owner=address, scopes=SCOPE)
        key_id = made.key.id
    new = Viewer(
        org_id=principal.org.id,
        email=address,
        key_id=key_id,
        fingerprint=None if public is None else public.fingerprint,
        public=None if public is None else public.raw,
        created_at=library.now(),
    )
    with library.catalog.writing(principal.org.id) as db:
        if key_id is not None:
            _check_key(db, principal, key_id, address)
        if new.fingerprint is not None:
            other = viewers.by_fingerprint(db, principal.org.id, new.fingerprint)
            if other is not None and other.email != address:
                raise Conflict("the signing key is another viewer's")
        viewers.put(db, new)
        _record(library, db, principal, "enrol", new)
    return Enrolled(new, made)


def get(library: Library, principal: Principal, email: str) -> Viewer:
    """Return a viewer. Raises Forbidden, NoSuchThing, BadInput."""
    principal.need("read")
    with library.catalog.reading() as db:
        return _found(db, principal, email)


def withdraw(library: Library, principal: Principal, email: str) -> None:
    """Forget a viewer: nothing proves the address any more. Raises Forbidden, NoSuchThing, BadInput."""
    principal.need("admin")
    with library.catalog.writing(principal.org.id) as db:
        found = _found(db, principal, email)
        viewers.remove(db, principal.org.id, found.email)
        _record(library, db, principal, "withdraw", found)


def described(viewer: Viewer) -> dict[str, Any]:
    """Return what the API shows of a viewer."""
    return {
        "email": viewer.email,
        "org_id": viewer.org_id,
        "key_id": viewer.key_id,
        "public_key": None if viewer.public is None else keyfile.dump_public(VerifyingKey(viewer.public)),
        "fingerprint": None if viewer.fingerprint is None else viewer.fingerprint.hex(),
        "created_at": moment(viewer.created_at),
    }


def read_public(text: str) -> VerifyingKey:
    """Return the public signing key whose text this is. Raises BadKey, which does not repeat it."""
    if len(text) > TEXT:
        raise BadKey("a public signing key is shorter")
    try:
        return keyfile.parse_verifier(text.strip())
    except BadKey:
        raise BadKey("public_key is not a public signing key: terasign1...") from None


def _check_key(db: Connection, principal: Principal, key_id: str, address: str) -> None:
    found = orgs.get_key(db, key_id)
    if found is None or found[0].org_id != principal.org.id or found[0].revoked_at is not None:
        raise NoSuchThing("there is no such key")
    key = found[0]
    if key.scopes != SCOPE or key.acts_for:
        raise BadInput("a viewer's key has the scope open and no other, and acts for nobody else")
    if key.owner != address:
        raise BadInput("the key acts as another address")


def _found(db: Connection, principal: Principal, email: str) -> Viewer:
    found = viewers.get(db, principal.org.id, read_viewer(email))
    if found is None:
        raise NoSuchThing("there is no such viewer")
    return found


def _record(library: Library, db: Connection, principal: Principal, kind: str, viewer: Viewer) -> None:
    extra = {"by": principal.address, "key": principal.key.id, "of": viewer.key_id}
    event = library.event(
        kind,
        subject=viewer.fingerprint,
        viewer=viewer.email,
        extra={name: value for name, value in extra.items() if value is not None},
    )
    OrgLog(db, principal.org.id, library.random).append(event.pack())
