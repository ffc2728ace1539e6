"""Who asks, from where, for what: everything that a decision looks at besides the rules and the time.

The law of this file: a context says what its maker knows. What is not known is None or empty, and a rule that
needs it denies. Values are brought to the form of the rules here, once, so that a decision only compares.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from tera.errors import BadInput
from tera.policy.addresses import Address, read_address
from tera.policy.people import read_viewer
from tera.policy.places import Place

Action = Literal["copy", "extract", "print", "rewrap", "view"]
ACTIONS: Final[tuple[Action, ...]] = ("copy", "extract", "print", "rewrap", "view")

_MAC: Final = re.compile("[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Context:
    """One request. Raises BadInput where a value can be nothing of its kind.

    `opens` is how many opens of this viewer were counted before the session that this one belongs to, and
    `first_open` when the first was; `device` counts only if `device_proven`, that is if its key has signed;
    `signed`, whether CORE's `sig` names a signer that the maker of the context relies on; `blocklist_age`,
    the age in seconds of the oldest block list that was looked at, if all that are configured are in force;
    `path`, the entry that is asked for, if it is one; `fulfilled`, the obligations that the caller declares.
    """

    action: Action = "view"
    viewer: str | None = None
    ip: str | Address | None = None
    place: Place = field(default_factory=Place)
    device: bytes | None = None
    device_proven: bool = False
    macs: frozenset[str] = frozenset()
    opens: int | None = None
    first_open: int | None = None
    signed: bool = False
    blocklist_age: int | None = None
    fulfilled: frozenset[str] = frozenset()
    path: str | None = None

    def __post_init__(self) -> None:
        set_field = object.__setattr__
        if self.action not in ACTIONS:
            raise BadInput(f"{self.action!r} is no action; known: {', '.join(ACTIONS)}")
        if self.viewer is not None:
            set_field(self, "viewer", read_viewer(self.viewer))
        if self.ip is not None:
            set_field(self, "ip", read_address(str(self.ip)))
        set_field(self, "macs", frozenset(map(read_mac, self.macs)))
        if (self.opens or 0) < 0 or (self.blocklist_age or 0) < 0:
            raise BadInput("a count of opens or the age of a block list is negative")


def read_mac(text: str) -> str:
    """Return the one text of a hardware address: six pairs of lower-case digits with colons. Raises BadInput."""
    digits = text.lower()
    if re.fullmatch(r"..([:-])..(\1..){4}", digits):
        digits = digits.replace("-", "").replace(":", "")
    if not _MAC.fullmatch(digits):
        raise BadInput("not a hardware address; expected 00:1a:2b:3c:4d:5e")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))
