"""The operations that bring the tables of the last migration to those of `tables.py`, as a draft of the next one.

python -m tests.catalog.draft
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import UpgradeOps

from tera.catalog import tables
from tera.catalog.engine import Catalog
from tera.catalog.migrate import migrate


def missing(catalog: Catalog) -> UpgradeOps:
    """Return what the tables of this catalog lack."""
    with catalog.engine.connect() as connection:
        options = {"compare_type": True, "target_metadata": tables.metadata}
        context = MigrationContext.configure(connection, opts=options)
        found = produce_migrations(context, tables.metadata).upgrade_ops
    assert found is not None
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = Catalog(f"sqlite:///{Path(folder) / 'catalog.db'}")
        migrate(made)
        print(render_python_code(missing(made)))
