"""The catalog's connection: durable, one writer an organisation, away and back again; the same on both databases."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, make_url, select, text, update

from tera.catalog.engine import Catalog, failures
from tera.catalog.tables import setting
from tera.errors import BadInput, CatalogUnavailable
from tests.catalog.databases import KINDS, catalog_of, empty


def put(catalog: Catalog, name: str, value: str = "1") -> None:
    with catalog.writing(name) as db:
        db.execute(insert(setting).values(name=name, value=value))


def value_of(catalog: Catalog, name: str) -> str | None:
    with catalog.reading() as db:
        return db.scalar(select(setting.c.value).where(setting.c.name == name))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_answered_survives_a_power_cut(kind: str, tmp_path: Path) -> None:
    with catalog_of(kind, tmp_path, fast=False) as catalog:
        found = catalog.durability()
        if catalog.is_sqlite:
            assert found == {"journal_mode": "wal", "synchronous": "full"}
        else:
            assert found["synchronous_commit"] == "on"
        with catalog.writing("org") as db:  # and where it counts
            ask = "PRAGMA synchronous" if catalog.is_sqlite else "SHOW synchronous_commit"
            assert str(db.exec_driver_sql(ask).scalar()) in ("2", "on")


def test_a_connection_that_is_not_durable_is_refused(catalog: Catalog) -> None:
    if catalog.is_sqlite:  # the fixture's is fast
        with pytest.raises(CatalogUnavailable, match="synchronous is less than full"):
            catalog.durability()
        return
    with catalog.engine.connect() as connection:
        connection.execute(text("SET synchronous_commit = off"))
        connection.commit()
    with pytest.raises(CatalogUnavailable, match="synchronous_commit is off"):
        catalog.durability()


def test_a_file_of_a_catalog_is_its_owners_alone(tmp_path: Path) -> None:
    Catalog(f"sqlite:///{tmp_path}/new/catalog.db").close()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "catalog.db").stat().st_mode & 0o777 == 0o600


def test_what_was_raised_undoes_what_was_written(catalog: Catalog, org: str) -> None:
    with pytest.raises(RuntimeError), catalog.writing(org) as db:
        db.execute(insert(setting).values(name=org, value="1"))
        raise RuntimeError
    assert value_of(catalog, org) is None
    put(catalog, org)
    assert value_of(catalog, org) == "1"


def test_a_reader_sees_one_state_while_others_write(catalog: Catalog, org: str) -> None:
    put(catalog, org)
    with catalog.reading() as db:
        asked = select(setting.c.value).where(setting.c.name == org)
        before = db.scalar(asked)
        writer = threading.Thread(target=_change, args=(catalog, org, "2"))
        writer.start()
        writer.join()
        assert db.scalar(asked) == before == "1"
    assert value_of(catalog, org) == "2"


def _change(catalog: Catalog, org: str, value: str) -> None:
    with catalog.writing(org) as db:
        db.execute(update(setting).where(setting.c.name == org).values(value=value))


def test_writers_of_one_organisation_take_turns_and_lose_no_count(catalog: Catalog, org: str) -> None:
    put(catalog, org, "0")

    def count() -> None:
        for _ in range(20):
            with catalog.writing(org) as db:
                asked = select(setting.c.value).where(setting.c.name == org)
                before = int(db.scalar(asked) or 0)
                time.sleep(0.0005)
                db.execute(update(setting).where(setting.c.name == org).values(value=str(before + 1)))

    threads = [threading.Thread(target=count) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert value_of(catalog, org) == "120"


def test_a_writer_within_a_writer_is_refused_and_does_not_wait_for_itself(catalog: Catalog, org: str) -> None:
    with catalog.writing(org):
        with pytest.raises(ValueError, match="already"), catalog.writing(org):
            pass
        with pytest.raises(ValueError, match="already"), catalog.writing(f"{org}-2"):
            pass
    put(catalog, org)


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_too_long_for_its_turn_gets_an_error_and_the_next_one_writes(kind: str, tmp_path: Path) -> None:
    with catalog_of(kind, tmp_path, timeout=0.2) as catalog:
        name = f"waits-{time.monotonic_ns()}"
        with catalog.writing(name):
            waiting = threading.Thread(target=_expect_late, args=(catalog, name))
            waiting.start()
            waiting.join(20)
            assert not waiting.is_alive()
        put(catalog, name)


def _expect_late(catalog: Catalog, name: str) -> None:
    with pytest.raises(CatalogUnavailable) as caught, catalog.writing(name):
        raise AssertionError("two writers at once")
    assert caught.value.hint


def test_only_one_is_at_a_work_that_is_done_alone(catalog: Catalog, org: str) -> None:
    with catalog.alone(org) as first:
        assert first
        with catalog.alone(org) as second, catalog.alone(f"{org}-2") as other:
            assert (second, other) == (False, True)
    with catalog.alone(org) as again:
        assert again


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:x\0", "postgresql://h:port/x", "http://a"]
)
def test_an_address_of_no_catalog_is_refused(url: str) -> None:
    with pytest.raises((BadInput, CatalogUnavailable)) as caught:
        Catalog(url)
    assert "\0" not in str(caught.value)


def test_a_row_that_is_there_already_is_refused_without_its_content(catalog: Catalog, org: str) -> None:
    put(catalog, org, "secret content")
    with pytest.raises(CatalogUnavailable) as caught:
        put(catalog, org, "secret content")
    assert "secret content" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["\ud800", 2**64])
def test_what_no_database_keeps_is_the_callers_mistake(catalog: Catalog, org: str, wrong: str | int) -> None:
    with pytest.raises(BadInput) as caught, catalog.writing(org) as db:
        if isinstance(wrong, int):
            from tera.catalog.tables import failure

            db.execute(insert(failure).values(address="a", minute=wrong, count=1))
        else:
            db.execute(insert(setting).values(name=org, value=wrong))
    assert str(wrong) not in str(caught.value)
    put(catalog, org)


def test_a_nul_in_a_text_never_breaks_the_connection(catalog: Catalog, org: str) -> None:
    with contextlib.suppress(BadInput):  # PostgreSQL keeps none
        put(catalog, org, "a\0b")
    assert value_of(catalog, f"{org}-2") is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_catalog_without_tables_is_said_to_need_them(kind: str, tmp_path: Path) -> None:
    with empty(kind, tmp_path) as url:
        catalog = Catalog(url)
        with pytest.raises(CatalogUnavailable) as caught:
            value_of(catalog, "a")
        assert caught.value.hint
        with pytest.raises(CatalogUnavailable, match="version none"):
            catalog.check_version()
        catalog.close()


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(b"rubbish" * 1_000)
    catalog = Catalog(f"sqlite:///{path}")
    with pytest.raises(CatalogUnavailable):
        value_of(catalog, "a")
    catalog.close()
    assert path.read_bytes() == b"rubbish" * 1_000


# --- away, and back -------------------------------------------------------------------------------------


class Wire:
    """A way to the database that can be cut, and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._held: list[socket.socket] = []
        self._server: socket.socket | None = None
        self.port = 0
        self.mend()

    def mend(self) -> None:
        self._server = socket.create_server(("127.0.0.1", self.port))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._server,), daemon=True).start()

    def cut(self) -> None:
        assert self._server is not None
        for one in (self._server, *self._held):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._held.clear()

    def _accept(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = server.accept()[0]
                far = socket.create_connection(self._to)
                self._held += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[tuple[Wire, Catalog]]:
    with catalog_of("postgresql", tmp_path) as direct:
        there = direct.engine.url
        assert there.host and there.port
        wire = Wire(there.host, there.port)
        url = make_url(there).set(drivername="postgresql", host="127.0.0.1", port=wire.port)
        catalog = Catalog(url.render_as_string(hide_password=False))
        yield wire, catalog
        catalog.close()
        wire.cut()


def test_a_database_that_is_away_is_said_to_be_and_used_again_when_it_is_back(
    wired: tuple[Wire, Catalog], org: str
) -> None:
    wire, catalog = wired
    put(catalog, org)
    wire.cut()
    for _ in range(2):
        with pytest.raises(CatalogUnavailable) as caught:
            value_of(catalog, org)
        assert "refused" in str(caught.value) or "closed" in str(caught.value)
        assert "127.0.0.1" not in str(caught.value)
        assert str(wire.port) not in str(caught.value)
        with pytest.raises(CatalogUnavailable):
            put(catalog, f"{org}-2")
    wire.mend()
    assert value_of(catalog, org) == "1"
    put(catalog, f"{org}-3")


def test_a_transaction_that_is_cut_off_is_undone(wired: tuple[Wire, Catalog], org: str) -> None:
    wire, catalog = wired
    with pytest.raises(CatalogUnavailable), catalog.writing(org) as db:
        db.execute(insert(setting).values(name=org, value="1"))
        wire.cut()
        db.scalar(select(func.now()))
    wire.mend()
    assert value_of(catalog, org) is None
    put(catalog, org)


def test_a_folder_that_is_gone_is_an_error_until_it_is_back(tmp_path: Path) -> None:
    with catalog_of("sqlite", tmp_path) as catalog:
        assert catalog.path is not None
        put(catalog, "a")
        catalog.engine.dispose()
        away = tmp_path / "away"
        catalog.path.rename(away)
        (tmp_path / "catalog.db").mkdir()
        with pytest.raises(CatalogUnavailable):
            value_of(catalog, "a")
        (tmp_path / "catalog.db").rmdir()
        away.rename(catalog.path)
        assert value_of(catalog, "a") == "1"


def test_a_full_disk_undoes_the_transaction(tmp_path: Path) -> None:
    with catalog_of("sqlite", tmp_path) as catalog:
        put(catalog, "a")
        with catalog.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(CatalogUnavailable, match="full"):
            put(catalog, "b", "x" * 100_000)
        assert value_of(catalog, "b") is None
        put(catalog, "c", "still")


def test_no_exception_of_the_database_leaves() -> None:
    from sqlalchemy.exc import InvalidRequestError

    with pytest.raises(CatalogUnavailable), failures():
        raise InvalidRequestError
