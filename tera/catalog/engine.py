"""The connection to the catalog: SQLite or PostgreSQL, transactions that are durable when they end.

The law of this file: whoever writes for an organisation is alone in writing for it, from the first statement on: on
SQLite by `BEGIN IMMEDIATE`, on PostgreSQL by an advisory lock. What was answered survives a power cut:
`synchronous=FULL`, `synchronous_commit=on`, asserted here. No exception of SQLAlchemy leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from tera.authority.turns import Turns
from tera.catalog import tables
from tera.errors import BadInput, CatalogUnavailable

__all__ = ["Catalog", "Connection", "failures"]

TIMEOUT: Final = 10.0
"""Seconds that a writer waits for another one."""
POOL: Final = 16
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:org, 7465))")


class Catalog:
    """A catalog at `url`: `sqlite:///path`, or `postgresql://…`. Raises BadInput, CatalogUnavailable."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        try:
            self._url = make_url(url)
        except ArgumentError:
            raise BadInput("the address of the catalog is not sqlite:///path or postgresql://...") from None
        self._timeout = timeout
        self._turns: Turns | None = None
        name = self._url.get_backend_name()
        if name == "sqlite" and self._url.database:
            path = Path(self._url.database)
            with failures():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600, exist_ok=True)
            self._engine = self._sqlite()
            self._turns = Turns(f"{path}-turns", timeout=timeout)
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
        """For migrations."""
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

        Without an organisation it is what concerns all of them, and nobody else who says so writes.
        """
        with ExitStack() as held:
            if self._turns is not None:
                held.enter_context(self._turns.taken())
            with failures(), self._engine.connect() as connection:
                if self.is_sqlite:
                    connection = connection.execution_options(tera_begin="BEGIN IMMEDIATE")
                with connection.begin():
                    if not self.is_sqlite:
                        connection.execute(
                            text("SELECT pg_advisory_xact_lock(hashtextextended(:org, 7465))"), {"org": org_id}
                        )
                    yield connection

    def create(self) -> None:
        """Make the tables of a new catalog, all of them. For tests; an installation migrates."""
        with failures():
            tables.metadata.create_all(self._engine)

    def _sqlite(self) -> Engine:
        engine = create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=POOL,
            max_overflow=POOL,
            connect_args={"timeout": self._timeout, "check_same_thread": False},
        )

        @event.listens_for(engine, "connect")
        def connected(raw: Any, _: Any) -> None:
            raw.isolation_level = None  # transactions are begun by hand
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
                raw.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            connection.exec_driver_sql(connection.get_execution_options().get("tera_begin", "BEGIN"))

        return engine

    def _postgresql(self) -> Engine:
        engine = create_engine(
            self._url.set(drivername="postgresql+psycopg"),
            pool_size=POOL,
            max_overflow=POOL,
            pool_pre_ping=True,
            connect_args={"connect_timeout": max(2, int(self._timeout))},
        )

        @event.listens_for(engine, "connect")
        def connected(raw: Any, _: Any) -> None:
            with raw.cursor() as cursor:
                cursor.execute("SET synchronous_commit = on")
                cursor.execute("SET timezone = 'UTC'")
                cursor.execute(f"SET lock_timeout = {int(self._timeout * 1_000)}")
            raw.commit()

        return engine


@contextmanager
def failures() -> Iterator[None]:
    """Let no exception of the database out; a row that is there already is for the caller to foresee."""
    try:
        yield
    except IntegrityError as error:
        raise CatalogUnavailable(f"the catalog refused a row: {_words(error)}") from None
    except (OperationalError, DBAPIError) as error:
        raise CatalogUnavailable(f"the catalog does not answer: {_words(error)}", hint="try again") from None
    except SQLAlchemyError as error:
        raise CatalogUnavailable(f"the catalog cannot be used: {type(error).__name__}") from None
    except OSError as error:
        raise CatalogUnavailable(f"the catalog: {error.strerror or error}") from None


def _words(error: DBAPIError) -> str:
    """Return the first line of what the driver said; never the statement, whose parameters are people's."""
    lines = str(error.orig).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
