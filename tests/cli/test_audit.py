"""A log that was touched is refused by name, and what could not be checked is said."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tera.audit.events import Event
from tera.audit.notekeys import parse_verifier
from tera.authority.authority import Authority
from tera.authority.enrolment import enrol, withdraw
from tera.authority.folder import default_name
from tera.format.signatures import signer_name
from tera.state.readerdb import SqliteReaderState
from tests.cli.authorities import ANN, ANN_KEY, BOB, BOB_KEY, KEYS, state_in, write_keys
from tests.cli.runs import Room, Tera

ORIGIN = default_name(KEYS.fingerprint)
T0 = 1_900_000_000_000
BIND = b"\xaa" * 32


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority whose log has 6 events, and checkpoints of 2 and 5; and a reader's log of 2."""
    folder = tmp_path_factory.mktemp("audit")
    write_keys(folder)
    state = state_in(folder / "auth")
    now = [T0 / 1_000]
    authority = Authority(state, KEYS, origin=ORIGIN, clock=lambda: now[0])
    ann, bob = signer_name(ANN_KEY.public), signer_name(BOB_KEY.public)
    enrol(state, ann, ANN, T0)
    enrol(state, bob, BOB, T0 + 1_000)
    (folder / "kept.txt").write_bytes(authority.checkpoint(every=0))
    with state.transaction() as writing:
        for at, rule in ((2_000, None), (3_500, "opens")):
            kind = "denied" if rule else "release"
            extra = {"act": "view", "text": "\x1b[2J"}
            writing.record(Event(T0 + at, kind, bytes(16), BIND, viewer=ANN, rule=rule, extra=extra))
    withdraw(state, bob, T0 + 4_000)
    authority.checkpoint(every=0)
    enrol(state, bob, BOB, T0 + 5_000)
    state.close()
    reader = SqliteReaderState(folder / "reader.db")
    for at in (1, 2):
        reader.record(Event(T0 + at, "open", bytes(16), BIND, viewer=ANN))
    reader.close()
    return folder


