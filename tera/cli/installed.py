"""Options that say where a library's data are, and the library there.

The law of this file: an option has an environment variable of the same name, so that a service manager need not put
it on a command line; a secret has no option, only the file or descriptor that it is in.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from tera.cli.inputs import read_file
from tera.cli.talk import say

if TYPE_CHECKING:
    from tera.library.installation import Installation
    from tera.library.keystore import WrappedKeys
    from tera.library.library import Library
    from tera.library.master import Master

_F = TypeVar("_F", bound=Callable[..., Any])

_WHERE = (
    click.option("--data", metavar="DIR", required=True, envvar="TERA_DATA", help="The service's folder."),
    click.option("--database", metavar="URL", envvar="TERA_DATABASE", help="postgresql://...; else SQLite in DIR."),
    click.option(
        "--database-file", metavar="FILE", envvar="TERA_DATABASE_FILE", help="A file with that URL, password and all."
    ),
    click.option(
        "--storage", metavar="URL", envvar="TERA_STORAGE", help="s3://bucket/prefix, ...; else a folder in DIR."
    ),
    click.option(
        "--storage-config",
        metavar="FILE",
        envvar="TERA_STORAGE_CONFIG",
        help="The store's options in JSON: endpoint, keys.",
    ),
    click.option(
        "--master-key-file", metavar="FILE", help="The master key. Default: TERA_MASTER_KEY_FILE, _FD, or made."
    ),
    click.option("--master-key-fd", metavar="N", type=click.IntRange(min=0), help="The same, from a descriptor."),
)


_NAMES = ("data", "database", "database_file", "storage", "storage_config", "master_key_file", "master_key_fd")


class Where:
    """What the options of `installed` said; `again` says it once more, for a child, without the master key."""

    def __init__(
        self,
        data: str,
        database: str | None,
        database_file: str | None,
        storage: str | None,
        storage_config: str | None,
        master_key_file: str | None,
        master_key_fd: int | None,
        *,
        again: Sequence[str] = (),
    ) -> None:
        if database is not None and database_file is not None:
            raise click.UsageError("--database and --database-file say the same thing")
        self.data = Path(data)
        self.again = ["--data", str(self.data), *again]
        self._file, self._fd = master_key_file, master_key_fd
        self._making = False
        self._database = database if database_file is None else _url_in(database_file)
        self._storage, self._config = storage, storage_config

    @property
    def is_server(self) -> bool:
        """Whether the catalog is a server's, whose tables are made and changed on demand only."""
        return self._database is not None and not self._database.startswith("sqlite:")

    @functools.cached_property
    def installation(self) -> Installation:
        """Where everything is. Raises InputUnavailable, BadInput for options of a store that are none."""
        from tera.library.installation import Installation, read_options

        return Installation(self.data, self._database, self._storage, read_options(self._config))

    @functools.cached_property
    def master(self) -> Master:
        """The master key. Raises BadInput where there is none."""
        from tera.library.master import find_master

        return find_master(self.data, file=self._file, fd=self._fd, make=self._making)

    def make_master(self) -> None:
        """Make a master key if nothing names one; say what one beside the data is worth."""
        from tera.library.master import WARNING

        self._making = True
        if self.master.beside:
            for kind, text in zip(("warning", "hint"), WARNING, strict=True):
                say(kind, text)

    @contextmanager
    def library(self, *, make: bool = False) -> Iterator[Library]:
        """Give the library, whose tables must be there: a SQLite file's are made for `make`. Closes it.

        Raises CatalogUnavailable for tables of another version.
        """
        from tera.errors import BadInput

        if not make and self._database is None and not (self.data / "catalog.db").exists():
            raise BadInput(f"there is no library in {self.data}", hint="tera admin init")
        found = self.installation.library(self.master.key)
        try:
            if make and found.catalog.is_sqlite:
                from tera.catalog.migrate import migrate_after_copy

                copy = migrate_after_copy(found.catalog)
                if copy is not None:
                    say("warning", f"the catalog was migrated; before that it was copied to {copy}")
            found.catalog.check_version()
            yield found
        finally:
            found.catalog.close()

    def keys(self, library: Library) -> WrappedKeys:
        """Return the key store without its gate, for copies of what it keeps."""
        return self.installation.keys(library.catalog, self.master.key)


def _url_in(path: str) -> str:
    text = read_file(path, 4_096, "the address of the database").strip()
    if not text.isascii() or not text.decode().isprintable():
        raise click.UsageError(f"{path}: that is no address of a database")
    return text.decode()


def installed(function: _F) -> _F:
    """Give a command its options of where, as one argument `where`."""

    @functools.wraps(function)
    def wrapped(**options: Any) -> Any:
        context = click.get_current_context()
        again: list[str] = []
        for name in ("database", "database_file", "storage", "storage_config"):
            # What came from the environment is there for a child too, and belongs into no command line.
            if context.get_parameter_source(name) == ParameterSource.COMMANDLINE:
                again += [f"--{name.replace('_', '-')}", options[name]]
        return function(where=Where(*(options.pop(name) for name in _NAMES), again=again), **options)

    for option in reversed(_WHERE):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
