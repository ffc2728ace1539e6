"""An authority's folder: its database, and what its log is called.

    authority.db    counts, answers, enrolled keys, the audit log
    name            the origin that its checkpoints state, one line

The law of this file: a log keeps its name. Checkpoints of one log under two names would be those of two logs, and
nobody could tell whether one goes on where the other ended.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tera.audit.notekeys import check_name
from tera.authority.sqlite import SqliteState
from tera.errors import BadInput, BadKey, InputUnavailable, StateUnavailable

DATABASE: Final = "authority.db"
NAME: Final = "name"


def default_name(fingerprint: bytes) -> str:
    """Return what the log of the authority with this fingerprint is called where its owner has not said."""
    return f"tera-authority/{fingerprint.hex()[:32]}"


def database(path: str) -> Path:
    """Return the database that is meant by an authority's folder, or by its own path."""
    return Path(path) / DATABASE if os.path.isdir(path) else Path(path)


def open_state(folder: str, *, make: bool) -> SqliteState:
    """Open an authority's state; `make` it if it is not there. Raises InputUnavailable, StateUnavailable."""
    path = Path(folder) / DATABASE
    if not make and not path.exists():
        raise InputUnavailable(f"{folder}: there is no authority in it", hint="`tera authority enrol` makes it")
    return SqliteState(path)


def take_name(folder: str, asked: str | None, fingerprint: bytes) -> str:
    """Return the log's name: the one that the folder keeps, else `asked` or the default, which it keeps from now on.

    Raises BadInput for another than it keeps, BadKey for what is no name, StateUnavailable.
    """
    path = Path(folder) / NAME
    name = asked or default_name(fingerprint)
    check_name(name)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
        return name
    except FileExistsError:
        kept = _read_name(path)
    except OSError as error:
        raise StateUnavailable(f"{path}: {error.strerror or error}") from None
    if asked not in (None, kept):
        raise BadInput(f"the log is called {kept!r}, and a log keeps its name", hint="leave out --name")
    return kept


def _read_name(path: Path) -> str:
    try:
        kept = path.read_bytes()[:1_000].decode().removesuffix("\n")
        check_name(kept)
    except OSError as error:
        raise StateUnavailable(f"{path}: {error.strerror or error}") from None
    except (UnicodeDecodeError, BadKey):
        raise StateUnavailable(
            f"{path} does not hold the name of a log", hint="the first line of a checkpoint is the name"
        ) from None
    return kept
