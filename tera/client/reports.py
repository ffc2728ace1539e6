"""Telling authorities what this device opened within their leases. Spec: spec/release.md, "Reports".

The law of this file: what is sent, and its numbers, follow from the local log alone; so a report that was lost, or
sent twice, or sent to an authority that was set back, ends with each event on record once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from tera.audit.events import Event, parse_event
from tera.audit.log import Log, Query
from tera.crypto.signing import SigningKey
from tera.errors import AuthorityUnavailable, BadRequest
from tera.format.signatures import signer_name
from tera.release.report import EVENTS, KIND, LONGEST, build_report
from tera.state.reader import ReaderState

ROOM: Final = LONGEST - 16_384
"""Bytes of events in one report; the rest is for its signature and frame."""

_PAGE: Final = 1_000


class Reported(Protocol):
    """Where a report is brought."""

    def report(self, message: bytes) -> int:
        """Bring a signed report; return how many events of its device are on record."""
        ...


def send_reports(state: ReaderState, device: SigningKey, name: bytes, authority: Reported) -> int:
    """Send what the authority with the fingerprint `name` does not have yet; return how many events it was.

    Raises AuthorityUnavailable, what the authority refuses a report with, StateUnavailable.
    """
    with state.log() as log:
        end = log.size()
        own = [(index, data) for index, data in _events(log, name, end) if _is_of(parse_event(data), device)]
    sent = sum(index < state.reported(name) for index, _ in own)
    try:
        return _send(state, device, name, authority, own, sent, end)
    except BadRequest:
        if not sent:
            raise
    return _send(state, device, name, authority, own, 0, end)  # it has fewer than it had: it was set back


def _send(
    state: ReaderState,
    device: SigningKey,
    name: bytes,
    authority: Reported,
    own: list[tuple[int, bytes]],
    sent: int,
    end: int,
) -> int:
    start = sent
    while sent < len(own):
        batch = _batch([data for _, data in own[sent:]])
        recorded = authority.report(build_report(name, device, sent, batch))
        sent += len(batch)
        if recorded < sent:
            raise AuthorityUnavailable("the authority did not record what was reported to it", hint="try again")
        state.set_reported(name, own[sent - 1][0] + 1, sent)
    state.set_reported(name, end, sent)
    return sent - start


def _events(log: Log, name: bytes, end: int) -> Iterator[tuple[int, bytes]]:
    at, query = 0, Query(kinds=(KIND,), subject=name)
    while found := [one for one in log.find(query, start=at, limit=_PAGE) if one.index < end]:
        yield from ((one.index, one.data) for one in found)
        at = found[-1].index + 1


def _is_of(event: Event, device: SigningKey) -> bool:
    """Whether it is this device's: another one's, whose key was here before, it cannot report."""
    own = signer_name(device.public)
    return bool(event.extra.get("dev", own) == own)


def _batch(events: list[bytes]) -> list[bytes]:
    """Return the first events that fit into one report; there is room for one of any size."""
    size, found = 0, []
    for data in events[:EVENTS]:
        size += len(data) + 3
        if size > ROOM:
            break
        found.append(data)
    return found
