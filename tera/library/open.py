"""Opening containers through the service: decided, counted and on record before a byte leaves.

The law of this file: every request is decided anew, before a key is used and once more in the transaction that counts
and records; the count is the one that the organisation's authority keeps, by H_bind and viewer. One open is one
session: (container, viewer) for as long as `Library.session` says, from the first byte of a file on. Within it only
the counting is skipped; and what was recorded of it once, from the same place, is not recorded with each range.
Manifests, and requests that want no byte, are no opens.

    open      the first byte of a session is about to leave
    read      anything else that was allowed: a manifest, a head, more of a session
    denied    and the rule, or the code, that decided
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tera.catalog import containers, sessions
from tera.catalog.authority import OrgTables
from tera.catalog.containers import DELETED, Row
from tera.catalog.engine import Connection
from tera.catalog.log import OrgLog
from tera.catalog.sessions import Session
from tera.codec.reader import Container
from tera.errors import BadInput, Denied, Forbidden, NoSuchThing, TeraError, TooManyTries, WrongPassphrase
from tera.format.records import FRAME_RAW
from tera.format.rules import Rule
from tera.library import find, lock
from tera.library.asker import Asker, Said, asker
from tera.library.decision import Wish, deciding_rule, judge
from tera.library.library import Library, Principal
from tera.library.pool import Held
from tera.library.unseal import unseal
from tera.policy.evaluate import Decision
from tera.state.reader import Opens

PIECE: Final = FRAME_RAW
"""Bytes that leave at once: a frame, at most."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was decided on which row; `session` is the one that goes on."""

    row: Row
    before: Opens
    session: Session | None
    decision: Decision


class Opening:
    """A container that may be opened, with its key: `enter` it before anything leaves, and `close` it.

    `entry` is the file that was asked for, None for the manifest.
    """

    def __init__(self, library: Library, who: Asker, row: Row, judged: _Judged | TeraError, wish: Wish) -> None:
        self.row = row
        self._library = library
        self._who = who
        self._wish = wish
        self._sealed: tuple[Rule, ...] = ()
        try:
            if isinstance(judged, TeraError):
                raise judged
            self._judged = judged
            self._held, self._waited = self._hold()
        except TeraError as error:
            self._refuse(error)
            raise
        try:
            self.entry = None if wish.path is None else self.container.entry(wish.path)
            if self.entry is not None and self.entry.is_dir:
                raise BadInput("this is a folder")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Opening:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def container(self) -> Container:
        return self._held.container

    @property
    def decision(self) -> Decision:
        return self._judged.decision

    def close(self) -> None:
        """Give back what it holds."""
        self._library.pool.give_back(self._held)

    def enter(self, *, counts: bool) -> None:
        """Decide once more, count and record; with `counts` bytes of a file are about to leave.

        Raises NoSuchThing, Blocked, RuleDenied when something has changed meanwhile.
        """
        session = self._judged.session
        if session is not None and not self._waited and self._library.pool.knows(self._name(session)):
            return  # decided a moment ago, counted and on record
        refused: TeraError | None = None
        with self._library.catalog.writing(self.row.org_id) as db:
            try:
                self._judged = judged = self._judge(db)
            except (Denied, NoSuchThing) as error:
                refused = error
                self._record(db, "denied", deciding_rule(error))
            else:
                begins = counts and judged.session is None
                session = self._begin(db, judged) if begins else judged.session
                self._record(db, "open" if begins else "read")
        if refused is not None:
            raise refused
        if session is not None:
            self._library.pool.remember(self._name(session))

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield bytes `start` to `stop` of the file, at most 1 MiB at a time, each verified; all of it is compared
        with its digest besides."""
        assert self.entry is not None
        return self.container.pieces(self.entry, start, stop)

    # --- deciding ---------------------------------------------------------------------------------------

    def _judge(self, db: Connection) -> _Judged:
        row = containers.get(db, self.row.org_id, self.row.id)
        if row is None or row.status == DELETED:
            raise NoSuchThing("there is no such container")
        return _judge(self._library, db, self._who, row, self._wish, self._sealed)

    def _begin(self, db: Connection, judged: _Judged) -> Session:
        """Begin a session, and count it; the owner's opens are not counted."""
        row, now = judged.row, self._library.now()
        if not self._who.owns(row):
            OrgTables(db, row.org_id).count(row.bind, self._who.address, now)
        session = Session(judged.before.count, now)
        sessions.begin(db, row.org_id, row.id, self._who.address, session)
        return session

    def _name(self, session: Session) -> tuple[object, ...]:
        """Return what is on record when this request of a session is."""
        return self.row.id, self._who.address, session.began_at, self._wish.action, str(self._who.trace)

    # --- the key ------------------------------------------------------------------------------------------

    def _hold(self) -> tuple[Held, bool]:
        """Return the open container, and whether opening it took its time."""
        library, row, password = self._library, self.row, self._wish.password
        held = library.pool.take(row.id, password, library.now())
        waited = held is None
        if held is None:
            source = library.store.open(row.blob)
            try:
                trying = lock.trying(library, row, self._who.address)
                container, sealed = unseal(source, library.keys.load(row.org_id), password, trying)
            except BaseException:
                source.close()
                raise
            held = Held(container, source, sealed, library.now() + library.session)
            library.pool.put(row.id, password, held)
        elif password is not None:
            lock.forgive(library, row, self._who.address)
        self._sealed = held.sealed
        try:
            if held.sealed:
                with library.catalog.reading() as db:
                    self._judged = self._judge(db)
        except BaseException:
            library.pool.give_back(held)
            raise
        return held, waited

    # --- the log ------------------------------------------------------------------------------------------

    def _refuse(self, error: TeraError) -> None:
        """Record a refusal that somebody decided; not what is broken or busy."""
        if isinstance(error, Denied | NoSuchThing | WrongPassphrase) and not isinstance(error, TooManyTries):
            with self._library.catalog.writing(self.row.org_id) as db:
                self._record(db, "denied", deciding_rule(error))

    def _record(self, db: Connection, kind: str, rule: str | None = None) -> None:
        extra: dict[str, Any] = {"act": self._wish.action, "uuid": self.row.id} | self._who.trace
        record(self._library, db, kind, self.row, viewer=self._who.address, rule=rule, extra=extra)


