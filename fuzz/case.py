"""One case: a container with rules, who asks for it, and what the plain restatement of the rules says of that.

The law of this file: what is expected comes from `tests/policy/naive.py` and a comparison of names, not from tera; and
from what the author, the owner and the issuer made, whatever a target did to it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from fuzz import world
from fuzz.world import NOW, Draw, Sealed
from tera.authority.authority import Authority, Caller
from tera.codec.config import BlockListSource, Config, Releaser
from tera.codec.gate import Gate
from tera.format.signatures import signer_name
from tera.policy.blockfile import Kind, blocked_id
from tera.policy.context import ACTIONS, Action, Context
from tera.policy.places import Place
from tera.state.reader import MemoryReaderState, Opens
from tests.policy import naive

PLACES = (Place(), Place("EU", "DE"), Place("AS", "JP"))


@dataclass(frozen=True)
class Case:
    """What was drawn. `tells` says whether the reader knows of itself what the authority sees of it."""

    sealed: Sealed
    rules: list[list[Any]] | None
    authority: bool
    action: Action
    viewer: str | None
    ip: str | None
    place: Place
    device: bool
    macs: frozenset[str]
    opens: int
    first: int
    relied: bool
    fulfilled: frozenset[str]
    blocked: Kind | None
    listed: bytes | None
    tells: bool

    # --- what is expected -----------------------------------------------------------------------------

    def denied(self, path: str | None = None, *, macs: Iterable[str] | None = None) -> bool:
        """Say whether the container, or a file of it, must not be opened. An authority is told no hardware address."""
        if self.blocked is not None or (self.authority and self.viewer is None):
            return True
        caller = {
            "action": self.action,
            "viewer": self.viewer,
            "ip": self.ip,
            "place": asdict(self.place),
            "device": signer_name(world.DEVICE.public) if self.device else None,
            "device_proven": self.device,
            "macs": self.macs if macs is None else macs,
            "opens": self.opens,
            "first_open": self.first if self.opens else None,
            "signed": self.relied,
            "blocklist_age": None if self.listed is None else 5,
            "fulfilled": self.fulfilled,
            "path": path,
        }
        return naive.denied_by(self.rules or [], caller, NOW) is not None

    # --- who takes part -------------------------------------------------------------------------------

    @cached_property
    def context(self) -> Context:
        """Who reads."""
        known = Context(self.action, macs=self.macs, fulfilled=self.fulfilled)
        return replace(known, viewer=self.viewer, ip=self.ip, place=self.place) if self.tells else known

    def asked(self) -> tuple[Authority, Caller]:
        """Return the authority, and what the transport tells it."""
        found = world.authority_for(self.sealed, self.listed, self.opens, first=self.first, relied=self.relied)
        return found, Caller(ip=self.ip, place=self.place)

    def config(self, lists: Iterable[BlockListSource], releaser: Releaser | None) -> Config:
        """Return the reader's configuration, and a memory of what went before."""
        state = MemoryReaderState()
        state.raise_marks(world.marks_of(self.sealed, self.listed))
        if not self.authority:
            viewer = (self.viewer or "") if self.tells else ""
            state._opens[self.sealed.front.bind, viewer] = Opens(self.opens, self.first if self.opens else None)
        return Config(
            authorities={} if releaser is None else {world.AUTHORITY.fingerprint: releaser},
            blocklists=tuple(lists),
            signers=frozenset([signer_name(world.AUTHOR.public)] if self.relied else []),
            state=state,
            viewer_key=None if self.viewer is None else world.VIEWER,
            device_key=world.DEVICE if self.device else None,
            clock=lambda: NOW,
        )

    def gate(self, config: Config, action: Action | None = None) -> Gate:
        """Return the gate of one opening."""
        return Gate(replace(self.context, action=action or self.action), config)


def draw(choices: Draw, *, authority: bool | None = None) -> Case:
    """Return the case that the input chooses."""
    has_authority = choices.pick((False, True)) if authority is None else authority
    place = choices.pick(("static", "dynamic") if has_authority else ("static", "dynamic", "sealed"))
    numbers = [choices.pick(range(len(world.RULES))) for _ in range(choices.pick((1, 2, 3)))]
    sealed = world.sealed(tuple(numbers), place, has_authority)
    blocked = choices.pick((*[None] * 9, *sorted(sealed.names())))
    if blocked == Kind.DIGEST and has_authority:
        blocked = None  # which an authority does not see
    listing = blocked is not None or choices.pick((False, True))
    name = None if blocked is None else blocked_id(blocked, sealed.names()[blocked])
    opens = choices.pick((0, 0, 1, 2))
    tells = choices.pick((True, False)) if has_authority else True
    return Case(
        sealed=sealed,
        rules=world.rules_of(numbers),
        authority=has_authority,
        action=choices.pick(ACTIONS[::-1]),
        viewer=choices.pick((world.ME, None)),
        ip=choices.pick(("10.0.0.1", None, "10.0.0.2", "11.0.0.1")),
        place=choices.pick(PLACES),
        device=choices.pick((True, False)),
        macs=frozenset(choices.pick(((world.MAC,), ()))),
        opens=opens,
        first=choices.pick((NOW - 3, NOW - 5, NOW)),
        relied=choices.pick((True, False)),
        fulfilled=frozenset(choices.pick((("watermark",), ()))),
        blocked=blocked,
        listed=world.blocklist(name) if listing else None,
        tells=tells,
    )
