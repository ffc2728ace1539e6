"""Reports: what a device did within its leases, told to the authority afterwards. Spec: spec/release.md, "Reports".

The law of this file: a report says only what its device says of itself, and is signed by it alone; its numbers
make it the same report however often it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tera.audit.events import Event, parse_event
from tera.crypto.signing import SigningKey
from tera.errors import BadEvent, BadRequest, NotCanonical, RequestSignature, WrongAuthority
from tera.format import schema
from tera.format.signatures import signer_name
from tera.release.framing import Form
from tera.wire import canonical

LONGEST: Final = 512 << 10
FORM: Final = Form("a release report", b"tera/v1 release-report\0", LONGEST, BadRequest)
EVENTS: Final = 256
KIND: Final = "lease_open"
"""The kind of the events that are reported."""

_KEYS: Final = ("aud", "dev", "events", "first", "v")
_COUNT_MAX: Final = 2**53
_EXTRA: Final = 4_080
_TIME: Final = "t"


@dataclass(frozen=True, slots=True)
class Report:
    """Events of one device for one authority, the first of which is its number `first`."""

    authority: bytes
    device: bytes
    first: int
    events: tuple[Event, ...]


def build_report(authority: bytes, device: SigningKey, first: int, events: Sequence[bytes]) -> bytes:
    """Return a signed report of packed events. Raises BadRequest for what no authority would take."""
    packed = canonical.pack(
        {"aud": authority, "dev": signer_name(device.public), "events": list(events), "first": first, "v": 1}
    )
    message = FORM.join(packed, [device])
    parse_report(message, authority)
    return message


def parse_report(message: bytes, authority: bytes) -> Report:
    """Return the report that its device has signed. Raises LimitExceeded, NotCanonical, BadRequest, WrongAuthority
    and RequestSignature."""
    packed, value, signed = FORM.split(message)
    found = schema.exact_map(value, _KEYS, BadRequest, FORM.what)
    schema.integer(found["v"], 1, 1, BadRequest, "v")
    device = schema.binary(found["dev"], 32, 32, BadRequest, "dev")
    named = schema.binary(found["aud"], 32, 32, BadRequest, "aud")
    listed = schema.array(found["events"], EVENTS, BadRequest, "events", low=1)
    events = tuple(_parse_event(schema.binary(one, 1, LONGEST, BadRequest, "an event")) for one in listed)
    first = schema.integer(found["first"], 0, _COUNT_MAX, BadRequest, "first")
    if named != authority:
        raise WrongAuthority("the report is for another authority")
    if [one.signer for one in signed] != [device]:
        raise RequestSignature("a report is signed by its device, and by nobody else")
    FORM.verify(packed, signed, RequestSignature)
    return Report(named, device, first, events)


def _parse_event(data: bytes) -> Event:
    try:
        event = parse_event(data)
    except (BadEvent, NotCanonical) as error:
        raise BadRequest(f"the report holds what is no event: {error}") from None
    if event.kind != KIND:
        raise BadRequest(f"the report holds an event of another kind than {KIND}")
    # The authority adds the event's time to it, under this name; and an event of its log is no longer than this one.
    if _TIME in event.extra or len(canonical.pack(dict(event.extra))) > _EXTRA:
        raise BadRequest(f"x of an event in the report has a key {_TIME!r}, or over {_EXTRA:,} bytes")
    return event
