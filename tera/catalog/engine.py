"""The connection to the catalog: SQLite or PostgreSQL, transactions that are durable when they end.

The law of this file: whoever writes for an organisation is alone in writing for it, from the first statement on: on
SQLite by `BEGIN IMMEDIATE`, on PostgreSQL by an advisory lock. What was answered survives a power cut:
`synchronous=FULL`, `synchronous_commit=on`, looked at here and not assumed. No exception of SQLAlchemy leaves.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.pool import QueuePool

from tera.authority.turns import Turns
from tera.catalog import tables
from tera.errors import BadInput, CatalogUnavailable, StateUnavailable

__all__ = ["Catalog", "Connection", "failures"]

TIMEOUT: Final = 10.0
"""Seconds that a writer waits for another one, and everybody for a connection."""
POOL: Final = 16
_SQLITE: Final = ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON")
_WHERE: Final = re.compile(r'connection to server (?:at|on socket) ".*? failed: ')
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7465))")
_TRY_LOCK: Final = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 7466))")


class Catalog:
    """A catalog at `url`: `sqlite:///path`, or `postgresql://…`. Raises BadInput, CatalogUnavailable."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        try:
            self._url = make_url(url)
        except (ArgumentError, ValueError):  # ValueError: a port that is no number
            raise BadInput("the address of the catalog is not sqlite:///path or postgresql://...") from None
        self._timeout = timeout
        self._turns: Turns | None = None
        self._here = threading.local()
        name = self._url.get_backend_name()
        if name == "sqlite" and self._url.database:
            path = Path(self._url.database)
            try:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600, exist_ok=True)
                self._turns = Turns(f"{path}-turns", timeout=timeout)
            except (OSError, ValueError, StateUnavailable) as error:
                raise CatalogUnavailable(f"{path}: {getattr(error, 'strerror', None) or error}") from None
            self._engine = self._sqlite()
        elif name == "postgresql":
            self._engine = self._postgresql()
        else:
            raise BadInput("a catalog is sqlite:///path or postgresql://...")

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @property
    def path(self) -> Path | None:
        """The file of a SQLite catalog."""
        return Path(str(self._url.database)) if self.is_sqlite else None

    @property
    def engine(self) -> Engine:
        """For migrations and copies."""
        return self._engine

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        if self._turns is not None:
            self._turns.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See one state of everything."""
        with failures(), self._engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self, org_id: str = "") -> Iterator[Connection]:
        """Write, alone for this organisation; commit at the end, undo all if anything is raised.

        Without an organisation it is what concerns all of them, and nobody else who says so writes. Within one of
        these there is no other in the same thread: on SQLite it would wait for itself.
        """
        if getattr(self._here, "writes", False):
            raise ValueError("this thread is writing to the catalog already")
        with ExitStack() as held:
            self._take_turn(held)
            with failures(), self._engine.connect() as connection:
                if self.is_sqlite:
                    connection = connection.execution_options(tera_begin="BEGIN IMMEDIATE")
                with connection.begin():
                    if not self.is_sqlite:
                        connection.execute(_LOCK, {"name": org_id})
                    self._here.writes = True
                    held.callback(setattr, self._here, "writes", False)
                    yield connection

    @contextmanager
    def beside(self) -> Iterator[Connection]:
        """Write something of its own, that stays when what this thread is writing is undone. Not on SQLite."""
        if self.is_sqlite:
            raise ValueError("SQLite has one writer, who would wait for itself")
        with failures(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def alone(self, what: str) -> Iterator[bool]:
        """Give whether nobody else, in any process, is at `what` now; if so, nobody begins before this ends."""
        if self.is_sqlite:
            turns = Turns(f"{self.path}-{what}", timeout=0)
            with ExitStack() as held:
                held.callback(turns.close)
                try:
                    held.enter_context(turns.taken())
                except StateUnavailable:
                    yield False
                else:
                    yield True
            return
        with failures(), self._engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            try:
                yield bool(connection.scalar(_TRY_LOCK, {"name": what}))
            finally:
                connection.invalidate()  # the lock ends with its connection

    def create(self) -> None:
        """Make the tables of a new catalog, all of them, at once. For tests; an installation migrates."""
        with failures():
            tables.metadata.create_all(self._engine)
        with self.writing() as db:
            db.execute(tables.alembic_version.insert().values(version_num=tables.VERSION))

    def version(self) -> str | None:
        """Return the version of the tables; None where there are none."""
        with failures(), self._engine.connect() as db:
            if not self._engine.dialect.has_table(db, "alembic_version"):
                return None
            found = db.scalar(text("SELECT version_num FROM alembic_version"))
            return None if found is None else str(found)

    def check_version(self) -> None:
        """Return when the tables are those that this program knows. Raises CatalogUnavailable."""
        found = self.version()
        if found != tables.VERSION:
            raise CatalogUnavailable(
                f"the catalog has version {found or 'none'}, this program knows {tables.VERSION}",
                hint="tera admin migrate",
            )

    def durability(self) -> dict[str, str]:
        """Return the settings on which durability rests, as a connection has them. Raises CatalogUnavailable."""
        names = ("journal_mode", "synchronous") if self.is_sqlite else ("synchronous_commit", "fsync")
        with self.reading() as db:
            ask = "PRAGMA {}" if self.is_sqlite else "SHOW {}"
            found = {name: str(db.exec_driver_sql(ask.format(name)).scalar()) for name in names}
        if self.is_sqlite:
            found["synchronous"] = {"2": "full", "3": "extra"}.get(found["synchronous"], "less than full")
        wanted = {"journal_mode": "wal", "synchronous": "full"} if self.is_sqlite else {"synchronous_commit": "on"}
        for name, value in wanted.items():
            if found[name] != value:
                raise CatalogUnavailable(f"the catalog's {name} is {found[name]}, and has to be {value}")
        return found

    def _take_turn(self, held: ExitStack) -> None:
        if self._turns is None:
            return
        try:
            held.enter_context(self._turns.taken())
        except StateUnavailable:
            hint = "another process has been writing to it for long: try again"
            raise CatalogUnavailable(f"the catalog: no turn within {self._timeout:g} seconds", hint=hint) from None

    def _sqlite(self) -> Engine:
        engine = create_engine(
            self._url,
            hide_parameters=True,  # they are people's
            poolclass=QueuePool,
            pool_size=POOL,
            max_overflow=POOL,
            pool_timeout=self._timeout,
            connect_args={"timeout": self._timeout, "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def connected(raw: Any, _: Any) -> None:
            raw.isolation_level = None  # transactions are begun by hand
            for pragma in _SQLITE:
                raw.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            connection.exec_driver_sql(connection.get_execution_options().get("tera_begin", "BEGIN"))

        return engine

    def _postgresql(self) -> Engine:
        milliseconds = int(self._timeout * 1_000)
        engine = create_engine(
            self._url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,  # they are people's
            # Not the server's default, which may be another: the first statement of a writer waits for its turn, and
            # what it sees afterwards has to be what the one before it wrote.
            isolation_level="READ COMMITTED",
            pool_size=POOL,
            max_overflow=POOL,
            pool_timeout=self._timeout,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": max(2, int(self._timeout)),
                "tcp_user_timeout": milliseconds,
                "application_name": "tera",
            },
        )

        @event.listens_for(engine, "connect")
        def connected(raw: Any, _: Any) -> None:
            with raw.cursor() as cursor:
                cursor.execute("SET synchronous_commit = on")
                cursor.execute("SET timezone = 'UTC'")
                cursor.execute(f"SET lock_timeout = {milliseconds}")
            raw.commit()

        return engine


@contextmanager
def failures() -> Iterator[None]:
    """Let no exception of the database out; a row that is there already is for the caller to foresee."""
    try:
        yield
    except IntegrityError as error:
        raise CatalogUnavailable(f"the catalog refused a row: {_words(error)}") from None
    except (DataError, UnicodeEncodeError, OverflowError):
        # A NUL, half a character, a number of over 64 bits: of the caller's making, and not to be quoted.
        raise BadInput("a text or number is none that the catalog can keep") from None
    except ProgrammingError as error:
        raise CatalogUnavailable(f"the catalog has other tables: {_words(error)}", hint="tera admin migrate") from None
    except (OperationalError, DBAPIError) as error:
        raise CatalogUnavailable(f"the catalog does not answer: {_words(error)}", hint="try again") from None
    except SQLAlchemyError as error:
        raise CatalogUnavailable(f"the catalog cannot be used: {type(error).__name__}") from None


def _words(error: DBAPIError) -> str:
    """Return the first line of what the driver said: never the statement, whose parameters are people's, nor where
    the server is and what it is called there, which strangers need not know."""
    lines = str(error.orig).strip().splitlines()
    line = _WHERE.sub("", lines[0]) if lines else type(error).__name__
    return re.sub(r'"[^"]*"', "...", line)[:200]
