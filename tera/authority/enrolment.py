"""Whose key is whose: what an authority's owner says, without the authority's own keys.

The law of this file: a change and its event are one transaction.
"""

from __future__ import annotations

from tera.audit.events import Event
from tera.authority.ports import State
from tera.errors import UnknownViewer
from tera.policy.people import read_viewer


def enrol(state: State, fingerprint: bytes, viewer: str, now: int) -> str:
    """Say whose a signing key is, at `now` in milliseconds since 1970 UTC; return the viewer's address in its one form.

    Raises BadInput for what is no address.
    """
    address = read_viewer(viewer)
    with state.transaction() as writing:
        writing.enrol(fingerprint, address)
        writing.record(Event(time=now, kind="enrol", subject=fingerprint, viewer=address))
    return address


def withdraw(state: State, fingerprint: bytes, now: int) -> str:
    """Forget whose a signing key is; return whose it was. Raises UnknownViewer for one that is not enrolled."""
    with state.transaction() as writing:
        address = writing.viewer(fingerprint)
        if address is None:
            raise UnknownViewer("this key is not enrolled", hint="")
        writing.enrol(fingerprint, None)
        writing.record(Event(time=now, kind="withdraw", subject=fingerprint, viewer=address))
    return address
