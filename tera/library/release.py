"""Shares of keys, released by the organisation's authority for containers of the library.

The law of this file: the authority decides by spec/release.md, and this asks besides: that the container is in the
library, that no copy of it there is blocked or was ever deleted, and that the rules in force there allow it, which
may be narrower than the container's own. All that is asked once more in the transaction that counts. So nothing is
released, counted or kept that the library would refuse; and the share is not touched before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tera.audit.events import Event
from tera.authority.authority import Authority
from tera.authority.caller import Caller, known_viewer
from tera.authority.decide import Basis
from tera.authority.ports import Kept, Transaction
from tera.catalog import containers, orgs
from tera.catalog.authority import OrgState, OrgTables
from tera.catalog.containers import ACTIVE, Row
from tera.catalog.engine import Catalog, Connection
from tera.errors import BadCredentials, BadInput, Blocked, Denied, NoSuchThing, RuleDenied, TeraError
from tera.format.core import StaticRules
from tera.format.rules import rules_value
from tera.format.signatures import signer_name
from tera.library import find
from tera.library.asker import Asker, known_address
from tera.library.block import CatalogBlocks
from tera.library.decision import RECIPIENTS, deciding_rule
from tera.library.library import Library
from tera.library.rules import rules_of
from tera.policy.context import Context
from tera.policy.evaluate import enforce
from tera.policy.places import Place
from tera.policy.vocabulary import Rules, parse_rules
from tera.release.answer import CODES, Answer, sign_answer
from tera.release.request import Request, parse_request
from tera.state.reader import Opens
from tera.wire import canonical


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a request, as far as the transport knows; `trace` is what an event says of it."""

    org_id: str
    caller: Caller
    trace: dict[str, Any]


def sent_by(org_id: str, who: Asker) -> Sender:
    """Return the sender that an API key stands for."""
    return Sender(org_id, Caller(who.address, who.ip, who.place), who.trace)


def signed_by(library: Library, org_id: str, message: bytes, ip: str | None, place: Place) -> Sender:
    """Return the sender of a request that came without an API key: a viewer's enrolled key has signed it.

    Raises BadCredentials for everything else, whatever it is: nothing is told to strangers.
    """
    with library.catalog.reading() as db:
        org = orgs.get_org(db, org_id)
        try:
            if org is None or org.disabled_at is not None:
                raise BadCredentials("an API key is needed")
            request = parse_request(message)
            enrolled = any(OrgTables(db, org_id).viewer(one) for one in request.signers)
            if not enrolled:
                raise BadCredentials("nobody enrolled has signed it")
            request.check(signer_name(library.keys.load(org_id).signing.public))
        except TeraError:
            raise BadCredentials("an API key is needed, or the signature of an enrolled viewer") from None
    address = known_address(ip)
    return Sender(org_id, Caller(None, address, place), {} if address is None else {"ip": str(address)})


def release(library: Library, sender: Sender, message: bytes) -> bytes:
    """Return the signed answer to a request, be it a denial, by the container that the request shows.

    Raises NoSuchThing for a container that is not in the library, and what `Authority.release` does.
    """
    request = parse_request(message)
    guard = _guard(library, sender, request)
    try:
        return guard.release()
    except Denied as error:
        if error.code not in CODES:
            raise
        return guard.denial(error)


def release_of(library: Library, sender: Sender, container_id: str, message: bytes, *, lease: bool = False) -> bytes:
    """Return the signed answer to a request for one container. With `lease` it has to ask for one.

    Raises NoSuchThing (also for whom `recipients` does not name), Blocked, RuleDenied by the rules in force here,
    BadInput for a request about something else, and what `Authority.release` does.
    """
    request = parse_request(message)
    if lease and not request.lease:
        raise BadInput("the request asks for no lease")
    try:
        return _guard(library, sender, request, container_id).release()
    except RuleDenied as error:
        if error.rule == RECIPIENTS:
            raise NoSuchThing("there is no such container") from None
        raise


def report(library: Library, sender: Sender, message: bytes) -> int:
    """Record what a device reports; return how many of its events there are. Raises what `Authority.report` does."""
    return library.authority(sender.org_id).report(message)