@pytest.fixture
def log(made: Path, tmp_path: Path, tera: Tera) -> Path:
    """A copy of it, in the folder where `tera` runs."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "auth" / "authority.db"


VERIFY = ["audit", "verify", "auth", "--key", "authority.pub"]


def change(path: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute(statement, values).rowcount
        db.commit()


# --- verify ---------------------------------------------------------------------------------------------


def test_a_log_that_is_whole_passes_with_the_public_text_alone(log: Path, tera: Tera) -> None:
    answer = tera(*VERIFY)
    assert (answer.code, answer.err) == (0, "")
    assert answer.text.splitlines() == [
        f"log          {ORIGIN}",
        "events       6, none changed, removed or reordered",
        "checkpoints  2; the last is of 5 events",
        "not checked  the last 1 event: no checkpoint vouches for them yet",
        "             that its end is there: no checkpoint was given that was kept elsewhere",
    ]


def test_a_kept_checkpoint_is_one_more_witness(log: Path, tera: Tera) -> None:
    found = json.loads(tera(*VERIFY, "--checkpoint", "kept.txt", "--json").out)
    assert (found["events"], found["signed"], found["checkpoints"], found["kept"]) == (6, 5, 3, 1)
    assert len(found["root"]) == 64
    assert found["unchecked"] == ["the last 1 event: no checkpoint vouches for them yet"]


def test_the_log_is_named_by_its_folder_its_database_and_a_copy(log: Path, tera: Tera) -> None:
    shutil.copy(log, "copy.db")
    for path in ("auth", "auth/authority.db", "copy.db"):
        assert tera("audit", "verify", path, "--key", "authority.pub").code == 0


def test_looking_changes_nothing(log: Path, tera: Tera) -> None:
    """Not even what was written ahead of the file is brought into it."""
    with closing(sqlite3.connect(log)) as db:
        db.execute("UPDATE viewer SET viewer = 'eve@example.org'")
        db.commit()
        Path("evidence").mkdir()
        for ending in ("", "-wal"):
            shutil.copy(f"{log}{ending}", "evidence")
    before = {path.name: path.read_bytes() for path in Path("evidence").iterdir()}
    assert before["authority.db-wal"]
    for arguments in (
        ["verify", "evidence", "--key", "authority.pub"],
        ["show", "evidence"],
        ["checkpoint", "evidence"],
    ):
        assert tera("audit", *arguments).code == 0
    assert {name: Path("evidence", name).read_bytes() for name in before} == before


def test_a_log_in_a_folder_where_nothing_can_be_made_is_read(
    log: Path, tera: Tera, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite makes a file beside a log that it reads; where it may not, the first statement fails, as it does here."""
    for ending in ("-wal", "-shm"):
        Path(f"{log}{ending}").unlink(missing_ok=True)
    real = sqlite3.connect

    class Refused:
        def execute(self, statement: str) -> None:
            raise sqlite3.OperationalError("attempt to write a readonly database")

        def close(self) -> None:
            pass

    def connect(target: str, **options: Any) -> Any:
        return real(target, **options) if "immutable" in target else Refused()

    monkeypatch.setattr(sqlite3, "connect", connect)
    assert tera(*VERIFY).code == 0
    Path(f"{log}-wal").write_bytes(b"not in the file yet")
    refused = tera(*VERIFY)
    assert (refused.code, "readonly" in refused.err) == (4, True)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE log_event SET data = replace(data, 'ann@', 'eve@') WHERE idx = 2", "event 2 was changed"),
        ("UPDATE log_event SET viewer = 'eve@example.org' WHERE idx = 2", "filed under what it does not say"),
        ("UPDATE log_event SET idx = -1 WHERE idx = 1", "event 1 is missing"),
        ("DELETE FROM log_event WHERE idx = 3", "event 3 is missing"),
        ("DELETE FROM log_event WHERE idx = 5", "there is the hash of another"),
        ("DELETE FROM log_checkpoint", "no checkpoint vouches"),
        ("UPDATE log_checkpoint SET note = replace(note, '5', '4') WHERE size = 5", "does not verify"),
        ("UPDATE log_node SET hashes = zeroblob(32) WHERE idx = 4", "event 4 was changed"),
    ],
)
def test_a_change_is_refused_and_named(log: Path, tera: Tera, statement: str, words: str) -> None:
    if "replace(data" in statement:
        [(data,)] = closing_rows(log, "SELECT data FROM log_event WHERE idx = 2")
        change(log, "UPDATE log_event SET data = ? WHERE idx = 2", data.replace(b"ann@", b"eve@"))
    elif "replace(note" in statement:
        [(note,)] = closing_rows(log, "SELECT note FROM log_checkpoint WHERE size = 5")
        change(log, "UPDATE log_checkpoint SET note = ? WHERE size = 5", note.replace(b"\n5\n", b"\n4\n"))
    else:
        change(log, statement)
    answer = tera(*VERIFY)
    assert (answer.code, answer.out) == (13, b"")
    assert words in answer.err