def begin(
    library: Library,
    principal: Principal,
    container_id: str,
    wish: Wish,
    *,
    viewer: str | None = None,
    said: Said | None = None,
) -> Opening:
    """Open a container for the key's address, or for `viewer`, whom the key acts for.

    Raises Forbidden, NoSuchThing (also for whom `recipients` does not name), Blocked, RuleDenied, WrongPassphrase,
    Locked, TooManyTries, NoSuchEntry, Conflict where the service holds no key; what is wrong with the container.
    """
    try:
        who = asker(library, principal, viewer, said)
    except Forbidden:
        if viewer is not None:
            _record_forged(library, principal, container_id, wish)
        raise
    judged: _Judged | TeraError
    with library.catalog.reading() as db:
        row = find.seen(db, principal.org.id, container_id)
        try:
            judged = _judge(library, db, who, row, wish)
            if wish.password is not None:
                lock.check(db, row, who.address)
        except (Denied, NoSuchThing) as error:
            judged = error
    return Opening(library, who, row, judged, wish)


def _judge(
    library: Library, db: Connection, who: Asker, row: Row, wish: Wish, sealed: tuple[Rule, ...] = ()
) -> _Judged:
    """Decide on a row, with the count and the session as they are now."""
    now = library.now()
    before = OrgTables(db, row.org_id).opens(row.bind, who.address)
    session = sessions.get(db, row.org_id, row.id, who.address)
    if session is not None and not session.began_at <= now < session.began_at + library.session:
        session = None
    if session is not None:
        before = Opens(session.before, before.first)
    return _Judged(row, before, session, judge(row, who, wish, before, now, sealed))


def record(
    library: Library,
    db: Connection,
    kind: str,
    row: Row,
    *,
    viewer: str | None,
    rule: str | None = None,
    extra: dict[str, Any],
) -> None:
    """Append the event of an attempt."""
    event = library.event(kind, container=row.core_id, bind=row.bind, viewer=viewer, rule=rule, extra=extra)
    OrgLog(db, row.org_id, library.random).append(event.pack())


def _record_forged(library: Library, principal: Principal, container_id: str, wish: Wish) -> None:
    """A key that names somebody whom it does not act for: it is the key's attempt, not theirs."""
    try:
        row = find.found(library, principal.org.id, container_id)
    except NoSuchThing:
        return
    extra = {"act": wish.action, "key": principal.key.id, "uuid": row.id}
    with library.catalog.writing(row.org_id) as db:
        record(library, db, "denied", row, viewer=principal.address, rule="forbidden", extra=extra)
