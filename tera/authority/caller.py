"""Who asks an authority: what the transport knows of a caller, and whose keys have signed.

The law of this file: nobody is believed about itself. A viewer is named by the transport or by a key that was
enrolled; what a request says of its viewer may only agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tera.authority.ports import View
from tera.errors import UnknownViewer
from tera.policy.addresses import Address, read_address
from tera.policy.people import read_viewer
from tera.policy.places import Place
from tera.release.request import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """What the transport knows of who calls, and from where; nothing that the caller only says.

    Raises BadInput for a viewer or an address that is none.
    """

    viewer: str | None = None
    ip: str | Address | None = None
    place: Place = field(default_factory=Place)

    def __post_init__(self) -> None:
        if self.viewer is not None:
            object.__setattr__(self, "viewer", read_viewer(self.viewer))
        if self.ip is not None:
            object.__setattr__(self, "ip", read_address(str(self.ip)))


UNKNOWN: Final = Caller()
"""Of whom the transport knows nothing."""


def known_viewer(view: View, request: Request, caller: Caller) -> str:
    """Step 4: return who asks. Raises UnknownViewer where nobody vouches, or two things are said."""
    vouched = {caller.viewer, *(view.viewer(signer) for signer in request.signers)} - {None}
    if not vouched:
        raise UnknownViewer("nobody vouches for the caller: its key is not enrolled with the authority")
    named = vouched | {request.viewer} - {None}
    found = named.pop()
    if named or found is None:
        raise UnknownViewer("the caller is somebody else than it says, or two people at once")
    return found