def closing_rows(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchall()


def test_a_log_that_was_cut_back_shows_against_a_checkpoint_that_was_kept(log: Path, tera: Tera) -> None:
    Path("newest.txt").write_bytes(tera("audit", "checkpoint", "auth").out)
    for table, column in (("log_event", "idx"), ("log_node", "idx")):
        change(log, f"DELETE FROM {table} WHERE {column} >= 2")
    change(log, "DELETE FROM log_checkpoint WHERE size > 2")
    assert tera(*VERIFY).code == 0  # nothing in the log shows it
    answer = tera(*VERIFY, "--checkpoint", "newest.txt")
    assert (answer.code, "there is a checkpoint of 5" in answer.err) == (13, True)


@pytest.mark.parametrize("kept", ["", "x\n", "authority.pub"])
def test_a_kept_checkpoint_that_is_none_is_refused(log: Path, tera: Tera, kept: str) -> None:
    Path("none.txt").write_text(Path(kept).read_text() if kept.endswith("pub") else kept)
    assert tera(*VERIFY, "--checkpoint", "none.txt").code == 13
    assert tera(*VERIFY, "--checkpoint", "nothing.txt").code == 4


def test_another_authoritys_key_is_refused(log: Path, tera: Tera) -> None:
    tera("keygen", "--authority", "-o", "other.txt", "-q")
    tera("keygen", "-y", "other.txt", "-o", "other.pub")
    for more in ([], ["--origin", ORIGIN]):
        assert tera("audit", "verify", "auth", "--key", "other.pub", *more).code == 13


def test_another_origin_is_refused(log: Path, tera: Tera) -> None:
    assert tera(*VERIFY, "--origin", ORIGIN).code == 0
    assert tera(*VERIFY, "--origin", "another").code == 13
    assert tera(*VERIFY, "--origin", "two words").code == 2


@pytest.mark.parametrize("file", ["ann.txt", "authority.txt", "auth/authority.db", "nothing"])
def test_a_key_that_is_none_of_a_log_is_refused(log: Path, tera: Tera, file: str) -> None:
    assert tera("audit", "verify", "auth", "--key", file).code in (2, 4)


# --- the log's own keys ---------------------------------------------------------------------------------


def test_the_logs_keys_are_shown_in_the_form_of_signed_notes(log: Path, tera: Tera) -> None:
    shown = tera("audit", "key", "--keys", "authority.txt").text.splitlines()
    assert [(one.name, one.post_quantum) for one in map(parse_verifier, shown)] == [(ORIGIN, False), (ORIGIN, True)]
    named = tera("audit", "key", "--keys", "authority.txt", "--origin", "other/log").text.splitlines()
    assert {parse_verifier(one).name for one in named} == {"other/log"}
    assert tera("audit", "key", "--keys", "authority.pub").code == 2


def test_either_key_verifies_and_without_the_post_quantum_one_that_is_said(log: Path, tera: Tera) -> None:
    shown = tera("audit", "key", "--keys", "authority.txt").text.splitlines()
    for number, line in enumerate(shown):
        Path("log.key").write_text(f"# mine\n{line}\n")
        found = json.loads(tera("audit", "verify", "auth", "--key", "log.key", "--json").out)
        assert any("post-quantum" in one for one in found["unchecked"]) is (number == 0)
    Path("log.key").write_text("\n".join(shown))
    assert "post-quantum" not in tera("audit", "verify", "auth", "--key", "log.key").text
    assert tera(*VERIFY, "--key", "log.key").code == 0


def test_a_key_under_another_name_is_refused(log: Path, tera: Tera) -> None:
    shown = tera("audit", "key", "--keys", "authority.txt", "--origin", "other").text.splitlines()
    Path("log.key").write_text(shown[0])
    for more in (["--origin", ORIGIN], ["--key", "authority.pub"]):
        answer = tera("audit", "verify", "auth", "--key", "log.key", *more)
        assert (answer.code, "other" in answer.err) == (2, True)
    Path("log.key").write_text(shown[0].replace("other", "another"))
    assert tera("audit", "verify", "auth", "--key", "log.key").code == 2


# --- a reader's log -------------------------------------------------------------------------------------


def test_a_readers_log_fits_itself_and_no_more_is_said(log: Path, tera: Tera) -> None:
    answer = tera("audit", "verify", "reader.db")
    assert answer.code == 0
    assert answer.text.splitlines()[1:] == [
        "events       2, which fit their own hashes",
        "not checked  who wrote it: nobody signs a reader's log, and its owner can make it anew",
    ]
    change(Path("reader.db"), "UPDATE log_event SET t = t + 1 WHERE idx = 1")
    assert tera("audit", "verify", "reader.db").code == 13


def test_a_readers_log_cannot_pass_for_an_authoritys(log: Path, tera: Tera) -> None:
    """Its file says what it is, and whoever cuts the checkpoints off could write that too."""
    answer = tera("audit", "verify", "reader.db", "--key", "authority.pub")
    assert (answer.code, "signed by nobody" in answer.err) == (2, True)
    assert tera("audit", "verify", "auth").code == 2
    for statement in ("DELETE FROM log_checkpoint", "PRAGMA application_id = 0x74657252"):
        with closing(sqlite3.connect(log)) as db:
            db.execute(statement)
            db.commit()
    assert tera(*VERIFY).code == 2


def test_what_is_no_log_is_refused(log: Path, tera: Tera, room: Room) -> None:
    Path("empty.db").touch()
    with closing(sqlite3.connect("other.db")) as db:
        db.execute("CREATE TABLE log_event (idx INTEGER)")
    shutil.copy(log, "foreign.db")
    with closing(sqlite3.connect("foreign.db")) as db:
        db.execute("PRAGMA application_id = 1")
    for path in ("nothing", "empty.db", "other.db", "foreign.db", room.out_tera, "authority.pub"):
        answer = tera("audit", "show", path)
        assert (answer.code, answer.out) == (4, b"")
    assert Path("empty.db").stat().st_size == 0


def test_a_log_whose_tables_are_gone_is_refused(log: Path, tera: Tera) -> None:
    with closing(sqlite3.connect(log)) as db:
        db.execute("DROP TABLE log_event")
    assert tera("audit", "show", "auth").code == 4
    Path("auth/authority.db").write_bytes(log.read_bytes()[:5_000])
    assert tera(*VERIFY).code == 4


# --- show and checkpoint --------------------------------------------------------------------------------


def shown(tera: Tera, *more: str) -> list[int]:
    answer = tera("audit", "show", "auth", "--json", *more)
    assert answer.code == 0
    return [row["index"] for row in json.loads(answer.out)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], [0, 1, 2, 3, 4, 5]),
        (["--kind", "denied"], [3]),
        (["--kind", "denied", "--kind", "release"], [2, 3]),
        (["--kind", "nothing"], []),
        (["--viewer", "ANN@example.org"], [0, 2, 3]),
        (["--container", "00000000-0000-0000-0000-000000000000"], [2, 3]),
        (["--container", "aa" * 32], [2, 3]),
        (["--container", "bb" * 32], []),
        (["--since", "2030-03-17T17:46:43.500Z"], [3, 4, 5]),
        (["--since", "2030-03-17T18:46:43.5+01:00"], [3, 4, 5]),
        (["--until", "2030-03-17T17:46:43.500+00:00"], [0, 1, 2]),
        (["--since", "2030-03-17T17:46:42Z", "--until", "2030-03-17T17:46:44Z"], [2, 3]),
        (["--limit", "2"], [4, 5]),
        (["--limit", "1", "--viewer", ANN], [3]),
    ],
)
def test_events_are_found_by_what_they_say(log: Path, tera: Tera, more: list[str], expected: list[int]) -> None:
    assert shown(tera, *more) == expected


