"""Events: one decision or change, as one canonical map, which is one leaf of the log's tree.

    {kind, t, v: 1, and as far as they apply: bind, id, req, rule, sub, viewer, x}
    a salted leaf: bin 8 of 16 random bytes, then the map

The law of this file: an event has one encoding, at most 8 KiB of it, and no secret. Keys, shares, plaintext,
passphrases and content digests do not belong into a log that owners, auditors and backups get to see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from tera.errors import BadEvent
from tera.format import schema
from tera.wire import canonical

VERSION: Final = 1
MAX_BYTES: Final = 8_192
MAX_EXTRA: Final = 4_096
SALT: Final = 16
"""Bytes of a salt. A log whose events are to be erased one day has one before each event, in the same leaf: the hash
that stays then tells nothing to who guesses what the event was."""
MAX_TIME: Final = 253_402_300_799_999
"""The end of the year 9999, in milliseconds since 1970-01-01 UTC."""

MAX_SUBJECT: Final = 64
MAX_VIEWER: Final = 320
"""Bytes; the longest mail address has 64 + 1 + 255."""

_SALTED: Final = bytes((0xC4, SALT))
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_RULE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_NO_EXTRA: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Raises BadEvent for values that no event has.

    `time`: milliseconds since 1970-01-01 UTC, by the clock of the log's owner; the order is the log's, not the
    clock's. `container`: CORE's id (16 bytes), a name that its writer chose. `bind`: H_bind (32 bytes), which
    names it with its key. `subject`: what else the event is about, such as a blocked digest or a policy's id
    (1 to 64 bytes). `viewer`: who asked. `rule`: what decided. `request`: H(request) (32 bytes). `extra`:
    whatever the kind adds, at most 4 KiB.
    """

    time: int
    kind: str
    container: bytes | None = None
    bind: bytes | None = None
    subject: bytes | None = None
    viewer: str | None = None
    rule: str | None = None
    request: bytes | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: _NO_EXTRA)

    def __post_init__(self) -> None:
        schema.integer(self.time, 0, MAX_TIME, BadEvent, "an event's time")
        _name(self.kind, _KIND, "an event's kind")
        for value, low, high, what in (
            (self.container, 16, 16, "an event's container id"),
            (self.bind, 32, 32, "an event's H_bind"),
            (self.subject, 1, MAX_SUBJECT, "an event's subject"),
            (self.request, 32, 32, "an event's request hash"),
        ):
            if value is not None:
                schema.binary(value, low, high, BadEvent, what)
        if self.rule is not None:
            _name(self.rule, _RULE, "an event's rule")
        if self.viewer is not None:
            _check_viewer(self.viewer)
        if len(_pack({"x": dict(self.extra)})) - 3 > MAX_EXTRA:  # without the header of the map around, and the key
            raise BadEvent(f"an event's extra values take at most {MAX_EXTRA:,} bytes")

    def pack(self) -> bytes:
        """Return the event's one encoding."""
        found = {key: value for key, value in self._optional().items() if value is not None}
        data = _pack({**found, "kind": self.kind, "t": self.time, "v": VERSION})
        if len(data) > MAX_BYTES:
            raise BadEvent(f"an event has at most {MAX_BYTES:,} bytes, this one {len(data):,}")
        return data

    def _optional(self) -> dict[str, canonical.Packable]:
        return {
            "bind": self.bind,
            "id": self.container,
            "req": self.request,
            "rule": self.rule,
            "sub": self.subject,
            "viewer": self.viewer,
            "x": dict(self.extra) or None,
        }


def parse_event(data: bytes) -> Event:
    """Return the event whose encoding `data` is. Raises NotCanonical, BadEvent."""
    if len(data) > MAX_BYTES:
        raise BadEvent(f"an event has at most {MAX_BYTES:,} bytes, this one {len(data):,}")
    value = canonical.unpack(data, what="an event", max_len=MAX_BYTES)
    optional = ("bind", "id", "req", "rule", "sub", "viewer", "x")
    fields = schema.exact_map(value, ("kind", "t", "v"), BadEvent, "an event", optional)
    schema.integer(fields["v"], VERSION, VERSION, BadEvent, "an event's version")
    for key in optional:
        if key in fields and fields[key] is None:
            raise BadEvent(f"an event's {key!r} is nil: what does not apply is left out")
    extra = fields.get("x", _NO_EXTRA)
    if not isinstance(extra, Mapping) or ("x" in fields and not extra):
        raise BadEvent("an event's extra values are not a map, or an empty one")
    return Event(
        time=fields["t"],
        kind=fields["kind"],
        container=fields.get("id"),
        bind=fields.get("bind"),
        subject=fields.get("sub"),
        viewer=fields.get("viewer"),
        rule=fields.get("rule"),
        request=fields.get("req"),
        extra=extra,
    )


def leaf(event: bytes, salt: bytes = b"") -> bytes:
    """Return what is hashed for an event: the event, or a salt and the event."""
    if salt and len(salt) != SALT:
        raise BadEvent(f"a salt has {SALT} bytes")
    return _SALTED + salt + event if salt else event


def longest(data: bytes) -> int:
    """Return how many bytes a leaf has at most that begins as this one does."""
    return MAX_BYTES + (len(_SALTED) + SALT if data[:1] == _SALTED[:1] else 0)


def parse_leaf(data: bytes) -> Event:
    """Return the event of a leaf, salted or not: its first byte says which. Raises NotCanonical, BadEvent."""
    if data[:1] != _SALTED[:1]:
        return parse_event(data)
    if not data.startswith(_SALTED) or len(data) < len(_SALTED) + SALT:
        raise BadEvent(f"the salt before an event is not one of {SALT} bytes")
    return parse_event(data[len(_SALTED) + SALT :])


def _name(value: Any, form: re.Pattern[str], what: str) -> None:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise BadEvent(f"{what} is not a name of small letters, digits and '_'")


def _check_viewer(viewer: Any) -> None:
    try:
        schema.text(viewer, MAX_VIEWER, BadEvent, "an event's viewer")
    except UnicodeEncodeError:
        raise BadEvent("an event's viewer is not valid UTF-8") from None
    if _CONTROL.search(viewer):
        raise BadEvent("an event's viewer holds a control character")


def _pack(value: Mapping[str, Any]) -> bytes:
    try:
        return canonical.pack(value)
    except (TypeError, ValueError) as error:
        raise BadEvent(f"an event's extra values have no canonical form: {error}") from None
