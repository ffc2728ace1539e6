"""API keys as they are listed, shown and asked for; making and ending them is `identity`'s.

The law of this file: nothing shown here lets anybody in. A secret is in the one answer that made it.
"""

from __future__ import annotations

from typing import Any

from tera.catalog import orgs
from tera.catalog.orgs import ApiKey
from tera.errors import BadInput
from tera.library import identity
from tera.library.drm import moment
from tera.library.identity import NewKey
from tera.library.library import Library, Principal
from tera.library.moments import read_moment

_FIELDS = frozenset({"name", "owner", "scopes", "acts_for", "may_assert", "expires_at"})


def listed(library: Library, principal: Principal) -> list[dict[str, Any]]:
    """Return the organisation's keys, the oldest first, the revoked ones too. Raises Forbidden."""
    principal.need("admin")
    with library.catalog.reading() as db:
        return [described(key) for key in orgs.keys_of_org(db, principal.org.id)]


def create(library: Library, principal: Principal, asked: dict[str, Any]) -> NewKey:
    """Make the key that a JSON object asks for. Raises Forbidden, BadInput, which names the field."""
    principal.need("admin")
    for name in asked:
        if name not in _FIELDS:
            raise BadInput(f"there is no field {name[:64]!r}; known: {', '.join(sorted(_FIELDS))}")
    expires = asked.get("expires_at")
    if isinstance(expires, bool) or not isinstance(expires, int | str | None):
        raise BadInput("expires_at is no time")
    may_assert = asked.get("may_assert", False)
    if not isinstance(may_assert, bool):
        raise BadInput("may_assert is not true or false")
    owner = asked.get("owner")
    return identity.create_key(
        library,
        principal,
        name=_text(asked.get("name"), "name"),
        owner=None if owner is None else _text(owner, "owner"),
        scopes=_texts(asked.get("scopes", ["read"]), "scopes"),
        acts_for=_texts(asked.get("acts_for", []), "acts_for"),
        may_assert=may_assert,
        expires_at=None if expires is None else read_moment(str(expires), "expires_at") // 1_000,
    )


def described(key: ApiKey) -> dict[str, Any]:
    """Return what is shown of a key."""
    return {
        "id": key.id,
        "api_key": key.id,
        "org_id": key.org_id,
        "name": key.name,
        "owner": key.owner,
        "creator": key.creator,
        "scopes": sorted(key.scopes),
        "acts_for": sorted(key.acts_for),
        "may_assert": key.may_assert,
        "created_at": moment(key.created_at),
        "expires_at": None if key.expires_at is None else moment(key.expires_at),
        "revoked_at": None if key.revoked_at is None else moment(key.revoked_at),
        "last_used_at": None if key.last_used_at is None else moment(key.last_used_at),
    }


def described_new(made: NewKey) -> dict[str, Any]:
    """Return a new key with its secret, for this one time."""
    return {**described(made.key), "api_secret": made.secret, "token": made.token}


def without_secret(shown: dict[str, Any]) -> dict[str, Any]:
    """Return the same as it may be kept."""
    return {name: value for name, value in shown.items() if name not in ("api_secret", "token")}


def me(principal: Principal) -> dict[str, Any]:
    """Return who asks, and what they may use."""
    org = principal.org
    return {
        "org_id": org.id,
        "email": principal.address,
        "scopes": sorted(principal.key.scopes),
        "api_key": described(principal.key),
        "org": {
            "id": org.id,
            "name": org.name,
            "email": org.email,
            "created_at": moment(org.created_at),
            "quota_bytes": org.quota_bytes,
            "quota_containers": org.quota_containers,
            "used_bytes": org.used_bytes,
            "used_containers": org.used_containers,
        },
    }


def drm_context(library: Library, principal: Principal) -> dict[str, Any]:
    """Return what rules would be decided on, were this caller to open something now."""
    place = principal.place
    return {
        "viewer_email": principal.address,
        "time": moment(library.now()),
        "ip": principal.ip,
        "geo": {
            "continent": place.continent,
            "country": place.country,
            "subdivisions": list(place.subdivisions),
            "city": place.city,
        },
        "device": None,
        "mac": None,
    }


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BadInput(f"{what} is not a text")
    return value


def _texts(value: Any, what: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput(f"{what} is not a list of texts")
    return frozenset(value)
