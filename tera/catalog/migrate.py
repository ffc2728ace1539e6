"""Bringing a catalog's tables to the version that this program knows.

The law of this file: all steps are one transaction, which nobody else's is beside; SQLite's file is copied before.
A catalog that is newer than the program is left as it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from tera.catalog import tables
from tera.catalog.engine import Catalog, failures
from tera.errors import CatalogUnavailable

_STEPS: Final = Path(__file__).with_name("migrations")


def steps() -> ScriptDirectory:
    """Return the steps there are."""
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    # Its own folder of steps is all of it: there is no env.py, and no file of configuration.
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    config.set_main_option("version_locations", str(_STEPS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config


def migrate(catalog: Catalog, *, to: str = tables.VERSION) -> str | None:
    """Do the steps that are missing; return the version before, None for an empty database.

    Whoever comes while another is at it finds it done. Raises CatalogUnavailable, also for a catalog that is newer.
    """
    config = _config()
    script = ScriptDirectory.from_config(config)

    def missing(current: object, _: object) -> list[RevisionStep]:
        try:
            return list(script._upgrade_revs(to, current))  # type: ignore[arg-type]
        except CommandError:
            raise CatalogUnavailable(
                f"the catalog's version is not one that this program knows, up to {tables.VERSION}",
                hint="run the version of tera that made it, or a newer one",
            ) from None

    with catalog.writing() as db:
        before = _version(catalog, db)
        with EnvironmentContext(config, script, fn=missing, destination_rev=to) as context:
            context.configure(connection=db, target_metadata=tables.metadata)
            with context.begin_transaction():
                context.run_migrations()
    return before


def migrate_after_copy(catalog: Catalog) -> Path | None:
    """Do what `migrate` does to a SQLite catalog, after a copy of its file if there is anything to lose.

    Returns the copy's path. Raises CatalogUnavailable.
    """
    path, before = catalog.path, catalog.version()
    assert path is not None
    copy = None
    if before is not None and before != tables.VERSION:
        copy = path.with_name(f"{path.name}.before-{tables.VERSION}")
        copy_file(catalog, copy)
    migrate(catalog)
    return copy


def copy_file(catalog: Catalog, copy: Path) -> None:
    """Write one state of a SQLite catalog into a file, mode 0600, in place of one that is there."""
    made = copy.with_name(f"{copy.name}.partial")
    try:
        made.unlink(missing_ok=True)
        with failures(), catalog.engine.connect() as connection:
            connection.connection.driver_connection.execute("VACUUM INTO ?", (str(made),))  # type: ignore[union-attr]
        made.chmod(0o600)
        with made.open("rb") as written:
            os.fsync(written.fileno())
        made.replace(copy)
    except OSError as error:
        raise CatalogUnavailable(f"{copy}: {error.strerror or error}") from None


def _version(catalog: Catalog, db: Connection) -> str | None:
    if not catalog.engine.dialect.has_table(db, "alembic_version"):
        return None
    found = db.scalar(tables.alembic_version.select())
    return None if found is None else str(found)