@pytest.mark.parametrize(
    "more",
    [
        ["--since", "2030-03-17T17:46:43"],
        ["--until", "yesterday"],
        ["--since", "2030-13-01T00:00:00Z"],
        ["--limit", "0"],
        ["--viewer", "ann"],
        ["--container", "nothing.tera"],
    ],
)
def test_a_question_that_is_none_is_a_usage_error(log: Path, tera: Tera, more: list[str]) -> None:
    assert tera("audit", "show", "auth", *more).code == 2


def test_events_are_shown_whole_in_json_and_harmless_on_a_terminal(log: Path, tera: Tera) -> None:
    row = json.loads(tera("audit", "show", "auth", "--kind", "denied", "--json").out)[0]
    assert row == {
        "index": 3,
        "time": "2030-03-17T17:46:43.500Z",
        "kind": "denied",
        "viewer": ANN,
        "rule": "opens",
        "container": "00000000-0000-0000-0000-000000000000",
        "bind": "aa" * 32,
        "subject": None,
        "request": None,
        "extra": {"act": "view", "text": "\x1b[2J"},
    }
    text = tera("audit", "show", "auth", "--kind", "denied").text
    assert "\x1b" not in text
    assert text.splitlines()[1].split()[:5] == ["3", "2030-03-17T17:46:43.500Z", "denied", ANN, "opens"]


def test_the_newest_checkpoint_is_printed_byte_for_byte(log: Path, tera: Tera) -> None:
    [(note,)] = closing_rows(log, "SELECT note FROM log_checkpoint WHERE size = 5")
    assert tera("audit", "checkpoint", "auth").out == note


def test_where_there_is_no_checkpoint_that_is_said(log: Path, tera: Tera) -> None:
    assert tera("audit", "checkpoint", "reader.db").code == 1
    change(log, "DELETE FROM log_checkpoint")
    answer = tera("audit", "checkpoint", "auth")
    assert (answer.code, "no checkpoint yet" in answer.err) == (1, True)
