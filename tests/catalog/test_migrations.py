"""Migrations: they make the tables that `tables.py` has, after a copy, once, and never go back."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, update

from tera.catalog import migrate as migrating
from tera.catalog import tables
from tera.catalog.engine import Catalog
from tera.catalog.migrate import migrate, migrate_after_copy, steps
from tera.errors import CatalogUnavailable
from tests.catalog.databases import KINDS, empty
from tests.catalog.draft import missing


@pytest.mark.parametrize("kind", KINDS)
def test_migrations_and_tables_agree(kind: str, tmp_path: Path) -> None:
    with empty(kind, tmp_path) as url:
        catalog = Catalog(url)
        assert migrate(catalog) is None
        catalog.check_version()
        assert missing(catalog).as_diffs() == []
        assert migrate(catalog) == tables.VERSION
        catalog.close()


def test_a_migrated_file_is_one_with_all_tables_made_at_once(tmp_path: Path) -> None:
    made, migrated = Catalog(f"sqlite:///{tmp_path}/made.db"), Catalog(f"sqlite:///{tmp_path}/migrated.db")
    made.create()
    migrate(migrated)
    assert shape(made) == shape(migrated)
    assert len(shape(made)) >= 20
    for one in (made, migrated):
        one.close()


def shape(catalog: Catalog) -> dict[str, object]:
    """Everything that SQLite knows of each table: collations, keys, defaults, indices, rowids."""
    path = catalog.path
    assert path is not None
    database = sqlite3.connect(path)
    found: dict[str, object] = {}
    for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if name == "alembic_version":
            continue
        columns = database.execute(f"PRAGMA table_info({name})").fetchall()
        indices = sorted(
            (index[1], index[2], tuple(row[2] for row in database.execute(f"PRAGMA index_info({index[1]!r})")))
            for index in database.execute(f"PRAGMA index_list({name})")
        )
        table = next(row for row in database.execute("PRAGMA table_list") if row[1] == name)
        found[name] = (columns, indices, table)
    database.close()
    return found


def test_postgresql_compares_names_by_bytes_as_sqlite_does(tmp_path: Path) -> None:
    with empty("postgresql", tmp_path) as url:
        made, catalog = Catalog(url), Catalog(url)
        migrate(catalog)
        columns = {
            (table, column["name"]): getattr(column["type"], "collation", None)
            for table in ("container", "container_tag", "api_key", "log_event")
            for column in inspect(catalog.engine).get_columns(table)
        }
        assert columns["container", "name"] == columns["container_tag", "tag"] == columns["api_key", "id"] == "C"
        for one in (made, catalog):
            one.close()


def test_the_newest_step_is_the_version_that_the_program_knows() -> None:
    assert steps().get_heads() == [tables.VERSION]


@pytest.mark.parametrize("kind", KINDS)
def test_two_that_migrate_at_once_do_it_once(kind: str, tmp_path: Path) -> None:
    with empty(kind, tmp_path) as url:
        found: list[str | None] = []
        catalogs = [Catalog(url) for _ in range(3)]
        threads = [threading.Thread(target=lambda one=one: found.append(migrate(one))) for one in catalogs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(map(str, found)) == [tables.VERSION, tables.VERSION, "None"]
        for one in catalogs:
            one.close()


def test_an_empty_file_needs_no_copy(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path}/catalog.db")
    assert migrate_after_copy(catalog) is None
    assert migrate_after_copy(catalog) is None
    catalog.check_version()
    catalog.close()


def test_a_file_is_copied_before_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path}/catalog.db")
    migrate(catalog)
    with catalog.writing() as db:
        db.execute(tables.setting.insert().values(name="a", value="kept"))

    def fails(*_: object, **__: object) -> None:
        raise CatalogUnavailable("the disk is full")

    monkeypatch.setattr(migrating, "migrate", fails)
    monkeypatch.setattr(tables, "VERSION", "0002")
    with pytest.raises(CatalogUnavailable):
        migrate_after_copy(catalog)
    copy = tmp_path / "catalog.db.before-0002"
    assert copy.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(copy) as database:
        assert database.execute("SELECT value FROM setting").fetchall() == [("kept",)]
    database.close()
    catalog.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_newer_catalog_is_left_as_it_is(kind: str, tmp_path: Path) -> None:
    with empty(kind, tmp_path) as url:
        catalog = Catalog(url)
        migrate(catalog)
        with catalog.writing() as db:
            db.execute(update(tables.alembic_version).values(version_num="9999"))
        with pytest.raises(CatalogUnavailable, match="not one that this program knows"):
            migrate(catalog)
        with pytest.raises(CatalogUnavailable, match="version 9999"):
            catalog.check_version()
        assert catalog.version() == "9999"
        catalog.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_fails_leaves_nothing(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    calls = iter(range(100))
    create = op.create_table

    def breaks(*args: object, **options: object) -> object:
        if next(calls) == 7:
            raise RuntimeError("power cut")
        return create(*args, **options)  # type: ignore[arg-type]

    with empty(kind, tmp_path) as url:
        catalog = Catalog(url)
        with monkeypatch.context() as patched:
            patched.setattr(op, "create_table", breaks)
            with pytest.raises(RuntimeError):
                migrate(catalog)
        assert catalog.version() is None
        assert inspect(catalog.engine).get_table_names() == []
        assert migrate(catalog) is None
        catalog.check_version()
        catalog.close()