# --- what is asked besides --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Guard:
    """What the library says of one request: `refused` at once; `rules` bind besides the container's own."""

    library: Library
    sender: Sender
    request: Request
    row: Row
    rules: tuple[Rules, ...]
    refused: Denied | None

    def release(self) -> bytes:
        """Ask, and let the authority answer. Raises Blocked, RuleDenied, and what `Authority.release` does."""
        library, org_id = self.library, self.sender.org_id
        keys = library.keys.load(org_id)
        authority = Authority(
            _GuardedState(library.catalog, org_id, self),
            keys.held,
            origin=f"{library.origin}/{org_id}",
            blocklists=(CatalogBlocks(library.catalog, org_id),),
            clock=library.clock,
        )
        try:
            if self.refused is not None:
                raise self.refused
            return authority.answer(self.request, self.sender.caller)
        except (Blocked, RuleDenied) as error:
            self.request.check(authority.fingerprint)  # nobody is on record by a forged request
            self._record(error)
            raise

    def check_blocks(self, db: Connection) -> None:
        """Raise Blocked when a copy of the container is blocked here, or was deleted."""
        _check_blocks(_copies(db, self.sender.org_id, self.request.bind))

    def check_rules(self, viewer: str, before: Opens, now: int) -> None:
        """Raise RuleDenied when the rules in force here do not allow it."""
        _check_rules(self.rules, self.request, self.sender, viewer, before, now)

    def denial(self, error: Denied) -> bytes:
        """Return a signed denial."""
        signing = self.library.keys.load(self.sender.org_id).signing
        answer = Answer(
            authority=signer_name(signing.public),
            bind=self.request.bind,
            request=self.request.hash,
            issued=self.library.now(),
            code=error.code,
            rule=error.rule if isinstance(error, RuleDenied) else None,
        )
        return sign_answer(answer, signing)

    def _record(self, error: Denied) -> None:
        with self.library.catalog.writing(self.sender.org_id) as db:
            tables = OrgTables(db, self.sender.org_id)
            event = self.library.event(
                "denied",
                container=self.request.core.id,
                bind=self.request.bind,
                viewer=Basis.read(tables, self.request, self.sender.caller).viewer,
                rule=deciding_rule(error),
                request=self.request.hash,
                extra={"act": self.request.action},
            )
            tables.record(self.traced(event))

    def traced(self, event: Event) -> Event:
        """Return an event of this request with where it came from."""
        if event.request != self.request.hash:
            return event
        return replace(event, extra={**event.extra, **self.sender.trace, "uuid": self.row.id})


class _GuardedState(OrgState):
    """The organisation's state; what is written in it passes the guard."""

    def __init__(self, catalog: Catalog, org_id: str, guard: _Guard) -> None:
        super().__init__(catalog, org_id)
        self._guard = guard

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._catalog.writing(self._org) as connection:
            yield _GuardedTables(connection, self._org, self._guard)


class _GuardedTables(OrgTables):
    def __init__(self, connection: Connection, org_id: str, guard: _Guard) -> None:
        super().__init__(connection, org_id)
        self._guard = guard

    def count(self, bind: bytes, viewer: str, now: int) -> None:
        self._guard.check_rules(viewer, self.opens(bind, viewer), now)
        super().count(bind, viewer, now)

    def keep(self, request: bytes, kept_: Kept) -> None:
        self._guard.check_blocks(self._db)
        super().keep(request, kept_)

    def record(self, event: Event) -> None:
        super().record(self._guard.traced(event))


def _guard(library: Library, sender: Sender, request: Request, container_id: str | None = None) -> _Guard:
    """Return the guard of a request, for the copy with this id, or any. Raises NoSuchThing, BadInput, UnknownViewer."""
    with library.catalog.reading() as db:
        row = None if container_id is None else find.seen(db, sender.org_id, container_id)
        if row is not None and row.bind != request.bind:
            raise BadInput("the request is for another container")
        copies = _copies(db, sender.org_id, request.bind)
        if not copies:
            raise NoSuchThing("there is no such container")
        place = request.core.rules
        own = canonical.pack(rules_value(place.rules)) if isinstance(place, StaticRules) else None
        besides = {one.rules: one for one in copies if one.rules != own}
        rules = tuple(parse_rules(rules_of(one)) for one in besides.values())
        refused: Denied | None = None
        try:
            tables, now = OrgTables(db, sender.org_id), library.now()
            if row is not None:  # whom nobody named is told that there is nothing, blocked or not
                named = parse_rules([one for one in rules_of(row) if one.name == RECIPIENTS])
                _check_rules((named,), request, sender, known_viewer(tables, request, sender.caller), Opens(), now)
            _check_blocks(copies)
            if rules:
                basis = Basis.read(tables, request, sender.caller)
                _check_rules(rules, request, sender, basis.viewer, basis.before, now)
        except (Blocked, RuleDenied) as error:
            refused = error
    return _Guard(library, sender, request, row or copies[-1], rules, refused)


def _copies(db: Connection, org_id: str, bind: bytes) -> Sequence[Row]:
    return [row for row in containers.by_bind(db, bind) if row.org_id == org_id]


def _check_blocks(copies: Sequence[Row]) -> None:
    if any(row.status != ACTIVE for row in copies):
        raise Blocked("the container is blocked")


def _check_rules(
    found: Sequence[Rules], request: Request, sender: Sender, viewer: str, before: Opens, now: int
) -> None:
    context = Context(
        action=request.action,
        viewer=viewer,
        ip=sender.caller.ip,
        place=sender.caller.place,
        device=request.device,
        device_proven=request.device is not None,  # else the authority refuses it
        opens=before.count,
        first_open=before.first,
        blocklist_age=0,
        fulfilled=frozenset(request.obligations),
    )
    for rules in found:
        enforce(rules, context, now)
