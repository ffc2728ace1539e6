"""An authority that is killed at any statement has released nothing, or has counted and recorded it.

SIGKILL leaves what the process wrote to the page cache; that a commit is on the disk is SQLite's promise for
`synchronous = FULL`, and `test_state` shows that it is on.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from tera.audit.verify import verify_log
from tera.authority.sqlite import SqliteState
from tera.codec.config import BlockListFile
from tera.state.reader import Opens
from tests.authority.asking import (
    ANN,
    BY_ANN,
    NOW,
    ORIGIN,
    OWNER,
    POLICY,
    Asked,
    asking,
    authority_on,
    dynamic,
    name,
    outcomes,
)
from tests.authority.lists import ISSUER, block


class Mortal(sqlite3.Connection):
    """A connection whose process is killed after so many statements."""

    left: int | None = None

    def execute(self, *args: Any) -> sqlite3.Cursor:
        found = super().execute(*args)
        if Mortal.left is not None:
            Mortal.left -= 1
            if Mortal.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return found


def release_and_die(path: Path, lists: Path, asked: Asked, after: int) -> tuple[bool, bytes]:
    """Release in a process that dies after `after` statements; say whether it died, and what left it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            sqlite3.connect = partial(sqlite3.connect, factory=Mortal)  # type: ignore[assignment]
            authority = authority_on(SqliteState(path), blocklists=[BlockListFile(lists, [ISSUER])])
            Mortal.left = after
            os.write(writing, authority.release(asked.message, BY_ANN))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        reply = pipe.read()
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status), reply


def test_killed_after_any_statement_nothing_was_released_or_it_is_counted_and_logged(tmp_path: Path) -> None:
    container = dynamic([("opens", 2)])
    asked = asking(container)
    template, path, lists = tmp_path / "template.db", tmp_path / "authority.db", tmp_path / "list.terb"
    block(lists)
    SqliteState(template).close()
    seen = []
    for after in range(1, 200):
        for one in tmp_path.glob("authority.db*"):
            one.unlink()
        shutil.copy(template, path)
        died, reply = release_and_die(path, lists, asked, after)
        state = SqliteState(path)
        authority = authority_on(state, blocklists=[BlockListFile(lists, [ISSUER])])
        with state.reading() as view:
            kept = view.kept(asked.hash)
            written = (
                view.opens(container.bind, ANN) == Opens(1, NOW),
                view.log.size() == 1,
                kept is not None,
                view.envelope(name(OWNER), POLICY) is not None,
                view.log.last_checkpoint() is not None,
            )
            assert written in ((True,) * 5, (False,) * 5)
            if written[0]:
                assert verify_log(view.log, authority.verifiers, ORIGIN).signed == 1
        recorded = written[0]
        assert recorded or not reply
        seen.append((died, recorded))
        # Asked again, it is one open in all, and the answer is that which may have left.
        again = authority.release(asked.message, BY_ANN)
        assert len(asked.share(again)) == 32
        assert reply in (b"", again)
        with state.reading() as view:
            assert view.opens(container.bind, ANN) == Opens(1, NOW)
            assert verify_log(view.log, authority.verifiers, ORIGIN).signed == 1
        assert outcomes(authority) == [("release", None)] * (2 if recorded else 1)
        state.close()
        if not died:
            break
    assert seen[-1] == (False, True)
    assert (True, False) in seen and (True, True) in seen  # before the commit, and behind it
    assert len(seen) > 25
