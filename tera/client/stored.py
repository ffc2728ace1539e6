"""What a library service says of a container and of its keys, as values.

The law of this file: an answer is a stranger's: what has not the form that it should have is no answer. Text is kept
as it came; who shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tera.errors import BadKey, ServerUnavailable

if TYPE_CHECKING:
    from tera.codec.authorities import AuthorityKey
    from tera.codec.recipients import PublicKey


@dataclass(frozen=True, slots=True)
class StoredContainer:
    """A container of the library. `digest` is `tera:...`, `sha256` that of its bytes, `size` in bytes.

    `created_at` is a time as RFC 3339 writes it, `status` ACTIVE or BLOCKED; `rules` are those in force, in the
    published form; `answer` is all that was said of it.
    """

    id: str
    org: str
    name: str
    digest: str
    sha256: str
    size: int
    status: str
    created_at: str
    tags: tuple[str, ...]
    rules: Mapping[str, Any]
    answer: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def blocked(self) -> bool:
        """Whether nobody may open it."""
        return self.status == "BLOCKED"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force, in the published form, and what names their version in a change."""

    document: Mapping[str, Any]
    version: str | None


@dataclass(frozen=True, slots=True)
class OrgKey:
    """A public key of the organisation. `recipient` is what is sealed to, for the service to open it; `authority`
    who gets a share, for the service to release it. Both are None for the key that signs."""

    kid: str
    use: str
    status: str
    recipient: PublicKey | None
    authority: AuthorityKey | None
    answer: Mapping[str, Any] = field(repr=False, compare=False)


def parse_container(value: Any) -> StoredContainer:
    """Return a container as the service described it. Raises ServerUnavailable."""
    found = _object(value)
    tags = found.get("tags")
    rules = found.get("drm_rules")
    size = found.get("container_size")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _not_understood("tags")
    if not isinstance(rules, dict):
        raise _not_understood("drm_rules")
    if type(size) is not int or size < 0:
        raise _not_understood("container_size")
    return StoredContainer(
        id=_text(found, "id"),
        org=_text(found, "org_id"),
        name=_text(found, "name"),
        digest=_text(found, "container_digest"),
        sha256=_text(found, "sha256"),
        size=size,
        status=_text(found, "status"),
        created_at=_text(found, "created_at"),
        tags=tuple(tags),
        rules=rules,
        answer=found,
    )


def parse_made(value: Any) -> StoredContainer:
    """Return the container of an answer to encode or upload. Raises ServerUnavailable."""
    return parse_container(_object(value).get("container"))


def parse_key(value: Any) -> OrgKey:
    """Return a public key as the service described it. Raises ServerUnavailable."""
    from tera.codec.authorities import load_authority
    from tera.codec.keyfile import parse_recipient

    found = _object(value)
    use = _text(found, "use")
    recipient = authority = None
    try:
        if use == "seal":
            recipient = parse_recipient(_text(found, "pub"))
            authority = load_authority(_text(found, "authority"), where="the library's key")
    except BadKey:
        raise _not_understood("pub") from None
    return OrgKey(_text(found, "kid"), use, _text(found, "status"), recipient, authority, found)


def parse_texts(value: Any) -> tuple[str, ...]:
    """Return a list of texts. Raises ServerUnavailable."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _not_understood("a list")
    return tuple(value)


def parse_rows(value: Any) -> list[dict[str, Any]]:
    """Return a list of objects. Raises ServerUnavailable."""
    if not isinstance(value, list):
        raise _not_understood("a list")
    return [_object(one) for one in value]


def parse_document(value: Any) -> dict[str, Any]:
    """Return an object. Raises ServerUnavailable."""
    return _object(value)


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _not_understood("an object")
    return value


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise _not_understood(name)
    return value


def _not_understood(what: str) -> ServerUnavailable:
    return ServerUnavailable(f"the library's answer is not understood: {what}", hint="is it a library of tera?")
